import { readFileSync } from "node:fs";
import { findBreakingChanges, findDangerousChanges, buildSchema as parseSchema } from "graphql";
import { describe, expect, test } from "vitest";
import { schemaGraphql } from "../../scripts/emit-schema.js";
import { buildSchema } from "./build-schema.js";

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
const contract = parseSchema(read("test/contract.graphql"));
const described = (changes: readonly { readonly description: string }[]): string[] =>
  changes.map((change) => change.description).sort();

/** What the contract has and we don't, so far. Whoever builds one of these takes its lines out; nothing may be added. */
const NOT_BUILT_YET = [
  // Verification: reading back what a store really has.
  "VERIFY_STORE was removed from enum type OperationKind.",
  "VerifyStoreInput was removed.",
  "Mutation.verifyStore was removed.",
  // Connectors.
  "BigCommerceCredentials was removed.",
  "VendureCredentials was removed.",
  "StoreCredentials.bigcommerce was removed.",
  "StoreCredentials.vendure was removed.",
  ...["BIGCOMMERCE", "VENDURE", "SALEOR", "MAGENTO", "SQUARESPACE", "AMAZON", "EBAY", "WALMART", "ETSY"].map(
    (platform) => `${platform} was removed from enum type Platform.`,
  ),
];

/** Additions that a client could stumble over, each looked at. */
const REVIEWED = [
  // The contract says in words that every input takes one.
  ...["CancelOperation", "CreateApiToken", "DeleteSearch", "ReleaseZeroGuard", "RevokeApiToken", "SaveSearch"].map(
    (mutation) => `An optional field idempotencyKey on input type ${mutation}Input was added.`,
  ),
];

describe("the API", () => {
  test("has everything of the contract but what is not built yet", () => {
    expect(described(findBreakingChanges(contract, buildSchema()))).toEqual([...NOT_BUILT_YET].sort());
  });

  test("adds to the contract nothing that could surprise a client, other than what was looked at", () => {
    expect(described(findDangerousChanges(contract, buildSchema()))).toEqual([...REVIEWED].sort());
  });

  test("is what schema.graphql says", () => {
    expect(read(schemaGraphql.file)).toBe(schemaGraphql.make());
  });
});
