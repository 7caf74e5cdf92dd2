/**
 * Whatever names something of another customer is answered, word for word, as what names nothing, and changes nothing; and the
 * same with one's own id works, so that the refusals mean something.
 */
import { GraphQLID, type GraphQLInputType, getNamedType, isInputObjectType } from "graphql";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildSchema } from "../../src/resolvers/build-schema.js";
import { uuidOf } from "../../src/terms.js";
import { type Act, type Ids, idsOf, KINDS, MUTATIONS, QUERIES } from "../support/acts.js";
import { startTestApi, type TestApi } from "../support/api.js";
import { aMerchant, type Merchant } from "../support/api-merchant.js";
import { fingerprint } from "../support/api-state.js";
import { quiet, startTestShop, type TestShop } from "../support/engine.js";
import { nobody } from "../support/mistake.js";
import { openSocket } from "../support/socket.js";

let api: TestApi;
let shop: TestShop;
let asker: Merchant;
let own: Ids;
let foreign: Ids;
const unknown = Object.fromEntries(KINDS.map((kind) => [kind, nobody(kind)])) as unknown as Ids;

beforeAll(async () => {
  api = await startTestApi();
  shop = await startTestShop("WEBHOOK");
  const victim = await aMerchant(api, { items: 2, onHand: 5 });
  foreign = await idsOf(api, victim, shop);
  asker = await aMerchant(api, { items: 2, onHand: 5 });
  own = await idsOf(api, asker, shop);
  await quiet(api.database);
});
afterAll(async () => {
  await api[Symbol.asyncDispose]();
  await shop.close();
});

/** Own ids, but of this kind `other`'s: one id at a time is under test. */
const mixed = (kind: keyof Ids, other: Ids): Ids => ({ ...own, [kind]: other[kind] });
const kindsIn = (act: Act): readonly (keyof Ids)[] => {
  const given = JSON.stringify(act.variables(own, shop));
  return KINDS.filter((kind) => given.includes(own[kind]));
};
/** What is said, without the id that was asked with. */
async function said(act: Act, kind: keyof Ids, other: Ids): Promise<string> {
  const answer = await api.query(asker.token, act.text, act.variables(mixed(kind, other), shop));
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
  const tried = [...QUERIES, ...MUTATIONS].flatMap((act) => pathsIn(act.variables(own, shop), act.name));
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
    const data = await api.ask<Record<string, unknown>>(act.text, act.variables(own, shop), asker.token);
    expect(JSON.stringify(data[act.name])).toMatch(/"id":"\w+"/);
  });

  test.each(MUTATIONS.map((act) => [act.name, act] as const))("%s", async (_, act) => {
    const data = await api.ask<Record<string, object>>(act.text, act.variables(own, shop), asker.token);
    expect(data[act.name]).toMatchObject({ userErrors: [] });
  });
});
