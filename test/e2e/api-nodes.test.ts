/** Everything that has an id is found by it, and tells its own state: the same over `node` as over its own field. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { toGlobalId } from "../../src/terms.js";
import { startTestApi, type TestApi } from "../support/api.js";
import { aMerchant, type ConnectedShop, connectShop, type Merchant, rows } from "../support/api-merchant.js";
import { startTestShop, type TestShop } from "../support/engine.js";
import { OPERATOR_TOKEN } from "../support/gateway.js";

let api: TestApi;
let shop: TestShop;
let merchant: Merchant;
let connected: ConnectedShop;
beforeAll(async () => {
  api = await startTestApi();
  shop = await startTestShop("WOOCOMMERCE");
  merchant = await aMerchant(api, { items: 2, onHand: 7 });
  for (const sku of merchant.skus) shop.add(sku, 1);
  connected = await connectShop(api, merchant, shop, { name: "Harbour shop" });
});
afterAll(async () => {
  await api[Symbol.asyncDispose]();
  await shop.close();
});

const ask = <Data>(text: string, variables: object = {}): Promise<Data> =>
  api.ask<Data>(text, variables, merchant.token);

describe("node finds", () => {
  const found = async (id: string, fields: string): Promise<unknown> =>
    (await ask<{ node: unknown }>(`query ($id: ID!) { node(id: $id) { __typename id ... on ${fields} } }`, { id }))
      .node;

  test("a customer, an item, a store and a listing", async () => {
    const { customerId, itemIds } = merchant;
    expect(await found(customerId, "Customer { name }")).toEqual({
      __typename: "Customer",
      id: customerId,
      name: "A customer",
    });
    expect(await found(itemIds[0] ?? "", "Item { sku }")).toEqual({
      __typename: "Item",
      id: itemIds[0],
      sku: "SKU-0000",
    });
    expect(await found(connected.storeId, "Store { name platform }")).toEqual({
      __typename: "Store",
      id: connected.storeId,
      name: "Harbour shop",
      platform: "WOOCOMMERCE",
    });
    expect(await found(connected.listingIds[1] ?? "", "Listing { item { sku } }")).toEqual({
      __typename: "Listing",
      id: connected.listingIds[1],
      item: { sku: "SKU-0001" },
    });
  });

  test("a warehouse, an operation, an outcome, a ship notice and a token", async () => {
    const { customerId } = merchant;
    const { shipNotice } = await api.change<{ shipNotice: { id: string } }>("createShipNotice", "shipNotice { id }", {
      customerId,
      reference: "Ship 1",
      lines: [{ sku: "SKU-0000", quantity: 3 }],
    });
    const { warehouses, operations, outcomes, apiTokens } = await ask<{
      warehouses: { id: string }[];
      operations: { nodes: { id: string }[] };
      outcomes: { nodes: { id: string }[] };
      apiTokens: { nodes: { id: string }[] };
    }>(
      `query ($customerId: ID!) {
         warehouses(customerId: $customerId) { id }
         operations(customerId: $customerId) { nodes { id } }
         outcomes(customerId: $customerId) { nodes { id } }
         apiTokens { nodes { id } }
       }`,
      { customerId },
    );
    const expected: readonly (readonly [string | undefined, string, object])[] = [
      [warehouses[0]?.id, "Warehouse { code }", { code: "MAIN" }],
      [operations.nodes[0]?.id, "SyncOperation { kind }", { kind: "IMPORT_LISTINGS" }],
      [outcomes.nodes[0]?.id, "SyncOutcome { cursor status }", { cursor: "1", status: "SUCCEEDED" }],
      [shipNotice.id, "ShipNotice { reference }", { reference: "Ship 1" }],
      [apiTokens.nodes[0]?.id, "ApiToken { name }", { name: "a merchant" }],
    ];
    for (const [id = "", fields, words] of expected)
      expect(await found(id, fields)).toEqual({ __typename: fields.split(" ")[0], id, ...words });
  });

  test("the settings of all three levels", async () => {
    const { data } = (
      await api.query(
        merchant.token,
        `mutation ($listing: SetListingSyncInventoryInput!) { setListingSyncInventory(input: $listing) { listing { syncSetting { id } item { syncSetting { id } customer { syncSetting { id } } } } } }`,
        { listing: { listingId: connected.listingIds[0], mode: "ALWAYS" } },
      )
    ).body;
    expect(data).toMatchObject({
      setListingSyncInventory: {
        listing: {
          syncSetting: { id: connected.listingIds[0]?.replace("listing_", "setting_listing_") },
          item: {
            syncSetting: { id: merchant.itemIds[0]?.replace("item_", "setting_item_") },
            customer: { syncSetting: { id: merchant.customerId.replace("customer_", "setting_customer_") } },
          },
        },
      },
    });
    const modes = [
      [connected.listingIds[0]?.replace("listing_", "setting_listing_"), "LISTING", "ALWAYS"],
      [merchant.itemIds[0]?.replace("item_", "setting_item_"), "ITEM", "CUSTOMER_DEFAULT"],
      [merchant.customerId.replace("customer_", "setting_customer_"), "CUSTOMER", "PROCESS_ORDERS_ONLY"],
    ] as const;
    for (const [id = "", scope, mode] of modes)
      expect(await found(id, "SyncSetting { scope mode }")).toEqual({ __typename: "SyncSetting", id, scope, mode });
    // The other listing has no setting of its own.
    expect(
      await found(connected.listingIds[1]?.replace("listing_", "setting_listing_") ?? "", "Node { id }"),
    ).toBeNull();
  });

  test.each([
    ["nothing", ""],
    ["a word", "garbage"],
    ["a UUID", "018f4b2e-0000-7000-8000-000000000000"],
    ["a kind without an id", "item_"],
    ["an unknown kind", toGlobalId("item", "018f4b2e-0000-7000-8000-000000000000").replace("item", "ghost")],
    ["an id that nobody has", toGlobalId("item", "018f4b2e-0000-7000-8000-000000000000")],
    ["a name of Object's own", "constructor_01h455vb4pex5vsknk084sn02q"],
    ["a NUL", "item_\0"],
    ["100,000 characters", "x".repeat(100_000)],
  ])("nothing by %s", async (_, id) => {
    expect(await found(id, "Node { id }")).toBeNull();
  });

  test("nothing by an id of another type in a field of one type", async () => {
    const { customerId } = merchant;
    const text =
      "query ($id: ID!) { item(id: $id) { id } store(id: $id) { id } listing(id: $id) { id } operation(id: $id) { id } }";
    expect(await ask(text, { id: customerId })).toEqual({ item: null, store: null, listing: null, operation: null });
  });
});

test("an item tells its levels, its policy with the arithmetic, its listings and its outcomes", async () => {
  const { item } = await ask<{ item: object }>(
    `query ($id: ID!) { item(id: $id) {
       sku title barcode tags onHand committed unavailable publishedInbound available processOrders firstReceivedAt
       customer { id }
       inventoryLevels { warehouse { code name } onHand committed unavailable }
       effectiveSync { decision mode decidedBy { scope } skips { reason } quantitySteps { label delta result } publishableQuantity }
       listings { totalCount nodes { externalSku } edges { cursor node { id } } pageInfo { hasNextPage } }
       outcomes { nodes { status quantitySent } }
     } }`,
    { id: merchant.itemIds[1] },
  );
  expect(item).toEqual({
    sku: "SKU-0001",
    title: "Thing SKU-0001",
    barcode: null,
    tags: [],
    onHand: 7,
    committed: 0,
    unavailable: 0,
    publishedInbound: 0,
    available: 7,
    processOrders: true,
    firstReceivedAt: expect.stringMatching(/^\d{4}-.*Z$/),
    customer: { id: merchant.customerId },
    inventoryLevels: [{ warehouse: { code: "MAIN", name: "MAIN" }, onHand: 7, committed: 0, unavailable: 0 }],
    effectiveSync: {
      decision: "SYNC",
      mode: "PROCESS_ORDERS_ONLY",
      decidedBy: { scope: "CUSTOMER" },
      skips: [],
      quantitySteps: expect.arrayContaining([expect.objectContaining({ result: 7 })]),
      publishableQuantity: 7,
    },
    listings: {
      totalCount: 1,
      nodes: [{ externalSku: "SKU-0001" }],
      edges: [{ cursor: expect.any(String), node: { id: connected.listingIds[1] } }],
      pageInfo: { hasNextPage: false },
    },
    outcomes: { nodes: [{ status: "SUCCEEDED", quantitySent: 7 }] },
  });
});

test("a listing tells what its store was told, and a store its listings by state and switch", async () => {
  const { listing, store } = await ask<{ listing: object; store: object }>(
    `query ($listing: ID!, $store: ID!) {
       listing(id: $listing) {
         externalId externalSku active state lastSyncedQuantity lastSyncedAt observedQuantity pendingSince nextAttemptAt attempts
         item { sku } store { name } lastOutcome { status listing { id } }
         effectiveSync { decision publishableQuantity }
       }
       store(id: $store) {
         name platform url syncEnabled connectionStatus warehouses { code } customer { id }
         inSync: listings(filter: { states: [IN_SYNC] }) { totalCount }
         failed: listings(filter: { states: [FAILED] }) { totalCount nodes { id } }
         active: listings(filter: { active: true }, first: 1) { totalCount nodes { item { sku } } pageInfo { hasNextPage } }
         never: listings(filter: { skipReason: [POLICY_NEVER] }) { totalCount }
       }
     }`,
    { listing: connected.listingIds[1], store: connected.storeId },
  );
  expect(listing).toMatchObject({
    externalSku: "SKU-0001",
    active: true,
    state: "IN_SYNC",
    lastSyncedQuantity: 7,
    pendingSince: null,
    nextAttemptAt: null,
    attempts: 0,
    item: { sku: "SKU-0001" },
    store: { name: "Harbour shop" },
    lastOutcome: { status: "SUCCEEDED", listing: { id: connected.listingIds[1] } },
    effectiveSync: { decision: "SYNC", publishableQuantity: 7 },
  });
  expect(shop.quantityOf("SKU-0001")).toBe(7);
  expect(store).toEqual({
    name: "Harbour shop",
    platform: "WOOCOMMERCE",
    url: shop.url,
    syncEnabled: true,
    connectionStatus: "CONNECTED",
    warehouses: [],
    customer: { id: merchant.customerId },
    inSync: { totalCount: 2 },
    failed: { totalCount: 0, nodes: [] },
    active: { totalCount: 2, nodes: [{ item: { sku: expect.any(String) } }], pageInfo: { hasNextPage: true } },
    never: { totalCount: 0 },
  });
});

test("an item by its SKU, compared exactly", async () => {
  const text = "query ($customerId: ID!, $sku: String!) { itemBySku(customerId: $customerId, sku: $sku) { id } }";
  const { customerId, itemIds } = merchant;
  expect(await ask(text, { customerId, sku: "SKU-0000" })).toEqual({ itemBySku: { id: itemIds[0] } });
  for (const sku of ["sku-0000", "SKU-0000 ", "", "SKU-\0"])
    expect(await ask(text, { customerId, sku })).toEqual({ itemBySku: null });
});

test("an operator sees every customer by name or reference, page by page, and a customer only itself", async () => {
  const names = ["Zebra & Söhne", "apple ltd", "Müller"];
  for (const [index, name] of names.entries())
    await api.change("createCustomer", "customer { id }", { name, externalRef: `REF-${String(index)}` });
  const find = async (query: string | null, token = OPERATOR_TOKEN): Promise<readonly string[]> => {
    const text = "query ($query: String) { customers(first: 250, query: $query) { nodes { name } } }";
    const { customers } = await api.ask<{ customers: { nodes: { name: string }[] } }>(text, { query }, token);
    return customers.nodes.map((customer) => customer.name);
  };
  expect(await find("SÖHNE")).toEqual(["Zebra & Söhne"]);
  expect(await find("ref-1")).toEqual(["apple ltd"]);
  expect(await find("%")).toEqual([]);
  expect(await find(null, merchant.token)).toEqual(["A customer"]);
  expect(await find("Zebra", merchant.token)).toEqual([]);
  const all = await find(null);
  expect(all).toEqual(expect.arrayContaining(names));
  interface Page {
    readonly customers: {
      readonly nodes: readonly { readonly name: string }[];
      readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string };
    };
  }
  const page =
    "query ($after: String) { customers(first: 1, after: $after) { nodes { name } pageInfo { hasNextPage endCursor } } }";
  const paged: string[] = [];
  let after: string | null = null;
  do {
    const { customers }: Page = await api.ask<Page>(page, { after });
    paged.push(...customers.nodes.map((customer) => customer.name));
    after = customers.pageInfo.hasNextPage ? customers.pageInfo.endCursor : null;
  } while (after !== null);
  expect(paged).toEqual(all);
});

test("the viewer is who asks, and their last use is kept", async () => {
  const text = "{ viewer { name customer { id } scopes } }";
  expect(await ask(text)).toEqual({
    viewer: {
      name: "a merchant",
      customer: { id: merchant.customerId },
      scopes: ["READ", "SYNC", "SETTINGS", "INVENTORY", "ADMIN"],
    },
  });
  expect(await api.ask(text)).toMatchObject({ viewer: { name: "operator", customer: null } });
  const [used] = await rows<{ used: boolean }>(
    api,
    "select last_used_at > now() - interval '2 minutes' as used from api_token where customer_id = $1",
    [merchant.world.customerId],
  );
  expect(used).toEqual({ used: true });
});
