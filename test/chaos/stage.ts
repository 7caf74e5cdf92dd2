/**
 * What a chaos run plays on: a database that keeps what it acknowledged, two api and two worker processes, two customers, and
 * two shops for each of them in this process. All processes come back at the same address.
 */
import { execa } from "execa";
import pg from "pg";
import { type ShopifyShop, startShopifyShop } from "../../sandbox/shopify.js";
import { startWebhookShop, type WebhookShop } from "../../sandbox/webhook.js";
import { startWooCommerceShop, type WooCommerceShop } from "../../sandbox/woocommerce.js";
import { Stops } from "../../src/stops.js";
import { aCluster, type Cluster } from "../support/cluster.js";
import type { ItemFact } from "./history.js";
import { Member } from "./member.js";

export interface Stage {
  readonly cluster: Cluster;
  readonly apis: readonly Member[];
  readonly workers: readonly Member[];
  readonly customers: readonly StageCustomer[];
  /** All processes that were started have ended after this, and nothing is left of them. */
  close(): Promise<void>;
}

export interface StageCustomer {
  readonly name: string;
  readonly items: readonly ItemFact[];
  readonly shops: readonly StageShop[];
}

export interface StageShop {
  /** Of the store; unique in the run. */
  readonly name: string;
  readonly platform: "WOOCOMMERCE" | "WEBHOOK" | "SHOPIFY";
  readonly shop: WooCommerceShop | WebhookShop | ShopifyShop;
  readonly credentials: object;
  /** By what the shop calls its item. */
  readonly skuOf: ReadonlyMap<string, string>;
}

/** How many items of each role a customer has. Few sell out: many at once would be taken for a mistake (mass-zero guard). */
const ROLES = { plain: 12, sellsOut: 5, swings: 3, shared: 3, never: 2, unreceived: 2 } as const;
const LATENCY_MS = 10;

export async function setStage(options: { readonly queueUrl: string | null }): Promise<Stage> {
  const stops = new Stops();
  try {
    const cluster = await aCluster();
    stops.add(async () => {
      await cluster[Symbol.asyncDispose]();
    });
    const env = {
      DATABASE_URL: cluster.url,
      EVENKEEL_ENCRYPTION_KEY: Buffer.alloc(32, 5).toString("base64"),
      EVENKEEL_ALLOW_PRIVATE_STORES: "on",
      ...(options.queueUrl !== null && { EVENKEEL_QUEUE_URL: options.queueUrl }),
    };
    const members: Member[] = [];
    for (const name of ["api 1", "api 2", "worker 1", "worker 2"]) {
      const member = await Member.start(name, { ...env, EVENKEEL_ROLE: name.startsWith("api") ? "api" : "worker" });
      stops.add(() => member.end());
      members.push(member);
    }
    const customers: StageCustomer[] = [];
    for (const name of ["A", "B"]) {
      const items = itemsOf(name);
      const shops = await (name === "A" ? shopsOfA(items) : shopsOfB(items));
      stops.add(async () => {
        await Promise.all(shops.map(({ shop }) => shop.close()));
      });
      customers.push({ name, items, shops });
    }
    return {
      cluster,
      apis: members.slice(0, 2),
      workers: members.slice(2),
      customers,
      close: () => stops.all(),
    };
  } catch (error) {
    await stops.all();
    throw error;
  }
}

function itemsOf(customer: string): readonly ItemFact[] {
  const roles = Object.keys(ROLES) as (keyof typeof ROLES)[];
  return roles.flatMap((role) =>
    Array.from({ length: ROLES[role] }, (_, index) => ({ sku: `${customer}-${role}-${String(index + 1)}`, role })),
  );
}

async function shopsOfA(items: readonly ItemFact[]): Promise<readonly StageShop[]> {
  return [await wooCommerce("A WooCommerce", items), await webhook("A Webhook", items)];
}

async function shopsOfB(items: readonly ItemFact[]): Promise<readonly StageShop[]> {
  const shop = await startShopifyShop({ latencyMs: LATENCY_MS, restoreRate: 100_000 });
  const skuOf = new Map(items.map(({ sku }) => [shop.add({ sku, quantity: 0 }), sku]));
  const credentials = { shopify: { accessToken: shop.accessToken } };
  return [
    { name: "B Shopify", platform: "SHOPIFY", shop, credentials, skuOf },
    await wooCommerce("B WooCommerce", items),
  ];
}

async function wooCommerce(name: string, items: readonly ItemFact[]): Promise<StageShop> {
  const shop = await startWooCommerceShop({ latencyMs: LATENCY_MS });
  const skuOf = new Map(items.map(({ sku }) => [String(shop.add({ sku, stockQuantity: 0 })), sku]));
  return { name, platform: "WOOCOMMERCE", shop, credentials: { woocommerce: shop.credentials }, skuOf };
}

async function webhook(name: string, items: readonly ItemFact[]): Promise<StageShop> {
  const shop = await startWebhookShop({ latencyMs: LATENCY_MS });
  const skuOf = new Map(items.map(({ sku }) => [sku, sku]));
  return { name, platform: "WEBHOOK", shop, credentials: { webhook: { secret: shop.secret } }, skuOf };
}

/** Rows of the stage's database, on a connection of their own. */
export async function rowsOf<Row extends pg.QueryResultRow>(
  { cluster }: Pick<Stage, "cluster">,
  text: string,
): Promise<readonly Row[]> {
  const client = new pg.Client({ connectionString: cluster.url });
  await client.connect();
  try {
    return (await client.query<Row>(text)).rows;
  } finally {
    await client.end();
  }
}

/** What the stage's processes run; the end-to-end tests have it built before they start. */
export async function build(): Promise<void> {
  await execa("npm", ["run", "--silent", "build"], { stdio: ["ignore", "pipe", "inherit"] });
}
