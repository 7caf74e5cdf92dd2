/**
 * ① The one place where stock changes: levels, movements, the item's sums, Process Orders and the marks ② of its listings,
 * all in the caller's transaction. The items are locked already (stock-reading.ts), so what is computed here stays true.
 */
import { nextProcessOrders } from "../policy/process-orders.js";
import { MAX_QUANTITY, newUuid, type SyncTrigger } from "../terms.js";
import { markListings } from "./mark-listings.js";
import { hotSql, type Tx } from "./sql.js";
import type { LockedItem } from "./stock-reading.js";
import { type UserErrorValue, UserMistake } from "./user-mistake.js";
import { releaseZeroGuards } from "./zero-guard.js";

/** One level's signed change. At most one per item and warehouse; none may take its level below 0 (checked by the caller). */
export interface LevelChange {
  readonly item: LockedItem;
  readonly warehouseId: string;
  readonly kind: "RECEIVE" | "ADJUST" | "SET" | "COMMIT" | "SHIP" | "SHIP_NOTICE";
  /** Whether good units came in: switches Process Orders on and marks the item as received. */
  readonly receipt: boolean;
  readonly onHandDelta: number;
  readonly committedDelta: number;
  readonly unavailableDelta: number;
  readonly publishedInboundDelta: number;
}

export interface LevelChanges {
  readonly customerId: string;
  readonly trigger: SyncTrigger;
  readonly reference: string | null;
  readonly reason: string | null;
  readonly changes: readonly LevelChange[];
  /** Where in the caller's input an item stands, for an error about its sums. */
  pathOf(item: LockedItem): readonly string[];
}

/** Throws UserMistake INVALID_QUANTITY where an item's sum over its warehouses would pass MAX_QUANTITY. */
export async function applyLevelChanges(tx: Tx, by: string, all: LevelChanges): Promise<void> {
  if (all.changes.length === 0) return;
  const totals = totalsOf(all.changes);
  const errors = [...totals].flatMap(([item, total]) => sumMistakes(item, total, all.pathOf(item)));
  if (errors.length > 0) throw new UserMistake(errors);
  await writeLevels(tx, all);
  await writeItems(tx, totals);
  await markListings(tx, { itemIds: [...totals.keys()].map((item) => item.id) }, { trigger: all.trigger });
  await writeMovements(tx, by, all);
  if (all.changes.some((change) => change.receipt)) await releaseZeroGuards(tx, { customerId: all.customerId });
}

interface ItemTotal {
  onHand: number;
  committed: number;
  unavailable: number;
  publishedInbound: number;
  receipt: boolean;
}

function totalsOf(changes: readonly LevelChange[]): ReadonlyMap<LockedItem, ItemTotal> {
  const totals = new Map<LockedItem, ItemTotal>();
  for (const change of changes) {
    const total = totals.get(change.item) ?? {
      onHand: change.item.on_hand,
      committed: change.item.committed,
      unavailable: change.item.unavailable,
      publishedInbound: change.item.published_inbound,
      receipt: false,
    };
    total.onHand += change.onHandDelta;
    total.committed += change.committedDelta;
    total.unavailable += change.unavailableDelta;
    total.publishedInbound += change.publishedInboundDelta;
    total.receipt ||= change.receipt;
    totals.set(change.item, total);
  }
  return totals;
}

function sumMistakes(item: LockedItem, total: ItemTotal, path: readonly string[]): UserErrorValue[] {
  const sums = [
    ["onHand", total.onHand],
    ["committed", total.committed],
    ["unavailable", total.unavailable],
    ["publishedInbound", total.publishedInbound],
  ] as const;
  return sums
    .filter(([, sum]) => sum > MAX_QUANTITY)
    .map(([name, sum]) => ({
      code: "INVALID_QUANTITY",
      message: `${name} of ${JSON.stringify(item.sku)} over all warehouses would be ${sum}, above the most of ${MAX_QUANTITY}.`,
      field: path,
    }));
}

async function writeLevels(tx: Tx, all: LevelChanges): Promise<void> {
  const items = all.changes.map((change) => change.item.id);
  const warehouses = all.changes.map((change) => change.warehouseId);
  // Not one upsert: PostgreSQL holds the row that an upsert proposes, a bare delta here, against the checks of the table.
  await hotSql(
    tx,
    /* sql */ `
    insert into inventory_level (item_id, warehouse_id, customer_id)
    select item, warehouse, $1 from unnest($2::uuid[], $3::uuid[]) as c(item, warehouse)
    on conflict (item_id, warehouse_id) do nothing`,
    [all.customerId, items, warehouses],
  );
  await hotSql(
    tx,
    /* sql */ `
    update inventory_level l set
      on_hand = l.on_hand + c.on_hand,
      committed = l.committed + c.committed,
      unavailable = l.unavailable + c.unavailable,
      published_inbound = l.published_inbound + c.inbound
    from unnest($1::uuid[], $2::uuid[], $3::int[], $4::int[], $5::int[], $6::int[])
      as c(item, warehouse, on_hand, committed, unavailable, inbound)
    where l.item_id = c.item and l.warehouse_id = c.warehouse`,
    [
      items,
      warehouses,
      all.changes.map((change) => change.onHandDelta),
      all.changes.map((change) => change.committedDelta),
      all.changes.map((change) => change.unavailableDelta),
      all.changes.map((change) => change.publishedInboundDelta),
    ],
  );
}

async function writeItems(tx: Tx, totals: ReadonlyMap<LockedItem, ItemTotal>): Promise<void> {
  const items = [...totals.keys()];
  const after = [...totals.values()];
  const processOrders = items.map((item, index) => {
    const total = after[index];
    if (!total) throw new Error("Each item has its total.");
    return nextProcessOrders(item.management, item.process_orders, {
      kind: total.receipt ? "RECEIPT" : "OTHER",
      firstReceipt: total.receipt && item.first_received_at === null,
      availableBefore: item.available,
      availableAfter: total.onHand - total.committed - total.unavailable,
    });
  });
  await hotSql(
    tx,
    /* sql */ `
    update item i set
      on_hand = n.on_hand, committed = n.committed, unavailable = n.unavailable, published_inbound = n.inbound,
      process_orders = n.process_orders,
      first_received_at = case when n.receipt then coalesce(i.first_received_at, now()) else i.first_received_at end,
      updated_at = now()
    from unnest($1::uuid[], $2::int[], $3::int[], $4::int[], $5::int[], $6::bool[], $7::bool[])
      as n(id, on_hand, committed, unavailable, inbound, process_orders, receipt)
    where i.id = n.id`,
    [
      items.map((item) => item.id),
      after.map((total) => total.onHand),
      after.map((total) => total.committed),
      after.map((total) => total.unavailable),
      after.map((total) => total.publishedInbound),
      processOrders,
      after.map((total) => total.receipt),
    ],
  );
}

async function writeMovements(tx: Tx, by: string, all: LevelChanges): Promise<void> {
  const moved = all.changes.filter(
    (change) => change.onHandDelta !== 0 || change.committedDelta !== 0 || change.unavailableDelta !== 0,
  );
  if (moved.length === 0) return;
  await hotSql(
    tx,
    /* sql */ `
    insert into inventory_movement
      (id, customer_id, item_id, warehouse_id, kind, on_hand_delta, committed_delta, unavailable_delta, reference, reason, created_by)
    select id, $1, item, warehouse, kind, on_hand, committed, unavailable, $2, $3, $4
      from unnest($5::uuid[], $6::uuid[], $7::uuid[], $8::text[], $9::int[], $10::int[], $11::int[])
        as m(id, item, warehouse, kind, on_hand, committed, unavailable)`,
    [
      all.customerId,
      all.reference,
      all.reason,
      by,
      moved.map(() => newUuid()),
      moved.map((change) => change.item.id),
      moved.map((change) => change.warehouseId),
      moved.map((change) => change.kind),
      moved.map((change) => change.onHandDelta),
      moved.map((change) => change.committedDelta),
      moved.map((change) => change.unavailableDelta),
    ],
  );
}
