/**
 * What hands out the stores: leases on PostgreSQL beside BullMQ on Redis and BullMQ on PostgreSQL, each with the same wakes and
 * a drain that does nothing. The control is the leases' figure of the same run. Redis appends each command to its file.
 *
 * commit → start: one wake at a time, hinted in the process that committed it. Stores a second: as many as `listings` stores
 * woken at once, 16 slots. Taken over: from the end of the holder's database session until another worker drains its store.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { DataSource } from "typeorm";
import { migrate, openDatabase } from "../src/database.js";
import { createLog } from "../src/log.js";
import { BullMqQueue } from "../src/sync/queue/bullmq-queue.js";
import { PostgresLeases } from "../src/sync/queue/postgres-leases.js";
import type { DrainHandler, StoreQueue } from "../src/sync/queue/queue.js";
import { sql } from "../src/sync/sql.js";
import { newUuid } from "../src/terms.js";
import { startTestPostgres } from "../test/support/postgres-setup.js";
import { startRedis } from "../test/support/redis.js";
import { until } from "../test/support/until.js";
import { type Bench, type Figure, percentile } from "./report.js";

const SLOTS = 16;
const TAKEOVERS = 5;

export const queues: Bench = async ({ samples, listings }, { stops, note }) => {
  const postgres = await startTestPostgres({ fsync: "on", synchronous_commit: "on" });
  stops.add(postgres.stop);
  const dataSource = await openDatabase({ url: postgres.url, log: createLog("silent") });
  stops.add(() => dataSource.destroy());
  await migrate(dataSource, postgres.url);
  const redis = await startRedis({ persistent: true });
  if (redis) stops.add(redis.stop);
  else note("redis-server is not on the path: BullMQ on Redis is left out");
  const kinds: readonly (readonly [string, string | null])[] = [
    ["leases", null],
    ...(redis ? [["BullMQ on Redis", redis.url] as const] : []),
    ["BullMQ on PostgreSQL", postgres.url],
  ];
  const figures: Omit<Figure, "bench">[] = [];
  for (const [name, queueUrl] of kinds) {
    note(name);
    const open = (slots = SLOTS): StoreQueue => {
      const options = { dataSource, databaseUrl: postgres.url, log: createLog("silent"), slots };
      return queueUrl === null ? new PostgresLeases(options) : new BullMqQueue({ ...options, queueUrl });
    };
    const starts = await startsOf(dataSource, open, samples);
    const perSecond = await storesASecond(dataSource, open, listings);
    const takeovers = await takeoversOf(dataSource, open);
    const control = (metric: string): Partial<Figure> => {
      const leases = figures.find((figure) => figure.metric === `leases: ${metric}`);
      return leases ? { control: leases.value } : {};
    };
    for (const [metric, unit, value] of [
      ["commit → start p50", "ms", percentile(starts, 0.5)],
      ["commit → start p99", "ms", percentile(starts, 0.99)],
      ["stores a second", "stores/s", perSecond],
      ["taken over, max", "ms", Math.max(...takeovers)],
    ] as const)
      figures.push({ metric: `${name}: ${metric}`, unit, value, ...control(metric) });
  }
  return figures;
};

async function withQueue<T>(queue: StoreQueue, handler: DrainHandler, use: () => Promise<T>): Promise<T> {
  queue.run(handler);
  try {
    return await use();
  } finally {
    await queue.close(1_000);
  }
}

/** In ms, one for each wake. */
async function startsOf(dataSource: DataSource, open: () => StoreQueue, samples: number): Promise<readonly number[]> {
  const startedAt = new Map<string, number>();
  const queue = open();
  const handler: DrainHandler = ({ storeId }) => {
    if (!startedAt.has(storeId)) startedAt.set(storeId, performance.now());
    return Promise.resolve({ is: "drained" });
  };
  return withQueue(queue, handler, async () => {
    const taken: number[] = [];
    for (let index = -20; index < samples; index += 1) {
      const storeId = newUuid();
      await queue.wake(dataSource.manager, storeId);
      const committedAt = performance.now();
      queue.hint();
      const at = await until(() => startedAt.get(storeId), { everyMs: 1 });
      if (index >= 0) taken.push(at - committedAt);
      await delay(5 * Math.random());
    }
    return taken;
  });
}

async function storesASecond(dataSource: DataSource, open: () => StoreQueue, stores: number): Promise<number> {
  const drained = new Set<string>();
  await sql(dataSource, `insert into wake (store_id) select gen_random_uuid() from generate_series(1, $1::int)`, [
    stores,
  ]);
  const began = performance.now();
  const handler: DrainHandler = ({ storeId }) => {
    drained.add(storeId);
    return Promise.resolve({ is: "drained" });
  };
  return withQueue(open(), handler, async () => {
    await until(() => drained.size >= stores, { withinMs: 600_000, everyMs: 5 });
    return stores / ((performance.now() - began) / 1_000);
  });
}

/** In ms, one for each death. */
async function takeoversOf(dataSource: DataSource, open: (slots: number) => StoreQueue): Promise<readonly number[]> {
  const taken: number[] = [];
  for (let round = 0; round < TAKEOVERS; round += 1) {
    const storeId = newUuid();
    const drains: number[] = [];
    const handler: DrainHandler = async () => {
      drains.push(performance.now());
      // As one that is dead the first holder hands nothing back; the next one is done at once.
      while (drains.length === 1) await delay(5);
      return { is: "drained" };
    };
    // One slot, which it never gives back: whoever is dead takes nothing any more.
    const queue = open(1);
    await withQueue(queue, handler, async () => {
      await queue.wake(dataSource.manager, storeId);
      queue.hint();
      await until(() => drains.length === 1, { everyMs: 1 });
      await withQueue(open(1), handler, async () => {
        const killedAt = performance.now();
        await sql(
          dataSource,
          `select pg_terminate_backend(k.pid) from store_queue q join worker w on w.id = q.owner
             join pg_locks k on k.locktype = 'advisory' and k.objid = w.lock_key::oid where q.store_id = $1`,
          [storeId],
        );
        const [, next] = await until(() => drains.length > 1 && drains, { withinMs: 120_000, everyMs: 1 });
        taken.push((next ?? 0) - killedAt);
      });
    });
  }
  return taken;
}
