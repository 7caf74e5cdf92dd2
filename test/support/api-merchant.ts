/** A customer as users of a test's API know it: global ids, a token of its own, and shops of the sandbox connected through the API. */
import { sql } from "../../src/sync/sql.js";
import { toGlobalId } from "../../src/terms.js";
import type { TestApi } from "./api.js";
import { quiet, type TestShop } from "./engine.js";
import { aCustomer, type World } from "./world.js";

/** Ids are the API's. */
export interface Merchant {
  readonly customerId: string;
  /** Of this customer, with every scope. */
  readonly token: string;
  readonly skus: readonly string[];
  /** In the order of `skus`. */
  readonly itemIds: readonly string[];
  /** The same with row keys. */
  readonly world: World;
}

export async function aMerchant(api: TestApi, options: Parameters<typeof aCustomer>[1] = {}): Promise<Merchant> {
  const world = await aCustomer(api.database.dataSource, options);
  const customerId = toGlobalId("customer", world.customerId);
  return {
    customerId,
    token: await api.token({ customerId, name: "a merchant" }),
    skus: world.skus,
    itemIds: world.itemIds.map((id) => toGlobalId("item", id)),
    world,
  };
}

export interface ConnectedShop {
  readonly storeId: string;
  /** In the order of the merchant's SKUs; only those that the shop has. */
  readonly listingIds: readonly string[];
}

/** Connects the shop and links the merchant's items; each listing has had its first outcome then. */
export async function connectShop(
  api: TestApi,
  { customerId, world }: Merchant,
  shop: TestShop,
  { name = "A shop" } = {},
): Promise<ConnectedShop> {
  const { store } = await api.change<{ store: { id: string } }>("connectStore", "store { id }", {
    customerId,
    name,
    platform: shop.platform,
    url: shop.url,
    credentials: { [shop.platform.toLowerCase()]: shop.credentials },
  });
  const { operation } = await api.change<{ operation: { id: string } }>("importListings", "operation { id }", {
    storeId: store.id,
  });
  await api.operationEnd(operation.id);
  await quiet(api.database);
  const { store: connected } = await api.ask<{
    store: { listings: { nodes: { id: string; item: { sku: string } }[] } };
  }>("query ($id: ID!) { store(id: $id) { listings(first: 250) { nodes { id item { sku } } } } }", { id: store.id });
  const bySku = new Map(connected.listings.nodes.map((listing) => [listing.item.sku, listing.id]));
  return { storeId: store.id, listingIds: world.skus.flatMap((sku) => bySku.get(sku) ?? []) };
}

/** The rows of one statement on the test's own database. */
export const rows = <Row>(api: TestApi, text: string, params: unknown[] = []): Promise<Row[]> =>
  sql<Row>(api.database.dataSource, text, params);
