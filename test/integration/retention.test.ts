import pg from "pg";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { CursorExpired, feedPosition } from "../../src/sync/outcome-feed.js";
import { forgetAnswers, keepRetention } from "../../src/sync/retention.js";
import { sql } from "../../src/sync/sql.js";
import { newUuid } from "../../src/terms.js";
import { createTestDatabase, type TestDatabase } from "../support/database.js";
import { until } from "../support/until.js";
import { aCustomer } from "../support/world.js";

let db: TestDatabase;
beforeEach(async () => {
  db = await createTestDatabase();
});
afterEach(async () => {
  await db[Symbol.asyncDispose]();
});

const KEEP = 30;
const keep = (): Promise<readonly string[]> => keepRetention(db.dataSource, KEEP);
const nameOf = (day: Date): string => `outcome_${day.toISOString().slice(0, 10).replaceAll("-", "")}`;
const daysAgo = (days: number): Date => new Date(Date.now() - days * 86_400_000);

/** A partition as ensure_outcome_partitions would have made it that day. */
async function partitionOf(day: Date): Promise<string> {
  const name = nameOf(day);
  const date = day.toISOString().slice(0, 10);
  await sql(
    db.dataSource,
    `create table ${name} partition of outcome for values from ('${date} 00:00:00+00') to ('${date} 24:00:00+00')`,
  );
  return name;
}

const INSERT = /* sql */ `
  with numbered as (update feed set last_seq = last_seq + 1 where customer_id = $1 returning last_seq)
  insert into outcome (customer_id, seq, occurred_at, id, status, trigger, store_id, item_id, listing_id, revision, attempt)
  select $1, last_seq, $2, $3, 'SUCCEEDED', 'STOCK_CHANGE', $3, $3, $3, 1, 1 from numbered`;
const tell = (customerId: string, at: Date): Promise<unknown> =>
  sql(db.dataSource, INSERT, [customerId, at, newUuid()]);

const partitions = async (): Promise<readonly string[]> =>
  (
    await sql<{ name: string }>(
      db.dataSource,
      `select c.relname as name from pg_class c where c.relkind = 'r' and c.relname ~ '^outcome_[0-9]{8}$' order by 1`,
    )
  ).map(({ name }) => name);

/** Tells outcomes again and again, and never waits longer than a moment for a lock; a wait that is too long is its failure. */
function startWriter(customerId: string): { told: () => number; stop: () => Promise<number> } {
  const client = new pg.Client({ connectionString: db.url });
  const stopped = new AbortController();
  let told = 0;
  const writing = (async () => {
    await client.connect();
    await client.query("set lock_timeout = '200ms'");
    for (; !stopped.signal.aborted; told += 1) await client.query(INSERT, [customerId, new Date(), newUuid()]);
    return told;
  })().finally(() => client.end());
  writing.catch(() => undefined);
  return {
    told: () => told,
    stop: async () => {
      stopped.abort();
      return writing;
    },
  };
}

describe("outcomes past their time", () => {
  test("are forgotten with their day, and a cursor from before is told so", async () => {
    const { customerId } = await aCustomer(db.dataSource);
    const other = await aCustomer(db.dataSource);
    const old = await partitionOf(daysAgo(KEEP + 2));
    const kept = await partitionOf(daysAgo(KEEP));
    await tell(customerId, daysAgo(KEEP + 2));
    await tell(customerId, daysAgo(KEEP + 2));
    await tell(customerId, daysAgo(KEEP));
    await tell(customerId, new Date());
    await tell(other.customerId, new Date());

    expect(await keep()).toEqual([old]);

    expect(await partitions()).toContain(kept);
    expect(
      await sql(db.dataSource, `select seq from outcome where customer_id = $1 order by seq`, [customerId]),
    ).toEqual([{ seq: 3 }, { seq: 4 }]);
    await expect(feedPosition(db.dataSource, customerId, "0")).rejects.toThrow(CursorExpired);
    await expect(feedPosition(db.dataSource, customerId, "1")).rejects.toThrow("the oldest cursor is 2");
    expect(await feedPosition(db.dataSource, customerId, "2")).toBe(2);
    expect(await feedPosition(db.dataSource, other.customerId, "0")).toBe(0);
    expect(await keep()).toEqual([]);
  });

  test("go without a lock that stops who writes, also while somebody reads for long", async () => {
    const { customerId } = await aCustomer(db.dataSource);
    const old = await partitionOf(daysAgo(KEEP + 3));
    await tell(customerId, daysAgo(KEEP + 3));
    const reader = new pg.Client({ connectionString: db.url });
    await reader.connect();
    await reader.query("begin");
    await reader.query("select count(*) from outcome");
    const writer = startWriter(customerId);

    const dropping = keep();
    await until(async () => {
      const waiting = await sql(
        db.dataSource,
        `select 1 from pg_stat_activity where query like 'alter table outcome detach%' and wait_event_type = 'Lock' and datname = current_database()`,
      );
      return waiting.length > 0;
    });
    // One process at a time is at it.
    expect(await keep()).toEqual([]);
    const before = writer.told();
    await until(() => writer.told() > before + 50);
    await reader.query("commit");
    await reader.end();
    expect(await dropping).toEqual([old]);
    expect(await writer.stop()).toBeGreaterThan(0);
    const [feed] = await sql<{ last_seq: number }>(db.dataSource, `select last_seq from feed where customer_id = $1`, [
      customerId,
    ]);
    const [count] = await sql<{ count: number }>(db.dataSource, `select count(*) from outcome`);
    expect(count?.count).toBe((feed?.last_seq ?? 0) - 1);
  });

  test("are dropped by the next run where a crash came in between", async () => {
    const { customerId } = await aCustomer(db.dataSource);
    const half = await partitionOf(daysAgo(KEEP + 4));
    const detached = await partitionOf(daysAgo(KEEP + 5));
    await sql(db.dataSource, `alter table outcome detach partition ${detached}`);
    const reader = new pg.Client({ connectionString: db.url });
    await reader.connect();
    await reader.query("begin");
    await reader.query("select count(*) from outcome");
    const crashing = new pg.Client({ connectionString: db.url, application_name: "crashing" });
    crashing.on("error", () => undefined);
    await crashing.connect();
    const crashed = crashing.query(`alter table outcome detach partition ${half} concurrently`).catch(() => "crashed");
    await until(async () => (await sql(db.dataSource, `select 1 from pg_inherits where inhdetachpending`)).length > 0);
    await sql(
      db.dataSource,
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'crashing'`,
    );
    expect(await crashed).toBe("crashed");
    await reader.query("commit");
    await reader.end();

    expect(await keep()).toEqual([detached, half]);
    await tell(customerId, new Date());
    expect(await partitions()).not.toContain(half);
  });
});

test("the days ahead have their partition, without a lock that stops who writes", async () => {
  const { customerId } = await aCustomer(db.dataSource);
  const ahead = nameOf(daysAgo(-14));
  await sql(db.dataSource, `drop table ${ahead}`);
  const writer = startWriter(customerId);
  await db.dataSource.transaction(async (tx) => {
    await sql(tx, `select ensure_outcome_partitions(14)`);
    await until(() => writer.told() > 50);
  });
  await writer.stop();
  expect(await partitions()).toContain(ahead);
});

test("operations that ended before that are deleted with their listings, and no other", async () => {
  const { customerId } = await aCustomer(db.dataSource);
  const operation = async (finishedAt: Date | null): Promise<string> => {
    const id = newUuid();
    await sql(
      db.dataSource,
      `insert into operation (id, customer_id, kind, requested_by, input, status, finished_at) values ($1, $2, 'SYNC_INVENTORY', 'test', '{}', $3, $4)`,
      [id, customerId, finishedAt ? "COMPLETED" : "RUNNING", finishedAt],
    );
    await sql(
      db.dataSource,
      `insert into operation_listing (operation_id, listing_id, customer_id, revision) values ($1, $2, $3, 1)`,
      [id, newUuid(), customerId],
    );
    return id;
  };
  await operation(daysAgo(KEEP + 1));
  const kept = [await operation(daysAgo(KEEP - 1)), await operation(null)];
  await keep();
  expect(await sql(db.dataSource, `select id from operation order by id`)).toEqual(
    kept.toSorted().map((id) => ({ id })),
  );
  expect(await sql(db.dataSource, `select 1 from operation_listing`)).toHaveLength(2);
});

test("answers under idempotency keys are forgotten when their day is over, however many there are", async () => {
  const [old, young] = [10_001, 7];
  await sql(
    db.dataSource,
    `insert into idempotency (customer_id, mutation, key, fingerprint, answer, created_at)
     select gen_random_uuid(), 'receiveInventory', n::text, '', '{}', now() - case when n <= $1 then interval '26 hours' else interval '23 hours' end
       from generate_series(1, $1::int + $2::int) n`,
    [old, young],
  );
  await forgetAnswers(db.dataSource);
  expect(await sql(db.dataSource, `select count(*)::int as count from idempotency`)).toEqual([{ count: young }]);
});
