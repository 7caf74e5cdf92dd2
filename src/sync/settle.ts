/**
 * ⑦ Ends claims: listings settled at the revision that was read, operations answered, outcomes numbered, all in one
 * transaction that first proves that the store is still held.
 *
 * The feed's row is locked last: numbers are handed out in the order of commits and without gaps, and other stores of the
 * customer wait only for the flush of this commit. Lock order: store_queue (share) → listings by id → operations → feed.
 */
import type { DataSource } from "typeorm";
import { type FailureCode, newUuid, type OutcomeStatus, type SkipReason, type SyncTrigger } from "../terms.js";
import type { Claim } from "./claim.js";
import { markListings } from "./mark-listings.js";
import type { StoreHold } from "./queue/queue.js";
import { hotSql, type Tx } from "./sql.js";

/** What came of one claim: the listing's new state, and what the feed tells. */
export interface Ending {
  readonly claim: Claim;
  readonly status: OutcomeStatus;
  /** False where the listing stays due: it is tried again at `nextAttemptAt`. */
  readonly settled: boolean;
  /** Counted failures in a row, this one included; 0 after a success. */
  readonly attempts: number;
  /** Lost compare-and-set races in a row. */
  readonly conflicts: number;
  readonly nextAttemptAt: Date | null;
  /** Set where the listing is parked. */
  readonly parkedCode: FailureCode | null;
  /** Whether a gate holds it back. */
  readonly held: boolean;
  readonly skips: readonly SkipReason[];
  readonly quantitySent: number | null;
  /** What the store has accepted; null where it accepted nothing. */
  readonly quantityAcknowledged: number | null;
  readonly observedQuantity: number | null;
  readonly recheckAt: Date | null;
  readonly failureCode: FailureCode | null;
  readonly platformMessage: string | null;
  readonly durationMs: number | null;
}

export interface SettleResult {
  /** False where the store was no longer held: nothing was settled, and the listings were marked again. */
  readonly held: boolean;
  /** Whether an operation got an answer. */
  readonly answered: boolean;
}

/** Endings are of one store and of different listings. Outcomes are numbered in their order. */
export async function settle(
  dataSource: DataSource,
  hold: StoreHold,
  customerId: string,
  endings: readonly Ending[],
): Promise<SettleResult> {
  if (endings.length === 0) return { held: true, answered: false };
  const result = await dataSource.transaction(async (tx): Promise<SettleResult> => {
    const mine = await hotSql(tx, `select 1 from store_queue where store_id = $1 and token = $2 for share`, [
      hold.storeId,
      hold.token,
    ]);
    if (mine.length === 0) return { held: false, answered: false };
    await settleListings(tx, endings);
    const outcomes = await toOutcomes(tx, hold.storeId, endings);
    await writeOutcomes(tx, customerId, outcomes);
    return { held: true, answered: outcomes.some((outcome) => outcome.answers.length > 0) };
  });
  if (!result.held) {
    // The new holder may have read these before our calls arrived: without a new mark the store could keep our older value.
    const ids = endings.map((ending) => ending.claim.id);
    await dataSource.transaction((tx) => markListings(tx, { listingIds: ids }, { trigger: "RETRY", force: true }));
  }
  return result;
}

async function settleListings(tx: Tx, endings: readonly Ending[]): Promise<void> {
  const rows = endings.map(({ claim, ...ending }) => ({
    id: claim.id,
    revision: claim.revision,
    trigger: claim.trigger,
    settled: ending.settled,
    attempts: ending.attempts,
    conflicts: ending.conflicts,
    next_attempt_at: ending.nextAttemptAt,
    parked_code: ending.parkedCode,
    held: ending.held,
    acknowledged: ending.quantityAcknowledged,
    observed: ending.observedQuantity,
    recheck_at: ending.recheckAt,
    status: ending.status,
  }));
  await hotSql(
    tx,
    /* sql */ `
    with ending as materialized (
      select * from jsonb_to_recordset($1::jsonb) as e(id uuid, revision bigint, trigger text, settled boolean, attempts integer,
        conflicts integer, next_attempt_at timestamptz, parked_code text, held boolean, acknowledged integer, observed integer,
        recheck_at timestamptz, status text)
    ), locked as materialized (
      select l.id from listing l where l.id in (select id from ending) order by l.id for no key update
    )
    update listing l set
      synced_revision = case when e.settled then greatest(l.synced_revision, e.revision) else l.synced_revision end,
      dirty_since = case when e.settled then l.marked_at else l.dirty_since end,
      attempts = e.attempts,
      attempted_revision = case when e.attempts > 0 then e.revision else 0 end,
      attempted_trigger = case when e.attempts > 0 then e.trigger end,
      conflicts = e.conflicts,
      next_attempt_at = e.next_attempt_at,
      parked_code = e.parked_code,
      held = e.held,
      in_flight_since = null,
      last_synced_quantity = coalesce(e.acknowledged, l.last_synced_quantity),
      zeroed_at = case when e.acknowledged = 0 and l.last_synced_quantity > 0 then clock_timestamp() else l.zeroed_at end,
      last_synced_at = case when e.acknowledged is null then l.last_synced_at else clock_timestamp() end,
      observed_quantity = coalesce(e.observed, l.observed_quantity),
      -- now() is before clock_timestamp(): what was seen before a write that succeeded is no drift from it.
      observed_at = case when e.observed is null then l.observed_at else now() end,
      recheck_at = case when e.status = 'SUCCEEDED' or e.recheck_at is not null then e.recheck_at else l.recheck_at end,
      linked = l.linked and e.parked_code is distinct from 'LISTING_NOT_FOUND'
    from ending e, locked where l.id = e.id and locked.id = l.id`,
    [JSON.stringify(rows)],
  );
}

interface Outcome {
  readonly id: string;
  readonly status: OutcomeStatus;
  readonly trigger: SyncTrigger;
  readonly store_id: string;
  readonly item_id: string;
  readonly listing_id: string;
  readonly operation_id: string | null;
  readonly revision: number;
  readonly quantity_before: number | null;
  readonly quantity_sent: number | null;
  readonly quantity_acknowledged: number | null;
  readonly skips: readonly SkipReason[];
  readonly failure_code: FailureCode | null;
  readonly platform_message: string | null;
  readonly attempt: number;
  readonly next_attempt_at: Date | null;
  readonly duration_ms: number | null;
  readonly dirty_since: Date;
  /** The operations that it ends for its listing; empty for what is not final. */
  readonly answers: readonly string[];
}

/** Where a retry was overtaken by a newer change, its SUPERSEDED comes before the newer one's outcome. */
async function toOutcomes(tx: Tx, storeId: string, endings: readonly Ending[]): Promise<readonly Outcome[]> {
  const waiting = await hotSql<{ listing_id: string; operation_id: string; revision: number }>(
    tx,
    `select listing_id, operation_id, revision from operation_listing
      where listing_id = any($1::uuid[]) and status is null order by operation_id, listing_id for update`,
    [endings.map((ending) => ending.claim.id)],
  );
  return endings.flatMap((ending): Outcome[] => {
    const { claim } = ending;
    const covered = waiting.filter((one) => one.listing_id === claim.id && one.revision <= claim.revision);
    const overtaken = claim.attempts > 0 && claim.attemptedRevision < claim.revision;
    const past = overtaken ? covered.filter((one) => one.revision <= claim.attemptedRevision) : [];
    const present = covered.filter((one) => !past.includes(one));
    const outcome: Outcome = {
      id: newUuid(),
      status: ending.status,
      trigger: claim.trigger,
      store_id: storeId,
      item_id: claim.itemId,
      listing_id: claim.id,
      operation_id: present.at(-1)?.operation_id ?? null,
      revision: claim.revision,
      quantity_before: claim.lastSyncedQuantity,
      quantity_sent: ending.quantitySent,
      quantity_acknowledged: ending.quantityAcknowledged,
      skips: ending.skips,
      failure_code: ending.failureCode,
      platform_message: ending.platformMessage,
      attempt: ending.attempts === 0 ? claim.attempts + 1 : ending.attempts,
      next_attempt_at: ending.nextAttemptAt,
      duration_ms: ending.durationMs,
      dirty_since: claim.dirtySince,
      answers: ending.settled ? present.map((one) => one.operation_id) : [],
    };
    if (!overtaken) return [outcome];
    return [
      {
        ...outcome,
        id: newUuid(),
        status: "SUPERSEDED",
        trigger: claim.attemptedTrigger ?? claim.trigger,
        operation_id: past.at(-1)?.operation_id ?? null,
        revision: claim.attemptedRevision,
        quantity_sent: null,
        quantity_acknowledged: null,
        skips: [],
        failure_code: null,
        platform_message: null,
        attempt: claim.attempts,
        next_attempt_at: null,
        duration_ms: null,
        answers: past.map((one) => one.operation_id),
      },
      outcome,
    ];
  });
}

async function writeOutcomes(tx: Tx, customerId: string, outcomes: readonly Outcome[]): Promise<void> {
  const answers = outcomes.flatMap((outcome, index) =>
    outcome.answers.map((operation_id) => ({
      operation_id,
      listing_id: outcome.listing_id,
      status: outcome.status,
      place: index + 1,
    })),
  );
  const [written] = await hotSql<{ count: number }>(
    tx,
    /* sql */ `
    with numbered as (
      update feed set last_seq = last_seq + $2 where customer_id = $1 returning last_seq - $2 as base, clock_timestamp() as at
    ), answered as (
      update operation_listing o set status = a.status, outcome_seq = n.base + a.place
        from numbered n, jsonb_to_recordset($4::jsonb) as a(operation_id uuid, listing_id uuid, status text, place integer)
       where o.operation_id = a.operation_id and o.listing_id = a.listing_id
    ), counted as (
      insert into operation_count as c (operation_id, customer_id, status, count)
      select a.operation_id, $1, a.status, count(*)
        from numbered, jsonb_to_recordset($4::jsonb) as a(operation_id uuid, status text) group by a.operation_id, a.status order by 1, 3
      on conflict (operation_id, status) do update set count = c.count + excluded.count
    ), written as (
    insert into outcome (customer_id, seq, occurred_at, id, status, trigger, store_id, item_id, listing_id, operation_id, revision,
      quantity_before, quantity_sent, quantity_acknowledged, skips, failure_code, platform_message, attempt, next_attempt_at,
      duration_ms, lag_ms)
    select $1, n.base + place, n.at, id, status, trigger, store_id, item_id, listing_id, operation_id, revision,
           quantity_before, quantity_sent, quantity_acknowledged, array(select jsonb_array_elements_text(skips)), failure_code,
           platform_message, attempt, next_attempt_at, duration_ms,
           least(2147483647, greatest(0, extract(epoch from n.at - dirty_since) * 1000))::integer
      from numbered n, rows from (jsonb_to_recordset($3::jsonb) as (id uuid, status text, trigger text, store_id uuid, item_id uuid,
           listing_id uuid, operation_id uuid, revision bigint, quantity_before integer, quantity_sent integer,
           quantity_acknowledged integer, skips jsonb, failure_code text, platform_message text, attempt integer,
           next_attempt_at timestamptz, duration_ms integer, dirty_since timestamptz)) with ordinality
        as o(id, status, trigger, store_id, item_id, listing_id, operation_id, revision, quantity_before, quantity_sent,
             quantity_acknowledged, skips, failure_code, platform_message, attempt, next_attempt_at, duration_ms, dirty_since, place)
    returning 1)
    select count(*) from written`,
    [customerId, outcomes.length, JSON.stringify(outcomes), JSON.stringify(answers)],
  );
  // Without a row to count under there would be no number, and no outcome: then nothing is settled either.
  if (written?.count !== outcomes.length) throw new Error(`Customer ${customerId} has no feed.`);
}
