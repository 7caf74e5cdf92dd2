/** What a sender gets wrong about selections, pages and texts: typed errors that name the field, and nothing was changed. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { codesOf } from "../support/api.js";
import { aMerchant } from "../support/api-merchant.js";
import { fingerprint } from "../support/api-state.js";
import { textsOf, textsOfSchema } from "../support/input-texts.js";
import { type ExpectedErrors, type MistakeStage, many, nobody, setMistakeStage } from "../support/mistake.js";

let stage: MistakeStage;
beforeAll(async () => {
  stage = await setMistakeStage();
});
afterAll(() => stage[Symbol.asyncDispose]());

describe("selections", () => {
  const selections: readonly (readonly [string, () => object, ExpectedErrors])[] = [
    ["no id", () => ({ ids: [] }), [["EMPTY_SELECTION", "selection.ids"]]],
    ["no SKU", () => ({ skus: [] }), [["EMPTY_SELECTION", "selection.skus"]]],
    ["a filter that matches nothing", () => ({ filter: { query: "nowhere" } }), [["EMPTY_SELECTION", "selection"]]],
    [
      "unknown SKUs",
      () => ({ skus: ["SKU-0000", "a", "b"] }),
      [
        ["UNKNOWN_SKU", "selection.skus.1"],
        ["UNKNOWN_SKU", "selection.skus.2"],
      ],
    ],
    [
      "ids of nothing, another kind and no form",
      () => ({ ids: [nobody("item"), stage.customerId, "garbage", stage.itemIds[0]] }),
      [
        ["NOT_FOUND", "selection.ids.0"],
        ["NOT_FOUND", "selection.ids.1"],
        ["NOT_FOUND", "selection.ids.2"],
      ],
    ],
    ["too long a query", () => ({ filter: { query: "x".repeat(501) } }), [["INVALID_INPUT", "selection.filter.query"]]],
    ["too many tags", () => ({ filter: { tags: many(251, String) } }), [["TOO_MANY_LINES", "selection.filter.tags"]]],
    [
      "too many SKUs in a filter",
      () => ({ filter: { skus: many(10_001, String) } }),
      [["TOO_MANY_LINES", "selection.filter.skus"]],
    ],
    ["100,001 ids", () => ({ ids: many(100_001, () => "x") }), [["TOO_MANY_LINES", "selection.ids"]]],
  ];
  describe.each([
    ["syncInventory", {}],
    ["setSyncInventoryBulk", { mode: "NEVER" }],
    ["setProcessOrders", { processOrders: true }],
  ])("%s", (name, more) => {
    test.each(selections)("%s", (_, selection, errors) =>
      stage.expectMistake(name, { customerId: stage.customerId, selection: selection(), ...more }, errors),
    );
  });

  test.each([
    ["nothing", {}],
    ["two things", { ids: [], skus: [] }],
    ["null", { ids: null }],
  ])("one that says %s is a malformed request", async (_, selection) => {
    const answer = await stage.api.query(
      stage.token,
      "mutation ($input: SyncInventoryInput!) { syncInventory(input: $input) { userErrors { code } } }",
      { input: { customerId: stage.customerId, selection } },
    );
    expect(codesOf(answer)).toEqual(["BAD_USER_INPUT"]);
  });

  test.each<[string, () => readonly string[], ExpectedErrors]>([
    ["no store", () => [], [["INVALID_INPUT", "storeIds"]]],
    ["an unknown store", () => [stage.storeId, nobody("store")], [["NOT_FOUND", "storeIds"]]],
    ["251 stores", () => many(251, () => stage.storeId), [["TOO_MANY_LINES", "storeIds"]]],
  ])("syncInventory to %s", (_, storeIds, errors) =>
    stage.expectMistake(
      "syncInventory",
      { customerId: stage.customerId, selection: { skus: ["SKU-0000"] }, storeIds: storeIds() },
      errors,
    ),
  );

  test("a store of another customer is refused to an operator too", async () => {
    const other = await aMerchant(stage.api);
    const input = { customerId: other.customerId, selection: { skus: ["SKU-0000"] }, storeIds: [stage.storeId] };
    const before = await fingerprint(stage.api);
    const { userErrors } = await stage.api.mutate<object>("syncInventory", "", input);
    expect(userErrors).toMatchObject([{ code: "NOT_FOUND", field: ["storeIds"] }]);
    expect(await fingerprint(stage.api)).toEqual(before);
  });
});

describe("texts", () => {
  const TEXTS: readonly (readonly [mutation: string, input: () => object])[] = [
    ...["syncInventory", "setSyncInventoryBulk", "setProcessOrders"].flatMap((name) => {
      const more = { syncInventory: {}, setSyncInventoryBulk: { mode: "NEVER", note: "x" } }[name] ?? {
        processOrders: true,
      };
      const filter = { query: "x", skus: ["x"], skuPrefix: "x", tags: ["x"] };
      return [{ filter }, { skus: ["x"] }].map(
        (selection) =>
          [name, () => ({ customerId: stage.customerId, selection, idempotencyKey: "x", ...more })] as const,
      );
    }),
    ...(["receiveInventory", "commitInventory", "shipInventory"] as const).map(
      (name) => [name, () => stock({ sku: "x", quantity: 1, warehouse: "x" })] as const,
    ),
    ["setInventory", () => stock({ sku: "x", onHand: 1, warehouse: "x" })],
    ["adjustInventory", () => ({ ...stock({ sku: "x", onHandDelta: 1, warehouse: "x" }), reason: "x" })],
    [
      "setCustomerSyncInventory",
      () => ({ customerId: stage.customerId, mode: "ALWAYS", note: "x", idempotencyKey: "x" }),
    ],
    ["setProcessOrdersManagement", () => ({ customerId: stage.customerId, management: "MANUAL", idempotencyKey: "x" })],
    ["setItemSyncInventory", () => ({ itemId: stage.itemIds[0], mode: "ALWAYS", note: "x", idempotencyKey: "x" })],
    [
      "setListingSyncInventory",
      () => ({ listingId: stage.listingIds[0], mode: "ALWAYS", note: "x", idempotencyKey: "x" }),
    ],
    ["setStoreSyncEnabled", () => ({ storeId: stage.storeId, enabled: true, idempotencyKey: "x" })],
    ["retryFailed", () => ({ customerId: stage.customerId, storeId: stage.storeId, idempotencyKey: "x" })],
    ["releaseZeroGuard", () => ({ storeId: stage.storeId, idempotencyKey: "x" })],
    [
      "createShipNotice",
      () => ({
        customerId: stage.customerId,
        reference: "x",
        warehouse: "x",
        lines: [{ sku: "x", quantity: 1 }],
        idempotencyKey: "x",
      }),
    ],
    ["publishShipNotice", () => ({ shipNoticeId: stage.shipNoticeId, skus: ["x"], idempotencyKey: "x" })],
    [
      "receiveShipNotice",
      () => ({ shipNoticeId: stage.shipNoticeId, lines: [{ sku: "x", good: 1 }], idempotencyKey: "x" }),
    ],
    ["createCustomer", () => ({ name: "x", externalRef: "x", idempotencyKey: "x" })],
    ["createWarehouse", () => ({ customerId: stage.customerId, code: "x", name: "x", idempotencyKey: "x" })],
    [
      "upsertItems",
      () => ({
        customerId: stage.customerId,
        items: [{ sku: "x", title: "x", barcode: "x", tags: ["x"] }],
        idempotencyKey: "x",
      }),
    ],
    ...Object.entries({
      SHOPIFY: { accessToken: "x" },
      WOOCOMMERCE: { consumerKey: "x", consumerSecret: "x" },
      MEDUSA: { secretApiKey: "x" },
      WEBHOOK: { secret: "x" },
    }).flatMap(([platform, fields]) => {
      const credentials = { [platform.toLowerCase()]: fields };
      const shared = { name: "x", credentials, locationId: "x", warehouses: ["x"], idempotencyKey: "x" };
      return [
        ["connectStore", () => ({ customerId: stage.customerId, platform, url: "x", ...shared })] as const,
        ["updateStore", () => ({ storeId: stage.storeId, ...shared })] as const,
      ];
    }),
    ["disconnectStore", () => ({ storeId: stage.storeId, idempotencyKey: "x" })],
    ["importListings", () => ({ storeId: stage.storeId, skus: ["x"], idempotencyKey: "x" })],
    ["createApiToken", () => ({ customerId: stage.customerId, name: "x", scopes: ["READ"], idempotencyKey: "x" })],
    ["revokeApiToken", () => ({ tokenId: nobody("token"), idempotencyKey: "x" })],
  ];
  const stock = (line: object) => ({
    customerId: stage.customerId,
    lines: [line],
    reference: "x",
    idempotencyKey: "x",
  });
  const MAY_BE_BLANK = /\.(query|skuPrefix)$/;

  test("the table above has every text of every input", () => {
    const listed = new Set(
      TEXTS.flatMap(([name, input]) => textsOf(input()).map(({ path }) => `${name} ${path.join(".")}`)),
    );
    expect([...listed].toSorted()).toEqual(textsOfSchema().toSorted());
  });

  test.each([
    ["a NUL", "a\0b", () => true],
    ["half of a surrogate pair", "a\ud83d", () => true],
    ["only white space", " \t", (path: string) => !MAY_BE_BLANK.test(path)],
    ["3,000 characters", "x".repeat(3_000), () => true],
  ])("%s is refused wherever a text is taken, naming it", async (_, bad, isRefused) => {
    for (const [name, input] of TEXTS)
      for (const { path, replace } of textsOf(input())) {
        const field = path.join(".");
        if (!isRefused(field)) continue;
        const { userErrors } = await stage.api.mutate<object>(name, "", replace(bad));
        expect({ name, errors: userErrors.map((error) => [error.code, error.field?.join(".")]) }).toEqual({
          name,
          errors: [["INVALID_INPUT", field]],
        });
      }
  });

  test("4-byte characters are taken wherever a text is", async () => {
    for (const [name, input] of TEXTS)
      for (const { path, replace } of textsOf(input())) {
        const { userErrors } = await stage.api.mutate<object>(name, "", replace("🎩👩‍👩‍👧"));
        const refused = userErrors.filter(
          (error) => error.field?.join(".") === path.join(".") && error.code === "INVALID_INPUT",
        );
        expect({ name, path, refused }).toEqual({ name, path, refused: [] });
      }
  });
});
