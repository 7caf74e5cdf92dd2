/** The demo: two merchants, three sandbox shops, and movement. A second start goes on where the first was stopped. */
import type { DataSource } from "typeorm";
import { keepToken } from "../access/api-tokens.js";
import type { Log } from "../log.js";
import { createCustomer, createWarehouse, upsertItems } from "../sync/catalogue.js";
import { setItemsSync } from "../sync/change-settings.js";
import { type ConnectStoreDeps, insertStore, prepareStore } from "../sync/connect-store.js";
import { acceptImportListings } from "../sync/operations.js";
import { setInventory } from "../sync/record-inventory-change.js";
import { sql, type Tx } from "../sync/sql.js";
import { newUuid, Scope, toGlobalId } from "../terms.js";
import { type DemoMerchant, HARBOR, NEVER_INDEXES, NORTHWIND } from "./catalogue.js";
import { startMovement } from "./movement.js";
import { type DemoShop, startDemoShops } from "./shops.js";

export interface Demo {
  /** Of the first merchant, for the lines that a newcomer is shown. */
  readonly customerId: string;
  readonly shops: readonly { readonly name: string; readonly url: string }[];
  readonly stop: () => Promise<void>;
}

export interface DemoOptions {
  readonly dataSource: DataSource;
  readonly stores: ConnectStoreDeps;
  readonly log: Log;
  /** One for each merchant, with all scopes. */
  readonly tokens: readonly string[];
  readonly shopSecret: string;
  readonly onChanged: () => void;
}

const BY = "demo";

export async function startDemo(options: DemoOptions): Promise<Demo> {
  const { dataSource, stores, tokens } = options;
  const shops = await startDemoShops(dataSource, options.shopSecret);
  const customerIds = new Map<string, string>();
  for (const [index, merchant] of [HARBOR, NORTHWIND].entries()) {
    const customerId = (await findCustomer(dataSource, merchant)) ?? (await createMerchant(dataSource, merchant));
    customerIds.set(merchant.externalRef, customerId);
    const token = tokens[index];
    if (token !== undefined)
      await keepToken(dataSource, newUuid(), token, {
        name: `${merchant.name} (demo)`,
        customerId,
        scopes: Object.values(Scope),
        expiresAt: null,
      });
    for (const shop of shops.filter((one) => one.merchant === merchant))
      await connect(dataSource, stores, customerId, shop);
  }
  options.onChanged();
  const movement = untilImported(dataSource).then(() => {
    for (const shop of shops) shop.lose();
    return startMovement({ ...options, shops, customerIds });
  });
  return {
    customerId: toGlobalId("customer", customerIds.get(HARBOR.externalRef) ?? ""),
    shops: shops.map(({ name, shop }) => ({ name, url: shop.url })),
    stop: async () => {
      await (await movement).stop();
      await Promise.all(shops.map(({ shop }) => shop.close()));
    },
  };
}

async function findCustomer(dataSource: DataSource, { externalRef }: DemoMerchant): Promise<string | null> {
  const [row] = await sql<{ id: string }>(dataSource, `select id from customer where external_ref = $1`, [externalRef]);
  return row?.id ?? null;
}

/** All or nothing, so that a first start that is interrupted leaves no half merchant. */
function createMerchant(dataSource: DataSource, merchant: DemoMerchant): Promise<string> {
  return dataSource.transaction(async (tx) => {
    const customerId = await createCustomer(tx, BY, {
      name: merchant.name,
      externalRef: merchant.externalRef,
      syncMode: "PROCESS_ORDERS_ONLY",
      processOrdersManagement: "RECEIPT_ADJUSTMENT_AND_SELLOUT",
    });
    for (const warehouse of merchant.warehouses) await createWarehouse(tx, { customerId, ...warehouse });
    const itemIds = await upsertItems(tx, BY, { customerId, items: merchant.items });
    await openingStock(tx, customerId, merchant);
    await setItemsSync(tx, BY, {
      itemIds: NEVER_INDEXES.flatMap((index) => itemIds[index] ?? []),
      mode: "NEVER",
      expiresAt: null,
      note: "Sold in our own shop only",
      trigger: "SETTING_CHANGE",
    });
    return customerId;
  });
}

async function openingStock(tx: Tx, customerId: string, merchant: DemoMerchant): Promise<void> {
  for (const [at, { code }] of merchant.warehouses.entries()) {
    const lines = merchant.items.flatMap(({ sku, opening }) =>
      opening === null ? [] : [{ sku, onHand: opening[at] ?? 0, warehouse: code }],
    );
    await setInventory(tx, BY, { customerId, lines, reference: "opening stock" });
  }
}

/** The shop stands at another port at each start: a store that is there already moves with it. */
async function connect(
  dataSource: DataSource,
  stores: ConnectStoreDeps,
  customerId: string,
  demoShop: DemoShop,
): Promise<void> {
  const { name, platform, shop, credentials, locationId } = demoShop;
  const moved = await sql(
    dataSource,
    `update store set url = $3 where customer_id = $1 and platform = $2 and name = $4 returning 1`,
    [customerId, platform, shop.url, name],
  );
  if (moved.length > 0) return;
  const prepared = await prepareStore(stores, { customerId, name, platform, url: shop.url, credentials, locationId });
  await dataSource.transaction(async (tx) => {
    const storeId = await insertStore(tx, BY, prepared, { warehouses: null, syncEnabled: true });
    await acceptImportListings(tx, BY, { storeId, skus: null });
  });
}

const IMPORT_MS = 20_000;

/** A demo whose import takes longer than usual starts to move all the same. */
async function untilImported(dataSource: DataSource): Promise<void> {
  const deadline = performance.now() + IMPORT_MS;
  while (performance.now() < deadline) {
    const [open] = await sql<{ open: boolean }>(
      dataSource,
      `select exists (select 1 from operation where kind = 'IMPORT_LISTINGS' and requested_by = $1 and status in ('QUEUED', 'RUNNING')) as open`,
      [BY],
    );
    if (!open?.open) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
