import type { MigrationInterface, QueryRunner } from "typeorm";

/** The policy once more, in SQL, for filters by effective state: what `evaluate()` and `listingState()` say. */
export class EffectiveState1763900001000 implements MigrationInterface {
  async up(db: QueryRunner): Promise<void> {
    await db.query(UP);
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query(DOWN);
  }
}

const UP = /* sql */ `
-- What a level says now; null where it has no setting. At expires_at itself a timed override is over. Times are given by
-- clients in whole milliseconds, so nothing is lost in comparing them with the microseconds of now().
create function setting_in_force(mode text, expires_at timestamptz, revert_mode text) returns text
language sql stable parallel safe
return case when expires_at <= now() then revert_mode else mode end;

-- listingState(): PostgreSQL puts this body in place of the call, so a filter by state reads no other table. Both times of a
-- drift are compared in whole milliseconds, which is what the other side sees of them.
create function listing_state(l listing) returns text
language sql stable parallel safe
return case
  when l.parked_code is not null then 'FAILED'
  when l.revision > l.synced_revision and l.in_flight_since is not null then 'IN_FLIGHT'
  when l.revision > l.synced_revision and l.attempts > 0 then 'RETRYING'
  when l.revision > l.synced_revision then 'PENDING'
  when l.held then 'SKIPPED'
  when l.last_synced_quantity is null or l.last_synced_at is null then 'NEVER_SYNCED'
  when date_trunc('milliseconds', l.observed_at) > date_trunc('milliseconds', l.last_synced_at)
   and l.observed_quantity <> l.last_synced_quantity then 'DRIFTED'
  else 'IN_SYNC' end;

-- What is in force for the item itself, before any store's gates.
create view item_effective as
select i.id as item_id, i.customer_id,
       coalesce(nullif(setting_in_force(i.sync_mode, i.sync_expires_at, i.sync_revert_mode), 'CUSTOMER_DEFAULT'), c.sync_mode) as mode
  from item i
  join customer c on c.id = i.customer_id;

-- evaluate() for every listing, without a lift; skips stand in the order of the gates.
--
-- Filters by listing_id, item_id, store_id or customer_id reach the listings' indexes: the outer query is flat. The laterals
-- have an offset 0 so that what they compute is computed once per listing and not once per mention; they have no rows of their
-- own that a filter would have to reach. customer_id is compared at each join although the keys alone
-- would do: a filter by customer then reaches every table, and a row never meets another customer's.
create view listing_effective as
select l.id as listing_id, l.customer_id, l.item_id, l.store_id, q.mode, q.quantity, g.skips,
       case when cardinality(g.skips) = 0 then 'SYNC' else 'SKIP' end as decision,
       listing_state(l) as state
  from listing l
  join item i on i.id = l.item_id and i.customer_id = l.customer_id
  join store s on s.id = l.store_id and s.customer_id = l.customer_id
  join customer c on c.id = l.customer_id
  cross join lateral (
    select coalesce(
             nullif(setting_in_force(l.sync_mode, l.sync_expires_at, l.sync_revert_mode), 'CUSTOMER_DEFAULT'),
             nullif(setting_in_force(i.sync_mode, i.sync_expires_at, i.sync_revert_mode), 'CUSTOMER_DEFAULT'),
             c.sync_mode) as mode,
           publishable_quantity(s, i) as quantity
    offset 0
  ) q
  cross join lateral (
    select array_remove(array[
      case when s.connection_status = 'DISCONNECTED' then 'STORE_DISCONNECTED' end,
      case when s.connection_status = 'CREDENTIALS_INVALID' then 'CREDENTIALS_INVALID' end,
      case when not s.sync_enabled then 'STORE_SYNC_DISABLED' end,
      case when s.paused_until > now() then 'STORE_PAUSED' end,
      case when not l.linked then 'LISTING_UNLINKED' end,
      case when not l.active then 'LISTING_INACTIVE' end,
      case when not l.stock_managed then 'STOCK_UNMANAGED' end,
      case when q.mode = 'NEVER' then 'POLICY_NEVER' end,
      case when q.mode = 'PROCESS_ORDERS_ONLY' and not i.process_orders
            -- the final zero
            and not (q.quantity = 0 and coalesce(l.last_synced_quantity, 0) > 0) then 'PROCESS_ORDERS_OFF' end,
      case when i.first_received_at is null
            and case when s.has_own_warehouses then
                  coalesce((select sum(v.published_inbound) from inventory_level v
                              join store_warehouse w on w.warehouse_id = v.warehouse_id and w.store_id = s.id
                             where v.item_id = i.id), 0)
                else i.published_inbound end <= 0 then 'NEVER_RECEIVED' end,
      case when s.zero_guard_since is not null and q.quantity = 0
            -- a zero where the store was last told 0 is no drop
            and l.last_synced_quantity is distinct from 0 then 'ZERO_GUARD' end
    ]::text[], null) as skips
    offset 0
  ) g;
`;

const DOWN = /* sql */ `
drop view listing_effective;
drop view item_effective;
drop function listing_state(listing);
drop function setting_in_force(text, timestamptz, text);
`;
