/**
 * How long outcomes and finished operations are kept. Outcomes lie in one partition per day: those of the coming days are made
 * ahead, those past their time are dropped whole. No lock that is taken here stops whoever writes: making attaches an empty
 * table (SHARE UPDATE EXCLUSIVE on the parent), dropping detaches concurrently, and only then drops what nobody sees any more.
 */
import type { DataSource, QueryRunner } from "typeorm";
import { type Queryable, sql } from "./sql.js";

const AHEAD_DAYS = 14;
/** Any number: the same in every process, so that one at a time does it. */
const RETENTION_LOCK = 4_835_121;
const DELETE_AT_ONCE = 5_000;

/**
 * Makes the partitions of the coming days and forgets what is older than `keepDays` (1 or more). Feeds begin after what is
 * forgotten: an older cursor is told so. Answers the dropped partitions; does nothing where another process is at it. It may
 * be repeated at any time, and ends what a crash of an earlier run has left half done.
 */
export async function keepRetention(dataSource: DataSource, keepDays: number): Promise<readonly string[]> {
  const session = dataSource.createQueryRunner();
  try {
    const [turn] = await sql<{ mine: boolean }>(session, `select pg_try_advisory_lock($1) as mine`, [RETENTION_LOCK]);
    if (!turn?.mine) return [];
    try {
      await sql(session, `select ensure_outcome_partitions($1)`, [AHEAD_DAYS]);
      const dropped = await dropOutcomes(session, keepDays);
      await deleteOperations(session, keepDays);
      return dropped;
    } finally {
      await sql(session, `select pg_advisory_unlock($1)`, [RETENTION_LOCK]);
    }
  } finally {
    await session.release();
  }
}

interface Partition {
  readonly name: string;
  readonly attached: boolean;
  /** A crash came between the two steps of detaching it. */
  readonly halfDetached: boolean;
}

async function dropOutcomes(session: QueryRunner, keepDays: number): Promise<readonly string[]> {
  // By the names that ensure_outcome_partitions gives; one that was detached but not dropped is found as well.
  const old = await sql<Partition>(
    session,
    /* sql */ `
    select c.relname as name, i.inhrelid is not null as attached, coalesce(i.inhdetachpending, false) as "halfDetached"
      from pg_class c left join pg_inherits i on i.inhrelid = c.oid and i.inhparent = 'outcome'::regclass
     where c.relnamespace = (select relnamespace from pg_class where oid = 'outcome'::regclass) and c.relkind = 'r'
       and c.relname ~ '^outcome_[0-9]{8}$'
       and to_date(right(c.relname, 8), 'YYYYMMDD') < (now() at time zone 'utc')::date - $1::int
     order by c.relname`,
    [keepDays],
  );
  for (const { name, attached, halfDetached } of old) {
    if (attached && !halfDetached) {
      await sql(
        session,
        /* sql */ `
        with told as (select customer_id, max(seq) as last from ${name} group by customer_id), behind as materialized (
          select f.customer_id, told.last from feed f join told using (customer_id) where f.first_seq <= told.last
           order by f.customer_id for no key update of f
        )
        update feed f set first_seq = behind.last + 1 from behind where f.customer_id = behind.customer_id`,
      );
      await sql(session, `alter table outcome detach partition ${name} concurrently`);
    } else if (halfDetached) {
      await sql(session, `alter table outcome detach partition ${name} finalize`);
    }
    await sql(session, `drop table ${name}`);
  }
  return old.map(({ name }) => name);
}

/** Forgets what mutations answered under keys that no longer count; an hour more than the promised day, for clocks that differ. */
export async function forgetAnswers(db: Queryable): Promise<void> {
  let deleted: readonly unknown[];
  do {
    deleted = await sql(
      db,
      `delete from idempotency where (customer_id, mutation, key) in (
         select customer_id, mutation, key from idempotency where created_at < now() - interval '25 hours'
          order by created_at limit ${String(DELETE_AT_ONCE)}) returning 1`,
    );
  } while (deleted.length === DELETE_AT_ONCE);
}

/** A few at a time, so that no transaction lasts. */
async function deleteOperations(session: QueryRunner, keepDays: number): Promise<void> {
  for (;;) {
    const [old] = await sql<{ id: string }>(
      session,
      `select id from operation where finished_at < now() - $1 * interval '1 day' order by finished_at limit 1`,
      [keepDays],
    );
    if (!old) return;
    let deleted: readonly unknown[];
    do {
      deleted = await sql(
        session,
        `delete from operation_listing where operation_id = $1 and listing_id in (
           select listing_id from operation_listing where operation_id = $1 limit ${String(DELETE_AT_ONCE)}) returning 1`,
        [old.id],
      );
    } while (deleted.length === DELETE_AT_ONCE);
    await sql(session, `delete from operation where id = $1`, [old.id]);
  }
}
