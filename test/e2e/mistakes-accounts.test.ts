/** What a sender gets wrong about settings, accounts and stores: typed userErrors that name the field, and nothing was changed. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { codesOf, startTestApi } from "../support/api.js";
import { aMerchant, connectShop } from "../support/api-merchant.js";
import { fingerprint } from "../support/api-state.js";
import { quiet } from "../support/engine.js";
import { type Case, type MistakeStage, many, nobody, setMistakeStage } from "../support/mistake.js";

let stage: MistakeStage;
beforeAll(async () => {
  stage = await setMistakeStage();
});
afterAll(() => stage[Symbol.asyncDispose]());

describe("settings", () => {
  const past = "2020-01-01T00:00:00Z";
  test.each<Case>([
    [
      "an expiry in the past",
      "setItemSyncInventory",
      () => ({ itemId: stage.itemIds[0], mode: "NEVER", expiresAt: past }),
      [["EXPIRY_IN_PAST", "expiresAt"]],
    ],
    [
      "an expiry in the past",
      "setListingSyncInventory",
      () => ({ listingId: stage.listingIds[0], mode: "NEVER", expiresAt: past }),
      [["EXPIRY_IN_PAST", "expiresAt"]],
    ],
    [
      "an expiry in the past",
      "setSyncInventoryBulk",
      () => ({ customerId: stage.customerId, selection: { filter: {} }, mode: "NEVER", expiresAt: past }),
      [["EXPIRY_IN_PAST", "expiresAt"]],
    ],
    [
      "no such item",
      "setItemSyncInventory",
      () => ({ itemId: nobody("item"), mode: "NEVER" }),
      [["NOT_FOUND", "itemId"]],
    ],
    [
      "no such listing",
      "setListingSyncInventory",
      () => ({ listingId: stage.itemIds[0], mode: "NEVER" }),
      [["NOT_FOUND", "listingId"]],
    ],
    [
      "no such store",
      "setStoreSyncEnabled",
      () => ({ storeId: nobody("store"), enabled: true }),
      [["NOT_FOUND", "storeId"]],
    ],
    ["no such store", "releaseZeroGuard", () => ({ storeId: "" }), [["NOT_FOUND", "storeId"]]],
    [
      "no such customer",
      "setCustomerSyncInventory",
      () => ({ customerId: nobody("customer"), mode: "NEVER" }),
      [["NOT_FOUND", "customerId"]],
    ],
    [
      "no such customer",
      "setProcessOrdersManagement",
      () => ({ customerId: "x", management: "MANUAL" }),
      [["NOT_FOUND", "customerId"]],
    ],
    [
      "too long a note",
      "setItemSyncInventory",
      () => ({ itemId: stage.itemIds[0], mode: "NEVER", note: "x".repeat(1_001) }),
      [["INVALID_INPUT", "note"]],
    ],
  ])("%s (%s)", (_, name, input, errors) => stage.expectMistake(name, input(), errors));

  test("a customer has no level above: CUSTOMER_DEFAULT is no value of its setting", async () => {
    const before = await fingerprint(stage.api);
    const answer = await stage.api.query(
      stage.token,
      "mutation ($input: SetCustomerSyncInventoryInput!) { setCustomerSyncInventory(input: $input) { userErrors { code } } }",
      { input: { customerId: stage.customerId, mode: "CUSTOMER_DEFAULT" } },
    );
    expect(codesOf(answer)).toEqual(["BAD_USER_INPUT"]);
    expect(await fingerprint(stage.api)).toEqual(before);
  });
});

describe("accounts", () => {
  test.each<Case>([
    [
      "a warehouse code that is taken",
      "createWarehouse",
      () => ({ customerId: stage.customerId, code: "EAST", name: "x" }),
      [["ALREADY_EXISTS", "code"]],
    ],
    [
      "an item twice",
      "upsertItems",
      () => ({
        customerId: stage.customerId,
        items: [
          { sku: "N", title: "x" },
          { sku: "N", title: "y" },
        ],
      }),
      [["DUPLICATE_LINE", "items.1.sku"]],
    ],
    ["no items", "upsertItems", () => ({ customerId: stage.customerId, items: [] }), [["INVALID_INPUT", "items"]]],
    [
      "1,001 items",
      "upsertItems",
      () => ({ customerId: stage.customerId, items: many(1_001, (at) => ({ sku: String(at), title: "x" })) }),
      [["TOO_MANY_LINES", "items"]],
    ],
    [
      "101 tags",
      "upsertItems",
      () => ({ customerId: stage.customerId, items: [{ sku: "N", title: "x", tags: many(101, String) }] }),
      [["TOO_MANY_LINES", "items.0.tags"]],
    ],
    ["a customer by a customer", "createCustomer", () => ({ name: "x" }), [["INVALID_INPUT", null]]],
    [
      "a token for every customer by a customer",
      "createApiToken",
      () => ({ name: "x", scopes: ["READ"] }),
      [["INVALID_INPUT", "customerId"]],
    ],
    [
      "a token without scopes",
      "createApiToken",
      () => ({ customerId: stage.customerId, name: "x", scopes: [] }),
      [["INVALID_INPUT", "scopes"]],
    ],
    [
      "a token with a scope twice",
      "createApiToken",
      () => ({ customerId: stage.customerId, name: "x", scopes: ["READ", "READ"] }),
      [["INVALID_INPUT", "scopes"]],
    ],
    [
      "a token that has expired",
      "createApiToken",
      () => ({ customerId: stage.customerId, name: "x", scopes: ["READ"], expiresAt: "2020-01-01T00:00:00Z" }),
      [["EXPIRY_IN_PAST", "expiresAt"]],
    ],
    ["a token that is none", "revokeApiToken", () => ({ tokenId: nobody("token") }), [["NOT_FOUND", "tokenId"]]],
  ])("%s (%s)", (_, name, input, errors) => stage.expectMistake(name, input(), errors));

  test("an externalRef that is taken", async () => {
    const input = { name: "x", externalRef: "taken" };
    await stage.api.change("createCustomer", "customer { id }", input);
    const before = await fingerprint(stage.api);
    const { userErrors } = await stage.api.mutate<object>("createCustomer", "", input);
    expect(userErrors).toMatchObject([{ code: "ALREADY_EXISTS", field: ["externalRef"] }]);
    expect(await fingerprint(stage.api)).toEqual(before);
  });

  test("a token with scopes that its maker lacks", async () => {
    const { customerId } = stage;
    const admin = await stage.api.token({ customerId, scopes: ["ADMIN", "READ"] });
    const input = { customerId, name: "x", scopes: ["READ", "SYNC"] };
    await stage.expectMistake("createApiToken", input, [["INVALID_INPUT", "scopes"]], admin);
  });
});

describe("stores", () => {
  const store = (more: object) => ({
    customerId: stage.customerId,
    name: "Another",
    platform: "WOOCOMMERCE",
    url: stage.shop.url,
    credentials: { woocommerce: stage.shop.credentials },
    ...more,
  });
  const wrong = { consumerKey: "ck_wrong", consumerSecret: "cs_wrong" };
  test.each<Case>([
    [
      "credentials of another platform",
      "connectStore",
      () => store({ credentials: { webhook: { secret: "whsec_x" } } }),
      [["CREDENTIALS_MISMATCH", "credentials"]],
    ],
    [
      "credentials that the store refuses",
      "connectStore",
      () => store({ credentials: { woocommerce: wrong } }),
      [["CREDENTIALS_REJECTED", "credentials"]],
    ],
    [
      "a secret of the wrong form",
      "connectStore",
      () => store({ platform: "WEBHOOK", credentials: { webhook: { secret: "x" } } }),
      [["CREDENTIALS_REJECTED", "credentials"]],
    ],
    ["nobody at the URL", "connectStore", () => store({ url: "http://127.0.0.1:9" }), [["STORE_UNREACHABLE", "url"]]],
    ["no URL", "connectStore", () => store({ url: "shop" }), [["STORE_URL_FORBIDDEN", "url"]]],
    [
      "a URL of another scheme",
      "connectStore",
      () => store({ url: "ftp://127.0.0.1/" }),
      [["STORE_URL_FORBIDDEN", "url"]],
    ],
    [
      "a URL with a password",
      "connectStore",
      () => store({ url: "http://me:secret@127.0.0.1/" }),
      [["STORE_URL_FORBIDDEN", "url"]],
    ],
    [
      "an unknown warehouse",
      "connectStore",
      () => store({ warehouses: ["EAST", "NORTH"] }),
      [["UNKNOWN_WAREHOUSE", "warehouses.1"]],
    ],
    [
      "no credentials at all",
      "connectStore",
      () => store({ credentials: { woocommerce: { consumerKey: "", consumerSecret: "x" } } }),
      [["INVALID_INPUT", "credentials.woocommerce.consumerKey"]],
    ],
    [
      "an unknown warehouse",
      "updateStore",
      () => ({ storeId: stage.storeId, warehouses: ["NORTH"] }),
      [["UNKNOWN_WAREHOUSE", "warehouses.0"]],
    ],
    [
      "credentials of another platform",
      "updateStore",
      () => ({ storeId: stage.storeId, credentials: { shopify: { accessToken: "x" } } }),
      [["CREDENTIALS_MISMATCH", "credentials"]],
    ],
    [
      "credentials that the store refuses",
      "updateStore",
      () => ({ storeId: stage.storeId, credentials: { woocommerce: wrong } }),
      [["CREDENTIALS_REJECTED", "credentials"]],
    ],
    ["no such store", "updateStore", () => ({ storeId: nobody("store"), name: "x" }), [["NOT_FOUND", "storeId"]]],
    ["no such store", "disconnectStore", () => ({ storeId: nobody("store") }), [["NOT_FOUND", "storeId"]]],
    ["no such store", "importListings", () => ({ storeId: nobody("store") }), [["NOT_FOUND", "storeId"]]],
    [
      "unknown SKUs",
      "importListings",
      () => ({ storeId: stage.storeId, skus: ["SKU-0000", "?"] }),
      [["UNKNOWN_SKU", "skus.1"]],
    ],
  ])("%s (%s)", (_, name, input, errors) => stage.expectMistake(name, input(), errors));

  test("no SKUs (importListings)", () =>
    stage.expectMistake("importListings", { storeId: stage.storeId, skus: [] }, [["EMPTY_SELECTION", "skus"]]));

  test("a disconnected store imports nothing, and is not connected again by another location alone", async () => {
    const left = await connectShop(stage.api, stage, stage.shop, { name: "Left" });
    await stage.api.change("disconnectStore", "store { id }", { storeId: left.storeId });
    await quiet(stage.api.database);
    await stage.expectMistake("importListings", { storeId: left.storeId }, [["STORE_DISCONNECTED", "storeId"]]);
    await stage.expectMistake("updateStore", { storeId: left.storeId, locationId: "1" }, [
      ["CREDENTIALS_REJECTED", "credentials"],
    ]);
  });

  test("a private address is forbidden where private stores are", async () => {
    await using guarded = await startTestApi({ allowPrivateStores: false });
    const { customerId, token } = await aMerchant(guarded);
    for (const url of [
      stage.shop.url,
      "https://127.0.0.1/",
      "https://[::1]/",
      "https://10.0.0.1/",
      "https://169.254.169.254/",
      "https://localhost/",
      "https://0x7f.1/",
      "https://shop.internal/",
    ]) {
      const { userErrors } = await guarded.mutate<object>("connectStore", "", store({ customerId, url }), token);
      expect(userErrors, url).toMatchObject([{ code: "STORE_URL_FORBIDDEN", field: ["url"] }]);
    }
    expect(await guarded.database.dataSource.query("select 1 from store")).toEqual([]);
  });
});
