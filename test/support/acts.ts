/** Every root field that takes an id, as a call that works with the ids of who asks. */
import { mutationText, type TestApi } from "./api.js";
import { connectShop, type Merchant } from "./api-merchant.js";
import type { TestShop } from "./engine.js";

/** One id of every kind; the settings' ids are those of what they belong to. */
export interface Ids {
  readonly customer: string;
  readonly item: string;
  readonly warehouse: string;
  readonly store: string;
  readonly listing: string;
  readonly operation: string;
  readonly outcome: string;
  readonly search: string;
  readonly notice: string;
  readonly token: string;
}
export const KINDS = [
  "customer",
  "item",
  "warehouse",
  "store",
  "listing",
  "operation",
  "outcome",
  "search",
  "notice",
  "token",
] as const;

/**
 * The ids of a merchant of two items who has one of everything; connects the shop and makes what is lacking. The shop refuses
 * the second item, so that something has failed.
 */
export async function idsOf(api: TestApi, merchant: Merchant, shop: TestShop): Promise<Ids> {
  const { customerId, token } = merchant;
  shop.remove("SKU-0001");
  const { storeId, listingIds } = await connectShop(api, merchant, shop);
  const { shipNotice } = await api.change<{ shipNotice: { id: string } }>("createShipNotice", "shipNotice { id }", {
    customerId,
    reference: "ASN",
    lines: [{ sku: "SKU-0000", quantity: 1 }],
  });
  const made = await api.change<{ apiToken: { id: string } }>("createApiToken", "apiToken { id }", {
    customerId,
    name: "spare",
    scopes: ["READ"],
  });
  const saved = await api.change<{ search: { id: string } }>("saveSearch", "search { id }", {
    customerId,
    name: "Saved",
    filter: { skus: ["SKU-0000"] },
  });
  const read = await api.ask<
    Record<"operations" | "outcomes", { nodes: { id: string }[] }> & { warehouses: { id: string }[] }
  >(
    `query ($customerId: ID!) {
       operations(customerId: $customerId) { nodes { id } }
       outcomes(customerId: $customerId) { nodes { id } }
       warehouses(customerId: $customerId) { id }
     }`,
    { customerId },
    token,
  );
  return {
    customer: customerId,
    item: merchant.itemIds[0] ?? "",
    warehouse: read.warehouses[0]?.id ?? "",
    store: storeId,
    listing: listingIds[0] ?? "",
    operation: read.operations.nodes[0]?.id ?? "",
    outcome: read.outcomes.nodes[0]?.id ?? "",
    search: saved.search.id,
    notice: shipNotice.id,
    token: made.apiToken.id,
  };
}

/** One call of a root field that takes an id. */
export interface Act {
  readonly name: string;
  readonly text: string;
  readonly variables: (ids: Ids, shop: TestShop) => object;
}

const query = (
  name: string,
  declared: string,
  args: string,
  selection: string,
  variables: (ids: Ids) => object,
): Act => ({
  name,
  text: `query (${declared}) { ${name}(${args}) { ${selection} } }`,
  variables,
});
const mutation = (name: string, selection: string, input: (ids: Ids, shop: TestShop) => object): Act => ({
  name,
  text: mutationText(name, selection),
  variables: (ids, shop) => ({ input: input(ids, shop) }),
});
const byCustomer = (name: string, selection: string): Act =>
  query(name, "$customerId: ID!", "customerId: $customerId", selection, ({ customer }) => ({ customerId: customer }));
const byId = (name: "customer" | "item" | "store" | "listing" | "operation" | "search"): Act =>
  query(name, "$id: ID!", "id: $id", "id", (ids) => ({ id: ids[name] }));
const stock = (name: string, line: object): Act =>
  mutation(name, "changedCount", ({ customer }) => ({ customerId: customer, lines: [{ sku: "SKU-0000", ...line }] }));
const filter = ({ store }: Ids) => ({ storeIds: [store] });
/** Not of what the shop refuses: an operation waits for it until it is tried again, an hour later. */
const bySelection = (name: string, selection: string, more: (ids: Ids) => object): readonly Act[] =>
  [
    ({ item }: Ids) => ({ ids: [item] }),
    ({ search }: Ids) => ({ searchId: search }),
    (ids: Ids) => ({ filter: { ...filter(ids), skus: ["SKU-0000"] } }),
  ].map((selected) =>
    mutation(name, selection, (ids) => ({ customerId: ids.customer, selection: selected(ids), ...more(ids) })),
  );
const PREVIEW = "preview { matchedListings willSync wouldZero { totalCount nodes { id } } }";
const SETTINGS = ["customer", "item"] as const;

export const QUERIES: readonly Act[] = [
  ...(["customer", "item", "store", "listing", "operation", "search"] as const).map(byId),
  ...KINDS.map((kind) => query("node", "$id: ID!", "id: $id", "id", (ids) => ({ id: ids[kind] }))),
  ...SETTINGS.map((kind) => query("node", "$id: ID!", "id: $id", "id", (ids) => ({ id: `setting_${ids[kind]}` }))),
  byCustomer("warehouses", "id"),
  byCustomer("operations", "nodes { id }"),
  byCustomer("searches", "nodes { id items { nodes { id } } }"),
  query("itemBySku", "$customerId: ID!", 'customerId: $customerId, sku: "SKU-0000"', "id", ({ customer }) => ({
    customerId: customer,
  })),
  query(
    "items",
    "$customerId: ID!, $filter: ItemFilter",
    "customerId: $customerId, filter: $filter",
    "totalCount nodes { id }",
    (ids) => ({ customerId: ids.customer, filter: filter(ids) }),
  ),
  query(
    "outcomes",
    "$customerId: ID!, $filter: OutcomeFilter",
    "customerId: $customerId, filter: $filter",
    "nodes { id }",
    (ids) => ({
      customerId: ids.customer,
      filter: { storeIds: [ids.store], itemIds: [ids.item], operationId: ids.operation },
    }),
  ),
];

/** Every mutation that takes an id, in an order in which each works when it has the asker's own ids. */
export const MUTATIONS: readonly Act[] = [
  ...bySelection("syncInventory", "operation { id }", ({ store }) => ({ storeIds: [store] })),
  ...bySelection("setSyncInventoryBulk", "operation { id }", () => ({ mode: "ALWAYS" })),
  ...bySelection("setProcessOrders", "changedCount", () => ({ processOrders: true })),
  ...bySelection("syncInventory", PREVIEW, ({ store }) => ({ storeIds: [store], dryRun: true })),
  ...bySelection("setSyncInventoryBulk", PREVIEW, () => ({ mode: "NEVER", dryRun: true })),
  mutation("retryFailed", "operation { id }", ({ customer, store, operation }) => ({
    customerId: customer,
    storeId: store,
    operationId: operation,
  })),
  mutation("cancelOperation", "operation { id }", ({ operation }) => ({ operationId: operation })),
  mutation("saveSearch", "search { id }", ({ customer, search, store }) => ({
    customerId: customer,
    searchId: search,
    name: "Changed",
    filter: { storeIds: [store] },
  })),
  mutation("setCustomerSyncInventory", "customer { id }", ({ customer }) => ({ customerId: customer, mode: "ALWAYS" })),
  mutation("setProcessOrdersManagement", "customer { id }", ({ customer }) => ({
    customerId: customer,
    management: "MANUAL",
  })),
  mutation("setItemSyncInventory", "item { id }", ({ item }) => ({ itemId: item, mode: "ALWAYS" })),
  mutation("setListingSyncInventory", "listing { id }", ({ listing }) => ({ listingId: listing, mode: "ALWAYS" })),
  mutation("setStoreSyncEnabled", "store { id }", ({ store }) => ({ storeId: store, enabled: true })),
  mutation("releaseZeroGuard", "store { id }", ({ store }) => ({ storeId: store })),
  stock("receiveInventory", { quantity: 5 }),
  stock("adjustInventory", { onHandDelta: 1 }),
  stock("setInventory", { onHand: 9 }),
  stock("commitInventory", { quantity: 2 }),
  stock("shipInventory", { quantity: 1 }),
  mutation("createShipNotice", "shipNotice { id }", ({ customer }) => ({
    customerId: customer,
    reference: "Another",
    lines: [{ sku: "SKU-0000", quantity: 1 }],
  })),
  mutation("publishShipNotice", "shipNotice { id }", ({ notice }) => ({ shipNoticeId: notice })),
  mutation("receiveShipNotice", "shipNotice { id }", ({ notice }) => ({
    shipNoticeId: notice,
    lines: [{ sku: "SKU-0000", good: 1 }],
  })),
  mutation("createWarehouse", "warehouse { id }", ({ customer }) => ({
    customerId: customer,
    code: "NEW",
    name: "New",
  })),
  mutation("upsertItems", "changedCount", ({ customer }) => ({
    customerId: customer,
    items: [{ sku: "SKU-0000", title: "Renamed" }],
  })),
  mutation("connectStore", "store { id }", ({ customer }, shop) => ({
    customerId: customer,
    name: "Second",
    platform: "WEBHOOK",
    url: shop.url,
    credentials: { webhook: shop.credentials },
  })),
  mutation("updateStore", "store { id }", ({ store }) => ({ storeId: store, name: "Renamed" })),
  mutation("importListings", "operation { id }", ({ store }) => ({ storeId: store })),
  mutation("disconnectStore", "store { id }", ({ store }) => ({ storeId: store })),
  mutation("createApiToken", "apiToken { id }", ({ customer }) => ({
    customerId: customer,
    name: "x",
    scopes: ["READ"],
  })),
  mutation("deleteSearch", "search { id }", ({ search }) => ({ searchId: search })),
  mutation("revokeApiToken", "apiToken { id }", ({ token }) => ({ tokenId: token })),
];

/** Every subscription that takes an id; each has something to say at once of one's own. */
export const SUBSCRIPTIONS: readonly Act[] = [
  {
    name: "syncOutcomes",
    text: 'subscription ($customerId: ID!, $filter: OutcomeFilter) { syncOutcomes(customerId: $customerId, after: "0", filter: $filter) { id } }',
    variables: (ids) => ({
      customerId: ids.customer,
      filter: { storeIds: [ids.store], itemIds: [ids.item], operationId: ids.operation },
    }),
  },
  {
    name: "operationProgress",
    text: "subscription ($id: ID!) { operationProgress(id: $id) { id processed } }",
    variables: ({ operation }) => ({ id: operation }),
  },
  {
    name: "storeHealth",
    text: "subscription ($customerId: ID!) { storeHealth(customerId: $customerId) { id health { pending } } }",
    variables: ({ customer }) => ({ customerId: customer }),
  },
];

/** Root fields that take no id: what they list or make is the asker's own. */
export const IDLESS = ["viewer", "customers", "apiTokens", "createCustomer"] as const;
