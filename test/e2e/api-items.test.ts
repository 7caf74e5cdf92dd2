/** Items and how they are found: filters, order, paging in both directions, and every kind of node. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestApi, type TestApi } from "../support/api.js";
import { aMerchant, type ConnectedShop, connectShop, type Merchant } from "../support/api-merchant.js";
import { startTestShop } from "../support/engine.js";

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api[Symbol.asyncDispose]());

interface Page {
  readonly edges: readonly { readonly cursor: string; readonly node: { readonly sku: string } }[];
  readonly nodes: readonly { readonly sku: string }[];
  readonly pageInfo: {
    readonly hasNextPage: boolean;
    readonly hasPreviousPage: boolean;
    readonly startCursor: string | null;
    readonly endCursor: string | null;
  };
  readonly totalCount: number;
}

const ITEMS = `query ($customerId: ID!, $filter: ItemFilter, $orderBy: ItemOrder, $first: Int, $after: String, $last: Int, $before: String) {
  items(customerId: $customerId, filter: $filter, orderBy: $orderBy, first: $first, after: $after, last: $last, before: $before) {
    edges { cursor node { sku } }
    nodes { sku }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    totalCount
  }
}`;

const itemsPage = async (merchant: Merchant, variables: object): Promise<Page> =>
  (await api.ask<{ items: Page }>(ITEMS, { customerId: merchant.customerId, ...variables }, merchant.token)).items;

describe("filters", () => {
  let merchant: Merchant;
  let shop: ConnectedShop;
  let otherShop: ConnectedShop;
  beforeAll(async () => {
    merchant = await aMerchant(api, { items: 0 });
    const { customerId, token } = merchant;
    const items = [
      { sku: "BLUE-1", title: "Blue Mug 100%", barcode: "4006381333931", tags: ["kitchen", "gift"] },
      { sku: "BLUE-2", title: "Blue bowl", tags: ["kitchen"] },
      { sku: "RED_1", title: "Red Café scarf", tags: ["wear", "gift"] },
      { sku: "RED-9", title: "Red hat 🎩" },
      { sku: "dark", title: "Lamp, never received" },
    ];
    await api.change("upsertItems", "changedCount", { customerId, items }, token);
    const lines = [
      { sku: "BLUE-1", onHand: 10 },
      { sku: "BLUE-2", onHand: 3 },
      { sku: "RED_1", onHand: 0 },
      { sku: "RED-9", onHand: 5 },
    ];
    await api.change("setInventory", "changedCount", { customerId, lines }, token);
    await api.change("commitInventory", "changedCount", { customerId, lines: [{ sku: "BLUE-2", quantity: 5 }] }, token);
    const idOf = async (sku: string): Promise<string> =>
      (
        await api.ask<{ itemBySku: { id: string } }>(
          "query ($customerId: ID!, $sku: String!) { itemBySku(customerId: $customerId, sku: $sku) { id } }",
          { customerId, sku },
          token,
        )
      ).itemBySku.id;
    await api.change("setItemSyncInventory", "item { id }", { itemId: await idOf("BLUE-1"), mode: "ALWAYS" }, token);
    await api.change("setItemSyncInventory", "item { id }", { itemId: await idOf("RED-9"), mode: "NEVER" }, token);
    const skus = ["BLUE-1", "BLUE-2", "RED_1", "RED-9", "dark"];
    const seen = { ...merchant, skus, world: { ...merchant.world, skus } };
    const first = await startTestShop("WOOCOMMERCE");
    for (const sku of ["BLUE-1", "RED-9", "dark"]) first.add(sku, 1);
    shop = await connectShop(api, seen, first);
    const second = await startTestShop("WOOCOMMERCE");
    second.add("BLUE-2", 0);
    otherShop = await connectShop(api, seen, second, { name: "Another shop" });
    await Promise.all([first.close(), second.close()]);
  });

  test.each<[string, object, readonly string[]]>([
    ["none at all", {}, ["BLUE-1", "BLUE-2", "RED-9", "RED_1", "dark"]],
    ["an empty query", { query: "  " }, ["BLUE-1", "BLUE-2", "RED-9", "RED_1", "dark"]],
    ["a word of the title in any case", { query: "mUg" }, ["BLUE-1"]],
    ["two words, wherever each stands", { query: "blue 333" }, ["BLUE-1"]],
    ["a word that is nowhere", { query: "blue nowhere" }, []],
    ["% as itself", { query: "100%" }, ["BLUE-1"]],
    ["_ as itself", { query: "red_" }, ["RED_1"]],
    ["a backslash as itself", { query: "\\" }, []],
    ["a quote as itself", { query: "'" }, []],
    ["letters beyond ASCII", { query: "CAFÉ" }, ["RED_1"]],
    ["a 4-byte character", { query: "🎩" }, ["RED-9"]],
    ["a NUL, which no item has", { query: "\0" }, []],
    ["exact SKUs", { skus: ["BLUE-1", "blue-2", "nobody"] }, ["BLUE-1"]],
    ["no SKU", { skus: [] }, []],
    ["a SKU's beginning", { skuPrefix: "RED" }, ["RED-9", "RED_1"]],
    ["a SKU's beginning with _ as itself", { skuPrefix: "RED_" }, ["RED_1"]],
    ["a SKU's beginning in another case", { skuPrefix: "red" }, []],
    ["a tag", { tags: ["gift"] }, ["BLUE-1", "RED_1"]],
    ["one of two tags", { tags: ["wear", "kitchen"] }, ["BLUE-1", "BLUE-2", "RED_1"]],
    ["Process Orders on", { processOrders: true }, ["BLUE-1", "RED-9"]],
    ["Process Orders off", { processOrders: false }, ["BLUE-2", "RED_1", "dark"]],
    ["received", { received: true }, ["BLUE-1", "BLUE-2", "RED-9"]],
    ["never received", { received: false }, ["RED_1", "dark"]],
    ["available from", { availableMin: 5 }, ["BLUE-1", "RED-9"]],
    ["available to, below 0 too", { availableMax: 0 }, ["BLUE-2", "RED_1", "dark"]],
    ["available between", { availableMin: 0, availableMax: 5 }, ["RED-9", "RED_1", "dark"]],
    ["what the item says", { syncSettingMode: ["ALWAYS", "NEVER"] }, ["BLUE-1", "RED-9"]],
    ["an item without a setting", { syncSettingMode: ["CUSTOMER_DEFAULT"] }, ["BLUE-2", "RED_1", "dark"]],
    ["what is in force", { effectiveMode: ["PROCESS_ORDERS_ONLY"] }, ["BLUE-2", "RED_1", "dark"]],
    ["a gate that fails", { skipReason: ["POLICY_NEVER"] }, ["RED-9"]],
    ["one of two gates", { skipReason: ["POLICY_NEVER", "NEVER_RECEIVED"] }, ["RED-9", "dark"]],
    ["a listing's state", { listingState: ["IN_SYNC"] }, ["BLUE-1"]],
    ["a listing's state that a gate makes", { listingState: ["SKIPPED"] }, ["BLUE-2", "RED-9", "dark"]],
    ["several at once", { query: "red", received: true, skipReason: ["POLICY_NEVER"] }, ["RED-9"]],
    ["several that exclude each other", { processOrders: true, received: false }, []],
  ])("%s", async (_, filter, skus) => {
    const page = await itemsPage(merchant, { filter });
    expect(page.nodes.map((node) => node.sku)).toEqual(skus);
    expect(page.totalCount).toBe(skus.length);
  });

  test("a store, alone and together with a state of the same listing", async () => {
    const skus = async (filter: object) => (await itemsPage(merchant, { filter })).nodes.map((node) => node.sku);
    expect(await skus({ storeIds: [shop.storeId] })).toEqual(["BLUE-1", "RED-9", "dark"]);
    expect(await skus({ storeIds: [shop.storeId, otherShop.storeId] })).toEqual(["BLUE-1", "BLUE-2", "RED-9", "dark"]);
    expect(await skus({ storeIds: [otherShop.storeId], listingState: ["SKIPPED"] })).toEqual(["BLUE-2"]);
    expect(await skus({ storeIds: [otherShop.storeId], listingState: ["IN_SYNC"] })).toEqual([]);
    expect(await skus({ storeIds: [otherShop.storeId], skipReason: ["POLICY_NEVER"] })).toEqual([]);
    expect(await skus({ storeIds: ["garbage"] })).toEqual([]);
  });

  test("a customer's own list of items takes the same filters", async () => {
    const { customer } = await api.ask<{ customer: { items: Page } }>(
      `query ($id: ID!) { customer(id: $id) { items(filter: { tags: ["gift"] }, orderBy: { direction: DESC }, last: 1) { nodes { sku } totalCount } } }`,
      { id: merchant.customerId },
      merchant.token,
    );
    expect(customer.items).toEqual({ nodes: [{ sku: "BLUE-1" }], totalCount: 2 });
  });
});

describe("order and pages", () => {
  const COUNT = 23;
  let merchant: Merchant;
  beforeAll(async () => {
    merchant = await aMerchant(api, { items: COUNT });
    const { customerId, token, skus } = merchant;
    // Ties in title and available, so that only the id tells rows apart.
    const items = skus.map((sku, index) => ({ sku, title: `Title ${String(index % 4)}` }));
    await api.change("upsertItems", "changedCount", { customerId, items }, token);
    const lines = skus.map((sku, index) => ({ sku, onHand: (index * 7) % 5 }));
    await api.change("setInventory", "changedCount", { customerId, lines }, token);
  });

  const collect = async (orderBy: object, size: number, backwards: boolean): Promise<readonly string[]> => {
    const skus: string[] = [];
    let cursor: string | null = null;
    for (;;) {
      const page = await itemsPage(merchant, {
        orderBy,
        ...(backwards ? { last: size, before: cursor } : { first: size, after: cursor }),
      });
      const onPage = page.nodes.map((node) => node.sku);
      expect(page.edges.map((edge) => edge.node.sku)).toEqual(onPage);
      expect(page.totalCount).toBe(COUNT);
      expect(page.pageInfo.startCursor).toBe(page.edges[0]?.cursor);
      expect(page.pageInfo.endCursor).toBe(page.edges.at(-1)?.cursor);
      if (backwards) skus.unshift(...onPage);
      else skus.push(...onPage);
      const { hasNextPage, hasPreviousPage, startCursor, endCursor } = page.pageInfo;
      expect(backwards ? hasNextPage : hasPreviousPage).toBe(cursor !== null);
      if (!(backwards ? hasPreviousPage : hasNextPage)) return skus;
      cursor = backwards ? startCursor : endCursor;
    }
  };

  test.each(["SKU", "TITLE", "AVAILABLE", "UPDATED_AT"])(
    "%s: every page size, either way, gives the same order with nobody twice or missing",
    async (field) => {
      const ascending = (await itemsPage(merchant, { orderBy: { field }, first: 250 })).nodes.map((node) => node.sku);
      expect(new Set(ascending).size).toBe(COUNT);
      for (const size of [1, 4, COUNT, 250])
        for (const backwards of [false, true]) {
          expect(await collect({ field, direction: "ASC" }, size, backwards)).toEqual(ascending);
          expect(await collect({ field, direction: "DESC" }, size, backwards)).toEqual(ascending.toReversed());
        }
    },
  );

  test("rows are in the order that was asked for", async () => {
    const { items } = await api.ask<{ items: { nodes: { title: string; available: number }[] } }>(
      `query ($customerId: ID!) { items(customerId: $customerId, orderBy: { field: AVAILABLE, direction: DESC }, first: 250) { nodes { title available } } }`,
      { customerId: merchant.customerId },
      merchant.token,
    );
    const available = items.nodes.map((node) => node.available);
    expect(available).toEqual(available.toSorted((a, b) => b - a));
    expect(new Set(available)).toEqual(new Set([0, 1, 2, 3, 4]));
  });

  test("a page between two cursors ends before the second", async () => {
    const all = (await itemsPage(merchant, { first: 250 })).edges;
    const between = { after: all[3]?.cursor, before: all[7]?.cursor };
    const expected = all.slice(4, 7).map((edge) => edge.node.sku);
    expect((await itemsPage(merchant, { ...between, first: 250 })).nodes.map((node) => node.sku)).toEqual(expected);
    expect((await itemsPage(merchant, { ...between, last: 2 })).nodes.map((node) => node.sku)).toEqual(
      expected.slice(-2),
    );
  });

  test("items that come and go between pages move nobody else", async () => {
    const first = await itemsPage(merchant, { first: 10 });
    const { customerId, token } = merchant;
    const items = [{ sku: "A-NEW-ONE", title: "Before the cursor" }];
    await api.change("upsertItems", "changedCount", { customerId, items }, token);
    const next = await itemsPage(merchant, { first: 3, after: first.pageInfo.endCursor });
    expect(next.nodes.map((node) => node.sku)).toEqual(["SKU-0010", "SKU-0011", "SKU-0012"]);
    await api.database.dataSource.query("delete from item where sku = 'A-NEW-ONE'");
  });

  test("50 where neither first nor last is given", async () => {
    const many = await aMerchant(api, { items: 51 });
    const page = await itemsPage(many, {});
    expect(page.nodes).toHaveLength(50);
    expect(page.pageInfo.hasNextPage).toBe(true);
    expect(page.totalCount).toBe(51);
  });

  test("an empty page has no cursors", async () => {
    const none = await aMerchant(api, { items: 0 });
    expect(await itemsPage(none, {})).toEqual({
      edges: [],
      nodes: [],
      pageInfo: { hasNextPage: false, hasPreviousPage: false, startCursor: null, endCursor: null },
      totalCount: 0,
    });
  });
});
