/** Builders of what a test needs, through the same functions that the API calls. */
import type { DataSource } from "typeorm";
import { createCustomer, createWarehouse, upsertItems } from "../../src/sync/catalogue.js";
import { setInventory } from "../../src/sync/record-inventory-change.js";
import { sql } from "../../src/sync/sql.js";
import { newUuid, type ProcessOrdersManagement, type SyncMode } from "../../src/terms.js";

export const BY = "test";

export interface World {
  readonly customerId: string;
  readonly skus: readonly string[];
  /** In the order of `skus`. */
  readonly itemIds: readonly string[];
}

/** A customer with warehouses (one, `MAIN`, unless said otherwise) and items `SKU-0000` … without stock. */
export async function aCustomer(
  dataSource: DataSource,
  options: {
    readonly items?: number;
    readonly warehouses?: readonly string[];
    readonly syncMode?: SyncMode;
    readonly management?: ProcessOrdersManagement;
    /** Opening stock of each item in the first warehouse. */
    readonly onHand?: number;
  } = {},
): Promise<World> {
  const skus = Array.from({ length: options.items ?? 1 }, (_, index) => `SKU-${String(index).padStart(4, "0")}`);
  return dataSource.transaction(async (tx) => {
    const customerId = await createCustomer(tx, BY, {
      name: "A customer",
      externalRef: null,
      syncMode: options.syncMode ?? "PROCESS_ORDERS_ONLY",
      processOrdersManagement: options.management ?? "RECEIPT_ADJUSTMENT_AND_SELLOUT",
    });
    const warehouses = options.warehouses ?? ["MAIN"];
    for (const code of warehouses) await createWarehouse(tx, { customerId, code, name: code });
    const itemIds: string[] = [];
    for (let at = 0; at < skus.length; at += 1_000) {
      const part = skus.slice(at, at + 1_000);
      itemIds.push(
        ...(await upsertItems(tx, BY, { customerId, items: part.map((sku) => ({ sku, title: `Thing ${sku}` })) })),
      );
      if (options.onHand !== undefined) {
        const onHand = options.onHand;
        await setInventory(tx, BY, {
          customerId,
          lines: part.map((sku) => ({ sku, onHand, ...(warehouses[0] && { warehouse: warehouses[0] }) })),
        });
      }
    }
    return { customerId, skus, itemIds };
  });
}

/** A store row without a shop behind it, with a listing of each item that has settled everything so far. */
export async function aSettledStore(
  dataSource: DataSource,
  world: World,
  options: { readonly lastSynced?: number | null } = {},
): Promise<{ readonly storeId: string; readonly listingIds: readonly string[] }> {
  const storeId = newUuid();
  const listingIds = world.itemIds.map(() => newUuid());
  await sql(
    dataSource,
    `insert into store (id, customer_id, name, platform, url, credentials) values ($1, $2, 'A store', 'WEBHOOK', 'http://127.0.0.1:9', '')`,
    [storeId, world.customerId],
  );
  await sql(
    dataSource,
    `insert into listing (id, customer_id, store_id, item_id, external_id, last_synced_quantity, last_synced_at)
     select id, $1, $2, item, item::text, $3::int, case when $3::int is not null then now() end
       from unnest($4::uuid[], $5::uuid[]) as l(id, item)`,
    [world.customerId, storeId, options.lastSynced ?? null, listingIds, world.itemIds],
  );
  return { storeId, listingIds };
}

/** An item's row as the tests look at it. */
export async function itemRow(
  dataSource: DataSource,
  itemId: string | undefined,
): Promise<{
  on_hand: number;
  committed: number;
  unavailable: number;
  published_inbound: number;
  available: number;
  process_orders: boolean;
  first_received_at: Date | null;
}> {
  const [row] = await sql<Awaited<ReturnType<typeof itemRow>>>(dataSource, `select * from item where id = $1`, [
    itemId,
  ]);
  if (!row) throw new Error("There is no such item.");
  return row;
}
