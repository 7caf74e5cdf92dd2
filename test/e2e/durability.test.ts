/** kill -9 of the gateway at random moments, while stock changes run: nothing of what was acknowledged may be lost. */
import { setTimeout as delay } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { startWebhookShop } from "../../sandbox/webhook.js";
import { startWooCommerceShop } from "../../sandbox/woocommerce.js";
import { sql } from "../../src/sync/sql.js";
import { mutationText } from "../support/api.js";
import { createTestDatabase } from "../support/database.js";
import { aGateway, freePort, type RunningGateway } from "../support/gateway.js";
import {
  acknowledged,
  allCursors,
  aMerchant,
  listingsOf,
  numbersTo,
  operationStatuses,
  settled,
  skusOf,
} from "../support/merchant.js";
import { randomOf, seed } from "../support/random.js";
import { until } from "../support/until.js";

const ITEMS = 24;
const KILLS = 8;
const WRITERS = 3;

test(`whatever moment the gateway is killed at, every shop ends level and the feed has no hole (TEST_SEED=${String(seed)})`, async () => {
  const database = await createTestDatabase();
  onTestFinished(() => database[Symbol.asyncDispose]());
  const woocommerce = await startWooCommerceShop({ latencyMs: 15 });
  const webhook = await startWebhookShop({ latencyMs: 15 });
  onTestFinished(async () => {
    await Promise.all([woocommerce.close(), webhook.close()]);
  });
  for (const sku of skusOf(ITEMS)) woocommerce.add({ sku, stockQuantity: 0 });
  const port = String(await freePort());
  const start = (): Promise<RunningGateway> =>
    aGateway({
      env: {
        PORT: port,
        DATABASE_URL: database.url,
        EVENKEEL_ENCRYPTION_KEY: Buffer.alloc(32, 9).toString("base64"),
        EVENKEEL_ALLOW_PRIVATE_STORES: "on",
      },
    });
  let gateway = await start();
  onTestFinished(() => gateway.kill());
  // Its functions ask whoever listens on the port.
  const api = gateway;
  const { customerId, skus, storeIds } = await aMerchant(api, {
    items: ITEMS,
    onHand: 1_000,
    shops: [
      {
        name: "Woo",
        platform: "WOOCOMMERCE",
        url: woocommerce.url,
        credentials: { woocommerce: woocommerce.credentials },
      },
      { name: "Hook", platform: "WEBHOOK", url: webhook.url, credentials: { webhook: { secret: webhook.secret } } },
    ],
  });

  const random = randomOf(seed);
  const ended = new AbortController();
  const expected = new Map(skus.map((sku) => [sku, 1_000]));
  const writer = async (number: number): Promise<void> => {
    while (!ended.signal.aborted) {
      const sku = skus[random(skus.length)] ?? "";
      const onHandDelta = random(9) - 4 || 1;
      // Each under a key of its own, repeated until it is acknowledged: counted once, whatever was killed in between.
      await acknowledged(api, "adjustInventory", "changedCount", { customerId, lines: [{ sku, onHandDelta }] });
      expected.set(sku, (expected.get(sku) ?? 0) + onHandDelta);
      if (number === 0 && random(12) === 0)
        await acknowledged(api, "syncInventory", "operation { id }", {
          customerId,
          selection: { skus: [sku] },
        });
    }
  };
  const writing = Promise.all(Array.from({ length: WRITERS }, (_, number) => writer(number)));
  for (let kill = 0; kill < KILLS; kill += 1) {
    // The moment is what is random here; nothing is awaited by it.
    await delay(random(600));
    await gateway.kill();
    gateway = await start();
  }
  ended.abort();
  await writing;
  await settled(api, customerId);

  for (const [index, shop] of [woocommerce, webhook].entries()) {
    const listings = await listingsOf(api, storeIds[index] ?? "");
    expect(listings.map(({ state }) => state)).toEqual(skus.map(() => "IN_SYNC"));
    for (const { item, effectiveSync } of listings) {
      expect([item.sku, effectiveSync.publishableQuantity]).toEqual([item.sku, expected.get(item.sku)]);
      expect([item.sku, shop.quantityOf(item.sku)]).toEqual([item.sku, effectiveSync.publishableQuantity]);
    }
  }
  const cursors = await allCursors(api, customerId);
  expect(cursors).toEqual(numbersTo(cursors.length));
  for (const status of await operationStatuses(api, customerId)) expect(status).toBe("COMPLETED");
});

test("killed between the effect and its answer, it answers the repetition as it would have then, and acts once", async () => {
  const database = await createTestDatabase();
  onTestFinished(() => database[Symbol.asyncDispose]());
  const start = (): Promise<RunningGateway> =>
    aGateway({
      env: {
        DATABASE_URL: database.url,
        EVENKEEL_ENCRYPTION_KEY: Buffer.alloc(32, 9).toString("base64"),
        EVENKEEL_ROLE: "api",
      },
    });
  let gateway = await start();
  onTestFinished(() => gateway.kill());
  const { customerId, skus } = await aMerchant(gateway, { items: 1, onHand: 10, shops: [] });
  // What each payload reads last is held back by the test, and the mutation itself never reads it.
  const held = "items(first: 1) { nodes { outcomes(first: 1) { nodes { id } } } }";
  const calls = [
    [
      "receiveInventory",
      { customerId, lines: [{ sku: skus[0], quantity: 7 }] },
      `items { sku onHand customer { ${held} } }`,
    ],
    [
      "createApiToken",
      { customerId, name: "Made once", scopes: ["READ"] },
      `token apiToken { id customer { ${held} } }`,
    ],
    ["syncInventory", { customerId, selection: { skus } }, `operation { id outcomes(first: 1) { nodes { id } } }`],
  ] as const;
  for (const [name, input, selection] of calls) {
    const text = mutationText(name, selection);
    const variables = { input: { ...input, idempotencyKey: `killed ${name}` } };
    const runner = database.dataSource.createQueryRunner();
    await runner.startTransaction();
    await runner.query("lock table outcome in access exclusive mode");
    const unheard = gateway.query(text, variables).then(
      () => "answered",
      () => "cut off",
    );
    const kept = `select 1 from idempotency where mutation = $1`;
    await until(async () => (await sql(runner, kept, [name])).length > 0);
    await gateway.kill();
    await runner.rollbackTransaction();
    await runner.release();
    expect(await unheard).toBe("cut off");
    gateway = await start();
    const answer = await gateway.query(text, variables);
    expect(answer).toMatchObject({ [name]: { userErrors: [] } });
    expect(await gateway.query(text, variables)).toEqual(answer);
  }
  const counts = `select (select on_hand from item) as "onHand", (select count(*)::int from api_token) as tokens,
                         (select count(*)::int from operation) as operations`;
  expect(await database.dataSource.query(counts)).toEqual([{ onHand: 17, tokens: 1, operations: 1 }]);
});
