/**
 * Whatever names something of another customer is answered, word for word, as what names nothing, and changes nothing; and the
 * same with one's own id works, so that the refusals mean something.
 */
import { GraphQLID, type GraphQLInputType, getNamedType, isInputObjectType } from "graphql";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildSchema } from "../../src/resolvers/build-schema.js";
import { uuidOf } from "../../src/terms.js";
import { mutationText, startTestApi, type TestApi } from "../support/api.js";
import { aMerchant, connectShop, type Merchant } from "../support/api-merchant.js";
import { fingerprint } from "../support/api-state.js";
import { quiet, startTestShop, type TestShop } from "../support/engine.js";
import { nobody } from "../support/mistake.js";
import { openSocket } from "../support/socket.js";

/** One id of every kind; the settings' ids are those of what they belong to. */
interface Ids {
  readonly customer: string;
  readonly item: string;
  readonly warehouse: string;
  readonly store: string;
  readonly listing: string;
  readonly operation: string;
  readonly outcome: string;
  readonly notice: string;
  readonly token: string;
}
const KINDS = ["customer", "item", "warehouse", "store", "listing", "operation", "outcome", "notice", "token"] as const;

let api: TestApi;
let shop: TestShop;
let asker: Merchant;
let own: Ids;
let foreign: Ids;
const unknown = Object.fromEntries(KINDS.map((kind) => [kind, nobody(kind)])) as unknown as Ids;

beforeAll(async () => {
  api = await startTestApi();
  shop = await startTestShop("WEBHOOK");
  const victim = await aMerchant(api, { items: 1, onHand: 5 });
  foreign = await idsOf(victim);
  asker = await aMerchant(api, { items: 1, onHand: 5 });
  own = await idsOf(asker);
  await quiet(api.database);
});
afterAll(async () => {
  await api[Symbol.asyncDispose]();
  await shop.close();
});

async function idsOf(merchant: Merchant): Promise<Ids> {
  const { customerId, token } = merchant;
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
    notice: shipNotice.id,
    token: made.apiToken.id,
  };
}

// ───────────── every root field that takes an id ─────────────

interface Act {
  readonly name: string;
  readonly text: string;
  /** `ids` are those asked with; `mine` fill what is not under test. */
  readonly variables: (ids: Ids) => object;
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
const mutation = (name: string, selection: string, input: (ids: Ids) => object): Act => ({
  name,
  text: mutationText(name, selection),
  variables: (ids) => ({ input: input(ids) }),
});
const byCustomer = (name: string, selection: string): Act =>
  query(name, "$customerId: ID!", "customerId: $customerId", selection, ({ customer }) => ({ customerId: customer }));
const byId = (name: "customer" | "item" | "store" | "listing" | "operation"): Act =>
  query(name, "$id: ID!", "id: $id", "id", (ids) => ({ id: ids[name] }));
const stock = (name: string, line: object): Act =>
  mutation(name, "changedCount", ({ customer }) => ({ customerId: customer, lines: [{ sku: "SKU-0000", ...line }] }));
const filter = ({ store }: Ids) => ({ storeIds: [store] });
const bySelection = (name: string, selection: string, more: (ids: Ids) => object): readonly Act[] =>
  [({ item }: Ids) => ({ ids: [item] }), (ids: Ids) => ({ filter: filter(ids) })].map((selected) =>
    mutation(name, selection, (ids) => ({ customerId: ids.customer, selection: selected(ids), ...more(ids) })),
  );
const SETTINGS = ["customer", "item"] as const;

const QUERIES: readonly Act[] = [
  ...(["customer", "item", "store", "listing", "operation"] as const).map(byId),
  ...KINDS.map((kind) => query("node", "$id: ID!", "id: $id", "id", (ids) => ({ id: ids[kind] }))),
  ...SETTINGS.map((kind) => query("node", "$id: ID!", "id: $id", "id", (ids) => ({ id: `setting_${ids[kind]}` }))),
  byCustomer("warehouses", "id"),
  byCustomer("operations", "nodes { id }"),
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

/** In an order in which each works when it has the asker's own ids. */
const MUTATIONS: readonly Act[] = [
  ...bySelection("syncInventory", "operation { id }", ({ store }) => ({ storeIds: [store] })),
  ...bySelection("setSyncInventoryBulk", "operation { id }", () => ({ mode: "ALWAYS" })),
  ...bySelection("setProcessOrders", "changedCount", () => ({ processOrders: true })),
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
  mutation("connectStore", "store { id }", ({ customer }) => ({
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
  mutation("revokeApiToken", "apiToken { id }", ({ token }) => ({ tokenId: token })),
];

/** Own ids, but of this kind `other`'s: one id at a time is under test. */
const mixed = (kind: keyof Ids, other: Ids): Ids => ({ ...own, [kind]: other[kind] });
const kindsIn = (act: Act): readonly (keyof Ids)[] => {
  const given = JSON.stringify(act.variables(own));
  return KINDS.filter((kind) => given.includes(own[kind]));
};
/** What is said, without the id that was asked with. */
async function said(act: Act, kind: keyof Ids, other: Ids): Promise<string> {
  const answer = await api.query(asker.token, act.text, act.variables(mixed(kind, other)));
  return JSON.stringify(answer).replaceAll(other[kind], "…");
}

test("every id of every root field is tried below", () => {
  const pathsOf = (type: GraphQLInputType, path: string): string[] => {
    const named = getNamedType(type);
    if (named === GraphQLID) return [path];
    if (!isInputObjectType(named)) return [];
    return Object.values(named.getFields()).flatMap((field) => pathsOf(field.type, `${path}.${field.name}`));
  };
  const pathsIn = (value: unknown, path: string): string[] => {
    if (typeof value === "string") return KINDS.some((kind) => value.includes(own[kind])) ? [path] : [];
    if (typeof value !== "object" || value === null) return [];
    return Object.entries(value).flatMap(([key, held]: [string, unknown]) =>
      pathsIn(held, Array.isArray(value) ? path : `${path}.${key}`),
    );
  };
  const schema = buildSchema();
  const wanted = [schema.getQueryType(), schema.getMutationType()].flatMap((type) =>
    Object.values(type?.getFields() ?? {}).flatMap((field) =>
      field.args.flatMap((arg) => pathsOf(arg.type, `${field.name}.${arg.name}`)),
    ),
  );
  const tried = [...QUERIES, ...MUTATIONS].flatMap((act) => pathsIn(act.variables(own), act.name));
  expect([...new Set(tried)].toSorted()).toEqual(wanted.toSorted());
});

describe("another customer's id is answered as one that nobody has, and changes nothing", () => {
  test.each([...QUERIES, ...MUTATIONS].map((act) => [act.name, act] as const))("%s", async (_, act) => {
    const before = await fingerprint(api);
    const kinds = kindsIn(act);
    expect(kinds.length).toBeGreaterThan(0);
    for (const kind of kinds) {
      const answer = await said(act, kind, foreign);
      expect(answer).toBe(await said(act, kind, unknown));
      for (const id of KINDS.map((one) => foreign[one])) expect(answer).not.toContain(id);
    }
    expect(await fingerprint(api)).toEqual(before);
  });

  test("a list that names one's own beside another's is refused whole", async () => {
    const before = await fingerprint(api);
    const { customer } = own;
    const both = [
      ["syncInventory", { selection: { ids: [own.item, foreign.item] } }],
      ["syncInventory", { selection: { ids: [own.item] }, storeIds: [own.store, foreign.store] }],
      ["setProcessOrders", { selection: { ids: [own.item, foreign.item] }, processOrders: false }],
    ] as const;
    for (const [name, more] of both) {
      const { userErrors } = await api.mutate<object>(name, "", { customerId: customer, ...more }, asker.token);
      expect(userErrors.map((error) => error.code)).toEqual(["NOT_FOUND"]);
    }
    expect(await fingerprint(api)).toEqual(before);
  });

  test("syncOutcomes", async () => {
    await using socket = await openSocket(api.wsUrl, asker.token);
    const text = 'subscription ($customerId: ID!) { syncOutcomes(customerId: $customerId, after: "0") { id } }';
    const ask = async ({ customer }: Ids) =>
      (await socket.run(text, { customerId: customer })).raw.replace(/"id":"\d+"/, "");
    expect(await ask(foreign)).toBe(await ask(unknown));
    expect(await ask(foreign)).toContain("BAD_USER_INPUT");
    expect(await ask(own)).toContain("outcome_");
  });

  test("a filter of another's ids finds nothing in one's own feed", async () => {
    await using socket = await openSocket(api.wsUrl, asker.token);
    const text =
      'subscription ($customerId: ID!, $filter: OutcomeFilter) { syncOutcomes(customerId: $customerId, filter: $filter, after: "0") { id } }';
    socket.subscribe(text, { customerId: own.customer, filter: { storeIds: [foreign.store] } });
    socket.subscribe(text, { customerId: own.customer, filter: { operationId: foreign.operation } });
    // By the time that a later subscription has had its first message, the earlier ones have read the feed's beginning.
    expect((await socket.run(text, { customerId: own.customer })).raw).toContain('"id":"3"');
  });
});

test("whatever a customer can list is its own", async () => {
  const everything = JSON.stringify(
    await api.ask(
      `{ customers(first: 5) { nodes {
           id syncSetting { id history(first: 5) { nodes { changedBy } } }
           stores(first: 5) { nodes { id warehouses { id } listings(first: 5) { nodes { id lastOutcome { id operation { id } } } } } }
           items(first: 5) { nodes { id inventoryLevels { warehouse { id } } outcomes(first: 5) { nodes { id } } } }
         } }
         apiTokens { nodes { id } }
         viewer { customer { id } } }`,
      {},
      asker.token,
    ),
  );
  const { customer, item, store, listing, token } = own;
  for (const id of [customer, item, store, listing, token]) expect(everything).toContain(id);
  for (const kind of KINDS) expect(everything).not.toContain(foreign[kind]);
});

test("a row's bare key is no id", async () => {
  const uuid = uuidOf("item", own.item);
  for (const id of [uuid, own.item.replace("item_", ""), own.item.replace("item_", "store_"), own.item.toUpperCase()])
    expect(
      await api.ask("query ($id: ID!) { node(id: $id) { id } item(id: $id) { id } }", { id }, asker.token),
    ).toEqual({
      node: null,
      item: null,
    });
});

// Last: these change what the others ask about.
describe("with one's own id it works", () => {
  test.each(QUERIES.map((act) => [act.name, act] as const))("%s", async (_, act) => {
    const data = await api.ask<Record<string, unknown>>(act.text, act.variables(own), asker.token);
    expect(JSON.stringify(data[act.name])).toMatch(/"id":"\w+"/);
  });

  test.each(MUTATIONS.map((act) => [act.name, act] as const))("%s", async (_, act) => {
    const data = await api.ask<Record<string, object>>(act.text, act.variables(own), asker.token);
    expect(data[act.name]).toMatchObject({ userErrors: [] });
  });
});
