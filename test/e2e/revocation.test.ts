/** A token that is revoked ends what lives by it, in the process that was told and in every other; nothing is told it afterwards. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { startWebhookShop, type WebhookShop } from "../../sandbox/webhook.js";
import { createTestDatabase, type TestDatabase } from "../support/database.js";
import { aGateway, OPERATOR_TOKEN, type RunningGateway } from "../support/gateway.js";
import { allCursors, aMerchant, settled } from "../support/merchant.js";
import { openSocket, type Socket } from "../support/socket.js";
import { until } from "../support/until.js";

let database: TestDatabase;
let shop: WebhookShop;
beforeEach(async () => {
  database = await createTestDatabase();
  shop = await startWebhookShop();
});
afterEach(async () => {
  await shop.close();
  await database[Symbol.asyncDispose]();
});

const start = (role: "all" | "api"): Promise<RunningGateway> =>
  aGateway({
    env: {
      DATABASE_URL: database.url,
      EVENKEEL_ENCRYPTION_KEY: Buffer.alloc(32, 5).toString("base64"),
      EVENKEEL_ALLOW_PRIVATE_STORES: "on",
      EVENKEEL_ROLE: role,
    },
  });

const FEED = "subscription ($customerId: ID!) { syncOutcomes(customerId: $customerId) { cursor } }";
const Told = z.object({ payload: z.object({ data: z.object({ syncOutcomes: z.object({ cursor: z.string() }) }) }) });
/** The feed's numbers that came to it. */
const cursorsAt = (socket: Socket): readonly number[] =>
  socket.heard().flatMap((text) => {
    const told = Told.safeParse(JSON.parse(text));
    return told.success ? Number(told.data.payload.data.syncOutcomes.cursor) : [];
  });

test("its sockets are closed with 4403 in this process and another, and nothing of later comes to them", async () => {
  await using here = await start("all");
  await using elsewhere = await start("api");
  const { customerId, skus } = await aMerchant(here, {
    items: 4,
    onHand: 100,
    shops: [{ name: "Hook", platform: "WEBHOOK", url: shop.url, credentials: { webhook: { secret: shop.secret } } }],
  });
  const Made = z.object({
    createApiToken: z.object({ token: z.string(), apiToken: z.object({ id: z.string() }), userErrors: z.tuple([]) }),
  });
  const { createApiToken } = Made.parse(
    await here.query(
      `mutation ($input: CreateApiTokenInput!) { createApiToken(input: $input) { token apiToken { id } userErrors { code } } }`,
      { input: { customerId, name: "Short-lived", scopes: ["READ"] } },
    ),
  );
  const open = async (gateway: RunningGateway, token: string): Promise<Socket> => {
    const socket = await openSocket(gateway.wsUrl, token);
    socket.subscribe(FEED, { customerId });
    // Whoever is answered after has subscribed.
    expect((await socket.run("{ viewer { name } }")).codes).toEqual([]);
    return socket;
  };
  await using ownHere = await open(here, createApiToken.token);
  await using ownElsewhere = await open(elsewhere, createApiToken.token);
  await using operator = await open(elsewhere, OPERATOR_TOKEN);
  const trade = (): Promise<unknown> =>
    here.mutate("adjustInventory", "changedCount", {
      customerId,
      lines: skus.map((sku) => ({ sku, onHandDelta: -1 })),
    });
  const lastCursor = async (): Promise<number> => (await allCursors(here, customerId)).length;
  await trade();
  for (const socket of [ownHere, ownElsewhere, operator]) await until(() => cursorsAt(socket).length >= skus.length);

  await here.mutate("revokeApiToken", "apiToken { id }", { tokenId: createApiToken.apiToken.id });
  await settled(here, customerId);
  const revokedAt = await lastCursor();
  await trade();
  expect(await until(() => ownHere.closeCode())).toBe(4403);
  expect(await until(() => ownElsewhere.closeCode())).toBe(4403);
  const closedAt = await lastCursor();
  await trade();
  await settled(here, customerId);
  await until(() => cursorsAt(operator).includes(closedAt + 1));
  expect(Math.max(...cursorsAt(ownHere))).toBeLessThanOrEqual(revokedAt);
  expect(Math.max(...cursorsAt(ownElsewhere))).toBeLessThanOrEqual(closedAt);
  // And whoever comes back with it is refused.
  await using again = await openSocket(elsewhere.wsUrl, createApiToken.token);
  expect(await until(() => again.closeCode())).toBe(4403);
});
