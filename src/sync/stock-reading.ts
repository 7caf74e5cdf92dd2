import type { ProcessOrdersManagement } from "../terms.js";
import { hotSql, type Tx } from "./sql.js";

/** An item whose row this transaction holds: no other can change its stock, sums or Process Orders until the commit. */
export interface LockedItem {
  readonly id: string;
  readonly customer_id: string;
  readonly sku: string;
  readonly on_hand: number;
  readonly committed: number;
  readonly unavailable: number;
  readonly published_inbound: number;
  readonly available: number;
  readonly process_orders: boolean;
  readonly first_received_at: Date | null;
  readonly management: ProcessOrdersManagement;
}

const LOCK_ITEMS = /* sql */ `
  select i.id, i.customer_id, i.sku, i.on_hand, i.committed, i.unavailable, i.published_inbound, i.available,
         i.process_orders, i.first_received_at, c.process_orders_management as management
    from item i join customer c on c.id = i.customer_id`;

/** Locks the customer's items with these SKUs, in the order of their ids; a SKU that is no item's is absent. */
export async function lockItemsBySku(
  tx: Tx,
  customerId: string,
  skus: readonly string[],
): Promise<ReadonlyMap<string, LockedItem>> {
  const rows = await hotSql<LockedItem>(
    tx,
    `${LOCK_ITEMS} where i.customer_id = $1 and i.sku = any($2::text[]) order by i.id for update of i`,
    [customerId, [...new Set(skus)]],
  );
  return new Map(rows.map((row) => [row.sku, row]));
}

/** Locks these items, in the order of their ids. */
export async function lockItemsById(tx: Tx, ids: readonly string[]): Promise<ReadonlyMap<string, LockedItem>> {
  const rows = await hotSql<LockedItem>(
    tx,
    `${LOCK_ITEMS} where i.id = any($1::uuid[]) order by i.id for update of i`,
    [ids],
  );
  return new Map(rows.map((row) => [row.id, row]));
}

export interface Level {
  readonly item_id: string;
  readonly warehouse_id: string;
  readonly on_hand: number;
  readonly committed: number;
  readonly unavailable: number;
  readonly published_inbound: number;
}

/** The levels of these items; one that does not exist yet is all zeros. */
export async function readLevels(
  tx: Tx,
  itemIds: readonly string[],
): Promise<{ of(itemId: string, warehouseId: string): Level }> {
  const rows = await hotSql<Level>(
    tx,
    `select item_id, warehouse_id, on_hand, committed, unavailable, published_inbound
       from inventory_level where item_id = any($1::uuid[])`,
    [itemIds],
  );
  const byKey = new Map(rows.map((row) => [`${row.item_id} ${row.warehouse_id}`, row]));
  return {
    of: (item_id, warehouse_id) =>
      byKey.get(`${item_id} ${warehouse_id}`) ?? {
        item_id,
        warehouse_id,
        on_hand: 0,
        committed: 0,
        unavailable: 0,
        published_inbound: 0,
      },
  };
}
