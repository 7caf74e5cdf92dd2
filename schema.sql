-- Generated from the migrations by `npm run generate`: add a migration, don't change this.
-- The daily partitions of `outcome` are left out: their names hold dates.

create extension pg_trgm;

create sequence fencing_token as bigint;

create table api_token (
  id uuid not null,
  customer_id uuid,
  name text not null,
  token_hash bytea not null,
  scopes text[] not null,
  created_at timestamp with time zone not null default now(),
  last_used_at timestamp with time zone,
  expires_at timestamp with time zone,
  revoked_at timestamp with time zone,
  constraint api_token_pkey PRIMARY KEY (id),
  constraint api_token_token_hash_key UNIQUE (token_hash),
  constraint api_token_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customer(id)
);

create table customer (
  id uuid not null,
  name text not null,
  external_ref text,
  process_orders_management text not null default 'RECEIPT_ADJUSTMENT_AND_SELLOUT'::text,
  sync_mode text not null default 'PROCESS_ORDERS_ONLY'::text,
  sync_note text,
  sync_updated_at timestamp with time zone not null default now(),
  sync_updated_by text not null,
  created_at timestamp with time zone not null default now(),
  updated_at timestamp with time zone not null default now(),
  constraint customer_pkey PRIMARY KEY (id),
  constraint customer_external_ref_key UNIQUE (external_ref),
  constraint customer_process_orders_management_check CHECK (process_orders_management = ANY (ARRAY['MANUAL'::text, 'RECEIPT_AND_SELLOUT'::text, 'FIRST_RECEIPT'::text, 'RECEIPT_ADJUSTMENT_AND_SELLOUT'::text])),
  constraint customer_sync_mode_check CHECK (sync_mode = ANY (ARRAY['NEVER'::text, 'ALWAYS'::text, 'PROCESS_ORDERS_ONLY'::text]))
);

create table feed (
  customer_id uuid not null,
  last_seq bigint not null default 0,
  first_seq bigint not null default 1,
  constraint feed_pkey PRIMARY KEY (customer_id),
  constraint feed_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customer(id)
) with (fillfactor=20);

create table idempotency (
  customer_id uuid not null,
  mutation text not null,
  key text not null,
  fingerprint bytea not null,
  answer jsonb not null,
  created_at timestamp with time zone not null default now(),
  constraint idempotency_pkey PRIMARY KEY (customer_id, mutation, key)
);

create table inventory_level (
  item_id uuid not null,
  warehouse_id uuid not null,
  customer_id uuid not null,
  on_hand integer not null default 0,
  committed integer not null default 0,
  unavailable integer not null default 0,
  published_inbound integer not null default 0,
  constraint inventory_level_pkey PRIMARY KEY (item_id, warehouse_id),
  constraint inventory_level_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customer(id),
  constraint inventory_level_item_id_fkey FOREIGN KEY (item_id) REFERENCES item(id),
  constraint inventory_level_warehouse_id_fkey FOREIGN KEY (warehouse_id) REFERENCES warehouse(id),
  constraint inventory_level_committed_check CHECK (committed >= 0 AND committed <= 1000000000),
  constraint inventory_level_on_hand_check CHECK (on_hand >= 0 AND on_hand <= 1000000000),
  constraint inventory_level_published_inbound_check CHECK (published_inbound >= 0 AND published_inbound <= 1000000000),
  constraint inventory_level_unavailable_check CHECK (unavailable >= 0 AND unavailable <= 1000000000)
) with (fillfactor=80);

create table inventory_movement (
  id uuid not null,
  customer_id uuid not null,
  item_id uuid not null,
  warehouse_id uuid not null,
  kind text not null,
  on_hand_delta integer not null default 0,
  committed_delta integer not null default 0,
  unavailable_delta integer not null default 0,
  reference text,
  reason text,
  created_at timestamp with time zone not null default now(),
  created_by text not null,
  constraint inventory_movement_pkey PRIMARY KEY (id),
  constraint inventory_movement_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customer(id),
  constraint inventory_movement_item_id_fkey FOREIGN KEY (item_id) REFERENCES item(id),
  constraint inventory_movement_warehouse_id_fkey FOREIGN KEY (warehouse_id) REFERENCES warehouse(id),
  constraint inventory_movement_kind_check CHECK (kind = ANY (ARRAY['RECEIVE'::text, 'ADJUST'::text, 'SET'::text, 'COMMIT'::text, 'SHIP'::text, 'SHIP_NOTICE'::text]))
);

create table item (
  id uuid not null,
  customer_id uuid not null,
  sku text not null,
  title text not null,
  barcode text,
  tags text[] not null default '{}'::text[],
  on_hand integer not null default 0,
  committed integer not null default 0,
  unavailable integer not null default 0,
  published_inbound integer not null default 0,
  available integer not null generated always as (on_hand - committed - unavailable) stored,
  process_orders boolean not null default false,
  first_received_at timestamp with time zone,
  sync_mode text not null default 'CUSTOMER_DEFAULT'::text,
  sync_expires_at timestamp with time zone,
  sync_revert_mode text,
  sync_note text,
  sync_updated_at timestamp with time zone not null default now(),
  sync_updated_by text not null,
  created_at timestamp with time zone not null default now(),
  updated_at timestamp with time zone not null default now(),
  search_text text not null generated always as (lower((((sku || ' '::text) || title) || ' '::text) || COALESCE(barcode, ''::text))) stored,
  constraint item_pkey PRIMARY KEY (id),
  constraint item_customer_id_sku_key UNIQUE (customer_id, sku),
  constraint item_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customer(id),
  constraint item_check CHECK ((sync_expires_at IS NULL) = (sync_revert_mode IS NULL)),
  constraint item_committed_check CHECK (committed >= 0 AND committed <= 1000000000),
  constraint item_on_hand_check CHECK (on_hand >= 0 AND on_hand <= 1000000000),
  constraint item_published_inbound_check CHECK (published_inbound >= 0 AND published_inbound <= 1000000000),
  constraint item_sync_mode_check CHECK (sync_mode = ANY (ARRAY['CUSTOMER_DEFAULT'::text, 'NEVER'::text, 'ALWAYS'::text, 'PROCESS_ORDERS_ONLY'::text])),
  constraint item_sync_revert_mode_check CHECK (sync_revert_mode = ANY (ARRAY['CUSTOMER_DEFAULT'::text, 'NEVER'::text, 'ALWAYS'::text, 'PROCESS_ORDERS_ONLY'::text])),
  constraint item_unavailable_check CHECK (unavailable >= 0 AND unavailable <= 1000000000)
) with (fillfactor=80);

create table listing (
  id uuid not null,
  customer_id uuid not null,
  store_id uuid not null,
  item_id uuid not null,
  external_id text not null,
  external_sku text,
  external_ref jsonb not null default '{}'::jsonb,
  active boolean not null default true,
  linked boolean not null default true,
  stock_managed boolean not null default true,
  sync_mode text,
  sync_expires_at timestamp with time zone,
  sync_revert_mode text,
  sync_note text,
  sync_updated_at timestamp with time zone,
  sync_updated_by text,
  revision bigint not null default 0,
  synced_revision bigint not null default 0,
  trigger text not null default 'LISTING_LINKED'::text,
  marked_at timestamp with time zone not null default now(),
  dirty_since timestamp with time zone not null default now(),
  urgency smallint not null default 3,
  force_revision bigint not null default 0,
  lift_received_revision bigint not null default 0,
  attempts integer not null default 0,
  attempted_revision bigint not null default 0,
  attempted_trigger text,
  conflicts integer not null default 0,
  next_attempt_at timestamp with time zone,
  parked_code text,
  held boolean not null default false,
  in_flight_since timestamp with time zone,
  last_synced_quantity integer,
  last_synced_at timestamp with time zone,
  zeroed_at timestamp with time zone,
  observed_quantity integer,
  observed_at timestamp with time zone,
  recheck_at timestamp with time zone,
  created_at timestamp with time zone not null default now(),
  constraint listing_pkey PRIMARY KEY (id),
  constraint listing_store_id_external_id_key UNIQUE (store_id, external_id),
  constraint listing_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customer(id),
  constraint listing_item_id_fkey FOREIGN KEY (item_id) REFERENCES item(id),
  constraint listing_store_id_fkey FOREIGN KEY (store_id) REFERENCES store(id),
  constraint listing_check CHECK (synced_revision <= revision),
  constraint listing_check1 CHECK ((sync_expires_at IS NULL) = (sync_revert_mode IS NULL)),
  constraint listing_sync_mode_check CHECK (sync_mode = ANY (ARRAY['NEVER'::text, 'ALWAYS'::text, 'PROCESS_ORDERS_ONLY'::text])),
  constraint listing_sync_revert_mode_check CHECK (sync_revert_mode = ANY (ARRAY['CUSTOMER_DEFAULT'::text, 'NEVER'::text, 'ALWAYS'::text, 'PROCESS_ORDERS_ONLY'::text]))
) with (fillfactor=75, autovacuum_vacuum_scale_factor=0.02, autovacuum_analyze_scale_factor=0.05);

create table mark_task (
  id bigint not null generated always as identity,
  customer_id uuid not null,
  store_id uuid not null,
  catch_up_only boolean not null,
  forget_acknowledged boolean not null default false,
  trigger text not null,
  done_to uuid,
  constraint mark_task_pkey PRIMARY KEY (id),
  constraint mark_task_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customer(id)
);

create table migrations (
  id integer not null default nextval('migrations_id_seq'::regclass),
  "timestamp" bigint not null,
  name character varying not null,
  constraint "PK_8c82d7f526340ab734260ea46be" PRIMARY KEY (id)
);

create table operation (
  id uuid not null,
  customer_id uuid not null,
  kind text not null,
  status text not null default 'QUEUED'::text,
  requested_by text not null,
  input jsonb not null,
  total integer not null default 0,
  without_listing integer not null default 0,
  notes text[] not null default '{}'::text[],
  lease_until timestamp with time zone,
  attempts integer not null default 0,
  created_at timestamp with time zone not null default now(),
  started_at timestamp with time zone,
  finished_at timestamp with time zone,
  constraint operation_pkey PRIMARY KEY (id),
  constraint operation_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customer(id),
  constraint operation_status_check CHECK (status = ANY (ARRAY['QUEUED'::text, 'RUNNING'::text, 'COMPLETED'::text, 'COMPLETED_WITH_FAILURES'::text, 'CANCELED'::text, 'FAILED'::text]))
);

create table operation_count (
  operation_id uuid not null,
  customer_id uuid not null,
  status text not null,
  count integer not null,
  constraint operation_count_pkey PRIMARY KEY (operation_id, status),
  constraint operation_count_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customer(id),
  constraint operation_count_operation_id_fkey FOREIGN KEY (operation_id) REFERENCES operation(id) ON DELETE CASCADE
) with (fillfactor=50);

create table operation_item (
  operation_id uuid not null,
  "position" integer not null,
  item_id uuid not null,
  constraint operation_item_pkey PRIMARY KEY (operation_id, "position"),
  constraint operation_item_operation_id_fkey FOREIGN KEY (operation_id) REFERENCES operation(id)
);

create table operation_listing (
  operation_id uuid not null,
  listing_id uuid not null,
  customer_id uuid not null,
  revision bigint not null,
  status text,
  outcome_seq bigint,
  constraint operation_listing_pkey PRIMARY KEY (operation_id, listing_id),
  constraint operation_listing_operation_id_fkey FOREIGN KEY (operation_id) REFERENCES operation(id)
);

create table outcome (
  customer_id uuid not null,
  seq bigint not null,
  occurred_at timestamp with time zone not null,
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
  skips text[] not null default '{}'::text[],
  failure_code text,
  platform_message text,
  attempt integer not null,
  next_attempt_at timestamp with time zone,
  duration_ms integer,
  lag_ms integer,
  constraint outcome_pkey PRIMARY KEY (customer_id, seq, occurred_at)
) partition by RANGE (occurred_at);

create table search (
  id uuid not null,
  customer_id uuid not null,
  name text not null,
  filter jsonb not null,
  created_at timestamp with time zone not null default now(),
  updated_at timestamp with time zone not null default now(),
  constraint search_pkey PRIMARY KEY (id),
  constraint search_customer_id_name_key UNIQUE (customer_id, name),
  constraint search_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customer(id)
);

create table setting_change (
  id uuid not null,
  customer_id uuid not null,
  scope text not null,
  subject_id uuid not null,
  mode text not null,
  previous_mode text,
  expires_at timestamp with time zone,
  note text,
  changed_at timestamp with time zone not null default now(),
  changed_by text not null,
  constraint setting_change_pkey PRIMARY KEY (id),
  constraint setting_change_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customer(id),
  constraint setting_change_scope_check CHECK (scope = ANY (ARRAY['CUSTOMER'::text, 'ITEM'::text, 'LISTING'::text]))
);

create table ship_notice (
  id uuid not null,
  customer_id uuid not null,
  warehouse_id uuid not null,
  reference text not null,
  expected_at timestamp with time zone,
  created_at timestamp with time zone not null default now(),
  created_by text not null,
  constraint ship_notice_pkey PRIMARY KEY (id),
  constraint ship_notice_customer_id_reference_key UNIQUE (customer_id, reference),
  constraint ship_notice_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customer(id),
  constraint ship_notice_warehouse_id_fkey FOREIGN KEY (warehouse_id) REFERENCES warehouse(id)
);

create table ship_notice_line (
  ship_notice_id uuid not null,
  item_id uuid not null,
  customer_id uuid not null,
  "position" integer not null,
  expected integer not null,
  received integer not null default 0,
  damaged integer not null default 0,
  published boolean not null default false,
  constraint ship_notice_line_pkey PRIMARY KEY (ship_notice_id, item_id),
  constraint ship_notice_line_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customer(id),
  constraint ship_notice_line_item_id_fkey FOREIGN KEY (item_id) REFERENCES item(id),
  constraint ship_notice_line_ship_notice_id_fkey FOREIGN KEY (ship_notice_id) REFERENCES ship_notice(id),
  constraint ship_notice_line_damaged_check CHECK (damaged >= 0 AND damaged <= 1000000000),
  constraint ship_notice_line_expected_check CHECK (expected >= 1 AND expected <= 1000000000),
  constraint ship_notice_line_received_check CHECK (received >= 0 AND received <= 1000000000)
);

create table store (
  id uuid not null,
  customer_id uuid not null,
  name text not null,
  platform text not null,
  url text not null,
  location_id text,
  credentials text not null,
  sync_enabled boolean not null default true,
  connection_status text not null default 'CONNECTED'::text,
  paused_until timestamp with time zone,
  zero_guard_since timestamp with time zone,
  zero_guard_released_at timestamp with time zone,
  has_own_warehouses boolean not null default false,
  created_at timestamp with time zone not null default now(),
  updated_at timestamp with time zone not null default now(),
  constraint store_pkey PRIMARY KEY (id),
  constraint store_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customer(id),
  constraint store_connection_status_check CHECK (connection_status = ANY (ARRAY['CONNECTED'::text, 'UNREACHABLE'::text, 'CREDENTIALS_INVALID'::text, 'DISCONNECTED'::text]))
);

create table store_queue (
  store_id uuid not null,
  due_at timestamp with time zone not null default now(),
  not_before timestamp with time zone,
  requested bigint not null default 1,
  claimed bigint not null default 0,
  owner uuid,
  token bigint,
  attempts integer not null default 0,
  constraint store_queue_pkey PRIMARY KEY (store_id),
  constraint store_queue_check CHECK ((owner IS NULL) = (token IS NULL))
) with (fillfactor=50, autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=500);

create table store_warehouse (
  store_id uuid not null,
  warehouse_id uuid not null,
  customer_id uuid not null,
  constraint store_warehouse_pkey PRIMARY KEY (store_id, warehouse_id),
  constraint store_warehouse_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customer(id),
  constraint store_warehouse_store_id_fkey FOREIGN KEY (store_id) REFERENCES store(id),
  constraint store_warehouse_warehouse_id_fkey FOREIGN KEY (warehouse_id) REFERENCES warehouse(id)
);

create table wake (
  id bigint not null generated always as identity,
  store_id uuid not null,
  constraint wake_pkey PRIMARY KEY (id)
) with (autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=1000);

create table warehouse (
  id uuid not null,
  customer_id uuid not null,
  code text not null,
  name text not null,
  created_at timestamp with time zone not null default now(),
  constraint warehouse_pkey PRIMARY KEY (id),
  constraint warehouse_customer_id_code_key UNIQUE (customer_id, code),
  constraint warehouse_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customer(id)
);

create table worker (
  id uuid not null,
  lock_key integer not null,
  lease_until timestamp with time zone not null,
  started_at timestamp with time zone not null default now(),
  constraint worker_pkey PRIMARY KEY (id)
);

CREATE INDEX idempotency_age ON public.idempotency USING btree (created_at);

CREATE INDEX inventory_movement_item ON public.inventory_movement USING btree (item_id, created_at DESC);

CREATE INDEX item_available ON public.item USING btree (customer_id, available, id);
CREATE INDEX item_override_expiry ON public.item USING btree (sync_expires_at) WHERE (sync_expires_at IS NOT NULL);
CREATE INDEX item_search ON public.item USING gin (search_text gin_trgm_ops);
CREATE INDEX item_sku_prefix ON public.item USING btree (customer_id, sku text_pattern_ops);
CREATE INDEX item_tags ON public.item USING gin (tags);
CREATE INDEX item_title ON public.item USING btree (customer_id, title, id);
CREATE INDEX item_updated ON public.item USING btree (customer_id, updated_at, id);

CREATE INDEX listing_catch_up ON public.listing USING btree (store_id, id) WHERE (held OR (revision > synced_revision));
CREATE INDEX listing_customer ON public.listing USING btree (customer_id, id);
CREATE INDEX listing_due ON public.listing USING btree (store_id, urgency, dirty_since, id) WHERE (revision > synced_revision);
CREATE INDEX listing_item ON public.listing USING btree (item_id, store_id);
CREATE INDEX listing_override_expiry ON public.listing USING btree (sync_expires_at) WHERE (sync_expires_at IS NOT NULL);
CREATE INDEX listing_parked ON public.listing USING btree (customer_id, store_id) WHERE (parked_code IS NOT NULL);
CREATE INDEX listing_recheck ON public.listing USING btree (recheck_at) WHERE (recheck_at IS NOT NULL);
CREATE INDEX listing_store ON public.listing USING btree (store_id, id);
CREATE INDEX listing_zeroed ON public.listing USING btree (store_id, zeroed_at) WHERE (zeroed_at IS NOT NULL);

CREATE INDEX operation_customer ON public.operation USING btree (customer_id, id DESC);
CREATE INDEX operation_finished ON public.operation USING btree (finished_at) WHERE (finished_at IS NOT NULL);
CREATE INDEX operation_open ON public.operation USING btree (id) WHERE (status = ANY (ARRAY['QUEUED'::text, 'RUNNING'::text]));

CREATE INDEX operation_listing_open ON public.operation_listing USING btree (listing_id) WHERE (status IS NULL);
CREATE INDEX operation_listing_outcome ON public.operation_listing USING btree (operation_id, outcome_seq) WHERE (status IS NOT NULL);
CREATE INDEX operation_listing_waiting ON public.operation_listing USING btree (operation_id) WHERE (status IS NULL);

CREATE INDEX outcome_id ON ONLY public.outcome USING btree (id);
CREATE INDEX outcome_item ON ONLY public.outcome USING btree (item_id, seq DESC);
CREATE INDEX outcome_listing ON ONLY public.outcome USING btree (listing_id, seq DESC);
CREATE INDEX outcome_store ON ONLY public.outcome USING btree (store_id, occurred_at DESC);

CREATE INDEX setting_change_subject ON public.setting_change USING btree (subject_id, id DESC);

CREATE INDEX ship_notice_line_item ON public.ship_notice_line USING btree (item_id);

CREATE INDEX store_customer ON public.store USING btree (customer_id, id);
CREATE INDEX store_pause ON public.store USING btree (paused_until) WHERE (paused_until IS NOT NULL);

CREATE INDEX store_queue_due ON public.store_queue USING btree (due_at) WHERE (owner IS NULL);
CREATE INDEX store_queue_owner ON public.store_queue USING btree (owner) WHERE (owner IS NOT NULL);

CREATE OR REPLACE FUNCTION public.ensure_outcome_partitions(days_ahead integer)
 RETURNS integer
 LANGUAGE plpgsql
AS $function$
declare
  parent pg_class := (select c from pg_class c where c.oid = 'outcome'::regclass);
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
      if parent.relrowsecurity then
        perform wall_off(name::regclass, case when parent.relforcerowsecurity then null else 'evenkeel_viewer' end);
      end if;
      made := made + 1;
    end if;
  end loop;
  return made;
end $function$
;

CREATE OR REPLACE FUNCTION public.failed_gates(l listing, i item, s store, mode text, quantity integer, inbound bigint, lift_never_received boolean)
 RETURNS text[]
 LANGUAGE sql
 STABLE
RETURN array_remove(ARRAY[CASE WHEN ((s).connection_status = 'DISCONNECTED'::text) THEN 'STORE_DISCONNECTED'::text ELSE NULL::text END, CASE WHEN ((s).connection_status = 'CREDENTIALS_INVALID'::text) THEN 'CREDENTIALS_INVALID'::text ELSE NULL::text END, CASE WHEN (NOT (s).sync_enabled) THEN 'STORE_SYNC_DISABLED'::text ELSE NULL::text END, CASE WHEN ((s).paused_until > now()) THEN 'STORE_PAUSED'::text ELSE NULL::text END, CASE WHEN (NOT (l).linked) THEN 'LISTING_UNLINKED'::text ELSE NULL::text END, CASE WHEN (NOT (l).active) THEN 'LISTING_INACTIVE'::text ELSE NULL::text END, CASE WHEN (NOT (l).stock_managed) THEN 'STOCK_UNMANAGED'::text ELSE NULL::text END, CASE WHEN (mode = 'NEVER'::text) THEN 'POLICY_NEVER'::text ELSE NULL::text END, CASE WHEN ((mode = 'PROCESS_ORDERS_ONLY'::text) AND (NOT (i).process_orders) AND (NOT ((quantity = 0) AND (COALESCE((l).last_synced_quantity, 0) > 0)))) THEN 'PROCESS_ORDERS_OFF'::text ELSE NULL::text END, CASE WHEN (((i).first_received_at IS NULL) AND (NOT lift_never_received) AND (inbound <= 0)) THEN 'NEVER_RECEIVED'::text ELSE NULL::text END, CASE WHEN (((s).zero_guard_since IS NOT NULL) AND (quantity = 0) AND ((l).last_synced_quantity IS DISTINCT FROM 0)) THEN 'ZERO_GUARD'::text ELSE NULL::text END], NULL::text)
;

CREATE OR REPLACE FUNCTION public.listing_state(l listing)
 RETURNS text
 LANGUAGE sql
 STABLE PARALLEL SAFE
RETURN CASE WHEN ((l).parked_code IS NOT NULL) THEN 'FAILED'::text WHEN (((l).revision > (l).synced_revision) AND ((l).in_flight_since IS NOT NULL)) THEN 'IN_FLIGHT'::text WHEN (((l).revision > (l).synced_revision) AND ((l).attempts > 0)) THEN 'RETRYING'::text WHEN ((l).revision > (l).synced_revision) THEN 'PENDING'::text WHEN (l).held THEN 'SKIPPED'::text WHEN (((l).last_synced_quantity IS NULL) OR ((l).last_synced_at IS NULL)) THEN 'NEVER_SYNCED'::text WHEN ((date_trunc('milliseconds'::text, (l).observed_at) > date_trunc('milliseconds'::text, (l).last_synced_at)) AND ((l).observed_quantity <> (l).last_synced_quantity)) THEN 'DRIFTED'::text ELSE 'IN_SYNC'::text END
;

CREATE OR REPLACE FUNCTION public.mode_in_force(of_listing text, of_item text, of_customer text)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
RETURN COALESCE(NULLIF(of_listing, 'CUSTOMER_DEFAULT'::text), NULLIF(of_item, 'CUSTOMER_DEFAULT'::text), of_customer)
;

CREATE OR REPLACE FUNCTION public.publishable_quantity(s store, i item)
 RETURNS integer
 LANGUAGE sql
 STABLE
AS $function$
  select case when s.has_own_warehouses then
    (select least(1000000000, greatest(0, coalesce(sum(l.on_hand::bigint - l.committed - l.unavailable + l.published_inbound), 0)))::integer
       from inventory_level l join store_warehouse w on w.warehouse_id = l.warehouse_id and w.store_id = s.id
      where l.item_id = i.id)
  else least(1000000000, greatest(0, i.available::bigint + i.published_inbound))::integer end
$function$
;

CREATE OR REPLACE FUNCTION public.row_ownership(relation regclass)
 RETURNS text
 LANGUAGE sql
 STABLE
RETURN CASE WHEN ((relation)::oid = ('customer'::regclass)::oid) THEN 'id = viewer_customer()'::text WHEN ((relation)::oid = ('operation_item'::regclass)::oid) THEN 'exists (select from operation o where o.id = operation_id)'::text WHEN ((relation)::oid = ('store_queue'::regclass)::oid) THEN 'exists (select from store s where s.id = store_id)'::text WHEN (EXISTS (SELECT FROM pg_attribute WHERE ((pg_attribute.attrelid = (row_ownership.relation)::oid) AND (pg_attribute.attname = 'customer_id'::name) AND (NOT pg_attribute.attisdropped)))) THEN 'customer_id = viewer_customer()'::text ELSE NULL::text END
;

CREATE OR REPLACE FUNCTION public.setting_in_force(mode text, expires_at timestamp with time zone, revert_mode text)
 RETURNS text
 LANGUAGE sql
 STABLE PARALLEL SAFE
RETURN CASE WHEN (expires_at <= now()) THEN revert_mode ELSE mode END
;

CREATE OR REPLACE FUNCTION public.stock_in_store(s store, i item)
 RETURNS TABLE(quantity integer, inbound bigint)
 LANGUAGE sql
 STABLE
AS $function$
  select case when s.has_own_warehouses then least(1000000000, greatest(0, own.sellable))::integer
              else least(1000000000, greatest(0, i.available::bigint + i.published_inbound))::integer end,
         case when s.has_own_warehouses then own.inbound else i.published_inbound::bigint end
    from (select coalesce(sum(v.on_hand::bigint - v.committed - v.unavailable + v.published_inbound), 0) as sellable,
                 coalesce(sum(v.published_inbound), 0)::bigint as inbound
            from inventory_level v join store_warehouse w on w.warehouse_id = v.warehouse_id
           where s.has_own_warehouses and w.store_id = s.id and v.item_id = i.id) own
$function$
;

CREATE OR REPLACE FUNCTION public.viewer_customer()
 RETURNS uuid
 LANGUAGE sql
 STABLE PARALLEL SAFE
RETURN (NULLIF(current_setting('evenkeel.customer'::text, true), ''::text))::uuid
;

CREATE OR REPLACE FUNCTION public.viewer_privileges(relation regclass)
 RETURNS text
 LANGUAGE sql
 STABLE
RETURN CASE WHEN (SELECT pg_class.relispartition FROM pg_class WHERE (pg_class.oid = (viewer_privileges.relation)::oid)) THEN NULL::text WHEN (SELECT (pg_class.relkind = 'v'::"char") FROM pg_class WHERE (pg_class.oid = (viewer_privileges.relation)::oid)) THEN 'select'::text WHEN ((relation)::oid = ANY ((ARRAY['outcome'::regclass, 'feed'::regclass, 'store_queue'::regclass])::oid[])) THEN 'select'::text WHEN ((relation)::oid = ('customer'::regclass)::oid) THEN 'select, update'::text WHEN ((relation)::oid = ('wake'::regclass)::oid) THEN 'insert'::text WHEN (row_ownership(relation) IS NOT NULL) THEN 'select, insert, update, delete'::text ELSE NULL::text END
;

CREATE OR REPLACE FUNCTION public.viewer_role()
 RETURNS name
 LANGUAGE plpgsql
AS $function$
declare
  viewer constant name := 'evenkeel_viewer';
begin
  if not exists (select from pg_roles where rolname = viewer) then
    begin
      execute format('create role %I nologin', viewer);
    exception
      -- Roles are the server's: another database may have made it just now.
      when duplicate_object or unique_violation or insufficient_privilege then null;
    end;
  end if;
  if not exists (select from pg_roles where rolname = viewer and not rolsuper and not rolbypassrls) then
    return null;
  end if;
  if not pg_has_role(viewer, case when current_setting('server_version_num')::integer >= 160000 then 'SET' else 'MEMBER' end) then
    begin
      execute format('grant %I to %I', viewer, current_user);
    exception
      when insufficient_privilege then return null;
    end;
  end if;
  return viewer;
end $function$
;

CREATE OR REPLACE FUNCTION public.wall_off(relation regclass, viewer name)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
declare
  class pg_class := (select c from pg_class c where c.oid = relation);
  whom oid := coalesce((select oid from pg_roles where rolname = viewer), 0);
  ownership text := row_ownership(relation);
  privileges text := viewer_privileges(relation);
begin
  if class.relkind = 'v' then
    -- A view reads as its owner, whom no policy binds, unless it says otherwise.
    if not coalesce(class.reloptions::text like '%security_invoker=%', false) then
      execute format('alter view %s set (security_invoker = true)', relation);
    end if;
  elsif ownership is not null and not exists (
    select from pg_policy where polrelid = relation and polname = 'customer_only' and polroles = array[whom]
       and class.relrowsecurity and class.relforcerowsecurity = (viewer is null)) then
    execute format('drop policy if exists customer_only on %s', relation);
    if viewer is null then
      execute format('create policy customer_only on %s using (viewer_customer() is null or %s)', relation, ownership);
    else
      execute format('create policy customer_only on %s to %I using (%s)', relation, viewer, ownership);
    end if;
    execute format('alter table %s enable row level security, %s row level security', relation,
                   case when viewer is null then 'force' else 'no force' end);
  end if;
  if viewer is not null and privileges is not null and not has_table_privilege(viewer, relation, replace(split_part(privileges, ',', 1), ' ', '')) then
    execute format('grant %s on %s to %I', privileges, relation, viewer);
  end if;
end $function$
;

create view item_effective with (security_invoker=true) as
 SELECT i.id AS item_id,
    i.customer_id,
    COALESCE(NULLIF(setting_in_force(i.sync_mode, i.sync_expires_at, i.sync_revert_mode), 'CUSTOMER_DEFAULT'::text), c.sync_mode) AS mode
   FROM item i
     JOIN customer c ON c.id = i.customer_id;

create view listing_effective with (security_invoker=true) as
 SELECT l.id AS listing_id,
    l.customer_id,
    l.item_id,
    l.store_id,
    q.mode,
    q.quantity,
    g.skips,
        CASE
            WHEN cardinality(g.skips) = 0 THEN 'SYNC'::text
            ELSE 'SKIP'::text
        END AS decision,
    listing_state(l.*) AS state
   FROM listing l
     JOIN item i ON i.id = l.item_id AND i.customer_id = l.customer_id
     JOIN store s ON s.id = l.store_id AND s.customer_id = l.customer_id
     JOIN customer c ON c.id = l.customer_id
     CROSS JOIN LATERAL ( SELECT mode_in_force(setting_in_force(l.sync_mode, l.sync_expires_at, l.sync_revert_mode), setting_in_force(i.sync_mode, i.sync_expires_at, i.sync_revert_mode), c.sync_mode) AS mode,
            stock.quantity,
            stock.inbound
           FROM stock_in_store(s.*, i.*) stock(quantity, inbound)
         OFFSET 0) q
     CROSS JOIN LATERAL ( SELECT failed_gates(l.*, i.*, s.*, q.mode, q.quantity, q.inbound, false) AS skips
         OFFSET 0) g;

create view own_item with (security_invoker=false) as
 SELECT id,
    customer_id,
    sku,
    title,
    barcode,
    tags,
    on_hand,
    committed,
    unavailable,
    published_inbound,
    available,
    process_orders,
    first_received_at,
    sync_mode,
    sync_expires_at,
    sync_revert_mode,
    sync_note,
    sync_updated_at,
    sync_updated_by,
    created_at,
    updated_at,
    search_text
   FROM item
  WHERE (( SELECT viewer_customer() AS viewer_customer)) IS NULL OR customer_id = (( SELECT viewer_customer() AS viewer_customer));

alter table api_token enable row level security;
create policy customer_only on api_token to evenkeel_viewer using (customer_id = viewer_customer());

alter table customer enable row level security;
create policy customer_only on customer to evenkeel_viewer using (id = viewer_customer());

alter table feed enable row level security;
create policy customer_only on feed to evenkeel_viewer using (customer_id = viewer_customer());

alter table idempotency enable row level security;
create policy customer_only on idempotency to evenkeel_viewer using (customer_id = viewer_customer());

alter table inventory_level enable row level security;
create policy customer_only on inventory_level to evenkeel_viewer using (customer_id = viewer_customer());

alter table inventory_movement enable row level security;
create policy customer_only on inventory_movement to evenkeel_viewer using (customer_id = viewer_customer());

alter table item enable row level security;
create policy customer_only on item to evenkeel_viewer using (customer_id = viewer_customer());

alter table listing enable row level security;
create policy customer_only on listing to evenkeel_viewer using (customer_id = viewer_customer());

alter table mark_task enable row level security;
create policy customer_only on mark_task to evenkeel_viewer using (customer_id = viewer_customer());

alter table operation enable row level security;
create policy customer_only on operation to evenkeel_viewer using (customer_id = viewer_customer());

alter table operation_count enable row level security;
create policy customer_only on operation_count to evenkeel_viewer using (customer_id = viewer_customer());

alter table operation_item enable row level security;
create policy customer_only on operation_item to evenkeel_viewer using ((EXISTS ( SELECT
   FROM operation o
  WHERE o.id = operation_item.operation_id)));

alter table operation_listing enable row level security;
create policy customer_only on operation_listing to evenkeel_viewer using (customer_id = viewer_customer());

alter table outcome enable row level security;
create policy customer_only on outcome to evenkeel_viewer using (customer_id = viewer_customer());

alter table search enable row level security;
create policy customer_only on search to evenkeel_viewer using (customer_id = viewer_customer());

alter table setting_change enable row level security;
create policy customer_only on setting_change to evenkeel_viewer using (customer_id = viewer_customer());

alter table ship_notice enable row level security;
create policy customer_only on ship_notice to evenkeel_viewer using (customer_id = viewer_customer());

alter table ship_notice_line enable row level security;
create policy customer_only on ship_notice_line to evenkeel_viewer using (customer_id = viewer_customer());

alter table store enable row level security;
create policy customer_only on store to evenkeel_viewer using (customer_id = viewer_customer());

alter table store_queue enable row level security;
create policy customer_only on store_queue to evenkeel_viewer using ((EXISTS ( SELECT
   FROM store s
  WHERE s.id = store_queue.store_id)));

alter table store_warehouse enable row level security;
create policy customer_only on store_warehouse to evenkeel_viewer using (customer_id = viewer_customer());

alter table warehouse enable row level security;
create policy customer_only on warehouse to evenkeel_viewer using (customer_id = viewer_customer());
