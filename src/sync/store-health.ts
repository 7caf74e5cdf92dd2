/** How a store is doing now: read when it is asked for, from the same rows that the engine works on. */
import { type Queryable, sql } from "./sql.js";

export interface StoreHealth {
  readonly storeId: string;
  /** Listings that wait for something to be sent, those in flight included. */
  readonly pending: number;
  readonly inFlight: number;
  readonly oldestPendingSince: Date | null;
  /** No call starts before: the platform asked for it, or the store does not answer. */
  readonly throttledUntil: Date | null;
  /**
   * OPEN: the store does not answer, and is left alone until the next try. HALF_OPEN: it is being tried. A store that was
   * never unreachable, or answers again, is CLOSED.
   */
  readonly circuit: "CLOSED" | "OPEN" | "HALF_OPEN";
  /** The figures below are of the last 15 minutes; null where there is nothing to count. */
  readonly successRate: number | null;
  readonly lagP50Ms: number | null;
  readonly lagP95Ms: number | null;
  readonly lastSuccessAt: Date | null;
  /** Key of the newest outcome that was FAILED or RETRYING. */
  readonly lastFailureId: string | null;
}

/** One entry for each store that exists. Reads a store's due listings and recent outcomes by their indexes. */
export function readStoreHealth(db: Queryable, storeIds: readonly string[]): Promise<readonly StoreHealth[]> {
  return sql<StoreHealth>(
    db,
    /* sql */ `
    select s.id as "storeId", due.pending, due.in_flight as "inFlight", due.oldest as "oldestPendingSince",
           case when q.not_before > now() then q.not_before end as "throttledUntil",
           case when s.connection_status <> 'UNREACHABLE' then 'CLOSED'
                when q.not_before > now() and q.owner is null then 'OPEN' else 'HALF_OPEN' end as circuit,
           recent.success_rate as "successRate", recent.lag_p50 as "lagP50Ms", recent.lag_p95 as "lagP95Ms",
           recent.last_success_at as "lastSuccessAt", failure.id as "lastFailureId"
      from unnest($1::uuid[]) as asked(id)
      join store s on s.id = asked.id
      left join store_queue q on q.store_id = s.id
      cross join lateral (
        select count(*)::int as pending, (count(*) filter (where in_flight_since is not null))::int as in_flight, min(dirty_since) as oldest
          from listing where store_id = s.id and revision > synced_revision
      ) due
      cross join lateral (
        select avg((status = 'SUCCEEDED')::int) filter (where status in ('SUCCEEDED', 'RETRYING', 'FAILED', 'CONFLICT'))::float8 as success_rate,
               round(percentile_cont(0.5) within group (order by lag_ms) filter (where status = 'SUCCEEDED'))::int as lag_p50,
               round(percentile_cont(0.95) within group (order by lag_ms) filter (where status = 'SUCCEEDED'))::int as lag_p95,
               max(occurred_at) filter (where status = 'SUCCEEDED') as last_success_at
          from outcome where store_id = s.id and occurred_at > now() - interval '15 minutes'
      ) recent
      left join lateral (
        select id from outcome where store_id = s.id and occurred_at > now() - interval '15 minutes' and status in ('FAILED', 'RETRYING')
         order by occurred_at desc, seq desc limit 1
      ) failure on true`,
    [storeIds],
  );
}
