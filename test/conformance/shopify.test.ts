import { parse, validate } from "graphql";
import { describe, expect, test } from "vitest";
import { shopifySchema, startShopifyShop } from "../../sandbox/shopify.js";
import { createHttp } from "../../src/platforms/http.js";
import { shopifyDriver } from "../../src/platforms/shopify/connector.js";
import * as documents from "../../src/platforms/shopify/documents.js";
import { newUuid } from "../../src/terms.js";
import { describePlatform } from "./platform.js";
import { calm, fault, kinds, Stage } from "./shopify-stage.js";

describePlatform("Shopify", async () => {
  const shop = await startShopifyShop({ restoreRate: Infinity });
  const http = createHttp({ allowPrivateStores: true });
  return {
    shop,
    driver: shopifyDriver(http),
    connection: {
      storeId: newUuid(),
      url: shop.url,
      locationId: shop.locationId,
      credentials: { accessToken: shop.accessToken },
    },
    wrongCredentials: { accessToken: "shpat_of_nobody" },
    add: (sku, quantity) => {
      shop.add({ sku, quantity });
    },
    quantityOf: shop.quantityOf,
    sell: shop.sell,
    remove: shop.remove,
    can: {
      compareAndSet: true,
      catalogue: true,
      readBack: true,
      credentialsChecked: true,
      perLineErrors: true,
      answersInBody: true,
    },
    [Symbol.asyncDispose]: async () => {
      await shop.close();
      await http.close();
    },
  };
});

describe("the Shopify documents", () => {
  const texts = Object.entries(documents).filter(([, text]) => text.includes("{"));

  test("are all found", () => {
    expect(texts.map(([name]) => name).sort()).toEqual(["FIND_BY_SKU", "LOCATIONS", "READ_LEVELS", "SET_QUANTITIES"]);
  });

  test.each(texts)("%s validates against Shopify's schema", (_, text) => {
    expect(validate(shopifySchema(), parse(text))).toEqual([]);
  });

  test("a document with a field that Shopify does not have would not", () => {
    const wrong = documents.SET_QUANTITIES.replace("userErrors", "userMistakes");
    expect(validate(shopifySchema(), parse(wrong))).toHaveLength(1);
  });

  test("cost less than a document may, at the sizes that the connector asks for", async () => {
    await using stage = await Stage.set(
      Array.from({ length: 250 }, () => 1),
      { restoreRate: 1_000 },
    );
    const skus = [...stage.ids.keys()];
    const listings = [...stage.ids.values()].map((externalId) => ({ externalId, externalRef: {} }));
    expect((await stage.connector.check(calm())).ok).toBe(true);
    expect((await stage.connector.findBySku(skus, calm())).ok).toBe(true);
    expect((await stage.connector.readBack(listings, calm())).ok).toBe(true);
    expect(kinds(await stage.send(stage.changes(skus.map(() => 2))))).not.toContain("rejected");
  });
});

describe("a Shopify shop's refusal", () => {
  test.each([
    ["ACCESS_DENIED", { kind: "rejected", code: "CREDENTIALS_INVALID" }],
    ["INTERNAL_SERVER_ERROR", { kind: "unavailable", code: "PLATFORM_UNAVAILABLE", scope: "store" }],
    ["SHOP_INACTIVE", { kind: "unavailable", code: "PLATFORM_UNAVAILABLE", scope: "store" }],
    ["SOMETHING_NEW", { kind: "rejected", code: "VALIDATION_REJECTED" }],
  ])("with the code %s means the same for a write and a look-up", async (code, failure) => {
    await using stage = await Stage.set([3]);
    stage.shop.fail({ kind: "status", status: 200, body: fault(code) }, { times: 2 });
    expect((await stage.send(stage.changes([8]))).lines).toMatchObject([failure]);
    expect(await stage.connector.findBySku(["SKU-0"], calm())).toMatchObject({ ok: false, failure });
    expect(stage.quantities()).toEqual([3]);
  });

  test.each([402, 404, 423])("with HTTP %i: the shop is off, which may change", async (status) => {
    await using stage = await Stage.set([3]);
    stage.shop.fail({ kind: "status", status, body: '{"errors":"Unavailable Shop"}' }, { times: 2 });
    const failure = { kind: "unavailable", code: "PLATFORM_UNAVAILABLE", scope: "store" };
    expect((await stage.send(stage.changes([8]))).lines).toMatchObject([failure]);
    expect(await stage.connector.check(calm())).toMatchObject({ ok: false, failure });
  });

  test("of a whole document, for something in one line, is that line's alone", async () => {
    await using stage = await Stage.set([1, 2, 3]);
    const bad = stage.ids.get("SKU-1") ?? "";
    const when = ({ body }: { readonly body: string }): boolean => body.includes(bad);
    stage.shop.fail({ kind: "status", status: 200, body: fault("INVALID_VARIABLE") }, { when, times: 9 });
    expect(kinds(await stage.send(stage.changes([7, 8, 9])))).toEqual(["accepted", "rejected", "accepted"]);
    expect(stage.quantities()).toEqual([7, 2, 9]);
  });

  test("of every document refuses all lines, soon", async () => {
    await using stage = await Stage.set(Array.from({ length: 250 }, () => 1));
    stage.shop.fail({ kind: "status", status: 200, body: fault("SOMETHING_NEW") }, { times: 1_000 });
    const { lines } = await stage.send(stage.changes(Array.from({ length: 250 }, () => 2)));
    for (const line of lines) expect(line).toMatchObject({ kind: "rejected", code: "VALIDATION_REJECTED" });
    expect(stage.shop.calls.length).toBeLessThan(20);
  });

  test("for a token that cannot stand in a header is told without asking", async () => {
    await using stage = await Stage.set([]);
    const http = createHttp({ allowPrivateStores: true });
    for (const accessToken of ["", "schlüssel", "a\nb"]) {
      const stranger = shopifyDriver(http).open({
        storeId: newUuid(),
        url: stage.shop.url,
        locationId: null,
        credentials: { accessToken },
      });
      expect(await stranger.check(calm())).toMatchObject({
        ok: false,
        failure: { kind: "rejected", code: "CREDENTIALS_INVALID" },
      });
    }
    expect(stage.shop.calls).toHaveLength(0);
    await http.close();
  });
});

describe("a Shopify look-up", () => {
  test("tells what may be sold, what is counted and what is there", async () => {
    await using stage = await Stage.set([]);
    stage.add("SOLD", 4);
    stage.add("BY-LINK", 3, { status: "UNLISTED" });
    stage.add("DRAFT", 2, { status: "DRAFT" });
    stage.add("ENDLESS", 1, { tracked: false });
    stage.add("NOWHERE", 0, { locationId: null });
    const found = await stage.connector.findBySku([...stage.ids.keys(), ""], calm());
    const listing = (sku: string, active: boolean, stockManaged: boolean, quantity: number | null): object => ({
      externalId: stage.ids.get(sku),
      externalRef: {},
      sku,
      active,
      stockManaged,
      quantity,
    });
    expect(found).toEqual({
      ok: true,
      value: [
        listing("SOLD", true, true, 4),
        listing("BY-LINK", true, true, 3),
        listing("DRAFT", false, true, 2),
        listing("ENDLESS", true, false, 1),
        listing("NOWHERE", true, true, null),
      ],
    });
  });

  test("of locations names those that are active", async () => {
    const locations = [{ name: "Hall" }, { name: "Old hall", active: false }, { name: "Yard" }];
    await using stage = await Stage.set([], { locations, locationId: null });
    expect(await stage.connector.check(calm())).toEqual({
      ok: true,
      value: [
        { id: "gid://shopify/Location/1", name: "Hall" },
        { id: "gid://shopify/Location/3", name: "Yard" },
      ],
    });
  });

  test("counts only what is at the store's location", async () => {
    const locations = [{ name: "Hall" }, { name: "Yard" }];
    await using stage = await Stage.set([7], { locations, locationId: "gid://shopify/Location/2" });
    stage.add("YARD", 5, { locationId: "gid://shopify/Location/2" });
    const listings = [...stage.ids.values(), "12"].map((externalId) => ({ externalId, externalRef: {} }));
    expect(await stage.connector.readBack(listings, calm())).toEqual({ ok: true, value: [null, 5, null] });
  });

  test("whose answer is for other ids than were asked is no answer", async () => {
    await using stage = await Stage.set([7, 8]);
    const listings = [...stage.ids.values()].map((externalId) => ({ externalId, externalRef: {} }));
    const node = { id: listings[0]?.externalId, inventoryLevel: null };
    for (const nodes of [[node], [node, node]]) {
      stage.shop.fail({ kind: "lie", body: JSON.stringify({ data: { nodes } }) });
      expect(await stage.connector.readBack(listings, calm())).toMatchObject({
        ok: false,
        failure: { kind: "unavailable", code: "UNKNOWN" },
      });
    }
  });
});

describe("the Shopify sandbox", () => {
  test("refuses a write without a key, without an expectation, of too many lines, and of a line twice", async () => {
    await using stage = await Stage.set([1]);
    const { shop } = stage;
    const line = { inventoryItemId: stage.ids.get("SKU-0"), locationId: shop.locationId, quantity: 5 };
    const post = async (query: string, quantities: readonly object[]): Promise<string> => {
      const input = { name: "available", reason: "correction", quantities };
      const answer = await fetch(`${shop.url}/admin/api/2026-10/graphql.json`, {
        method: "POST",
        headers: { "x-shopify-access-token": shop.accessToken },
        body: JSON.stringify({ query, variables: { input, key: newUuid() } }),
      });
      return answer.text();
    };
    const keyless = documents.SET_QUANTITIES.replace(", $key: String!", "").replace("@idempotent(key: $key)", "");
    const comparing = { ...line, changeFromQuantity: null };
    expect(await post(keyless, [comparing])).toContain("@idempotent directive is required");
    expect(await post(documents.SET_QUANTITIES, [line])).toContain("changeFromQuantity");
    const many = Array.from({ length: 251 }, () => comparing);
    expect(await post(documents.SET_QUANTITIES, many)).toContain("MAX_INPUT_SIZE_EXCEEDED");
    expect(await post(documents.SET_QUANTITIES, [comparing, comparing])).toContain("NO_DUPLICATE");
    expect(stage.quantities()).toEqual([1]);
    expect(await post(documents.SET_QUANTITIES, [comparing])).toContain('"userErrors":[]');
    expect(stage.quantities()).toEqual([5]);
  });

  test("logs each line of a write with the quantity before and after", async () => {
    await using stage = await Stage.set([3, 4]);
    await stage.send(stage.changes([8, 9]));
    expect(stage.shop.calls.at(-1)?.lines).toEqual([
      { externalId: stage.ids.get("SKU-0"), before: 3, after: 8, applied: true },
      { externalId: stage.ids.get("SKU-1"), before: 4, after: 9, applied: true },
    ]);
  });
});
