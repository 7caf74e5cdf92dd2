/** Every list of the schema refuses pages that make no sense, and cursors that it did not make, with BAD_USER_INPUT. */
import { type GraphQLField, type GraphQLObjectType, getNamedType, isObjectType } from "graphql";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildSchema } from "../../src/resolvers/build-schema.js";
import { type ApiAnswer, codesOf } from "../support/api.js";
import { type MistakeStage, setMistakeStage } from "../support/mistake.js";

let stage: MistakeStage;
/** Type → an id of it. */
let ids: Readonly<Record<string, string>>;
beforeAll(async () => {
  stage = await setMistakeStage();
  const { operations } = await stage.api.ask<{ operations: { nodes: { id: string }[] } }>(
    "query ($customerId: ID!) { operations(customerId: $customerId) { nodes { id } } }",
    { customerId: stage.customerId },
  );
  const { search } = await stage.api.change<{ search: { id: string } }>("saveSearch", "search { id }", {
    customerId: stage.customerId,
    name: "All",
    filter: {},
  });
  ids = {
    Customer: stage.customerId,
    Item: stage.itemIds[0] ?? "",
    Store: stage.storeId,
    SyncOperation: operations.nodes[0]?.id ?? "",
    Search: search.id,
    SyncSetting: stage.customerId.replace("customer_", "setting_customer_"),
  };
});
afterAll(() => stage[Symbol.asyncDispose]());

interface List {
  readonly type: GraphQLObjectType;
  readonly field: GraphQLField<unknown, unknown>;
}

const LISTS: readonly List[] = Object.values(buildSchema().getTypeMap())
  .filter(isObjectType)
  .flatMap((type) =>
    Object.values(type.getFields())
      .filter((field) => getNamedType(field.type).name.endsWith("Connection"))
      .map((field) => ({ type, field })),
  );
const takes = ({ field }: List, argument: string): boolean => field.args.some(({ name }) => name === argument);

/** Reads the list with these arguments, as they stand in a document. */
function read({ type, field }: List, given: string): Promise<ApiAnswer> {
  const owner = field.args.some(({ name }) => name === "customerId") ? `customerId: "${stage.customerId}"` : "";
  const list = `${field.name}(${owner} ${given}) { edges { cursor } pageInfo { endCursor } }`;
  const text =
    type.name === "SyncPreview"
      ? `mutation { syncInventory(input: { customerId: "${stage.customerId}", selection: { filter: {} }, dryRun: true }) { preview { ${list} } } }`
      : type.name === "Query"
        ? `{ ${list} }`
        : `{ node(id: "${ids[type.name] ?? ""}") { ... on ${type.name} { ${list} } } }`;
  return stage.api.query(stage.token, text);
}

const cursorOf = (values: unknown): string => Buffer.from(JSON.stringify(values)).toString("base64url");
const SOME_ID = "018f4b2e-0000-7000-8000-000000000000";

test("the schema has these lists", () => {
  expect(LISTS.map(({ type, field }) => `${type.name}.${field.name}`).toSorted()).toEqual([
    "Customer.items",
    "Customer.stores",
    "Item.listings",
    "Item.outcomes",
    "Query.apiTokens",
    "Query.customers",
    "Query.items",
    "Query.operations",
    "Query.outcomes",
    "Query.searches",
    "Search.items",
    "Store.listings",
    "SyncOperation.outcomes",
    "SyncPreview.wouldZero",
    "SyncSetting.history",
  ]);
});

describe.each(LISTS.map((list) => [`${list.type.name}.${list.field.name}`, list] as const))("%s", (_, list) => {
  test("takes 1 to 250", async () => {
    const sizes = ["first: 1", "first: 250", ...(takes(list, "last") ? ["last: 1", "last: 250"] : [])];
    for (const given of sizes) expect(codesOf(await read(list, given)), given).toEqual([]);
  });

  test("refuses every other size", async () => {
    for (const name of ["first", ...(takes(list, "last") ? ["last"] : [])])
      for (const size of [0, -1, 251, 2_147_483_647, -2_147_483_648]) {
        const given = `${name}: ${String(size)}`;
        const answer = await read(list, given);
        // A page that large may cost too much before anybody looks at it.
        expect(["BAD_USER_INPUT", "COST_LIMIT_EXCEEDED"], given).toContain(codesOf(answer)[0]);
        if (size < 1_000) expect(answer.body.errors?.[0]?.message).toContain(name);
      }
  });

  test("refuses cursors that nobody made", async () => {
    const garbage = [
      "",
      "garbage",
      "[]",
      "-1",
      "1.5",
      "9".repeat(30),
      "١",
      cursorOf([]),
      cursorOf({ a: 1 }),
      cursorOf([null, null]),
    ];
    for (const name of ["after", ...(takes(list, "before") ? ["before"] : [])])
      for (const cursor of garbage) {
        const answer = await read(list, `${name}: ${JSON.stringify(cursor)}`);
        expect(codesOf(answer), cursor).toEqual(["BAD_USER_INPUT"]);
        expect(answer.body.errors?.[0]?.message).toContain(name);
      }
  });
});

test.each(LISTS.filter((list) => takes(list, "last")))(
  "$type.$field.name refuses to begin at both ends",
  async (list) => {
    expect(codesOf(await read(list, "first: 1, last: 1"))).toEqual(["BAD_USER_INPUT"]);
  },
);

describe("a cursor of the right form", () => {
  const ITEMS = `query ($customerId: ID!, $field: ItemOrderField!, $after: String) {
    items(customerId: $customerId, orderBy: { field: $field }, after: $after) { nodes { id } }
  }`;
  const after = (field: string, values: readonly unknown[]) =>
    stage.api.query(stage.token, ITEMS, { customerId: stage.customerId, field, after: cursorOf(values) });

  test.each([
    ["AVAILABLE", "2147483648"],
    ["AVAILABLE", "-9999999999"],
    ["AVAILABLE", "1.5"],
    ["AVAILABLE", 5],
    ["UPDATED_AT", "2026-13-01 00:00:00+00"],
    ["UPDATED_AT", "2026-02-30 00:00:00+00"],
    ["UPDATED_AT", "2026-01-01 24:00:00+00"],
    ["UPDATED_AT", "2026-01-01 00:00:00+99"],
    ["UPDATED_AT", "0000-01-01 00:00:00+00"],
    ["UPDATED_AT", "999999-01-01 00:00:00+00"],
    ["UPDATED_AT", "infinity"],
    ["TITLE", "a\0b"],
  ])("by %s with the value %s that cannot be one is refused", async (field, value) => {
    expect(codesOf(await after(field, [value, SOME_ID]))).toEqual(["BAD_USER_INPUT"]);
  });

  test.each([
    ["AVAILABLE", "-2147483647"],
    ["UPDATED_AT", "2024-02-29 23:59:59.999999+00"],
    ["UPDATED_AT", "9999-12-31 23:59:59-11:30"],
    ["SKU", "'; drop table item; --"],
    ["TITLE", "half \ud83d"],
  ])("by %s with the value %s goes on from where that would stand", async (field, value) => {
    expect(codesOf(await after(field, [value, SOME_ID]))).toEqual([]);
  });

  test("of another list, another order or another id is refused", async () => {
    expect(codesOf(await after("SKU", ["SKU-0000"]))).toEqual(["BAD_USER_INPUT"]);
    expect(codesOf(await after("SKU", ["SKU-0000", "garbage"]))).toEqual(["BAD_USER_INPUT"]);
    expect(codesOf(await after("UPDATED_AT", ["SKU-0000", SOME_ID]))).toEqual(["BAD_USER_INPUT"]);
  });
});
