/**
 * ② Marks the listings that a change concerns, in the change's own transaction: revision + 1 and one wake row per store.
 *
 * A mark says only *that* a listing may be wrong; the quantity is read when it is sent. A backoff (`next_attempt_at`) and a
 * park (`parked_code`) stay as they are: a newer change never shortens a wait (design §3). Listings are locked in the order
 * of their ids, after the items they belong to.
 */
import type { SyncTrigger } from "../terms.js";
import { hotSql, sql, type Tx } from "./sql.js";

export type MarkScope =
  | { readonly itemIds: readonly string[]; readonly storeIds?: readonly string[] | null }
  | { readonly listingIds: readonly string[] };

export interface Mark {
  readonly trigger: SyncTrigger;
  /** Send also where the store was already told this quantity. */
  readonly force?: boolean;
  /** Lift the NEVER_RECEIVED gate for this mark. */
  readonly liftNeverReceived?: boolean;
  /** A person asked: what the store has refused is tried at once. A backoff stays: it heals by itself. */
  readonly tryRefused?: boolean;
}

export interface MarkedListing {
  readonly id: string;
  readonly store_id: string;
  readonly item_id: string;
  readonly revision: number;
}

/** Answers the marked listings with the revision that each was marked at. Repeating it marks once more, which is harmless. */
export async function markListings(tx: Tx, scope: MarkScope, mark: Mark): Promise<readonly MarkedListing[]> {
  const params: unknown[] = [
    mark.trigger,
    mark.force ?? false,
    mark.liftNeverReceived ?? false,
    mark.tryRefused ?? false,
  ];
  return hotSql<MarkedListing>(
    tx,
    /* sql */ `
    with target as materialized (
      select l.id, publishable_quantity(s, i) as quantity
        from listing l join item i on i.id = l.item_id join store s on s.id = l.store_id
       where ${scopeCondition(scope, params)}
       order by l.id for update of l
    ), marked as (
      update listing l set
        revision = l.revision + 1,
        trigger = $1,
        marked_at = clock_timestamp(),
        dirty_since = case when l.revision > l.synced_revision then l.dirty_since else clock_timestamp() end,
        urgency = case
          when t.quantity = 0 and l.last_synced_quantity > 0 then 0
          when t.quantity > 0 and coalesce(l.last_synced_quantity, 0) = 0 then 1
          when t.quantity < l.last_synced_quantity then 2
          else 3 end,
        force_revision = case when $2 then l.revision + 1 else l.force_revision end,
        lift_received_revision = case when $3 then l.revision + 1 else l.lift_received_revision end,
        next_attempt_at = case when $4 and l.parked_code is not null then null else l.next_attempt_at end,
        parked_code = case when $4 then null else l.parked_code end
      from target t where l.id = t.id
      returning l.id, l.store_id, l.item_id, l.revision
    ), woken as (
      insert into wake (store_id) select distinct store_id from marked
    )
    select id, store_id, item_id, revision from marked`,
    params,
  );
}

function scopeCondition(scope: MarkScope, params: unknown[]): string {
  if ("listingIds" in scope) return `l.id = any($${String(params.push(scope.listingIds))}::uuid[])`;
  const items = `l.item_id = any($${String(params.push(scope.itemIds))}::uuid[])`;
  return scope.storeIds ? `${items} and l.store_id = any($${String(params.push(scope.storeIds))}::uuid[])` : items;
}

export interface WideMark {
  readonly customerId: string;
  /** Only this store's listings; all of the customer's where null. */
  readonly storeId: string | null;
  /**
   * Only listings that a gate holds back, since one has opened. Due ones too: a worker may have read the closed gate a moment
   * ago, and its skip must not be the last word.
   */
  readonly catchUpOnly: boolean;
  readonly trigger: SyncTrigger;
  /** What the store has acknowledged or was seen with is no longer true of it: it is told everything anew. */
  readonly forgetAcknowledged?: boolean;
}

/**
 * Marks all listings of a customer or store. What is appended here is one row a store, atomic with the change; `workMarkTask`
 * turns it into marks right after the commit, in chunks, so that a switch over a million listings is a short transaction.
 */
export async function markWidely(tx: Tx, wide: WideMark): Promise<void> {
  await sql(
    tx,
    /* sql */ `
    insert into mark_task (customer_id, store_id, catch_up_only, trigger, forget_acknowledged)
    select customer_id, id, $3, $4, $5 from store where customer_id = $1 and ($2::uuid is null or id = $2)`,
    [wide.customerId, wide.storeId, wide.catchUpOnly, wide.trigger, wide.forgetAcknowledged ?? false],
  );
}

const MARK_CHUNK = 1_000;
/** Less and more than every listing's id. */
const BEFORE_ALL = "00000000-0000-0000-0000-000000000000";
const AFTER_ALL = "ffffffff-ffff-ffff-ffff-ffffffffffff";

interface MarkTask {
  readonly id: number;
  readonly store_id: string;
  readonly catch_up_only: boolean;
  readonly trigger: SyncTrigger;
  readonly forget_acknowledged: boolean;
  readonly done_to: string | null;
}

/** Works one chunk of one task; answers whether there was any. Runs in a transaction of its own; workers share the tasks. */
export async function workMarkTask(tx: Tx): Promise<boolean> {
  const [task] = await sql<MarkTask>(
    tx,
    // A task that has not begun goes before one that has, so that a huge one lets small ones pass.
    `select id, store_id, catch_up_only, trigger, forget_acknowledged, done_to from mark_task
      order by done_to is not null, id limit 1 for update skip locked`,
  );
  if (!task) return false;
  const chunk = await sql<{ id: string }>(
    tx,
    // Pairs, and no equality: with that the planner would rather walk the primary key, which has the same order.
    `select id from listing
      where (store_id, id) > ($1, $2) and (store_id, id) < ($1, $3)
            ${task.catch_up_only ? "and (held or revision > synced_revision)" : ""}
      order by store_id, id limit $4`,
    [task.store_id, task.done_to ?? BEFORE_ALL, AFTER_ALL, MARK_CHUNK],
  );
  const last = chunk.at(-1);
  const listingIds = chunk.map((row) => row.id);
  if (last) await markListings(tx, { listingIds }, { trigger: task.trigger });
  if (task.forget_acknowledged)
    await sql(
      tx,
      `update listing set last_synced_quantity = null, last_synced_at = null, zeroed_at = null, observed_quantity = null, observed_at = null
        where id = any($1::uuid[])`,
      [listingIds],
    );
  if (last && chunk.length === MARK_CHUNK) {
    await sql(tx, `update mark_task set done_to = $2 where id = $1`, [task.id, last.id]);
  } else {
    await sql(tx, `delete from mark_task where id = $1`, [task.id]);
  }
  return true;
}
