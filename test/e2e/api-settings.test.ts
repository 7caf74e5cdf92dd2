/** Sync settings on all three levels with their history, timed overrides, Process Orders, and a store's own switch. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestApi, type TestApi } from "../support/api.js";
import { aMerchant, type ConnectedShop, connectShop, type Merchant, rows } from "../support/api-merchant.js";
import { quiet, startTestShop, type TestShop } from "../support/engine.js";
import { until } from "../support/until.js";

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api[Symbol.asyncDispose]());

const SETTING =
  "syncSetting { scope mode expiresAt note updatedBy history { nodes { mode previousMode expiresAt note changedBy } } }";
const LATER = "2100-01-01T00:00:00.000Z";

/** One item in one shop, which holds its opening 5. */
async function connected(
  options: Parameters<typeof aMerchant>[1] = {},
): Promise<Merchant & ConnectedShop & { readonly shop: TestShop } & AsyncDisposable> {
  const merchant = await aMerchant(api, { onHand: 5, ...options });
  const shop = await startTestShop("WEBHOOK");
  const links = await connectShop(api, merchant, shop);
  return { ...merchant, ...links, shop, [Symbol.asyncDispose]: () => shop.close() };
}

interface Effective {
  readonly decision: string;
  readonly mode: string;
  readonly decidedBy: { readonly scope: string };
  readonly skips: readonly { readonly reason: string }[];
}
const effective = async (listingId: string | undefined): Promise<Effective> =>
  (
    await api.ask<{ listing: { effectiveSync: Effective } }>(
      "query ($id: ID!) { listing(id: $id) { effectiveSync { decision mode decidedBy { scope } skips { reason } } } }",
      { id: listingId },
    )
  ).listing.effectiveSync;

const setOnHand = (of: Merchant, onHand: number) =>
  api.change(
    "setInventory",
    "changedCount",
    { customerId: of.customerId, lines: [{ sku: "SKU-0000", onHand }] },
    of.token,
  );

describe("a setting", () => {
  test("of the customer, with its history, holds and lets go what its stores are told", async () => {
    await using stage = await connected();
    const { customerId, token, shop, listingIds } = stage;
    const never = { customerId, mode: "NEVER", note: "Stocktaking" };
    expect(await api.change("setCustomerSyncInventory", `customer { ${SETTING} }`, never, token)).toMatchObject({
      customer: { syncSetting: { scope: "CUSTOMER", mode: "NEVER", note: "Stocktaking", updatedBy: "a merchant" } },
    });
    expect(await effective(listingIds[0])).toEqual({
      decision: "SKIP",
      mode: "NEVER",
      decidedBy: { scope: "CUSTOMER" },
      skips: [{ reason: "POLICY_NEVER" }],
    });
    await setOnHand(stage, 8);
    await quiet(api.database);
    expect(shop.quantityOf("SKU-0000")).toBe(5);

    const always = { customerId, mode: "ALWAYS" };
    expect(await api.change("setCustomerSyncInventory", `customer { ${SETTING} }`, always, token)).toMatchObject({
      customer: {
        syncSetting: {
          mode: "ALWAYS",
          note: null,
          history: {
            nodes: [
              { mode: "ALWAYS", previousMode: "NEVER", note: null, expiresAt: null, changedBy: "a merchant" },
              { mode: "NEVER", previousMode: "PROCESS_ORDERS_ONLY", note: "Stocktaking", changedBy: "a merchant" },
            ],
          },
        },
      },
    });
    await until(() => shop.quantityOf("SKU-0000") === 8);
  });

  test("of an item wins over the customer's, and CUSTOMER_DEFAULT hands up again", async () => {
    await using stage = await connected();
    const { token, itemIds, listingIds } = stage;
    const itemId = itemIds[0];
    const set = (mode: string) => api.change("setItemSyncInventory", `item { ${SETTING} }`, { itemId, mode }, token);
    expect(await set("NEVER")).toMatchObject({ item: { syncSetting: { scope: "ITEM", mode: "NEVER" } } });
    expect(await effective(listingIds[0])).toMatchObject({ mode: "NEVER", decidedBy: { scope: "ITEM" } });
    expect(await set("CUSTOMER_DEFAULT")).toMatchObject({
      item: {
        syncSetting: {
          mode: "CUSTOMER_DEFAULT",
          history: {
            nodes: [
              { mode: "CUSTOMER_DEFAULT", previousMode: "NEVER" },
              { mode: "NEVER", previousMode: "CUSTOMER_DEFAULT" },
            ],
          },
        },
      },
    });
    expect(await effective(listingIds[0])).toMatchObject({ decision: "SYNC", decidedBy: { scope: "CUSTOMER" } });
  });

  test("of a listing wins over the item's, and CUSTOMER_DEFAULT removes it", async () => {
    await using stage = await connected();
    const { token, itemIds, listingIds } = stage;
    await api.change("setItemSyncInventory", "item { id }", { itemId: itemIds[0], mode: "NEVER" }, token);
    const set = (mode: string, note: string | null) =>
      api.change("setListingSyncInventory", `listing { ${SETTING} }`, { listingId: listingIds[0], mode, note }, token);
    expect(await set("ALWAYS", "Outlet")).toMatchObject({
      listing: { syncSetting: { scope: "LISTING", mode: "ALWAYS", note: "Outlet", history: { nodes: [{}] } } },
    });
    expect(await effective(listingIds[0])).toMatchObject({
      decision: "SYNC",
      mode: "ALWAYS",
      decidedBy: { scope: "LISTING" },
    });
    expect(await set("CUSTOMER_DEFAULT", null)).toMatchObject({ listing: { syncSetting: null } });
    expect(await effective(listingIds[0])).toMatchObject({ mode: "NEVER", decidedBy: { scope: "ITEM" } });
    expect(
      await rows(
        api,
        "select mode, previous_mode from setting_change where scope = 'LISTING' and customer_id = $1 order by id",
        [stage.world.customerId],
      ),
    ).toEqual([
      { mode: "ALWAYS", previous_mode: "CUSTOMER_DEFAULT" },
      { mode: "CUSTOMER_DEFAULT", previous_mode: "ALWAYS" },
    ]);
  });

  test("has a history that is paged, the newest first", async () => {
    const { itemIds, token } = await aMerchant(api);
    const modes = ["NEVER", "ALWAYS", "PROCESS_ORDERS_ONLY", "NEVER"];
    for (const mode of modes)
      await api.change("setItemSyncInventory", "item { id }", { itemId: itemIds[0], mode }, token);
    interface History {
      readonly item: {
        readonly syncSetting: {
          readonly history: {
            readonly nodes: readonly { readonly mode: string }[];
            readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string };
          };
        };
      };
    }
    const page = async (after: string | null) =>
      (
        await api.ask<History>(
          "query ($id: ID!, $after: String) { item(id: $id) { syncSetting { history(first: 3, after: $after) { nodes { mode } pageInfo { hasNextPage endCursor } } } } }",
          { id: itemIds[0], after },
          token,
        )
      ).item.syncSetting.history;
    const first = await page(null);
    const second = await page(first.pageInfo.endCursor);
    expect([...first.nodes, ...second.nodes].map((change) => change.mode)).toEqual(modes.toReversed());
    expect([first.pageInfo.hasNextPage, second.pageInfo.hasNextPage]).toEqual([true, false]);
  });
});

describe("a timed override", () => {
  test("of an item reverts to what stood before, and its listing then catches up", async () => {
    await using stage = await connected({ syncMode: "ALWAYS" });
    const { token, itemIds, listingIds, shop } = stage;
    const itemId = itemIds[0];
    await api.change("setItemSyncInventory", "item { id }", { itemId, mode: "PROCESS_ORDERS_ONLY" }, token);
    const forever = { itemId, mode: "NEVER", expiresAt: LATER, note: "Sale" };
    expect(await api.change("setItemSyncInventory", `item { ${SETTING} }`, forever, token)).toMatchObject({
      item: { syncSetting: { mode: "NEVER", expiresAt: LATER, note: "Sale" } },
    });
    await setOnHand(stage, 9);
    await quiet(api.database);
    expect(shop.quantityOf("SKU-0000")).toBe(5);
    // An override of the override: what stood before the first is what it reverts to.
    const brief = { itemId, mode: "NEVER", expiresAt: new Date(Date.now() + 1_500).toISOString() };
    await api.change("setItemSyncInventory", "item { id }", brief, token);
    await until(() => shop.quantityOf("SKU-0000") === 9);
    expect(await effective(listingIds[0])).toMatchObject({ mode: "PROCESS_ORDERS_ONLY", decidedBy: { scope: "ITEM" } });
    const { item } = await api.ask<{ item: object }>(`query ($id: ID!) { item(id: $id) { ${SETTING} } }`, {
      id: itemId,
    });
    expect(item).toMatchObject({
      syncSetting: {
        mode: "PROCESS_ORDERS_ONLY",
        expiresAt: null,
        note: null,
        history: {
          nodes: [
            { mode: "PROCESS_ORDERS_ONLY", previousMode: "NEVER", changedBy: expect.stringContaining("expiry") },
            {},
            {},
            {},
          ],
        },
      },
    });
  });

  test("of a listing that had none of its own leaves it without one", async () => {
    await using stage = await connected();
    const { token, listingIds } = stage;
    const listingId = listingIds[0];
    const brief = { listingId, mode: "NEVER", expiresAt: new Date(Date.now() + 1_000).toISOString() };
    expect(await api.change("setListingSyncInventory", `listing { ${SETTING} }`, brief, token)).toMatchObject({
      listing: { syncSetting: { mode: "NEVER", expiresAt: brief.expiresAt } },
    });
    await until(async () => (await effective(listingId)).decision === "SYNC");
    const { listing } = await api.ask<{ listing: object }>(
      "query ($id: ID!) { listing(id: $id) { syncSetting { mode } effectiveSync { decidedBy { scope } } } }",
      { id: listingId },
    );
    expect(listing).toEqual({ syncSetting: null, effectiveSync: { decidedBy: { scope: "CUSTOMER" } } });
  });
});

describe("Process Orders", () => {
  const on = async (of: Merchant): Promise<readonly boolean[]> =>
    (
      await rows<{ process_orders: boolean }>(
        api,
        "select process_orders from item where customer_id = $1 order by sku",
        [of.world.customerId],
      )
    ).map((row) => row.process_orders);

  test("is switched for selected items, of which only those that change are told", async () => {
    const merchant = await aMerchant(api, { items: 3 });
    const { customerId, token, itemIds, skus } = merchant;
    const set = (selection: object, processOrders: boolean) =>
      api.change<object>(
        "setProcessOrders",
        "changedCount items { sku processOrders }",
        { customerId, selection, processOrders },
        token,
      );
    expect(await set({ ids: [itemIds[2], itemIds[0]] }, true)).toMatchObject({
      changedCount: 2,
      items: [
        { sku: "SKU-0000", processOrders: true },
        { sku: "SKU-0002", processOrders: true },
      ],
    });
    expect(await set({ skus }, true)).toMatchObject({ changedCount: 1, items: [{ sku: "SKU-0001" }] });
    expect(await on(merchant)).toEqual([true, true, true]);
    expect(await set({ filter: { skuPrefix: "SKU-0001" } }, false)).toMatchObject({ changedCount: 1 });
    expect(await on(merchant)).toEqual([true, false, true]);
  });

  test("switched off by hand is the shop's gate, and switched on lets the shop catch up", async () => {
    await using stage = await connected();
    const { customerId, token, skus, shop, listingIds } = stage;
    const set = (processOrders: boolean) =>
      api.change("setProcessOrders", "changedCount", { customerId, selection: { skus }, processOrders }, token);
    await api.change("setProcessOrdersManagement", "customer { id }", { customerId, management: "MANUAL" }, token);
    await set(false);
    await setOnHand(stage, 2);
    await quiet(api.database);
    expect(shop.quantityOf("SKU-0000")).toBe(5);
    expect((await effective(listingIds[0])).skips).toEqual([{ reason: "PROCESS_ORDERS_OFF" }]);
    await set(true);
    await until(() => shop.quantityOf("SKU-0000") === 2);
  });

  test.each([
    // Received 5, adjusted by −5, adjusted by +5.
    ["MANUAL", [false, false, false]],
    ["RECEIPT_AND_SELLOUT", [true, false, false]],
    ["FIRST_RECEIPT", [true, true, true]],
    ["RECEIPT_ADJUSTMENT_AND_SELLOUT", [true, false, true]],
  ] as const)("is managed as %s says", async (management, expected) => {
    const merchant = await aMerchant(api);
    const { customerId, token } = merchant;
    const input = { customerId, management };
    expect(
      await api.change("setProcessOrdersManagement", "customer { processOrdersManagement }", input, token),
    ).toMatchObject({ customer: { processOrdersManagement: management } });
    const seen: (boolean | undefined)[] = [];
    for (const [name, line] of [
      ["receiveInventory", { quantity: 5 }],
      ["adjustInventory", { onHandDelta: -5 }],
      ["adjustInventory", { onHandDelta: 5 }],
    ] as const) {
      await api.change(name, "changedCount", { customerId, lines: [{ sku: "SKU-0000", ...line }] }, token);
      seen.push((await on(merchant))[0]);
    }
    expect(seen).toEqual(expected);
  });
});

test("a store's switch holds back what changes, and lets the store catch up", async () => {
  await using stage = await connected();
  const { token, storeId, shop, listingIds } = stage;
  const set = (enabled: boolean) =>
    api.change("setStoreSyncEnabled", "store { syncEnabled }", { storeId, enabled }, token);
  expect(await set(false)).toMatchObject({ store: { syncEnabled: false } });
  await setOnHand(stage, 11);
  await quiet(api.database);
  expect(shop.quantityOf("SKU-0000")).toBe(5);
  expect((await effective(listingIds[0])).skips).toEqual([{ reason: "STORE_SYNC_DISABLED" }]);
  expect(await set(true)).toMatchObject({ store: { syncEnabled: true } });
  await until(() => shop.quantityOf("SKU-0000") === 11);
});

test("a store that the mass-zero guard holds is let go by releaseZeroGuard", async () => {
  await using stage = await connected({ items: 25 });
  const { customerId, token, storeId, shop, skus } = stage;
  const lines = skus.map((sku) => ({ sku, onHand: 0 }));
  await api.change("setInventory", "changedCount", { customerId, lines }, token);
  const held = async () =>
    (
      await api.ask<{ items: { totalCount: number } }>(
        "query ($customerId: ID!) { items(customerId: $customerId, filter: { skipReason: [ZERO_GUARD] }) { totalCount } }",
        { customerId },
      )
    ).items.totalCount;
  await until(async () => (await held()) > 0);
  await quiet(api.database);
  const stillPositive = skus.filter((sku) => shop.quantityOf(sku) === 5);
  expect(stillPositive.length).toBeGreaterThan(0);
  expect(await api.change("releaseZeroGuard", "store { id }", { storeId }, token)).toMatchObject({
    store: { id: storeId },
  });
  await until(() => skus.every((sku) => shop.quantityOf(sku) === 0));
  expect(await held()).toBe(0);
});
