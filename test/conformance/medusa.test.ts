import { describe, expect, test } from "vitest";
import { type MedusaShop, startMedusaShop } from "../../sandbox/medusa.js";
import { createHttp } from "../../src/platforms/http.js";
import { medusaDriver } from "../../src/platforms/medusa/connector.js";
import type { Change, Connector, LineResult } from "../../src/platforms/platform.js";
import { newUuid } from "../../src/terms.js";
import { describePlatform } from "./platform.js";

describePlatform("Medusa", async () => {
  const shop = await startMedusaShop();
  const http = createHttp({ allowPrivateStores: true });
  return {
    shop,
    driver: medusaDriver(http),
    connection: {
      storeId: newUuid(),
      url: shop.url,
      locationId: shop.locationId,
      credentials: { secretApiKey: shop.secretApiKey },
    },
    wrongCredentials: { secretApiKey: "sk_another" },
    add: shop.add,
    quantityOf: shop.quantityOf,
    sell: shop.sell,
    remove: shop.remove,
    can: {
      // By reading just before: it stops a raise over an unheard sale.
      compareAndSet: true,
      catalogue: true,
      readBack: true,
      credentialsChecked: true,
      perLineErrors: true,
      answersInBody: true,
    },
    [Symbol.asyncDispose]: async () => {
      await http.close();
      await shop.close();
    },
  };
});

interface Store extends AsyncDisposable {
  readonly shop: MedusaShop;
  readonly connector: Connector;
  /** Absolute quantities by SKU, nothing expected. */
  set(quantities: Readonly<Record<string, number>>): Promise<readonly LineResult[]>;
  send(changes: readonly Change[]): Promise<readonly LineResult[]>;
  changeOf(sku: string, quantity: number, expectedQuantity?: number | null): Change;
  /** How many batches the shop has been sent. */
  batches(): number;
}

interface StoreOptions {
  readonly items?: Readonly<Record<string, number>>;
  readonly locationId?: string | null;
  readonly secretApiKey?: string;
  readonly path?: string;
  readonly patience?: { readonly answerMs: number; readonly refusalMs: number; readonly taskMs: number };
}

async function aStore({ items = {}, path = "", patience, ...other }: StoreOptions = {}): Promise<Store> {
  const shop = await startMedusaShop();
  const http = createHttp({ allowPrivateStores: true });
  const idBySku = new Map(Object.entries(items).map(([sku, quantity]) => [sku, shop.add(sku, quantity)]));
  const connector = medusaDriver(http, patience).open({
    storeId: newUuid(),
    url: shop.url + path,
    locationId: other.locationId === undefined ? shop.locationId : other.locationId,
    credentials: { secretApiKey: other.secretApiKey ?? shop.secretApiKey },
  });
  const send = async (changes: readonly Change[]): Promise<readonly LineResult[]> =>
    (await connector.send({ changes }, { idempotencyKey: newUuid(), signal: calm() })).lines;
  const changeOf = (sku: string, quantity: number, expectedQuantity: number | null = null): Change => ({
    listingId: newUuid(),
    sku,
    externalId: idBySku.get(sku) ?? sku,
    externalRef: {},
    quantity,
    expectedQuantity,
    revision: 1,
  });
  return {
    shop,
    connector,
    send,
    changeOf,
    set: (quantities) => send(Object.entries(quantities).map(([sku, quantity]) => changeOf(sku, quantity))),
    batches: () => shop.calls.filter(({ method }) => method === "POST").length,
    [Symbol.asyncDispose]: async () => {
      await http.close();
      await shop.close();
    },
  };
}

const calm = (): AbortSignal => new AbortController().signal;
const accepted = { kind: "accepted", applied: true };
const itemGone = { kind: "rejected", code: "LISTING_NOT_FOUND" };

describe("reserved units", () => {
  test("are added, so that the shop can sell exactly the quantity", async () => {
    await using store = await aStore({ items: { A: 10, B: 10 } });
    store.shop.reserve("A", 3);
    expect(await store.set({ A: 20, B: 21 })).toEqual([accepted, accepted]);
    expect([store.shop.quantityOf("A"), store.shop.stockedOf("A")]).toEqual([20, 23]);
    expect([store.shop.quantityOf("B"), store.shop.stockedOf("B")]).toEqual([21, 21]);
  });

  test("are read anew for each send", async () => {
    await using store = await aStore({ items: { A: 10 } });
    store.shop.reserve("A", 3);
    await store.set({ A: 20 });
    store.shop.ship("A", 3);
    await store.set({ A: 20 });
    expect([store.shop.quantityOf("A"), store.shop.stockedOf("A")]).toEqual([20, 20]);
  });

  test("of a sale between reading and writing stay sold", async () => {
    await using store = await aStore({ items: { A: 10 } });
    store.shop.beforeNextBatch(() => {
      store.shop.sell("A", 2);
    });
    expect(await store.set({ A: 20 })).toEqual([accepted]);
    expect(store.shop.quantityOf("A")).toBe(18);
  });

  test("are left out of what is found and read back, also where more is reserved than there is", async () => {
    await using store = await aStore({ items: { A: 10, B: 1 } });
    store.shop.reserve("A", 3);
    store.shop.reserve("B", 2);
    const found = await store.connector.findBySku(["A", "B"], calm());
    expect(found).toMatchObject({ ok: true, value: [{ quantity: 7 }, { quantity: -1 }] });
    const listings = [store.changeOf("B", 0), store.changeOf("A", 0)];
    expect(await store.connector.readBack(listings, calm())).toEqual({ ok: true, value: [-1, 7] });
  });
});

describe("an unheard sale", () => {
  test("is a conflict where the quantity would raise what the shop has left", async () => {
    await using store = await aStore({ items: { A: 10, B: 10 } });
    store.shop.sell("A", 4);
    const lines = await store.send([store.changeOf("A", 7, 10), store.changeOf("B", 11, 10)]);
    expect(lines).toEqual([{ kind: "conflict", observedQuantity: 6 }, accepted]);
    expect([store.shop.quantityOf("A"), store.shop.quantityOf("B")]).toEqual([6, 11]);
  });

  test("does not hold up a quantity that both sides agree on, or a lower one", async () => {
    await using store = await aStore({ items: { A: 10, B: 10 } });
    store.shop.sell("A", 4);
    store.shop.sell("B", 4);
    expect(await store.send([store.changeOf("A", 6, 10), store.changeOf("B", 2, 10)])).toEqual([accepted, accepted]);
    expect([store.shop.quantityOf("A"), store.shop.quantityOf("B")]).toEqual([6, 2]);
  });

  test("is none where the shop has more than expected", async () => {
    await using store = await aStore({ items: { A: 10 } });
    expect(await store.send([store.changeOf("A", 12, 8)])).toEqual([accepted]);
    expect(store.shop.quantityOf("A")).toBe(12);
  });
});

describe("a level", () => {
  test("that is missing is created in the same batch that updates the others", async () => {
    await using store = await aStore({ items: { A: 10 } });
    const bare = store.shop.addWithoutLevel("BARE");
    const changes = [store.changeOf("A", 11), { ...store.changeOf("BARE", 5), externalId: bare }];
    expect(await store.send(changes)).toEqual([accepted, accepted]);
    expect([store.shop.quantityOf("A"), store.shop.quantityOf("BARE")]).toEqual([11, 5]);
    expect(store.batches()).toBe(1);
  });

  test("that someone else creates meanwhile is updated instead, and the others are written", async () => {
    await using store = await aStore({ items: { A: 10 } });
    const bare = store.shop.addWithoutLevel("BARE");
    store.shop.beforeNextBatch(() => {
      store.shop.createLevel("BARE", 99);
    });
    const changes = [store.changeOf("A", 11), { ...store.changeOf("BARE", 5), externalId: bare }];
    expect(await store.send(changes)).toEqual([accepted, accepted]);
    expect([store.shop.quantityOf("A"), store.shop.quantityOf("BARE")]).toEqual([11, 5]);
  });

  test("that someone else removes meanwhile is created again", async () => {
    await using store = await aStore({ items: { A: 10, B: 10 } });
    store.shop.beforeNextBatch(() => {
      store.shop.removeLevel("B");
    });
    expect(await store.set({ A: 11, B: 12 })).toEqual([accepted, accepted]);
    expect([store.shop.quantityOf("A"), store.shop.quantityOf("B")]).toEqual([11, 12]);
  });

  test("to be created for an item that someone removes meanwhile is refused as gone, and the others are written", async () => {
    await using store = await aStore({ items: { A: 10 } });
    const bare = store.shop.addWithoutLevel("BARE");
    store.shop.beforeNextBatch(() => {
      store.shop.remove("BARE");
    });
    const changes = [store.changeOf("A", 11), { ...store.changeOf("BARE", 5), externalId: bare }];
    expect(await store.send(changes)).toMatchObject([accepted, itemGone]);
    expect(store.shop.quantityOf("A")).toBe(11);
  });

  test("is never created at a location that the store does not have", async () => {
    await using store = await aStore({ items: { A: 10 }, locationId: "sloc_nowhere" });
    expect(await store.set({ A: 11 })).toMatchObject([{ kind: "rejected", code: "LOCATION_NOT_STOCKED" }]);
    expect(store.batches()).toBe(0);
  });

  test("without a location is refused, and is neither found nor read", async () => {
    await using store = await aStore({ items: { A: 10 }, locationId: null });
    expect(await store.set({ A: 11 })).toMatchObject([{ kind: "rejected", code: "LOCATION_NOT_STOCKED" }]);
    expect(await store.connector.findBySku(["A"], calm())).toMatchObject({ ok: true, value: [{ quantity: null }] });
    const readBack = await store.connector.readBack([store.changeOf("A", 0)], calm());
    expect(readBack).toEqual({ ok: true, value: [null] });
  });
});

describe("a batch that the shop refuses whole", () => {
  test("names all bad rows at once, and the rest is written by the second batch", async () => {
    const skus = Array.from({ length: 50 }, (_, index) => `S-${String(index)}`);
    await using store = await aStore({ items: Object.fromEntries(skus.map((sku) => [sku, 1])) });
    const bad = new Set(["S-3", "S-4", "S-17", "S-49"]);
    store.shop.beforeNextBatch(() => {
      for (const sku of bad) store.shop.remove(sku);
    });
    const lines = await store.set(Object.fromEntries(skus.map((sku, index) => [sku, index + 100])));
    expect(lines).toMatchObject(skus.map((sku) => (bad.has(sku) ? itemGone : accepted)));
    expect(skus.map(store.shop.quantityOf)).toEqual(skus.map((sku, index) => (bad.has(sku) ? null : index + 100)));
    expect(store.batches()).toBe(2);
  });

  test("without naming a row is halved until the bad one is found", async () => {
    const skus = Array.from({ length: 20 }, (_, index) => `S-${String(index)}`);
    await using store = await aStore({ items: Object.fromEntries(skus.map((sku) => [sku, 1])) });
    const poison = store.changeOf("S-13", 0).externalId;
    store.shop.fail(
      { kind: "status", status: 400, body: JSON.stringify({ type: "invalid_data", message: "Something is wrong" }) },
      { times: 1_000, when: ({ method, body }) => method === "POST" && body.includes(poison) },
    );
    const lines = await store.set(Object.fromEntries(skus.map((sku) => [sku, 7])));
    expect(lines.filter((line) => line.kind === "accepted")).toHaveLength(19);
    expect(lines[13]).toEqual({
      kind: "rejected",
      code: "VALIDATION_REJECTED",
      message: "HTTP 400: Something is wrong",
    });
    expect(skus.map(store.shop.quantityOf)).toEqual(skus.map((sku) => (sku === "S-13" ? 1 : 7)));
  });

  test("whatever is in it ends in a bounded number of calls", async () => {
    const skus = Array.from({ length: 250 }, (_, index) => `S-${String(index)}`);
    await using store = await aStore({ items: Object.fromEntries(skus.map((sku) => [sku, 1])) });
    store.shop.fail(
      { kind: "status", status: 400, body: "{}" },
      { times: 1_000, when: ({ method }) => method === "POST" },
    );
    const lines = await store.set(Object.fromEntries(skus.map((sku) => [sku, 7])));
    expect(lines.map((line) => line.kind)).not.toContain("accepted");
    expect(store.batches()).toBeLessThanOrEqual(64);
  });

  test("for an unknown route says nothing of its rows", async () => {
    await using store = await aStore({ items: { A: 10 }, path: "/elsewhere" });
    expect(await store.set({ A: 11 })).toMatchObject([
      { kind: "unavailable", code: "PLATFORM_UNAVAILABLE", scope: "store" },
    ]);
  });

  test.each([403, 404])("by a proxy's %i says nothing of the key or its rows", async (status) => {
    await using store = await aStore({ items: { A: 10 } });
    store.shop.fail({ kind: "status", status, body: "<html>Checking your browser</html>" }, { times: 10 });
    expect(await store.set({ A: 11 })).toMatchObject([
      { kind: "unavailable", code: "PLATFORM_UNAVAILABLE", scope: "store" },
    ]);
  });

  test("with Medusa's own 403 is refused credentials", async () => {
    await using store = await aStore({ items: { A: 10 } });
    const body = JSON.stringify({ type: "forbidden", message: "Forbidden" });
    store.shop.fail({ kind: "status", status: 403, body }, { times: 10 });
    expect(await store.set({ A: 11 })).toMatchObject([{ kind: "rejected", code: "CREDENTIALS_INVALID" }]);
  });

  test("with 409 is tried again later", async () => {
    await using store = await aStore({ items: { A: 10, B: 10 } });
    const body = JSON.stringify({ type: "conflict", code: "invalid_state_error", message: "You may retry" });
    store.shop.fail({ kind: "status", status: 409, body }, { when: ({ method }) => method === "POST" });
    expect(await store.set({ A: 11, B: 12 })).toMatchObject([
      { kind: "unavailable", scope: "line" },
      { kind: "unavailable", scope: "line" },
    ]);
  });
});

describe("an answer", () => {
  test("that leaves a row out, or says another quantity, confirms only the others", async () => {
    await using store = await aStore({ items: { A: 10, B: 10, C: 10 } });
    const row = (sku: string, stocked_quantity: number): object => ({
      inventory_item_id: store.changeOf(sku, 0).externalId,
      location_id: store.shop.locationId,
      stocked_quantity,
    });
    const body = JSON.stringify({ created: [], updated: [row("C", 13), row("A", 99)], deleted: [] });
    store.shop.fail({ kind: "lie", body }, { when: ({ method }) => method === "POST" });
    expect(await store.set({ A: 11, B: 12, C: 13 })).toMatchObject([
      { kind: "unavailable", code: "UNKNOWN", scope: "line" },
      { kind: "unavailable", code: "UNKNOWN", scope: "line" },
      accepted,
    ]);
  });

  test("that lists fewer items than it counts is not taken for the whole", async () => {
    await using store = await aStore({ items: { A: 10 } });
    store.shop.fail({ kind: "lie", body: '{"inventory_items":[],"count":1,"offset":0,"limit":100}' }, { times: 10 });
    expect(await store.connector.findBySku(["A"], calm())).toMatchObject({
      ok: false,
      failure: { kind: "unavailable", code: "UNKNOWN" },
    });
    expect(await store.set({ A: 11 })).toMatchObject([{ kind: "unavailable", code: "UNKNOWN" }]);
    expect(store.batches()).toBe(0);
  });
});

describe("401", () => {
  test("once, and then an answer, is no refusal of the key", async () => {
    await using store = await aStore({ items: { A: 10 } });
    store.shop.fail({ kind: "status", status: 401, body: '{"message":"Unauthorized"}' });
    expect(await store.set({ A: 11 })).toMatchObject([
      { kind: "unavailable", code: "PLATFORM_UNAVAILABLE", scope: "store" },
    ]);
    expect(await store.set({ A: 11 })).toEqual([accepted]);
  });

  test("that comes late is no refusal of the key, however often", async () => {
    await using store = await aStore({
      items: { A: 10 },
      patience: { answerMs: 15_000, refusalMs: 20, taskMs: 30_000 },
    });
    store.shop.breakDatabase(60);
    const outage = { kind: "unavailable", code: "PLATFORM_UNAVAILABLE", scope: "store" };
    expect(await store.set({ A: 11 })).toMatchObject([outage]);
    expect(await store.connector.check(calm())).toMatchObject({ ok: false, failure: outage });
    expect(store.shop.quantityOf("A")).toBe(10);
    store.shop.mendDatabase();
    expect(await store.set({ A: 11 })).toEqual([accepted]);
  });

  test("is not waited for: a shop that hangs without its database is unavailable", async () => {
    await using store = await aStore({
      items: { A: 10 },
      patience: { answerMs: 200, refusalMs: 50, taskMs: 30_000 },
    });
    store.shop.breakDatabase(60_000);
    expect(await store.set({ A: 11 })).toMatchObject([{ kind: "unavailable", code: "TIMEOUT", scope: "store" }]);
  });

  test.each(["sk_another", ""])("of a shop that works refuses the key: %j", async (secretApiKey) => {
    await using store = await aStore({ items: { A: 10 }, secretApiKey });
    const refused = { kind: "rejected", code: "CREDENTIALS_INVALID" };
    expect(await store.connector.check(calm())).toMatchObject({ ok: false, failure: refused });
    expect(await store.set({ A: 11 })).toMatchObject([refused]);
  });
});

test("check answers all locations, also more than a page of them", async () => {
  await using store = await aStore();
  for (let index = 0; index < 120; index += 1) store.shop.addLocation(`Warehouse ${String(index)}`);
  const answer = await store.connector.check(calm());
  expect(answer).toMatchObject({ ok: true });
  expect(new Set(answer.ok ? answer.value.map(({ id }) => id) : []).size).toBe(121);
  expect(answer.ok && answer.value.find(({ id }) => id === store.shop.locationId)?.name).toBe("Main warehouse");
});

test("long SKUs are found, however many", async () => {
  const skus = Array.from({ length: 250 }, (_, index) => `${"ü/".repeat(60)}${String(index)}`);
  await using store = await aStore({ items: Object.fromEntries(skus.map((sku) => [sku, 1])) });
  const found = await store.connector.findBySku(skus, calm());
  expect(new Set(found.ok ? found.value.map(({ sku }) => sku) : [])).toEqual(new Set(skus));
});

test("a store under a path, or with a slash at the end of its URL, is reached", async () => {
  await using store = await aStore({ items: { A: 10 }, path: "/" });
  expect(await store.set({ A: 11 })).toEqual([accepted]);
  expect(store.shop.quantityOf("A")).toBe(11);
});
