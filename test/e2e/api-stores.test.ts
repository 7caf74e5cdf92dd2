/** Stores of every platform: connected, imported, updated and disconnected through the API, against shops of the sandbox. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startMedusaShop } from "../../sandbox/medusa.js";
import type { Shop } from "../../sandbox/sandbox.js";
import { startShopifyShop } from "../../sandbox/shopify.js";
import { startWebhookShop } from "../../sandbox/webhook.js";
import { startWooCommerceShop } from "../../sandbox/woocommerce.js";
import { startTestApi, type TestApi } from "../support/api.js";
import { aMerchant, connectShop, type Merchant, rows } from "../support/api-merchant.js";
import { quiet, startTestShop } from "../support/engine.js";
import { until } from "../support/until.js";

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api[Symbol.asyncDispose]());

const STORE = "store { id name platform url syncEnabled connectionStatus warehouses { code } customer { id } }";
interface StorePayload {
  readonly store: { readonly id: string };
}
interface OperationPayload {
  readonly operation: { readonly id: string };
}

const setOnHand = ({ customerId, token }: Merchant, sku: string, onHand: number, warehouse: string | null = null) =>
  api.change("setInventory", "changedCount", { customerId, lines: [{ sku, onHand, warehouse }] }, token);

const storeRow = async (): Promise<{ credentials: string; location_id: string | null } | undefined> =>
  (
    await rows<{ credentials: string; location_id: string | null }>(api, "select * from store order by id desc limit 1")
  )[0];

interface Connectable extends Shop {
  add(sku: string, quantity: number): unknown;
  quantityOf(sku: string): number | null;
}

const SHOPS: readonly [string, () => Promise<{ shop: Connectable; credentials: Readonly<Record<string, string>> }>][] =
  [
    [
      "SHOPIFY",
      async () => {
        const shop = await startShopifyShop({ restoreRate: Infinity });
        const add = (sku: string, quantity: number) => shop.add({ sku, quantity });
        return { shop: { ...shop, add }, credentials: { accessToken: shop.accessToken } };
      },
    ],
    [
      "WOOCOMMERCE",
      async () => {
        const shop = await startWooCommerceShop();
        const add = (sku: string, stockQuantity: number) => shop.add({ sku, stockQuantity });
        return { shop: { ...shop, add }, credentials: shop.credentials };
      },
    ],
    [
      "MEDUSA",
      async () => {
        const shop = await startMedusaShop();
        return { shop, credentials: { secretApiKey: shop.secretApiKey } };
      },
    ],
    [
      "WEBHOOK",
      async () => {
        const shop = await startWebhookShop();
        return { shop, credentials: { secret: shop.secret } };
      },
    ],
  ];

describe.each(SHOPS)("a %s store", (platform, start) => {
  test("is connected, imported, told its levels, and forgotten when it is disconnected", async () => {
    const { shop, credentials } = await start();
    await using _ = shop;
    const merchant = await aMerchant(api, { items: 2, onHand: 5 });
    const { customerId, token, skus } = merchant;
    for (const sku of skus) shop.add(sku, 1);
    const input = {
      customerId,
      name: "Harbour",
      platform,
      url: shop.url,
      credentials: { [platform.toLowerCase()]: credentials },
    };
    const { store } = await api.change<StorePayload>("connectStore", STORE, input, token);
    expect(store).toEqual({
      id: expect.stringMatching(/^store_/),
      name: "Harbour",
      platform,
      url: shop.url,
      syncEnabled: true,
      connectionStatus: "CONNECTED",
      warehouses: [],
      customer: { id: customerId },
    });
    const sealed = (await storeRow())?.credentials ?? "";
    for (const secret of Object.values(credentials)) expect(sealed).not.toContain(secret);

    const { operation } = await api.change<OperationPayload>(
      "importListings",
      "operation { id kind requestedBy }",
      { storeId: store.id },
      token,
    );
    expect(operation).toMatchObject({ kind: "IMPORT_LISTINGS", requestedBy: "a merchant" });
    expect(await api.operationEnd(operation.id)).toEqual({
      status: "COMPLETED",
      total: 2,
      processed: 2,
      counts: [{ status: "SUCCEEDED", count: 2 }],
      notes: [],
    });
    expect(skus.map((sku) => shop.quantityOf(sku))).toEqual([5, 5]);

    await setOnHand(merchant, "SKU-0001", 8);
    await until(() => shop.quantityOf("SKU-0001") === 8);

    expect(await api.change("disconnectStore", STORE, { storeId: store.id }, token)).toMatchObject({
      store: { connectionStatus: "DISCONNECTED" },
    });
    expect((await storeRow())?.credentials).not.toBe(sealed);
    const callsBefore = shop.calls.length;
    await setOnHand(merchant, "SKU-0000", 1);
    await quiet(api.database);
    expect(shop.calls).toHaveLength(callsBefore);
    const { store: left } = await api.ask<{ store: object }>(
      "query ($id: ID!) { store(id: $id) { listings { totalCount nodes { effectiveSync { skips { reason } } } } } }",
      { id: store.id },
    );
    const disconnected = { effectiveSync: { skips: [{ reason: "STORE_DISCONNECTED" }] } };
    expect(left).toEqual({ listings: { totalCount: 2, nodes: [disconnected, disconnected] } });
  });
});

describe("importListings", () => {
  test("links only the SKUs that it is given, tells which the store lacks, and keeps links that exist", async () => {
    const merchant = await aMerchant(api, { items: 3, onHand: 4 });
    const { customerId, token } = merchant;
    await using shop = await startTestShop("WOOCOMMERCE");
    shop.add("SKU-0000", 0);
    shop.add("SKU-0001", 0);
    const { store } = await api.change<StorePayload>(
      "connectStore",
      STORE,
      {
        customerId,
        name: "Shop",
        platform: "WOOCOMMERCE",
        url: shop.url,
        credentials: { woocommerce: shop.credentials },
      },
      token,
    );
    const linked = async (skus: readonly string[] | null): Promise<readonly string[]> => {
      const { operation } = await api.change<OperationPayload>(
        "importListings",
        "operation { id }",
        { storeId: store.id, skus },
        token,
      );
      expect(await api.operationEnd(operation.id)).toMatchObject({ status: "COMPLETED" });
      const found = await rows<{ sku: string; id: string }>(
        api,
        "select i.sku, l.id from listing l join item i on i.id = l.item_id where l.customer_id = $1 order by i.sku",
        [merchant.world.customerId],
      );
      return found.map((row) => `${row.sku} ${row.id}`);
    };
    const first = await linked(["SKU-0000", "SKU-0002"]);
    expect(first).toEqual([expect.stringMatching(/^SKU-0000 /)]);
    const all = await linked(null);
    expect(all).toEqual([first[0], expect.stringMatching(/^SKU-0001 /)]);
    expect(await linked(null)).toEqual(all);
  });
});

const [FRONT, BACK] = ["gid://shopify/Location/1", "gid://shopify/Location/2"];

test("a store of a platform with several locations needs one named, and one that exists", async () => {
  const shop = await startShopifyShop({ restoreRate: Infinity, locations: [{ name: "Front" }, { name: "Back" }] });
  await using _ = shop;
  const { customerId, token } = await aMerchant(api);
  const credentials = { shopify: { accessToken: shop.accessToken } };
  const input = { customerId, name: "Two places", platform: "SHOPIFY", url: shop.url, credentials };
  const connect = (locationId: string | null) =>
    api.mutate<{ store: object | null }>("connectStore", "store { id }", { ...input, locationId }, token);
  const choices = expect.stringMatching(/Front.*Back/);
  expect(await connect(null)).toEqual({
    store: null,
    userErrors: [{ code: "LOCATION_REQUIRED", message: choices, field: ["locationId"] }],
  });
  expect(await connect("gid://shopify/Location/9")).toEqual({
    store: null,
    userErrors: [{ code: "LOCATION_NOT_FOUND", message: choices, field: ["locationId"] }],
  });
  expect(await connect(BACK)).toMatchObject({ store: {}, userErrors: [] });
  expect((await storeRow())?.location_id).toBe(BACK);
});

describe("updateStore", () => {
  test("renames a store without asking the shop", async () => {
    const merchant = await aMerchant(api);
    await using shop = await startTestShop("WOOCOMMERCE");
    const { storeId } = await connectShop(api, merchant, shop);
    const callsBefore = shop.calls.length;
    expect(await api.change("updateStore", STORE, { storeId, name: "New name" }, merchant.token)).toMatchObject({
      store: { name: "New name", connectionStatus: "CONNECTED" },
    });
    expect(shop.calls).toHaveLength(callsBefore);
  });

  test("chooses the warehouses that a store sells from, and all of them again", async () => {
    const merchant = await aMerchant(api, { warehouses: ["EAST", "WEST"] });
    await setOnHand(merchant, "SKU-0000", 3, "EAST");
    await setOnHand(merchant, "SKU-0000", 4, "WEST");
    await using shop = await startTestShop("WEBHOOK");
    const { storeId } = await connectShop(api, merchant, shop);
    expect(shop.quantityOf("SKU-0000")).toBe(7);
    const update = (warehouses: readonly string[]) =>
      api.change("updateStore", STORE, { storeId, warehouses }, merchant.token);
    expect(await update(["WEST"])).toMatchObject({ store: { warehouses: [{ code: "WEST" }] } });
    await until(() => shop.quantityOf("SKU-0000") === 4);
    expect(await update([])).toMatchObject({ store: { warehouses: [] } });
    await until(() => shop.quantityOf("SKU-0000") === 7);
  });

  test("moves a store to another of its platform's locations, which is then told everything", async () => {
    const shop = await startShopifyShop({ restoreRate: Infinity, locations: [{ name: "Front" }, { name: "Back" }] });
    await using _ = shop;
    const merchant = await aMerchant(api, { onHand: 6 });
    const { customerId, token } = merchant;
    shop.add({ sku: "SKU-0000", quantity: 0 });
    const credentials = { shopify: { accessToken: shop.accessToken } };
    const input = { customerId, name: "Two places", platform: "SHOPIFY", url: shop.url, credentials };
    const { store } = await api.change<StorePayload>("connectStore", STORE, { ...input, locationId: FRONT }, token);
    const { operation } = await api.change<OperationPayload>(
      "importListings",
      "operation { id }",
      { storeId: store.id },
      token,
    );
    await api.operationEnd(operation.id);
    expect(shop.quantityOf("SKU-0000")).toBe(6);
    await api.change("updateStore", STORE, { storeId: store.id, locationId: BACK }, token);
    const outcome = await until(async () => {
      const { outcomes } = await api.ask<{ outcomes: { nodes: { status: string }[] } }>(
        'query ($customerId: ID!) { outcomes(customerId: $customerId, after: "1") { nodes { status } } }',
        { customerId },
      );
      return outcomes.nodes[0];
    });
    await api.change("disconnectStore", STORE, { storeId: store.id }, token);
    expect(outcome).toEqual({ status: "SUCCEEDED" });
  });

  test("with new credentials lets a store go on whose old ones were refused", async () => {
    const merchant = await aMerchant(api, { onHand: 5 });
    await using shop = await startTestShop("WOOCOMMERCE");
    shop.add("SKU-0000", 0);
    const { storeId } = await connectShop(api, merchant, shop);
    shop.fail(
      {
        kind: "status",
        status: 401,
        body: '{"code":"woocommerce_rest_authentication_error","message":"Invalid signature"}',
      },
      { times: 1_000 },
    );
    await setOnHand(merchant, "SKU-0000", 9);
    const status = async () =>
      (
        await api.ask<{ store: { connectionStatus: string } }>(
          "query ($id: ID!) { store(id: $id) { connectionStatus } }",
          {
            id: storeId,
          },
        )
      ).store.connectionStatus;
    await until(async () => (await status()) === "CREDENTIALS_INVALID");
    shop.heal();
    const credentials = { woocommerce: shop.credentials };
    expect(await api.change("updateStore", STORE, { storeId, credentials }, merchant.token)).toMatchObject({
      store: { connectionStatus: "CONNECTED" },
    });
    await until(() => shop.quantityOf("SKU-0000") === 9);
  });

  test("with credentials connects a disconnected store again, and disconnecting twice changes nothing", async () => {
    const merchant = await aMerchant(api, { onHand: 5 });
    await using shop = await startTestShop("WOOCOMMERCE");
    shop.add("SKU-0000", 0);
    const { storeId } = await connectShop(api, merchant, shop);
    for (const _ of [1, 2]) await api.change("disconnectStore", STORE, { storeId }, merchant.token);
    await setOnHand(merchant, "SKU-0000", 2);
    await quiet(api.database);
    expect(shop.quantityOf("SKU-0000")).toBe(5);
    const credentials = { woocommerce: shop.credentials };
    await api.change("updateStore", STORE, { storeId, credentials }, merchant.token);
    await until(() => shop.quantityOf("SKU-0000") === 2);
  });
});

test("a customer's stores, each page of them", async () => {
  const merchant = await aMerchant(api);
  await using shop = await startTestShop("WEBHOOK");
  const ids: string[] = [];
  for (const name of ["a", "b", "c"]) ids.push((await connectShop(api, merchant, shop, { name })).storeId);
  interface Stores {
    readonly customer: {
      readonly stores: {
        readonly nodes: readonly { readonly id: string }[];
        readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string };
      };
    };
  }
  const page = async (after: string | null) =>
    (
      await api.ask<Stores>(
        "query ($id: ID!, $after: String) { customer(id: $id) { stores(first: 2, after: $after) { nodes { id } pageInfo { hasNextPage endCursor } } } }",
        { id: merchant.customerId, after },
        merchant.token,
      )
    ).customer.stores;
  const first = await page(null);
  const second = await page(first.pageInfo.endCursor);
  expect([...first.nodes, ...second.nodes].map((store) => store.id)).toEqual(ids);
  expect([first.pageInfo.hasNextPage, second.pageInfo.hasNextPage]).toEqual([true, false]);
});
