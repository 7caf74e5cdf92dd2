/** Documents that ask for too much or make no sense get one verdict, whichever way they come, before anything is executed. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { codesOf, startTestApi, type TestApi } from "../support/api.js";
import { aMerchant, type Merchant } from "../support/api-merchant.js";
import { openSocket, type Socket } from "../support/socket.js";

let api: TestApi;
let merchant: Merchant;
let socket: Socket;
beforeAll(async () => {
  api = await startTestApi();
  merchant = await aMerchant(api, { items: 3 });
  socket = await openSocket(api.wsUrl, merchant.token);
});
afterAll(async () => {
  await socket[Symbol.asyncDispose]();
  await api[Symbol.asyncDispose]();
});

const times = (count: number, make: (index: number) => string, between = " "): string =>
  Array.from({ length: count }, (_, index) => make(index)).join(between);
const nested = (depth: number, open: string, leaf: string): string =>
  `${open.repeat(depth)}${leaf}${"}".repeat(depth * (open.split("{").length - 1))}`;
/** `item { customer { items { nodes { customer …` down to this many levels in all. */
const deep = (levels: number): string =>
  `{ customers { nodes { ${nested(levels - 3, "... on Customer { ", "id ")} } } }`;
const items = (args: string, selection: string): string => `items(customerId: $customerId, ${args}) { ${selection} }`;
const asking = (...parts: readonly string[]): string => `query ($customerId: ID!) { ${parts.join(" ")} }`;

type Verdict = "PARSE" | "INVALID" | "COST" | "INPUT" | "OPERATION" | "answered";
const CODES: Readonly<Record<Verdict, readonly string[]>> = {
  PARSE: ["GRAPHQL_PARSE_FAILED"],
  INVALID: ["GRAPHQL_VALIDATION_FAILED"],
  COST: ["COST_LIMIT_EXCEEDED"],
  INPUT: ["BAD_USER_INPUT"],
  OPERATION: ["OPERATION_RESOLUTION_FAILURE"],
  answered: [],
};

/** The last are variables beside `customerId`. */
const CORPUS: readonly (readonly [title: string, verdict: Verdict, text: string, variables?: object])[] = [
  // ───────────── sense ─────────────
  ["nothing of a document", "PARSE", " # only a comment"],
  ["half a document", "PARSE", "{ viewer { name }"],
  ["a NUL", "PARSE", "{ viewer { name \0 } }"],
  ["an empty selection", "PARSE", "{ viewer { } }"],
  ["an unknown field", "INVALID", "{ viewer { password } }"],
  ["an unknown root field", "INVALID", "{ users { id } }"],
  ["an unknown argument", "INVALID", "{ customers(where: 1) { nodes { id } } }"],
  ["an unknown directive", "INVALID", "{ viewer @admin { name } }"],
  ["an unknown fragment", "INVALID", "{ ...nobody }"],
  ["an unused fragment", "INVALID", "{ viewer { name } } fragment unused on Viewer { name }"],
  ["a variable that nobody declared", "INVALID", "{ customer(id: $id) { name } }"],
  ["an object without a selection", "INVALID", "{ viewer }"],
  ["fields that conflict", "INVALID", "{ a: viewer { name } a: customers { nodes { id } } }"],
  [
    "a subscription of two fields",
    "INVALID",
    'subscription { a: syncOutcomes(customerId: "x") { id } b: syncOutcomes(customerId: "x") { id } }',
  ],
  ["a variable that is missing", "INPUT", "query ($id: ID!) { customer(id: $id) { name } }"],
  [
    "a variable of another type",
    "INPUT",
    "query ($first: Int) { customers(first: $first) { nodes { id } } }",
    { first: "nodes" },
  ],
  [
    "a variable beyond 32 bits",
    "INPUT",
    "query ($first: Int) { customers(first: $first) { nodes { id } } }",
    { first: 2 ** 31 },
  ],
  [
    "a variable with a field too many",
    "INPUT",
    "query ($customerId: ID!, $filter: ItemFilter) { items(customerId: $customerId, filter: $filter) { totalCount } }",
    { filter: { sql: "1" } },
  ],
  [
    "a variable that is null where its default may not be",
    "INPUT",
    'query ($id: ID = "x") { customer(id: $id) { id } }',
    { id: null },
  ],
  ["two operations and no name", "OPERATION", "query A { viewer { name } } query B { viewer { name } }"],
  ["only fragments", "INVALID", "fragment F on Viewer { name }"],

  // ───────────── size ─────────────
  ["5,000 tokens", "PARSE", `{ viewer { ${times(5_000, () => "name")} } }`],
  ["2,000 aliases", "PARSE", `{ ${times(2_000, (at) => `a${String(at)}: viewer { name }`)} }`],
  [
    "a list of 5,000 literals",
    "PARSE",
    asking(items(`filter: { skus: [${times(5_000, () => '"x"')}] }`, "totalCount")),
  ],
  ["3,000 directives", "PARSE", `{ viewer { name ${"@include(if: true) ".repeat(3_000)} } }`],
  ["a string of 900,000 characters", "answered", `{ node(id: "${"x".repeat(900_000)}") { id } }`],
  ["100 unknown fields", "INVALID", `{ viewer { ${times(100, (at) => `x${String(at)}`)} } }`],

  // ───────────── depth ─────────────
  [
    "12 levels",
    "answered",
    "{ customers(first: 1) { nodes { items(first: 1) { nodes { listings(first: 1) { nodes { item { listings(first: 1) { nodes { store { customer { name } } } } } } } } } } } }",
  ],
  [
    "13 levels",
    "COST",
    "{ customers(first: 1) { nodes { items(first: 1) { nodes { listings(first: 1) { nodes { item { listings(first: 1) { nodes { store { customer { syncSetting { mode } } } } } } } } } } } } }",
  ],
  [
    "13 levels by fragments",
    "COST",
    "{ customers(first: 1) { nodes { ...c } } } fragment c on Customer { items(first: 1) { nodes { listings(first: 1) { nodes { ...l } } } } } fragment l on Listing { item { listings(first: 1) { nodes { store { customer { syncSetting { mode } } } } } } }",
  ],
  [
    "200 levels",
    "COST",
    asking(items("first: 1", `nodes { ${nested(200, "customer { items(first: 1) { nodes { ", "id ")} }`)),
  ],
  ["700 inline fragments within each other", "answered", deep(700)],

  // ───────────── cost ─────────────
  [
    "the dashboard's query",
    "answered",
    asking(
      items(
        "first: 100",
        "nodes { customer { name } effectiveSync { decidedBy { mode } skips { reason } } listings(first: 3) { nodes { store { name } effectiveSync { decision } lastOutcome { status } } } }",
      ),
    ),
  ],
  [
    "250 × 250 × 250",
    "COST",
    asking(
      items(
        "first: 250",
        "nodes { listings(first: 250) { nodes { store { listings(first: 250) { nodes { id } } } } } }",
      ),
    ),
  ],
  [
    "250 × 250 by defaults and `last`",
    "COST",
    asking(
      items(
        "last: 250",
        "nodes { listings { nodes { id item { id sku } } } outcomes { nodes { id item { id sku } } } }",
      ),
    ),
  ],
  [
    "250 × 250 by a variable",
    "COST",
    `query ($customerId: ID!, $n: Int) { ${items("first: $n", "nodes { listings(first: $n) { nodes { id } } }")} }`,
    { n: 250 },
  ],
  [
    "250 × 250 by a variable's default",
    "COST",
    `query ($customerId: ID!, $n: Int = 250) { ${items("first: $n", "nodes { listings(first: $n) { nodes { id } } }")} }`,
  ],
  ["a page of two billion", "COST", asking(items("first: 2147483647", "nodes { id }"))],
  ["a page of minus one", "INPUT", asking(items("first: -1", "nodes { id }"))],
  [
    "100 aliases of a large page",
    "COST",
    asking(...Array.from({ length: 100 }, (_, at) => `a${String(at)}: ${items("first: 250", "nodes { id }")}`)),
  ],
  [
    "a large page in a fragment used 100 times",
    "COST",
    `${asking(times(100, (at) => `a${String(at)}: customer(id: $customerId) { ...page }`))} fragment page on Customer { items(first: 250) { nodes { id } } }`,
  ],
  [
    "a large page behind node",
    "COST",
    "query ($customerId: ID!) { node(id: $customerId) { ... on Customer { items(first: 250) { nodes { listings(first: 250) { nodes { id } } } } } } }",
  ],
  [
    "a large page that is skipped",
    "answered",
    asking(
      "viewer { name }",
      items("first: 250", "nodes { listings(first: 250) { nodes { id } } }").replace("{", "@skip(if: true) {"),
    ),
  ],
  [
    "a mutation's large payload",
    "COST",
    "mutation ($customerId: ID!) { setCustomerSyncInventory(input: { customerId: $customerId, mode: ALWAYS }) { customer { items(first: 250) { nodes { listings(first: 250) { nodes { id } } } } } } }",
  ],
  [
    "a subscription's large event",
    "COST",
    "subscription ($customerId: ID!) { syncOutcomes(customerId: $customerId) { item { listings(first: 250) { nodes { item { outcomes(first: 250) { nodes { id } } } } } } } }",
  ],

  // ───────────── fragments ─────────────
  ["a fragment within itself", "INVALID", "{ ...f } fragment f on Query { viewer { name } ...f }"],
  [
    "two fragments within each other",
    "INVALID",
    "{ ...f } fragment f on Query { viewer { name } ...g } fragment g on Query { ...f }",
  ],
  [
    "a fragment within itself by a field",
    "INVALID",
    "{ customers { nodes { ...c } } } fragment c on Customer { items { nodes { customer { ...c } } } }",
  ],
  [
    "fragments that double 100 times",
    "COST",
    `{ ...f0 } ${times(100, (at) => `fragment f${String(at)} on Query { ...f${String(at + 1)} ...f${String(at + 1)} }`)} fragment f100 on Query { viewer { name } }`,
  ],
  [
    "fragments that double 12 times with a field each",
    "COST",
    `{ customers { nodes { ...f0 } } } ${times(12, (at) => `fragment f${String(at)} on Customer { a${String(at)}: items(first: 1) { nodes { customer { ...f${String(at + 1)} } } } b${String(at)}: items(first: 1) { nodes { customer { ...f${String(at + 1)} } } } }`)} fragment f12 on Customer { id }`,
  ],

  // ───────────── introspection ─────────────
  ["the names of all types", "answered", "{ __schema { types { name } } }"],
  [
    "types within types",
    "INVALID",
    "{ __schema { types { fields { type { fields { type { fields { type { name } } } } } } } } }",
  ],
  [
    "interfaces within types within interfaces",
    "INVALID",
    '{ __type(name: "Node") { possibleTypes { interfaces { possibleTypes { interfaces { possibleTypes { name } } } } } } }',
  ],
  [
    "the same by fragments",
    "INVALID",
    '{ __type(name: "Node") { ...t } } fragment t on __Type { possibleTypes { ...u } } fragment u on __Type { interfaces { possibleTypes { interfaces { name } } } }',
  ],
];

describe("one verdict over HTTP and WebSocket for", () => {
  test.each(CORPUS.map(([title, verdict, text, more]) => [title, verdict, text, more] as const))(
    "%s",
    async (_, verdict, text, more) => {
      const variables = { customerId: merchant.customerId, ...more };
      const answer = await api.query(merchant.token, text, variables);
      const codes = {
        HTTP: [...new Set(codesOf(answer))],
        WebSocket: [...new Set((await socket.run(text, variables)).codes)],
      };
      expect(codes).toEqual({ HTTP: CODES[verdict], WebSocket: CODES[verdict] });
      if (["PARSE", "INVALID", "COST", "OPERATION"].includes(verdict)) {
        expect(answer.status).toBe(400);
        expect(answer.body.data ?? null).toBeNull();
      }
    },
  );
});

test("a document that costs too much says what it costs, and which limits there are", async () => {
  const text = asking(items("first: 250", "nodes { listings(first: 250) { nodes { id } } }"));
  const { body } = await api.query(merchant.token, text, { customerId: merchant.customerId });
  expect(body.errors?.[0]?.message).toMatch(/cost is \d+.*20000.*12.*4000/);
});
