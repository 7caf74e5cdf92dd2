/** Subscriptions to a state: operationProgress and storeHealth; and operations that are canceled. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { startTestApi, type TestApi } from "../support/api.js";
import { aMerchant, type ConnectedShop, connectShop, type Merchant } from "../support/api-merchant.js";
import { quiet, startTestShop, type TestShop } from "../support/engine.js";
import { nobody } from "../support/mistake.js";
import { openSocket, type Socket } from "../support/socket.js";
import { until } from "../support/until.js";

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api[Symbol.asyncDispose]());

interface Stage extends Merchant, ConnectedShop, AsyncDisposable {
  readonly shop: TestShop;
}

async function connected(items: number): Promise<Stage> {
  const merchant = await aMerchant(api, { items, onHand: 5 });
  const shop = await startTestShop("WEBHOOK");
  const links = await connectShop(api, merchant, shop);
  await quiet(api.database);
  return { ...merchant, ...links, shop, [Symbol.asyncDispose]: () => shop.close() };
}

const Progress = z.object({
  status: z.string(),
  processed: z.number(),
  total: z.number(),
  counts: z.array(z.object({ status: z.string(), count: z.number() })),
});
const Health = z.object({
  id: z.string(),
  connectionStatus: z.string(),
  health: z.object({ pending: z.number(), circuit: z.string() }),
});
const Heard = z.looseObject({ type: z.string(), payload: z.unknown().optional() });
const heard = (socket: Socket): readonly z.infer<typeof Heard>[] =>
  socket.heard().map((text) => Heard.parse(JSON.parse(text)));
/** What a socket's only subscription has been told so far. */
function told<T>(socket: Socket, field: string, shape: z.ZodType<T>): readonly T[] {
  return heard(socket)
    .filter(({ type }) => type === "next")
    .map(({ payload }) => z.object({ data: z.record(z.string(), shape) }).parse(payload).data[field] as T);
}
const isComplete = (socket: Socket): boolean => heard(socket).some(({ type }) => type === "complete");

const PROGRESS =
  "subscription ($id: ID!) { operationProgress(id: $id) { status processed total counts { status count } } }";
const HEALTH =
  "subscription ($id: ID!) { storeHealth(customerId: $id) { id connectionStatus health { pending circuit } } }";

async function syncAll({ customerId, token }: Merchant): Promise<string> {
  const input = { customerId, selection: { filter: {} } };
  const { operation } = await api.change<{ operation: { id: string } }>(
    "syncInventory",
    "operation { id }",
    input,
    token,
  );
  return operation.id;
}

describe("operationProgress", () => {
  test("tells how far an operation is from the beginning to its end, and then completes", async () => {
    await using stage = await connected(30);
    stage.shop.fail({ kind: "stall", ms: 400 }, { times: 1 });
    const id = await syncAll(stage);
    await using socket = await openSocket(api.wsUrl, stage.token);
    socket.subscribe(PROGRESS, { id });
    await until(() => isComplete(socket));
    const states = told(socket, "operationProgress", Progress);
    expect(states.at(-1)).toEqual({
      status: "COMPLETED",
      processed: 30,
      total: 30,
      counts: [{ status: "SUCCEEDED", count: 30 }],
    });
    const processed = states.map((state) => state.processed);
    expect(processed).toEqual(processed.toSorted((a, b) => a - b));
    expect(new Set(states.map((state) => JSON.stringify(state))).size).toBe(states.length);
  });

  test("of one that has ended is its end, once", async () => {
    await using stage = await connected(2);
    const id = await syncAll(stage);
    await api.operationEnd(id);
    await using socket = await openSocket(api.wsUrl, stage.token);
    socket.subscribe(PROGRESS, { id });
    await until(() => isComplete(socket));
    expect(told(socket, "operationProgress", Progress)).toMatchObject([{ status: "COMPLETED", processed: 2 }]);
  });

  test("of an operation that nobody has is refused as the feed of a customer that nobody has is", async () => {
    await using stage = await connected(1);
    await using socket = await openSocket(api.wsUrl, stage.token);
    expect((await socket.run(PROGRESS, { id: nobody("operation") })).codes).toEqual(["BAD_USER_INPUT"]);
  });
});

describe("storeHealth", () => {
  test("tells every store at once, and then the one that changes", async () => {
    await using stage = await connected(2);
    await using shop = await startTestShop("WEBHOOK");
    const other = await connectShop(api, stage, shop);
    await quiet(api.database);
    await using socket = await openSocket(api.wsUrl, stage.token);
    socket.subscribe(HEALTH, { id: stage.customerId });
    const states = () => told(socket, "storeHealth", Health);
    await until(() => states().length >= 2);
    expect(
      states()
        .slice(0, 2)
        .map(({ id }) => id),
    ).toEqual([stage.storeId, other.storeId]);

    await api.change("disconnectStore", "store { id }", { storeId: other.storeId }, stage.token);
    await until(() => states().some((state) => state.connectionStatus === "DISCONNECTED"));
    const gone = states().filter((state) => state.connectionStatus === "DISCONNECTED");
    expect(gone.map(({ id }) => id)).toEqual([other.storeId]);
    expect(isComplete(socket)).toBe(false);
  });

  test("tells a store that is connected later, and one that does not answer", async () => {
    await using stage = await connected(1);
    await using socket = await openSocket(api.wsUrl, stage.token);
    socket.subscribe(HEALTH, { id: stage.customerId });
    const states = () => told(socket, "storeHealth", Health);
    await until(() => states().length > 0);
    await using shop = await startTestShop("WEBHOOK");
    const later = await connectShop(api, stage, shop);
    await until(() => states().some(({ id }) => id === later.storeId));
    stage.shop.fail({ kind: "status", status: 503 }, { times: 1_000 });
    await syncAll(stage);
    await until(() => states().some(({ id, health }) => id === stage.storeId && health.circuit === "OPEN"));
    stage.shop.heal();
    await until(() => states().findLast(({ id }) => id === stage.storeId)?.health.circuit === "CLOSED");
  });
});

describe("cancelOperation", () => {
  const cancel = (id: string, token: string) =>
    api.change<{ operation: { status: string; finishedAt: string | null } }>(
      "cancelOperation",
      "operation { status finishedAt }",
      { operationId: id },
      token,
    );

  test("leaves what was not yet worked as it is, and answers the same when it is repeated", async () => {
    await using stage = await connected(3);
    const { customerId, token } = stage;
    const { operation: accepted } = await api.change<{ operation: { id: string } }>(
      "setSyncInventoryBulk",
      "operation { id }",
      { customerId, selection: { filter: {} }, mode: "NEVER" },
      token,
    );
    const { id } = accepted;
    const { operation } = await cancel(id, token);
    // The worker may have been faster: then it has ended, and stays as it ended.
    expect(["CANCELED", "COMPLETED"]).toContain(operation.status);
    expect(operation.finishedAt).not.toBeNull();
    expect((await cancel(id, token)).operation).toEqual(operation);
    const { items } = await api.ask<{ items: { nodes: { syncSetting: { mode: string } }[] } }>(
      "query ($c: ID!) { items(customerId: $c) { nodes { syncSetting { mode } } } }",
      { c: customerId },
      token,
    );
    const modes = new Set(items.nodes.map((item) => item.syncSetting.mode));
    // All of a chunk or nothing of it.
    expect(modes.size).toBe(1);
    await quiet(api.database);
  });

  test("ends an operation that waits for its store, whose outcomes are counted all the same when they come", async () => {
    await using stage = await connected(2);
    stage.shop.fail({ kind: "stall", ms: 700 }, { times: 1 });
    const id = await syncAll(stage);
    await until(async () => (await heardPending(stage)) > 0);
    const { operation } = await cancel(id, stage.token);
    expect(operation.status).toBe("CANCELED");
    await quiet(api.database);
    expect(await api.operationEnd(id)).toMatchObject({
      status: "CANCELED",
      counts: [{ status: "SUCCEEDED", count: 2 }],
    });
  });

  const heardPending = async ({ storeId, token }: Stage): Promise<number> => {
    const { store } = await api.ask<{ store: { health: { pending: number } } }>(
      "query ($id: ID!) { store(id: $id) { health { pending } } }",
      { id: storeId },
      token,
    );
    return store.health.pending;
  };
});
