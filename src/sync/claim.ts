/**
 * ④ Claims due listings of a held store, what matters most first (promise 6), and ⑤ reads what is true of them now, in one
 * statement. The store has one holder, so a listing needs no lock of its own. `in_flight_since` tells those who look, and the
 * next holder: where it is still set, a call may have reached the store whose answer nobody wrote down.
 */
import type { LevelQuantities } from "../policy/publishable-quantity.js";
import type { ConnectionStatus, SyncMode, SyncSettingMode, SyncTrigger } from "../terms.js";
import { hotSql, type Queryable, sql } from "./sql.js";

/** A claimed listing with all that its decision needs, as of the claim. */
export interface Claim {
  readonly id: string;
  readonly itemId: string;
  readonly sku: string;
  readonly externalId: string;
  readonly externalRef: Readonly<Record<string, string>>;
  /** Settled at this revision; a mark that comes later leaves the listing due. */
  readonly revision: number;
  readonly syncedRevision: number;
  readonly trigger: SyncTrigger;
  readonly dirtySince: Date;
  /** Send also where the quantity is the last acknowledged one: asked for, or what the store has now is not certain. */
  readonly forced: boolean;
  /** An earlier call for it may have reached the store, or may reach it yet: its answer was never written down. */
  readonly uncertain: boolean;
  readonly liftNeverReceived: boolean;
  readonly attempts: number;
  readonly attemptedRevision: number;
  readonly attemptedTrigger: SyncTrigger | null;
  readonly conflicts: number;
  readonly lastSyncedQuantity: number | null;
  readonly observedQuantity: number | null;
  readonly policy: {
    readonly customer: { readonly syncMode: SyncMode };
    readonly item: {
      readonly syncMode: SyncSettingMode;
      readonly syncExpiresAt: Date | null;
      readonly syncRevertMode: SyncSettingMode | null;
      readonly processOrders: boolean;
      readonly firstReceivedAt: Date | null;
    };
    readonly listing: {
      readonly syncMode: SyncSettingMode | null;
      readonly syncExpiresAt: Date | null;
      readonly syncRevertMode: SyncSettingMode | null;
      readonly linked: boolean;
      readonly active: boolean;
      readonly stockManaged: boolean;
      readonly lastSyncedQuantity: number | null;
    };
    readonly store: {
      readonly connectionStatus: ConnectionStatus;
      readonly syncEnabled: boolean;
      readonly pausedUntil: Date | null;
      readonly zeroGuardSince: Date | null;
    };
    readonly levels: readonly LevelQuantities[];
  };
}

interface Row {
  id: string;
  item_id: string;
  sku: string;
  external_id: string;
  external_ref: Record<string, string>;
  revision: number;
  synced_revision: number;
  trigger: SyncTrigger;
  dirty_since: Date;
  force_revision: number;
  lift_received_revision: number;
  in_flight_since: Date | null;
  attempts: number;
  attempted_revision: number;
  attempted_trigger: SyncTrigger | null;
  conflicts: number;
  last_synced_quantity: number | null;
  observed_quantity: number | null;
  linked: boolean;
  active: boolean;
  stock_managed: boolean;
  listing_mode: SyncSettingMode | null;
  listing_expires_at: Date | null;
  listing_revert_mode: SyncSettingMode | null;
  item_mode: SyncSettingMode;
  item_expires_at: Date | null;
  item_revert_mode: SyncSettingMode | null;
  process_orders: boolean;
  first_received_at: Date | null;
  customer_mode: SyncMode;
  connection_status: ConnectionStatus;
  sync_enabled: boolean;
  paused_until: Date | null;
  zero_guard_since: Date | null;
  levels: LevelQuantities[];
}

/** Of each claim, so much is for those of each lower class that have waited longest: no stream of urgent ones starves them. */
const SHARE_OF_A_CLASS = 0.05;

/**
 * At most `limit` listings that are due now, by urgency, then by how long they have waited; none of `except` (those that this
 * drain holds already). A claim of one is the most urgent one.
 *
 * A listing that somebody is marking just now is left for the next claim: it would be sent twice, and waiting for a slow
 * transaction would hold up the others.
 *
 * Revision and stock must be of one snapshot: were the revision taken from the updated row, a mark that commits during the
 * statement would lend its revision to the stock from before it, and be settled unsent.
 */
export async function claimDue(
  db: Queryable,
  storeId: string,
  limit: number,
  except: readonly string[],
): Promise<readonly Claim[]> {
  const share = Math.floor(limit * SHARE_OF_A_CLASS);
  const rows = await hotSql<Row>(
    db,
    /* sql */ `
    with waiting_longest as (
      select l.id from unnest('{1,2,3}'::smallint[]) as class(urgency) cross join lateral (
        select id from listing where urgency = class.urgency and ${DUE} order by dirty_since, id limit $4) l
    ), most_urgent as (
      select id from listing where ${DUE} order by urgency, dirty_since, id limit $2
    ), chosen as (
      select id from waiting_longest union select id from most_urgent
    ), due as materialized (
      select l.*, row_number() over (order by l.urgency, l.dirty_since, l.id) as place from listing l join chosen on chosen.id = l.id
    ), free as materialized (
      select id from listing where id in (select id from due) order by id for no key update skip locked
    ), claimed as (
      update listing l set in_flight_since = clock_timestamp() from free where l.id = free.id
    )
    select l.id, l.item_id, i.sku, l.external_id, l.external_ref, l.revision, l.synced_revision, l.trigger, l.dirty_since,
           l.force_revision, l.lift_received_revision, l.in_flight_since, l.attempts, l.attempted_revision, l.attempted_trigger, l.conflicts,
           l.last_synced_quantity, l.observed_quantity, l.linked, l.active, l.stock_managed,
           l.sync_mode as listing_mode, l.sync_expires_at as listing_expires_at, l.sync_revert_mode as listing_revert_mode,
           i.sync_mode as item_mode, i.sync_expires_at as item_expires_at, i.sync_revert_mode as item_revert_mode,
           i.process_orders, i.first_received_at, c.sync_mode as customer_mode,
           s.connection_status, s.sync_enabled, s.paused_until, s.zero_guard_since,
           ${levelsOf("s", "i")} as levels
      from due l join free on free.id = l.id
      -- One by one, by its key: a plan that is kept for every limit would take the claim for a tenth of all that is due, and scan.
      cross join lateral (select * from item where id = l.item_id limit 1) i
      join customer c on c.id = l.customer_id join store s on s.id = l.store_id
     order by l.place`,
    [storeId, limit - 3 * share, except, share],
  );
  return rows.map(toClaim);
}

/** Of `listing`: due now, in store $1, and none of $3. */
const DUE = /* sql */ `store_id = $1 and revision > synced_revision and (next_attempt_at is null or next_attempt_at <= now())
          and id <> all($3::uuid[])`;

/**
 * The levels that a store sells from, as a JSON array; `[]` where the item is nowhere in them. A store that sells from all
 * warehouses gets the item's own sums as one level, without a look at any: that is most stores, and most of a claim's cost.
 */
function levelsOf(store: string, item: string): string {
  const level = (of: string): string =>
    `json_build_object('onHand', ${of}.on_hand, 'committed', ${of}.committed, 'unavailable', ${of}.unavailable, 'publishedInbound', ${of}.published_inbound)`;
  return /* sql */ `case when ${store}.has_own_warehouses then (
    select coalesce(json_agg(${level("v")}), '[]')
      from inventory_level v join store_warehouse w on w.warehouse_id = v.warehouse_id
     where v.item_id = ${item}.id and w.store_id = ${store}.id)
    else json_build_array(${level(item)}) end`;
}

function toClaim(row: Row): Claim {
  return {
    id: row.id,
    itemId: row.item_id,
    sku: row.sku,
    externalId: row.external_id,
    externalRef: row.external_ref,
    revision: row.revision,
    syncedRevision: row.synced_revision,
    trigger: row.trigger,
    dirtySince: row.dirty_since,
    forced: row.force_revision > row.synced_revision || row.attempts > 0 || row.in_flight_since !== null,
    uncertain: row.attempts > 0 || row.in_flight_since !== null,
    liftNeverReceived: row.lift_received_revision > row.synced_revision,
    attempts: row.attempts,
    attemptedRevision: row.attempted_revision,
    attemptedTrigger: row.attempted_trigger,
    conflicts: row.conflicts,
    lastSyncedQuantity: row.last_synced_quantity,
    observedQuantity: row.observed_quantity,
    policy: {
      customer: { syncMode: row.customer_mode },
      item: {
        syncMode: row.item_mode,
        syncExpiresAt: row.item_expires_at,
        syncRevertMode: row.item_revert_mode,
        processOrders: row.process_orders,
        firstReceivedAt: row.first_received_at,
      },
      listing: {
        syncMode: row.listing_mode,
        syncExpiresAt: row.listing_expires_at,
        syncRevertMode: row.listing_revert_mode,
        linked: row.linked,
        active: row.active,
        stockManaged: row.stock_managed,
        lastSyncedQuantity: row.last_synced_quantity,
      },
      store: {
        connectionStatus: row.connection_status,
        syncEnabled: row.sync_enabled,
        pausedUntil: row.paused_until,
        zeroGuardSince: row.zero_guard_since,
      },
      levels: row.levels,
    },
  };
}

/** When the next listing of the store is due: null where none is, a past time where one is now. */
export async function nextDueAt(db: Queryable, storeId: string): Promise<Date | null> {
  const [row] = await hotSql<{ at: Date | null }>(
    db,
    `select min(coalesce(next_attempt_at, 'epoch'::timestamptz)) as at
       from (select next_attempt_at from listing where store_id = $1 and revision > synced_revision limit 10000) due`,
    [storeId],
  );
  return row?.at ?? null;
}

/** Gives claims back unsettled, so that nobody sees them as in flight. Repeating it changes nothing. */
export async function unclaim(db: Queryable, listingIds: readonly string[]): Promise<void> {
  if (listingIds.length === 0) return;
  await sql(
    db,
    /* sql */ `
    with back as materialized (
      select id from listing where id = any($1::uuid[]) and in_flight_since is not null order by id for no key update
    )
    update listing l set in_flight_since = null from back where l.id = back.id`,
    [listingIds],
  );
}
