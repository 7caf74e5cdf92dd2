import type { MigrationInterface, QueryRunner } from "typeorm";

/** Saved searches; and the gates as a function, so that a preview can ask what they would say under another mode. */
export class SearchesAndPreviews1763900010000 implements MigrationInterface {
  async up(db: QueryRunner): Promise<void> {
    await db.query(UP);
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query(DOWN);
  }
}

const SEARCH = /* sql */ `
create table search (
  id uuid primary key,
  customer_id uuid not null references customer,
  name text not null,
  -- The API's ItemFilter, in the client's own words.
  filter jsonb not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (customer_id, name)
);
`;

const GATES = /* sql */ `
-- What a store can be told of an item, and how much of it is inbound and published there: publishable_quantity(), as a table of
-- one row. PostgreSQL puts a query in place of the call of such a function, but calls a function with a query in it once a row.
create function stock_in_store(s store, i item) returns table (quantity integer, inbound bigint)
language sql stable as $$
  select case when s.has_own_warehouses then least(1000000000, greatest(0, own.sellable))::integer
              else least(1000000000, greatest(0, i.available::bigint + i.published_inbound))::integer end,
         case when s.has_own_warehouses then own.inbound else i.published_inbound::bigint end
    from (select coalesce(sum(v.on_hand::bigint - v.committed - v.unavailable + v.published_inbound), 0) as sellable,
                 coalesce(sum(v.published_inbound), 0)::bigint as inbound
            from inventory_level v join store_warehouse w on w.warehouse_id = v.warehouse_id
           where s.has_own_warehouses and w.store_id = s.id and v.item_id = i.id) own
$$;

-- Every gate that fails for a listing under this mode, in the order of the gates: evaluate() without its explanations. quantity
-- and inbound are stock_in_store()'s. There is no query in it, so that PostgreSQL puts the body in place of the call.
create function failed_gates(l listing, i item, s store, mode text, quantity integer, inbound bigint, lift_never_received boolean)
returns text[] language sql stable
return array_remove(array[
  case when s.connection_status = 'DISCONNECTED' then 'STORE_DISCONNECTED' end,
  case when s.connection_status = 'CREDENTIALS_INVALID' then 'CREDENTIALS_INVALID' end,
  case when not s.sync_enabled then 'STORE_SYNC_DISABLED' end,
  case when s.paused_until > now() then 'STORE_PAUSED' end,
  case when not l.linked then 'LISTING_UNLINKED' end,
  case when not l.active then 'LISTING_INACTIVE' end,
  case when not l.stock_managed then 'STOCK_UNMANAGED' end,
  case when mode = 'NEVER' then 'POLICY_NEVER' end,
  case when mode = 'PROCESS_ORDERS_ONLY' and not i.process_orders
        -- the final zero
        and not (quantity = 0 and coalesce(l.last_synced_quantity, 0) > 0) then 'PROCESS_ORDERS_OFF' end,
  case when i.first_received_at is null and not lift_never_received and inbound <= 0 then 'NEVER_RECEIVED' end,
  case when s.zero_guard_since is not null and quantity = 0
        -- a zero where the store was last told 0 is no drop
        and l.last_synced_quantity is distinct from 0 then 'ZERO_GUARD' end
]::text[], null);

-- The setting that decides, of the listing's own, its item's and its customer's; null and CUSTOMER_DEFAULT are none.
create function mode_in_force(of_listing text, of_item text, of_customer text) returns text
language sql immutable parallel safe
return coalesce(nullif(of_listing, 'CUSTOMER_DEFAULT'), nullif(of_item, 'CUSTOMER_DEFAULT'), of_customer);
`;

/** As in the migration that made it, but for who says what the gates say. */
const EFFECTIVE = /* sql */ `
create or replace view listing_effective as
select l.id as listing_id, l.customer_id, l.item_id, l.store_id, q.mode, q.quantity, g.skips,
       case when cardinality(g.skips) = 0 then 'SYNC' else 'SKIP' end as decision,
       listing_state(l) as state
  from listing l
  join item i on i.id = l.item_id and i.customer_id = l.customer_id
  join store s on s.id = l.store_id and s.customer_id = l.customer_id
  join customer c on c.id = l.customer_id
  cross join lateral (
    select mode_in_force(setting_in_force(l.sync_mode, l.sync_expires_at, l.sync_revert_mode),
                         setting_in_force(i.sync_mode, i.sync_expires_at, i.sync_revert_mode), c.sync_mode) as mode,
           stock.quantity, stock.inbound
      from stock_in_store(s, i) stock
    offset 0
  ) q
  cross join lateral (select failed_gates(l, i, s, q.mode, q.quantity, q.inbound, false) as skips offset 0) g;
`;

const UP = SEARCH + GATES + EFFECTIVE;

const DOWN = /* sql */ `
create or replace view listing_effective as
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
            and not (q.quantity = 0 and coalesce(l.last_synced_quantity, 0) > 0) then 'PROCESS_ORDERS_OFF' end,
      case when i.first_received_at is null
            and case when s.has_own_warehouses then
                  coalesce((select sum(v.published_inbound) from inventory_level v
                              join store_warehouse w on w.warehouse_id = v.warehouse_id and w.store_id = s.id
                             where v.item_id = i.id), 0)
                else i.published_inbound end <= 0 then 'NEVER_RECEIVED' end,
      case when s.zero_guard_since is not null and q.quantity = 0
            and l.last_synced_quantity is distinct from 0 then 'ZERO_GUARD' end
    ]::text[], null) as skips
    offset 0
  ) g;
drop function mode_in_force(text, text, text);
drop function failed_gates(listing, item, store, text, integer, bigint, boolean);
drop function stock_in_store(store, item);
drop table search;
`;
