import type { MigrationInterface, QueryRunner } from "typeorm";

/**
 * What row-level security is built of: a customer's token reads and writes as a role, or under a setting, for which PostgreSQL
 * itself shows and takes that customer's rows only. After the migrations `src/row-security.ts` puts each table behind it, those
 * of later migrations too. docs/adr/0013 says why so.
 */
export class RowSecurity1763900014000 implements MigrationInterface {
  async up(db: QueryRunner): Promise<void> {
    await db.query(UP);
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query(DOWN);
  }
}

const UP = /* sql */ `
-- The customer whose rows alone this session sees; null where it sees all (the engine, operators). A setting that was once set
-- reads as '' and not as null afterwards.
create function viewer_customer() returns uuid language sql stable parallel safe
return nullif(current_setting('evenkeel.customer', true), '')::uuid;

-- The condition under which a row is the viewer's; null where the table is nobody's.
create function row_ownership(relation regclass) returns text language sql stable
return case
  when relation = 'customer'::regclass then 'id = viewer_customer()'
  -- Whose they are stands in another table, which is read under its own policy.
  when relation = 'operation_item'::regclass then 'exists (select from operation o where o.id = operation_id)'
  when relation = 'store_queue'::regclass then 'exists (select from store s where s.id = store_id)'
  when exists (select from pg_attribute where attrelid = relation and attname = 'customer_id' and not attisdropped)
    then 'customer_id = viewer_customer()'
end;

-- What a viewer may do with a table or view, as far as its rows are the viewer's; null: nothing.
create function viewer_privileges(relation regclass) returns text language sql stable
return case
  when (select relispartition from pg_class where oid = relation) then null
  when (select relkind = 'v' from pg_class where oid = relation) then 'select'
  -- The engine's alone to write.
  when relation in ('outcome'::regclass, 'feed'::regclass, 'store_queue'::regclass) then 'select'
  when relation = 'customer'::regclass then 'select, update'
  -- Appended to, never read.
  when relation = 'wake'::regclass then 'insert'
  when row_ownership(relation) is not null then 'select, insert, update, delete'
end;

-- The role of viewers where this login can take it on: made where it can make roles. Otherwise null.
create function viewer_role() returns name language plpgsql as $$
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
end $$;

-- Puts one table or view behind the wall; may be repeated, and takes a lock only where something is lacking. With a role, the
-- policy binds that role alone and the owner is free of it. Without one it is forced on the owner, whom the setting binds.
create function wall_off(relation regclass, viewer name) returns void language plpgsql as $$
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
end $$;

-- The viewer's items, for what searches them. Behind a policy PostgreSQL gives an index no condition whose operator might tell of
-- other rows (like and && among them), so a search of item itself would walk all of a customer's. This view reads as its owner,
-- whom no policy binds, and has the policy's condition as its own.
create view own_item with (security_invoker = false) as
select * from item where (select viewer_customer()) is null or customer_id = (select viewer_customer());

-- As before, and what it makes stands behind the same wall as its parent.
create or replace function ensure_outcome_partitions(days_ahead integer) returns integer language plpgsql as $$
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
end $$;
`;

const DOWN = /* sql */ `
do $$
declare
  relation regclass;
begin
  for relation in select polrelid::regclass from pg_policy where polname = 'customer_only' loop
    execute format('drop policy customer_only on %s', relation);
    execute format('alter table %s disable row level security, no force row level security', relation);
  end loop;
end $$;
create or replace function ensure_outcome_partitions(days_ahead integer) returns integer language plpgsql as $$
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
drop view own_item;
drop function wall_off(regclass, name);
drop function viewer_role();
drop function viewer_privileges(regclass);
drop function row_ownership(regclass);
drop function viewer_customer();
`;
