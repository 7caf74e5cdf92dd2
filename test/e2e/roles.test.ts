/** Several processes on one database: some answer requests, some work stores. */
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { startWooCommerceShop, type WooCommerceShop } from "../../sandbox/woocommerce.js";
import { sql } from "../../src/sync/sql.js";
import { createTestDatabase, type TestDatabase } from "../support/database.js";
import { aGateway, freePort, OPERATOR_TOKEN, type RunningGateway } from "../support/gateway.js";
import { allCursors, aMerchant, listingsIn, type Merchant, numbersTo, settled } from "../support/merchant.js";
import { queueKinds } from "../support/queues.js";
import { subscribe } from "../support/subscriber.js";
import { until } from "../support/until.js";

const KEY = Buffer.alloc(32, 3).toString("base64");
const ITEMS = 20;

let database: TestDatabase;
let shop: WooCommerceShop;
let queueUrl: string | null;

const start = (role: "api" | "worker", port?: string): Promise<RunningGateway> =>
  aGateway({
    env: {
      DATABASE_URL: database.url,
      EVENKEEL_ENCRYPTION_KEY: KEY,
      EVENKEEL_ALLOW_PRIVATE_STORES: "on",
      EVENKEEL_ROLE: role,
      ...(queueUrl !== null && { EVENKEEL_QUEUE_URL: queueUrl }),
      ...(port !== undefined && { PORT: port }),
    },
  });

const merchantOf = (api: RunningGateway): Promise<Merchant> =>
  aMerchant(api, {
    items: ITEMS,
    onHand: 100,
    shops: [{ name: "Woo", platform: "WOOCOMMERCE", url: shop.url, credentials: { woocommerce: shop.credentials } }],
  });

beforeEach(async () => {
  database = await createTestDatabase();
  shop = await startWooCommerceShop();
  for (let index = 0; index < ITEMS; index += 1)
    shop.add({ sku: `SKU-${String(index).padStart(2, "0")}`, stockQuantity: 0 });
});

afterEach(async () => {
  await shop.close();
  await database[Symbol.asyncDispose]();
});

describe.each(queueKinds)("processes with roles, on $name", (kind) => {
  beforeEach(() => {
    queueUrl = kind.url(database);
  });

  test("what one api process is told, a worker sends and another api process tells its subscribers", async () => {
    await using one = await start("api");
    await using other = await start("api");
    await using worker = await start("worker");
    const { customerId } = await merchantOf(one);
    await using subscriber = subscribe(other, { customerId });
    await until(() => subscriber.connections() > 0);

    await one.mutate("adjustInventory", "changedCount", { customerId, lines: [{ sku: "SKU-00", onHandDelta: -7 }] });

    const seen = await until(() => subscriber.seen.find((outcome) => outcome.item.sku === "SKU-00"));
    expect(seen).toMatchObject({ status: "SUCCEEDED", quantitySent: 93 });
    expect(shop.quantityOf("SKU-00")).toBe(93);
    const asked = await fetch(`${worker.url}/graphql`, { method: "POST" });
    expect(asked.status).toBe(404);
  });

  test("an api process alone accepts changes, and they are sent once a worker comes", async () => {
    await using api = await start("api");
    const before = shop.calls.length;
    await using first = await start("worker");
    const { customerId } = await merchantOf(api);
    await first.stop();
    const told = shop.calls.length;
    expect(told).toBeGreaterThan(before);

    await api.mutate("adjustInventory", "changedCount", { customerId, lines: [{ sku: "SKU-01", onHandDelta: -1 }] });
    expect(shop.calls).toHaveLength(told);
    await using second = await start("worker");

    await settled(api, customerId);
    expect(shop.quantityOf("SKU-01")).toBe(99);
    expect(second.pid).not.toBe(first.pid);
  });

  test("a worker that is killed loses its stores to the other, and nothing of its work is forgotten", async () => {
    await using api = await start("api");
    await using one = await start("worker");
    const { customerId, skus } = await merchantOf(api);
    shop.fail({ kind: "stall", ms: 60_000 }, { when: (request) => request.method === "POST" });
    await api.mutate("adjustInventory", "changedCount", {
      customerId,
      lines: skus.map((sku) => ({ sku, onHandDelta: -3 })),
    });
    await until(async () => (await listingsIn(api, customerId, "IN_FLIGHT")) > 0);
    await using other = await start("worker");

    await one.kill();

    await settled(api, customerId);
    expect(skus.map((sku) => shop.quantityOf(sku))).toEqual(skus.map(() => 97));
    expect(other.output()).not.toContain('"level":50');
  });

  test("a worker that is frozen loses its stores to the other, and what it settles when it wakes is refused", async () => {
    await using api = await start("api");
    await using frozen = await start("worker");
    const { customerId, skus } = await merchantOf(api);
    const change = (onHandDelta: number): Promise<string> =>
      api.mutate("adjustInventory", "changedCount", { customerId, lines: skus.map((sku) => ({ sku, onHandDelta })) });
    let writes = 0;
    const isWrite = (request: { readonly method: string }): boolean => {
      if (request.method === "POST") writes += 1;
      return request.method === "POST";
    };
    shop.fail({ kind: "stall", ms: 300 }, { when: isWrite });
    await change(-3);
    // Frozen before its call has left, it would send it on waking: by its own clock the lease below has not run out.
    await until(() => writes > 0);
    process.kill(frozen.pid, "SIGSTOP");
    await using other = await start("worker");
    // Its lease, which nobody else knows to be worth nothing, is taken to have run out: the test need not wait for it.
    await sql(database.dataSource, `update worker set lease_until = now() where id in (select owner from store_queue)`);
    await change(-4);
    await settled(api, customerId);
    const toldBefore = shop.calls.length;

    process.kill(frozen.pid, "SIGCONT");
    await until(() => frozen.output().includes("worker session lost"));
    await settled(api, customerId);

    expect(skus.map((sku) => shop.quantityOf(sku))).toEqual(skus.map(() => 93));
    const late = shop.calls.slice(toldBefore).flatMap((call) => call.lines);
    expect(late.filter((line) => line.applied && line.after !== 93)).toEqual([]);
    expect(other.output()).not.toContain('"level":50');
  });

  test("a rolling restart under load loses no request and no outcome", async () => {
    const ports = [await freePort(), await freePort()].map(String);
    let apis = await Promise.all(ports.map((port) => start("api", port)));
    let workers = [await start("worker"), await start("worker")];
    const [first] = apis;
    if (!first) throw new Error("There is an api process.");
    const { customerId, skus } = await merchantOf(first);
    await using subscriber = subscribe(first, { customerId, after: "0" });
    const ended = new AbortController();
    const load = loadOn(ports, { customerId, skus, signal: ended.signal });

    for (const [index, api] of apis.entries()) {
      await api.stop();
      expect((await api.process).exitCode).toBe(0);
      apis = apis.with(index, await start("api", ports[index]));
    }
    for (const [index, worker] of workers.entries()) {
      await worker.stop();
      expect((await worker.process).exitCode).toBe(0);
      workers = workers.with(index, await start("worker"));
    }
    ended.abort();
    const { sent, failures } = await load;

    expect(failures).toEqual([]);
    expect(sent).toBeGreaterThan(100);
    const [api] = apis;
    if (!api) throw new Error("There is an api process.");
    await settled(api, customerId);
    const cursors = await allCursors(api, customerId);
    await until(() => subscriber.seen.length >= cursors.length);
    expect(subscriber.seen.map((outcome) => outcome.cursor)).toEqual(numbersTo(cursors.length));
    await Promise.all([...apis, ...workers].map((process) => process.stop()));
  });
});

/** As a load balancer does: asks each process for its readiness, and hands requests only to those that are. */
async function loadOn(
  ports: readonly string[],
  { customerId, skus, signal }: { customerId: string; skus: readonly string[]; signal: AbortSignal },
): Promise<{ sent: number; failures: readonly string[] }> {
  const ready = new Set(ports);
  const failures: string[] = [];
  const watching = (async () => {
    while (!signal.aborted) {
      for (const port of ports) {
        const answer = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => null);
        if (answer?.ok) ready.add(port);
        else ready.delete(port);
      }
      await delay(100, undefined, { signal }).catch(() => undefined);
    }
  })();
  let sent = 0;
  const client = async (number: number): Promise<void> => {
    for (let turn = number; !signal.aborted; turn += 1) {
      const open = [...ready];
      const port = open[turn % open.length];
      if (port === undefined) {
        failures.push("nobody is ready");
        await delay(50);
        continue;
      }
      const sku = skus[turn % skus.length];
      // Up in one round of the SKUs and down in the next: however long it lasts, none runs out.
      const lines = [{ sku, onHandDelta: Math.floor(turn / skus.length) % 2 === 0 ? 1 : -1 }];
      const query = `mutation ($input: AdjustInventoryInput!) { adjustInventory(input: $input) { userErrors { code } } }`;
      await fetch(`http://127.0.0.1:${port}/graphql`, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${OPERATOR_TOKEN}` },
        body: JSON.stringify({ query, variables: { input: { customerId, lines } } }),
      }).then(
        async (answer) => {
          const text = await answer.text();
          if (!answer.ok || !text.includes('"userErrors":[]'))
            failures.push(`${port}: ${String(answer.status)} ${text}`);
        },
        (error: unknown) => failures.push(`${port}: ${String(error)} ${String((error as Error).cause)}`),
      );
      sent += 1;
    }
  };
  await Promise.all([watching, ...Array.from({ length: 4 }, (_, number) => client(number))]);
  return { sent, failures };
}
