/** How many of a customer's listings are in each state, and held back for each reason. */
import type { ListingState, SkipReason } from "../terms.js";
import { type Queryable, sql } from "./sql.js";

export interface SyncSummary {
  readonly customerId: string;
  readonly listings: number;
  /** The most first; what no listing has is absent. */
  readonly states: readonly { readonly state: ListingState; readonly count: number }[];
  readonly skips: readonly { readonly reason: SkipReason; readonly count: number }[];
}

/** One entry for each customer that exists. Reads all their listings once, and no other's. */
export function readSyncSummaries(db: Queryable, customerIds: readonly string[]): Promise<readonly SyncSummary[]> {
  return sql<SyncSummary>(
    db,
    /* sql */ `
    -- Few combinations of state and reasons are left to be counted apart.
    with grouped as materialized (
      select customer_id, state, skips, count(*)::int as count from listing_effective where customer_id = any($1::uuid[])
       group by customer_id, state, skips
    )
    select c.id as "customerId", coalesce((select sum(count) from grouped g where g.customer_id = c.id), 0)::int as listings,
           coalesce((select json_agg(json_build_object('state', state, 'count', count) order by count desc, state)
                       from (select state, sum(count) as count from grouped g where g.customer_id = c.id group by state) s), '[]') as states,
           coalesce((select json_agg(json_build_object('reason', reason, 'count', count) order by count desc, reason)
                       from (select reason, sum(count) as count from grouped g cross join unnest(g.skips) reason
                              where g.customer_id = c.id group by reason) r), '[]') as skips
      from customer c where c.id = any($1::uuid[])`,
    [customerIds],
  );
}
