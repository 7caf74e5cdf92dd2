import type { MigrationInterface, QueryRunner } from "typeorm";

/** The tables of the main job. What each is for stands in ARCHITECTURE.md; `schema.sql` is the dump of the result. */
export class Foundation1763900000000 implements MigrationInterface {
  async up(db: QueryRunner): Promise<void> {
    await db.query(UP);
  }

  down(): Promise<void> {
    return Promise.reject(new Error("The first migration has nothing to go back to: drop the database instead."));
  }
}

const UP = /* sql */ `
create extension if not exists pg_trgm;

-- ───────────── who and what ─────────────

create table customer (
  id uuid primary key,
  name text not null,
  external_ref text unique,
  process_orders_management text not null default 'RECEIPT_ADJUSTMENT_AND_SELLOUT'
    check (process_orders_management in ('MANUAL', 'RECEIPT_AND_SELLOUT', 'FIRST_RECEIPT', 'RECEIPT_ADJUSTMENT_AND_SELLOUT')),
  sync_mode text not null default 'PROCESS_ORDERS_ONLY' check (sync_mode in ('NEVER', 'ALWAYS', 'PROCESS_ORDERS_ONLY')),
  sync_note text,
  sync_updated_at timestamptz not null default now(),
  sync_updated_by text not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

create table api_token (
  id uuid primary key,
  customer_id uuid references customer,
  name text not null,
  token_hash bytea not null unique,
  scopes text[] not null,
  created_at timestamptz not null default now(),
  last_used_at timestamptz,
  expires_at timestamptz,
  revoked_at timestamptz
);

create table warehouse (
  id uuid primary key,
  customer_id uuid not null references customer,
  code text not null,
  name text not null,
  created_at timestamptz not null default now(),
  unique (customer_id, code)
);

-- The sums over the item's warehouses are kept here: every stock change locks the item's row anyway (Process Orders is decided
-- on them), and filters, sorting and most stores read them without touching inventory_level.
create table item (
  id uuid primary key,
  customer_id uuid not null references customer,
  sku text not null,
  title text not null,
  barcode text,
  tags text[] not null default '{}',
  on_hand integer not null default 0 check (on_hand between 0 and 1000000000),
  committed integer not null default 0 check (committed between 0 and 1000000000),
  unavailable integer not null default 0 check (unavailable between 0 and 1000000000),
  published_inbound integer not null default 0 check (published_inbound between 0 and 1000000000),
  available integer not null generated always as (on_hand - committed - unavailable) stored,
  process_orders boolean not null default false,
  first_received_at timestamptz,
  sync_mode text not null default 'CUSTOMER_DEFAULT' check (sync_mode in ('CUSTOMER_DEFAULT', 'NEVER', 'ALWAYS', 'PROCESS_ORDERS_ONLY')),
  sync_expires_at timestamptz,
  sync_revert_mode text check (sync_revert_mode in ('CUSTOMER_DEFAULT', 'NEVER', 'ALWAYS', 'PROCESS_ORDERS_ONLY')),
  sync_note text,
  sync_updated_at timestamptz not null default now(),
  sync_updated_by text not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  search_text text not null generated always as (lower(sku || ' ' || title || ' ' || coalesce(barcode, ''))) stored,
  unique (customer_id, sku),
  check ((sync_expires_at is null) = (sync_revert_mode is null))
) with (fillfactor = 80);
create index item_title on item (customer_id, title, id);
create index item_available on item (customer_id, available, id);
create index item_updated on item (customer_id, updated_at, id);
create index item_sku_prefix on item (customer_id, sku text_pattern_ops);
create index item_search on item using gin (search_text gin_trgm_ops);
create index item_tags on item using gin (tags);
create index item_override_expiry on item (sync_expires_at) where sync_expires_at is not null;

create table inventory_level (
  item_id uuid not null references item,
  warehouse_id uuid not null references warehouse,
  customer_id uuid not null references customer,
  on_hand integer not null default 0 check (on_hand between 0 and 1000000000),
  committed integer not null default 0 check (committed between 0 and 1000000000),
  unavailable integer not null default 0 check (unavailable between 0 and 1000000000),
  published_inbound integer not null default 0 check (published_inbound between 0 and 1000000000),
  primary key (item_id, warehouse_id)
) with (fillfactor = 80);

-- One signed change of a level, append-only.
create table inventory_movement (
  id uuid primary key,
  customer_id uuid not null references customer,
  item_id uuid not null references item,
  warehouse_id uuid not null references warehouse,
  kind text not null check (kind in ('RECEIVE', 'ADJUST', 'SET', 'COMMIT', 'SHIP', 'SHIP_NOTICE')),
  on_hand_delta integer not null default 0,
  committed_delta integer not null default 0,
  unavailable_delta integer not null default 0,
  reference text,
  reason text,
  created_at timestamptz not null default now(),
  created_by text not null
);
create index inventory_movement_item on inventory_movement (item_id, created_at desc);

create table ship_notice (
  id uuid primary key,
  customer_id uuid not null references customer,
  warehouse_id uuid not null references warehouse,
  reference text not null,
  expected_at timestamptz,
  created_at timestamptz not null default now(),
  created_by text not null,
  unique (customer_id, reference)
);

create table ship_notice_line (
  ship_notice_id uuid not null references ship_notice,
  item_id uuid not null references item,
  customer_id uuid not null references customer,
  position integer not null,
  expected integer not null check (expected between 1 and 1000000000),
  received integer not null default 0 check (received between 0 and 1000000000),
  damaged integer not null default 0 check (damaged between 0 and 1000000000),
  published boolean not null default false,
  primary key (ship_notice_id, item_id)
);
create index ship_notice_line_item on ship_notice_line (item_id);

create table setting_change (
  id uuid primary key,
  customer_id uuid not null references customer,
  scope text not null check (scope in ('CUSTOMER', 'ITEM', 'LISTING')),
  subject_id uuid not null,
  mode text not null,
  previous_mode text,
  expires_at timestamptz,
  note text,
  changed_at timestamptz not null default now(),
  changed_by text not null
);
create index setting_change_subject on setting_change (subject_id, id desc);

-- ───────────── stores and listings ─────────────

create table store (
  id uuid primary key,
  customer_id uuid not null references customer,
  name text not null,
  platform text not null,
  url text not null,
  location_id text,
  -- AES-256-GCM, bound to the store's id: see src/sync/credentials.ts
  credentials text not null,
  sync_enabled boolean not null default true,
  connection_status text not null default 'CONNECTED' check (connection_status in ('CONNECTED', 'UNREACHABLE', 'CREDENTIALS_INVALID', 'DISCONNECTED')),
  paused_until timestamptz,
  -- Set while the mass-zero guard holds the store's zeros.
  zero_guard_since timestamptz,
  zero_guard_released_at timestamptz,
  -- Whether store_warehouse names this store's warehouses; otherwise it sells from all of the customer's.
  has_own_warehouses boolean not null default false,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index store_customer on store (customer_id, id);
create index store_pause on store (paused_until) where paused_until is not null;

create table store_warehouse (
  store_id uuid not null references store,
  warehouse_id uuid not null references warehouse,
  customer_id uuid not null references customer,
  primary key (store_id, warehouse_id)
);

-- An item in a store, and the queue of the engine: due while revision (asked for) is past synced_revision (settled).
create table listing (
  id uuid primary key,
  customer_id uuid not null references customer,
  store_id uuid not null references store,
  item_id uuid not null references item,
  external_id text not null,
  external_sku text,
  external_ref jsonb not null default '{}',
  active boolean not null default true,
  linked boolean not null default true,
  stock_managed boolean not null default true,
  -- null: the listing has no setting of its own
  sync_mode text check (sync_mode in ('NEVER', 'ALWAYS', 'PROCESS_ORDERS_ONLY')),
  sync_expires_at timestamptz,
  -- What the override gives way to; 'CUSTOMER_DEFAULT' for no setting of its own.
  sync_revert_mode text check (sync_revert_mode in ('CUSTOMER_DEFAULT', 'NEVER', 'ALWAYS', 'PROCESS_ORDERS_ONLY')),
  sync_note text,
  sync_updated_at timestamptz,
  sync_updated_by text,
  revision bigint not null default 0,
  synced_revision bigint not null default 0,
  -- Of the newest mark.
  trigger text not null default 'LISTING_LINKED',
  marked_at timestamptz not null default now(),
  -- Of the oldest mark that is not settled; only meaningful while due.
  dirty_since timestamptz not null default now(),
  -- 0 drop to zero, 1 rise from zero, 2 shrinks, 3 the rest: as seen when marked, for the order of claims only.
  urgency smallint not null default 3,
  -- Marks up to this revision ask for a send also where nothing changed (syncInventory).
  force_revision bigint not null default 0,
  -- Marks up to this revision lift the NEVER_RECEIVED gate (includeNeverReceived).
  lift_received_revision bigint not null default 0,
  attempts integer not null default 0,
  -- What the last failed attempt tried: a newer change overtakes it (SUPERSEDED).
  attempted_revision bigint not null default 0,
  attempted_trigger text,
  conflicts integer not null default 0,
  next_attempt_at timestamptz,
  -- A refusal that will not heal: FAILED until a person acts, or a newer change is tried after next_attempt_at.
  parked_code text,
  -- A gate held something back: the listing is marked when it opens.
  held boolean not null default false,
  in_flight_since timestamptz,
  last_synced_quantity integer,
  last_synced_at timestamptz,
  -- When the acknowledged quantity last fell from above 0 to 0.
  zeroed_at timestamptz,
  observed_quantity integer,
  observed_at timestamptz,
  -- After a conflict: when to look again (an unheard sale has been heard of by then).
  recheck_at timestamptz,
  created_at timestamptz not null default now(),
  unique (store_id, external_id),
  check (synced_revision <= revision),
  check ((sync_expires_at is null) = (sync_revert_mode is null))
) with (fillfactor = 75, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05);
create index listing_due on listing (store_id, urgency, dirty_since, id) where revision > synced_revision;
create index listing_item on listing (item_id, store_id);
create index listing_catch_up on listing (customer_id, id) where held or revision > synced_revision;
create index listing_customer on listing (customer_id, id);
create index listing_store on listing (store_id, id);
create index listing_zeroed on listing (store_id, zeroed_at) where zeroed_at is not null;
create index listing_recheck on listing (recheck_at) where recheck_at is not null;
create index listing_override_expiry on listing (sync_expires_at) where sync_expires_at is not null;

-- The gate order, the mode in force and the quantity stand once more in SQL, for marking and for filters by effective state.
-- test/integration/effective-state.test.ts proves that they agree with src/policy.

create function publishable_quantity(s store, i item) returns integer language sql stable as $$
  select case when s.has_own_warehouses then
    (select least(1000000000, greatest(0, coalesce(sum(l.on_hand::bigint - l.committed - l.unavailable + l.published_inbound), 0)))::integer
       from inventory_level l join store_warehouse w on w.warehouse_id = l.warehouse_id and w.store_id = s.id
      where l.item_id = i.id)
  else least(1000000000, greatest(0, i.available::bigint + i.published_inbound))::integer end
$$;

-- ───────────── queue: see ARCHITECTURE.md and docs/adr ─────────────

-- Appended in the business transaction, folded into store_queue after its commit.
create table wake (
  id bigint generated always as identity primary key,
  store_id uuid not null
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

-- A change that concerns all listings of a customer or store, turned into marks in chunks after its commit.
create table mark_task (
  id bigint generated always as identity primary key,
  customer_id uuid not null references customer,
  store_id uuid,
  catch_up_only boolean not null,
  force boolean not null default false,
  trigger text not null,
  -- Listings up to this id are marked.
  done_to uuid
);

create sequence fencing_token;

-- One row per queued or running store; deleted when nothing is left to do.
create table store_queue (
  store_id uuid primary key,
  due_at timestamptz not null default now(),
  -- A platform's or a failure's wait: no wake pulls due_at before it.
  not_before timestamptz,
  requested bigint not null default 1,
  claimed bigint not null default 0,
  owner uuid,
  token bigint,
  attempts integer not null default 0,
  check ((owner is null) = (token is null))
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
create index store_queue_due on store_queue (due_at) where owner is null;
create index store_queue_owner on store_queue (owner) where owner is not null;

-- One heartbeat row per worker process; its session holds the advisory lock (lock_class, lock_key).
create table worker (
  id uuid primary key,
  lock_key integer not null,
  lease_until timestamptz not null,
  started_at timestamptz not null default now()
);

-- ───────────── operations ─────────────

create table operation (
  id uuid primary key,
  customer_id uuid not null references customer,
  kind text not null,
  status text not null default 'QUEUED' check (status in ('QUEUED', 'RUNNING', 'COMPLETED', 'COMPLETED_WITH_FAILURES', 'CANCELED', 'FAILED')),
  requested_by text not null,
  -- What it does, parsed: mode, storeIds …
  input jsonb not null,
  -- Listings in all; while an import still searches, SKUs that it has not looked up count as one each.
  total integer not null default 0,
  -- SKUs that turned out to have no listing: processed, but without an outcome.
  without_listing integer not null default 0,
  -- What went wrong that no outcome can tell, for a person; at most 100 lines.
  notes text[] not null default '{}',
  -- Held by the worker that works its next chunk, or waiting after a failure.
  lease_until timestamptz,
  attempts integer not null default 0,
  created_at timestamptz not null default now(),
  started_at timestamptz,
  finished_at timestamptz
);
create index operation_customer on operation (customer_id, id desc);
create index operation_open on operation (id) where status in ('QUEUED', 'RUNNING');

-- The frozen selection, worked in chunks by position; a row goes when it is done.
create table operation_item (
  operation_id uuid not null references operation,
  position integer not null,
  item_id uuid not null,
  primary key (operation_id, position)
);

-- The listings an operation waits for: answered by the first final outcome at or past the revision.
create table operation_listing (
  operation_id uuid not null references operation,
  listing_id uuid not null,
  customer_id uuid not null,
  revision bigint not null,
  status text,
  outcome_seq bigint,
  primary key (operation_id, listing_id)
);
create index operation_listing_open on operation_listing (listing_id) where status is null;
create index operation_listing_waiting on operation_listing (operation_id) where status is null;
create index operation_listing_outcome on operation_listing (operation_id, outcome_seq) where status is not null;

-- ───────────── feed ─────────────

-- seq is counted without gaps, last in the settling transaction, under this row.
create table feed (
  customer_id uuid primary key references customer,
  last_seq bigint not null default 0,
  -- The oldest number still kept.
  first_seq bigint not null default 1
) with (fillfactor = 20);

create table outcome (
  customer_id uuid not null,
  seq bigint not null,
  occurred_at timestamptz not null,
  id uuid not null,
  status text not null,
  trigger text not null,
  store_id uuid not null,
  item_id uuid not null,
  listing_id uuid not null,
  operation_id uuid,
  revision bigint not null,
  quantity_before integer,
  quantity_sent integer,
  quantity_acknowledged integer,
  skips text[] not null default '{}',
  failure_code text,
  platform_message text,
  attempt integer not null,
  next_attempt_at timestamptz,
  duration_ms integer,
  lag_ms integer,
  primary key (customer_id, seq, occurred_at)
) partition by range (occurred_at);
create index outcome_id on outcome (id);
create index outcome_listing on outcome (listing_id, seq desc);
create index outcome_item on outcome (item_id, seq desc);

-- Makes the daily partitions from yesterday to days_ahead from now that are missing. There is no default partition: it would
-- stand in the way of dropping old ones without stopping writers.
create function ensure_outcome_partitions(days_ahead integer) returns integer language plpgsql as $$
declare
  day date;
  made integer := 0;
  name text;
begin
  perform pg_advisory_xact_lock(hashtext('evenkeel.outcome_partitions'));
  for day in select d::date from generate_series((now() at time zone 'utc')::date - 1, (now() at time zone 'utc')::date + days_ahead, interval '1 day') d loop
    name := 'outcome_' || to_char(day, 'YYYYMMDD');
    if to_regclass(name) is null then
      execute format('create table %I (like outcome including defaults including constraints)', name);
      execute format('alter table outcome attach partition %I for values from (%L) to (%L)', name, day::text || ' 00:00:00+00', (day + 1)::text || ' 00:00:00+00');
      made := made + 1;
    end if;
  end loop;
  return made;
end $$;
select ensure_outcome_partitions(14);

-- ───────────── idempotency ─────────────

create table idempotency (
  -- The customer acted for; the nil uuid for what belongs to none.
  customer_id uuid not null,
  mutation text not null,
  key text not null,
  fingerprint bytea not null,
  answer jsonb not null,
  created_at timestamptz not null default now(),
  primary key (customer_id, mutation, key)
);
create index idempotency_age on idempotency (created_at);
`;
