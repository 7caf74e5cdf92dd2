/**
 * Whatever names something of another customer is answered, word for word, as what names nothing, and changes nothing; and the
 * same with one's own id works, so that the refusals mean something. All of it over HTTP and WebSocket, and once more with the
 * loaders' own conditions switched off: then PostgreSQL alone keeps customers apart.
 */
import { GraphQLID, type GraphQLInputType, type GraphQLObjectType, getNamedType, isInputObjectType } from "graphql";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildSchema } from "../../src/resolvers/build-schema.js";
import { uuidOf } from "../../src/terms.js";
import { type Act, IDLESS, type Ids, idsOf, KINDS, MUTATIONS, QUERIES, SUBSCRIPTIONS } from "../support/acts.js";
import { startTestApi, type TestApi } from "../support/api.js";
import { aMerchant, type Merchant, rows } from "../support/api-merchant.js";
import { fingerprint } from "../support/api-state.js";
import { quiet, startTestShop, type TestShop } from "../support/engine.js";
import { nobody } from "../support/mistake.js";
import { openSocket, type Socket } from "../support/socket.js";

const ACTS = [...QUERIES, ...MUTATIONS, ...SUBSCRIPTIONS];
const named = (acts: readonly Act[]): [string, Act][] => acts.map((act) => [act.name, act]);
const unknown = Object.fromEntries(KINDS.map((kind) => [kind, nobody(kind)])) as unknown as Ids;
/** Stand-ins, to look at what the acts ask with. */
const sample = Object.fromEntries(KINDS.map((kind) => [kind, `<${kind}>`])) as unknown as Ids;
const idsIn = (act: Act): readonly (keyof Ids)[] => {
  const given = JSON.stringify(act.variables(sample, NO_SHOP));
  return KINDS.filter((kind) => given.includes(sample[kind]));
};
/** For the shape of an input alone. */
const NO_SHOP = { platform: "WEBHOOK", url: "", credentials: {} } as TestShop;

describe("the matrix is whole", () => {
  const schema = buildSchema();
  const roots = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()].flatMap((type) =>
    Object.values((type as GraphQLObjectType).getFields()),
  );

  test("every root field is tried below, or is one of those that take no id", () => {
    const tried = new Set([...ACTS.map(({ name }) => name), ...IDLESS]);
    expect([...tried].toSorted()).toEqual(roots.map(({ name }) => name).toSorted());
  });

  test("every id of every root field is tried below", () => {
    const pathsOf = (type: GraphQLInputType, path: string): string[] => {
      const of = getNamedType(type);
      if (of === GraphQLID) return [path];
      if (!isInputObjectType(of)) return [];
      return Object.values(of.getFields()).flatMap((field) => pathsOf(field.type, `${path}.${field.name}`));
    };
    const pathsIn = (value: unknown, path: string): string[] => {
      if (typeof value === "string") return KINDS.some((kind) => value.includes(sample[kind])) ? [path] : [];
      if (typeof value !== "object" || value === null) return [];
      return Object.entries(value).flatMap(([key, held]: [string, unknown]) =>
        pathsIn(held, Array.isArray(value) ? path : `${path}.${key}`),
      );
    };
    const wanted = roots.flatMap((field) =>
      field.args.flatMap((arg) => pathsOf(arg.type, `${field.name}.${arg.name}`)),
    );
    const tried = ACTS.flatMap((act) => pathsIn(act.variables(sample, NO_SHOP), act.name));
    expect([...new Set(tried)].toSorted()).toEqual(wanted.toSorted());
  });
});

describe.each([
  ["by the gateway's own conditions and row-level security", {}],
  ["by row-level security alone", { withoutOwnFilters: true }],
  [
    "by row-level security alone, where the database's user may make no role",
    { withoutOwnFilters: true, ofPlainOwner: true },
  ],
] as const)("kept apart %s", (_, options) => {
  let api: TestApi;
  let shop: TestShop;
  let asker: Merchant;
  let own: Ids;
  let foreign: Ids;
  let socket: Socket;

  beforeAll(async () => {
    api = await startTestApi(options);
    shop = await startTestShop("WEBHOOK");
    const victim = await aMerchant(api, { items: 2, onHand: 5 });
    foreign = await idsOf(api, victim, shop);
    asker = await aMerchant(api, { items: 2, onHand: 5 });
    own = await idsOf(api, asker, shop);
    await quiet(api.database);
    socket = await openSocket(api.wsUrl, asker.token);
    const forced = "select relforcerowsecurity as forced from pg_class where oid = 'item'::regclass";
    expect(await rows(api, forced)).toEqual([{ forced: "ofPlainOwner" in options }]);
  });
  afterAll(async () => {
    await socket[Symbol.asyncDispose]();
    await api[Symbol.asyncDispose]();
    await shop.close();
  });

  const overHttp = async (act: Act, ids: Ids): Promise<string> =>
    JSON.stringify(await api.query(asker.token, act.text, act.variables(ids, shop)));
  /** A subscription may have nothing to say: then it has not while a later one of one's own has had its first message. */
  const overWebSocket = async (act: Act, ids: Ids): Promise<string> => {
    const variables = act.variables(ids, shop);
    const ownNews = () => socket.run(act.text, act.variables(own, shop));
    const { raw } =
      SUBSCRIPTIONS.includes(act) && ids !== own
        ? await socket.runDuring(act.text, variables, ownNews)
        : await socket.run(act.text, variables);
    // Without the number of the subscription, which counts on.
    return raw.replace(/"id":"\d+"/, "");
  };
  const WAYS = { HTTP: overHttp, WebSocket: overWebSocket };
  const waysOf = (act: Act): readonly (keyof typeof WAYS)[] =>
    SUBSCRIPTIONS.includes(act) ? ["WebSocket"] : ["HTTP", "WebSocket"];

  describe("another customer's id is answered as one that nobody has, and changes nothing", () => {
    test.each(named(ACTS))("%s", async (_name, act) => {
      const before = await fingerprint(api);
      const kinds = idsIn(act);
      expect(kinds.length).toBeGreaterThan(0);
      for (const way of waysOf(act))
        for (const kind of kinds) {
          // One's own ids, but for this kind's: one id at a time is under test. What is said, without the id that was asked with.
          const said = async (other: Ids) =>
            (await WAYS[way](act, { ...own, [kind]: other[kind] })).replaceAll(other[kind], "…");
          const answer = await said(foreign);
          expect(answer, `${way} ${kind}`).toBe(await said(unknown));
          for (const id of Object.values(foreign)) expect(answer).not.toContain(id);
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
      ).toEqual({ node: null, item: null });
  });

  test("with one customer's token another is never acted for, whatever the document asks beside", async () => {
    const asked = [own.customer, foreign.customer, own.customer, foreign.customer];
    const aliases = asked.map((id, at) => `a${String(at)}: customer(id: "${id}") { id name }`).join(" ");
    const answers = await Promise.all(Array.from({ length: 20 }, () => api.query(asker.token, `{ ${aliases} }`)));
    for (const { body } of answers)
      expect(Object.values(body.data ?? {}).map((found) => (found as { id: string } | null)?.id)).toEqual([
        own.customer,
        undefined,
        own.customer,
        undefined,
      ]);
  });

  // Last: these change what the others ask about.
  describe("with one's own id it works", () => {
    test.each(named([...QUERIES, ...SUBSCRIPTIONS]))("%s", async (_name, act) => {
      for (const way of waysOf(act)) expect(await WAYS[way](act, own), way).toMatch(/"\w+":\{.*"id":"[a-z_]+_\w{26}"/);
    });

    test.each(named(MUTATIONS))("%s", async (_name, act) => {
      const data = await api.ask<Record<string, object>>(act.text, act.variables(own, shop), asker.token);
      expect(data[act.name]).toMatchObject({ userErrors: [] });
    });
  });
});
