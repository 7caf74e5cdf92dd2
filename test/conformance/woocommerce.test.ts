import { describe, expect, onTestFinished, test } from "vitest";
import { startWooCommerceShop, type WooCommerceOptions, type WooCommerceShop } from "../../sandbox/woocommerce.js";
import { createHttp } from "../../src/platforms/http.js";
import type { Change, Connector, FoundListing, LineResult, StoreConnection } from "../../src/platforms/platform.js";
import { woocommerceDriver } from "../../src/platforms/woocommerce/connector.js";
import { signed } from "../../src/platforms/woocommerce/sign.js";
import { newUuid } from "../../src/terms.js";
import { describePlatform } from "./platform.js";
import { calm, FOR_EVER, type ShopUnderTest, valueOf } from "./trial.js";

describePlatform("WooCommerce", startShopUnderTest);

describe("the WooCommerce connector", () => {
  test("sets variations through their own parent, and products in calls of their own", async () => {
    const { shop, connector } = await begin();
    for (const parent of ["P", "Q"]) {
      const parentId = shop.add({ type: "variable", sku: parent, stockQuantity: 1 });
      for (const size of ["S", "L"])
        shop.add({ type: "variation", parentId, sku: `${parent}-${size}`, stockQuantity: 1 });
    }
    const found = await find(connector, ["P", "P-S", "P-L", "Q", "Q-S", "Q-L"]);
    expect(found.map(({ externalRef }) => Object.keys(externalRef))).toEqual([
      [],
      ["parentId"],
      ["parentId"],
      [],
      ["parentId"],
      ["parentId"],
    ]);
    const changes = changesOf(found, (index) => index + 20);
    expect(connector.partition(changes).map((call) => call.changes.map(({ sku }) => sku))).toEqual([
      ["P", "Q"],
      ["P-S", "P-L"],
      ["Q-S", "Q-L"],
    ]);
    expect(new Set((await sendAll(connector, changes)).map(({ kind }) => kind))).toEqual(new Set(["accepted"]));
    expect(["P", "P-S", "P-L", "Q", "Q-S", "Q-L"].map((sku) => shop.quantityOf(sku))).toEqual([20, 21, 22, 23, 24, 25]);
    expect(valueOf(await connector.readBack(found, calm()))).toEqual([20, 21, 22, 23, 24, 25]);
  });

  test("refuses a variation whose parent is gone, and reads nothing back of it", async () => {
    const { shop, connector } = await begin();
    const parentId = shop.add({ type: "variable", sku: "P" });
    shop.add({ type: "variation", parentId, sku: "P-S", stockQuantity: 1 });
    const found = await find(connector, ["P-S"]);
    shop.remove("P");
    expect(
      await sendAll(
        connector,
        changesOf(found, () => 5),
      ),
    ).toMatchObject([{ kind: "rejected", code: "LISTING_NOT_FOUND" }]);
    expect(valueOf(await connector.readBack(found, calm()))).toEqual([null]);
  });

  test("refuses a variation that the shop now calls a product of its own", async () => {
    const { shop, connector } = await begin();
    const parentId = shop.add({ type: "variable", sku: "P" });
    const id = shop.add({ type: "variation", parentId, sku: "P-S", stockQuantity: 1 });
    const asProduct = changesOf([{ externalId: String(id), externalRef: {}, sku: "P-S" }], () => 5);
    expect(await sendAll(connector, asProduct)).toMatchObject([{ kind: "rejected", code: "LISTING_NOT_FOUND" }]);
    const elsewhere = changesOf([{ externalId: String(id), externalRef: { parentId: "999" }, sku: "P-S" }], () => 5);
    expect(await sendAll(connector, elsewhere)).toMatchObject([{ kind: "rejected", code: "LISTING_NOT_FOUND" }]);
    expect(shop.quantityOf("P-S")).toBe(1);
  });

  test("finds stock that is not managed, or is the parent's, as such, and drafts as inactive", async () => {
    const { shop, connector } = await begin();
    const parentId = shop.add({ type: "variable", sku: "P", stockQuantity: 9 });
    shop.add({ sku: "free" });
    shop.add({ type: "variation", parentId, sku: "P-S", manageStock: "parent", stockQuantity: 9 });
    shop.add({ sku: "draft", status: "draft", stockQuantity: 2 });
    expect(await find(connector, ["free", "P-S", "draft"])).toMatchObject([
      { sku: "free", active: true, stockManaged: false, quantity: null },
      { sku: "P-S", active: true, stockManaged: false, quantity: null },
      { sku: "draft", active: false, stockManaged: true, quantity: 2 },
    ]);
  });

  test("has unmanaged stock managed by sending a quantity, instead of being ignored", async () => {
    const { shop, connector } = await begin();
    shop.add({ sku: "free" });
    const found = await find(connector, ["free"]);
    expect(
      await sendAll(
        connector,
        changesOf(found, () => 5),
      ),
    ).toMatchObject([{ kind: "accepted", applied: true }]);
    expect(shop.quantityOf("free")).toBe(5);
  });

  test("refuses a listing whose stock stays unmanaged although it was asked for", async () => {
    const { shop, connector } = await begin();
    shop.add({ sku: "A", stockQuantity: 1 });
    shop.add({ sku: "affiliate", type: "external" });
    const found = await find(connector, ["A", "affiliate"]);
    expect(
      await sendAll(
        connector,
        changesOf(found, () => 5),
      ),
    ).toMatchObject([{ kind: "accepted" }, { kind: "rejected", code: "STOCK_UNMANAGED" }]);
    expect([shop.quantityOf("A"), shop.quantityOf("affiliate")]).toEqual([5, null]);
  });

  test.each([1, 7, 30])("sends everything to a shop that takes only %i rows at once", async (batchItemsLimit) => {
    const { shop, connector } = await begin({ batchItemsLimit });
    const skus = Array.from({ length: 61 }, (_, index) => `SKU-${String(index)}`);
    for (const sku of skus) shop.add({ sku, stockQuantity: 1 });
    const changes = changesOf(await find(connector, skus), (index) => index + 2);
    expect(connector.partition(changes).length).toBe(1);
    const lines = await sendAll(connector, changes);
    expect(lines.map(({ kind }) => kind)).toEqual(skus.map(() => "accepted"));
    expect(changes.map(({ sku }) => shop.quantityOf(sku))).toEqual(changes.map(({ quantity }) => quantity));
    // What was learned holds: the next send is not refused first.
    const before = shop.calls.length;
    await sendAll(connector, changes);
    expect(shop.calls.slice(before).map(({ status }) => status)).not.toContain(413);
  });

  test("refuses a row that is too large for the shop by itself", async () => {
    const { shop, connector } = await begin({ batchItemsLimit: 0 });
    shop.add({ sku: "A", stockQuantity: 1 });
    const changes = changesOf(await find(connector, ["A"]), () => 5);
    expect(await sendAll(connector, changes)).toMatchObject([{ kind: "rejected", code: "VALIDATION_REJECTED" }]);
  });

  describe("believes no answer that differs from what was asked", () => {
    const right = { id: 1, manage_stock: true, stock_quantity: 5 };
    test.each<[string, unknown, Partial<Record<keyof LineResult | "code" | "scope", string>>]>([
      ["another quantity", { ...right, stock_quantity: 6 }, { kind: "unavailable", scope: "line" }],
      ["a quantity as text", { ...right, stock_quantity: "5" }, { kind: "unavailable", scope: "line" }],
      ["no quantity", { ...right, stock_quantity: null }, { kind: "unavailable", scope: "line" }],
      ["another product", { ...right, id: 7 }, { kind: "unavailable", scope: "line" }],
      ["no row", null, { kind: "unavailable", scope: "line" }],
      [
        "stock that is the parent's",
        { ...right, manage_stock: "parent" },
        { kind: "rejected", code: "STOCK_UNMANAGED" },
      ],
      [
        "an error of no known kind",
        { id: 1, error: { code: "plugin_says_no", message: "No." } },
        { kind: "rejected", code: "VALIDATION_REJECTED" },
      ],
      [
        "an error of the server",
        { id: 1, error: { code: "db", message: "Lost.", data: { status: 500 } } },
        { kind: "unavailable", scope: "line" },
      ],
    ])("%s", async (_, row, expected) => {
      const { shop, connector } = await begin();
      for (const sku of ["A", "B"]) shop.add({ sku, stockQuantity: 1 });
      const changes = changesOf(await find(connector, ["A", "B"]), () => 5);
      shop.fail({ kind: "lie", body: JSON.stringify({ update: [row, { ...right, id: 2 }] }) });
      expect(await sendAll(connector, changes)).toMatchObject([expected, { kind: "accepted" }]);
    });

    test("a row too few", async () => {
      const { shop, connector } = await begin();
      for (const sku of ["A", "B"]) shop.add({ sku, stockQuantity: 1 });
      const changes = changesOf(await find(connector, ["A", "B"]), () => 5);
      shop.fail({ kind: "lie", body: JSON.stringify({ update: [right] }) });
      const unsure = { kind: "unavailable", scope: "store" };
      expect(await sendAll(connector, changes)).toMatchObject([unsure, unsure]);
    });
  });

  test("an empty list that does not say how many pages it has is not taken for an empty shop", async () => {
    const { shop, connector } = await begin();
    const id = String(shop.add({ sku: "A", stockQuantity: 1 }));
    shop.fail({ kind: "status", status: 200, body: "[]" }, { times: FOR_EVER });
    const unsure = { ok: false, failure: { kind: "unavailable", scope: "store" } };
    expect(await connector.findBySku(["A"], calm())).toMatchObject(unsure);
    expect(await connector.readBack([{ externalId: id, externalRef: {} }], calm())).toMatchObject(unsure);
  });

  test("reads an answer that PHP warnings stand before", async () => {
    const { shop, connector } = await begin();
    shop.add({ sku: "A", stockQuantity: 1 });
    const changes = changesOf(await find(connector, ["A"]), () => 5);
    const answer = JSON.stringify({ update: [{ id: 1, manage_stock: true, stock_quantity: 5 }] });
    const warning =
      "<br />\n<b>Warning</b>:  Undefined variable $x in <b>/srv/plugin.php</b> on line <b>12</b><br />\n";
    shop.fail({ kind: "lie", body: warning + answer });
    expect(await sendAll(connector, changes)).toMatchObject([{ kind: "accepted" }]);
    shop.fail({ kind: "lie", body: warning + answer.slice(0, -1) });
    expect(await sendAll(connector, changes)).toMatchObject([{ kind: "unavailable", scope: "store" }]);
  });

  test("finds SKUs with commas, and those that PHP takes for nothing", async () => {
    const { shop, connector } = await begin();
    for (const sku of ["a,b", "a", "", ",", "x, y"]) shop.add({ sku, stockQuantity: 1 });
    // A variation, which the list of the whole catalogue would not hold.
    shop.add({ sku: "0", type: "variation", parentId: shop.add({ type: "variable" }), stockQuantity: 1 });
    expect(await find(connector, ["a,b", "x, y", ","])).toMatchObject([{ sku: "a,b" }, { sku: "," }, { sku: "x, y" }]);
    expect(await find(connector, ["0"])).toMatchObject([{ sku: "0" }]);
    const before = shop.calls.length;
    expect(await find(connector, ["", " "])).toEqual([]);
    expect(shop.calls.length).toBe(before);
  });

  test("keeps a request line short enough for web servers, however long the SKUs are", async () => {
    const { shop, connector } = await begin();
    const skus = Array.from({ length: 250 }, (_, index) => `${"ü".repeat(60)}${String(index)}`);
    for (const sku of skus) shop.add({ sku, stockQuantity: 1 });
    let longest = 0;
    shop.fail(
      { kind: "reset" },
      { when: ({ url }) => ((longest = Math.max(longest, url.pathname.length + url.search.length)), false) },
    );
    expect((await find(connector, skus)).length).toBe(250);
    expect(longest).toBeLessThan(8_000);
  });

  describe("proves who it is", () => {
    test("by a signature over http that the shop checks by itself, anew with each retry", async () => {
      const { shop, connector } = await begin();
      shop.add({ sku: "A&B=C +d%41ü*'()!~", stockQuantity: 1 });
      const found = await find(connector, ["A&B=C +d%41ü*'()!~"]);
      shop.fail({ kind: "dropAnswer" });
      const changes = changesOf(found, () => 5);
      expect(await sendAll(connector, changes)).toMatchObject([{ kind: "unavailable" }]);
      expect(await sendAll(connector, changes)).toMatchObject([{ kind: "accepted" }]);
      expect(shop.quantityOf("A&B=C +d%41ü*'()!~")).toBe(5);
    });

    test("in a shop below a path, whatever slashes its URL ends with", async () => {
      const shop = await startWooCommerceShop();
      onTestFinished(() => shop.close());
      shop.add({ sku: "A", stockQuantity: 1 });
      expect(await find(open(shop, { url: `${shop.url}/shop//` }), ["A"])).toMatchObject([{ sku: "A" }]);
      expect(shop.calls.at(-1)?.path).toBe("/shop/wp-json/wc/v3/products");
    });

    test("and a signature that came twice is refused by the shop, and says nothing of the key", async () => {
      const { shop, connector } = await begin();
      const { url } = signed("GET", `${shop.url}/wp-json/wc/v3/products`, { sku: "A" }, shop.credentials);
      expect((await fetch(url)).status).toBe(200);
      const repeated = await fetch(url);
      expect(repeated.status).toBe(401);
      shop.fail({ kind: "status", status: 401, body: await repeated.text() });
      expect(await connector.check(calm())).toMatchObject({
        ok: false,
        failure: { kind: "unavailable", scope: "store" },
      });
    });

    test("by Basic over https, with nothing in the query", () => {
      const keys = { consumerKey: "ck_1", consumerSecret: "cs_2" };
      expect(signed("GET", "https://shop.example/wp-json/wc/v3/products", { sku: "a b,c" }, keys)).toEqual({
        url: "https://shop.example/wp-json/wc/v3/products?sku=a%20b%2Cc",
        headers: { authorization: `Basic ${Buffer.from("ck_1:cs_2").toString("base64")}` },
      });
    });

    test("an unknown key is refused, and so is one that may only read", async () => {
      const refused = { kind: "rejected", code: "CREDENTIALS_INVALID" };
      const { shop } = await begin();
      const stranger = open(shop, { credentials: { ...shop.credentials, consumerKey: "ck_unknown" } });
      expect(await stranger.check(calm())).toMatchObject({ ok: false, failure: refused });
      const { connector: reader } = await begin({ permissions: "read" });
      expect(await reader.check(calm())).toMatchObject({ ok: false, failure: refused });
      const address = { externalId: "1", externalRef: {}, sku: "A" };
      expect(
        await sendAll(
          reader,
          changesOf([address], () => 5),
        ),
      ).toMatchObject([refused]);
    });
  });

  describe("blames the store, not a listing or the key", () => {
    const body = JSON.stringify({ code: "rest_no_route", message: "No route was found.", data: { status: 404 } });
    test.each<[string, number, string]>([
      ["when the plugin is off", 404, body],
      ["when the URL is another site's", 404, "<html>Not found</html>"],
      ["when a security plugin shuts it out", 403, "<html>Access denied | Cloudflare</html>"],
      [
        "when its database is down",
        500,
        JSON.stringify({ code: "wp_die", message: "Error establishing a database connection" }),
      ],
    ])("%s", async (_, status, text) => {
      const { shop, connector } = await begin();
      shop.add({ sku: "A", stockQuantity: 1 });
      const changes = changesOf(await find(connector, ["A"]), () => 5);
      shop.fail({ kind: "status", status, body: text }, { times: FOR_EVER });
      const unavailable = { kind: "unavailable", scope: "store" };
      expect(await sendAll(connector, changes)).toMatchObject([unavailable]);
      expect(await connector.check(calm())).toMatchObject({ ok: false, failure: unavailable });
      expect(await connector.readBack(changes, calm())).toMatchObject({ ok: false, failure: unavailable });
    });
  });
});

const http = createHttp({ allowPrivateStores: true });

/** Every third listing a product, the others variations of two parents. */
async function startShopUnderTest(): Promise<ShopUnderTest> {
  const shop = await startWooCommerceShop();
  const parents = [1, 2].map(() => shop.add({ type: "variable" }));
  let added = 0;
  return {
    shop,
    driver: woocommerceDriver(http),
    connection: connectionTo(shop),
    wrongCredentials: { ...shop.credentials, consumerSecret: "cs_0000000000000000000000000000000000000000" },
    add: (sku, stockQuantity) => {
      const parentId = parents[added++ % 3];
      shop.add({ sku, stockQuantity, ...(parentId !== undefined && { type: "variation", parentId }) });
    },
    quantityOf: (sku) => shop.quantityOf(sku),
    sell: (sku, units) => {
      shop.sell(sku, units);
    },
    remove: (sku) => {
      shop.remove(sku);
    },
    can: {
      compareAndSet: false,
      catalogue: true,
      readBack: true,
      credentialsChecked: true,
      perLineErrors: true,
      answersInBody: true,
    },
    [Symbol.asyncDispose]: () => shop.close(),
  };
}

async function begin(options: WooCommerceOptions = {}): Promise<{ shop: WooCommerceShop; connector: Connector }> {
  const shop = await startWooCommerceShop(options);
  onTestFinished(() => shop.close());
  return { shop, connector: open(shop) };
}

function open(shop: WooCommerceShop, more: Partial<StoreConnection> = {}): Connector {
  return woocommerceDriver(http).open({ ...connectionTo(shop), ...more });
}

function connectionTo({ url, credentials }: WooCommerceShop): StoreConnection {
  return { storeId: newUuid(), url, locationId: null, credentials };
}

/** In the shop's order. */
async function find(connector: Connector, skus: readonly string[]): Promise<readonly FoundListing[]> {
  return [...valueOf(await connector.findBySku(skus, calm()))].sort(
    (a, b) => Number(a.externalId) - Number(b.externalId),
  );
}

function changesOf(
  listings: readonly Pick<FoundListing, "externalId" | "externalRef" | "sku">[],
  quantity: (index: number) => number,
): readonly Change[] {
  return listings.map(({ externalId, externalRef, sku }, index) => ({
    externalId,
    externalRef,
    sku,
    listingId: newUuid(),
    quantity: quantity(index),
    expectedQuantity: null,
    revision: 1,
  }));
}

/** The lines call by call: in the order of `changes` where one call takes them all. */
async function sendAll(connector: Connector, changes: readonly Change[]): Promise<readonly LineResult[]> {
  const lines: LineResult[] = [];
  for (const call of connector.partition(changes))
    lines.push(...(await connector.send(call, { idempotencyKey: newUuid(), signal: calm() })).lines);
  return lines;
}
