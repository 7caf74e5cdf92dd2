/** The demo's three sandbox shops, holding what they were last told before an earlier stop. */
import type { DataSource } from "typeorm";
import type { Shop } from "../../sandbox/sandbox.js";
import { startShopifyShop } from "../../sandbox/shopify.js";
import { startWebhookShop } from "../../sandbox/webhook.js";
import { startWooCommerceShop } from "../../sandbox/woocommerce.js";
import { sql } from "../sync/sql.js";
import type { Platform } from "../terms.js";
import { type DemoItem, type DemoMerchant, HARBOR, LOST_INDEX, NORTHWIND } from "./catalogue.js";

export interface DemoShop {
  readonly merchant: DemoMerchant;
  readonly platform: Platform;
  readonly name: string;
  readonly shop: Shop;
  readonly credentials: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly locationId: string | null;
  /** An order in the shop itself. */
  sell(sku: string, units: number): void;
  /** The product that has gone. */
  lose(): void;
}

/** As fast as a shop next door. */
const LATENCY_MS = 40;
const KEEP_CALLS = 1_000;

/** `secret`: 32 characters of base64 or more; all shops' credentials are made of it. */
export async function startDemoShops(dataSource: DataSource, secret: string): Promise<readonly DemoShop[]> {
  const options = { latencyMs: LATENCY_MS, keepCalls: KEEP_CALLS };
  const key = Buffer.from(secret, "base64").toString("hex");
  const [shopify, woocommerce, webhook] = await Promise.all([
    startShopifyShop({ ...options, restoreRate: 1_000, accessToken: `shpat_${key.slice(0, 32)}` }),
    startWooCommerceShop({
      ...options,
      consumerKey: `ck_${key.slice(0, 40)}`,
      consumerSecret: `cs_${key.slice(0, 40)}`,
    }),
    startWebhookShop({ ...options, secret: `whsec_${secret}` }),
  ]);
  const told = await lastTold(dataSource);
  const stock = (platform: Platform, merchant: DemoMerchant, add: (item: DemoItem, quantity: number) => void): void => {
    for (const item of merchant.items) {
      const opening = (item.opening ?? []).reduce((sum, units) => sum + units, 0);
      add(item, told.get(`${platform} ${item.sku}`) ?? opening);
    }
  };
  stock("SHOPIFY", HARBOR, ({ sku }, quantity) => shopify.add({ sku, quantity }));
  stock("WOOCOMMERCE", HARBOR, ({ sku }, quantity) => woocommerce.add({ sku, stockQuantity: quantity }));
  stock("WEBHOOK", NORTHWIND, ({ sku }, quantity) => {
    webhook.add(sku, quantity);
  });
  const harborLost = HARBOR.items[LOST_INDEX]?.sku ?? "";
  const northwindLost = NORTHWIND.items[LOST_INDEX]?.sku ?? "";
  return [
    {
      merchant: HARBOR,
      platform: "SHOPIFY",
      name: "Harbor & Pine on Shopify",
      shop: shopify,
      credentials: { shopify: { accessToken: shopify.accessToken } },
      locationId: shopify.locationId,
      sell: shopify.sell,
      lose: () => {
        shopify.remove(harborLost);
      },
    },
    {
      merchant: HARBOR,
      platform: "WOOCOMMERCE",
      name: "Harbor & Pine outlet on WooCommerce",
      shop: woocommerce,
      credentials: { woocommerce: woocommerce.credentials },
      locationId: null,
      sell: woocommerce.sell,
      lose: () => {
        woocommerce.remove(harborLost);
      },
    },
    {
      merchant: NORTHWIND,
      platform: "WEBHOOK",
      name: "Northwind's own shop, by webhook",
      shop: webhook,
      credentials: { webhook: { secret: webhook.secret } },
      locationId: null,
      sell: webhook.sell,
      lose: () => {
        webhook.reject(northwindLost, "We no longer carry this part.");
      },
    },
  ];
}

/** What each shop acknowledged last, by platform and SKU; empty at the first start. */
async function lastTold(dataSource: DataSource): Promise<ReadonlyMap<string, number>> {
  const rows = await sql<{ platform: string; sku: string; quantity: number }>(
    dataSource,
    `select s.platform, l.external_sku as sku, l.last_synced_quantity as quantity
       from listing l join store s on s.id = l.store_id join customer c on c.id = l.customer_id
      where c.external_ref = any($1::text[]) and l.last_synced_quantity is not null`,
    [[HARBOR.externalRef, NORTHWIND.externalRef]],
  );
  return new Map(rows.map((row) => [`${row.platform} ${row.sku}`, row.quantity]));
}
