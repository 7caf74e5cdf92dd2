/** What dispatch.ts compares with: the same changes on their way to the same shop without a gateway. */
import { DelayedError, type Job, Queue, Worker } from "bullmq";
import { Redis } from "ioredis";
import pg from "pg";
import type { Change, Connector } from "../src/platforms/platform.js";
import type { Stops } from "../src/stops.js";
import { newUuid } from "../src/terms.js";
import { until } from "../test/support/until.js";

export interface Target {
  readonly customerId: string;
  readonly storeId: string;
  readonly listingId: string;
  readonly sku: string;
}

/** One way to bring changes to shops. */
export interface Rival {
  /** Of an external id of the shop: what stands before the listing's key. */
  readonly prefix: string;
  /** Commits one unit more of a listing, and sees to it that its store is told. May be called many times at once. */
  change(target: Target): Promise<void>;
  /** Awaits that the shop has, and the database says so where it is told at all, whatever was changed before. */
  settled(): Promise<void>;
  /** Throws where the database does not say what it should once all is settled. */
  check?(): Promise<void>;
}

export interface RivalOptions {
  readonly url: string;
  readonly targets: readonly Target[];
  readonly onHand: number;
  readonly connectors: ReadonlyMap<string, Connector>;
  readonly stops: Stops;
}

const WRITERS = 16;
const WORKERS_POOL = 20;

/** A stock table of their own, for each rival, with a row for each target. */
async function stockTable(name: string, { url, targets, onHand, stops }: RivalOptions): Promise<pg.Pool> {
  const pool = new pg.Pool({ connectionString: url, max: WRITERS });
  stops.add(() => pool.end());
  await pool.query(`create table ${name} (listing_id uuid primary key, sku text not null, quantity integer not null,
    revision bigint not null default 0)`);
  await pool.query(
    `insert into ${name} (listing_id, sku, quantity) select l, s, $3 from unnest($1::uuid[], $2::text[]) as t(l, s)`,
    [targets.map(({ listingId }) => listingId), targets.map(({ sku }) => sku), onHand],
  );
  await pool.query(`vacuum (analyze) ${name}`);
  return pool;
}

interface StockRow {
  readonly sku: string;
  readonly quantity: number;
  readonly revision: number;
}

function toChange(prefix: string, listingId: string, { sku, quantity, revision }: StockRow): Change {
  const externalId = `${prefix}${listingId}`;
  return { listingId, sku, externalId, externalRef: {}, quantity, expectedQuantity: null, revision };
}

async function send(connector: Connector, changes: readonly Change[]): Promise<void> {
  const { signal } = new AbortController();
  const { lines } = await connector.send({ changes }, { idempotencyKey: newUuid(), signal });
  if (lines.some(({ kind }) => kind !== "accepted"))
    throw new Error(`A call was not accepted: ${JSON.stringify(lines)}`);
}

/**
 * As little as there can be: a change is one UPDATE that commits by itself; what changed is remembered in memory, and goes out
 * in calls of at most 100 levels, as many at once as the connector's pace says. Nothing is recorded, nothing survives a crash.
 */
export async function bareLoop(options: RivalOptions): Promise<Rival> {
  const prefix = "bare-";
  const pool = await stockTable("bare_stock", options);
  const stores = new Map(
    [...options.connectors].map(([id, connector]) => [id, { connector, dirty: new Map<string, Change>(), active: 0 }]),
  );
  let failure: Error | null = null;
  const pump = async (store: Exclude<ReturnType<typeof stores.get>, undefined>): Promise<void> => {
    const { connector, dirty } = store;
    if (store.active >= connector.pace.concurrency) return;
    store.active += 1;
    while (dirty.size > 0) {
      const changes = [...dirty.values()].slice(0, connector.maxChangesPerCall);
      for (const { listingId } of changes) dirty.delete(listingId);
      await send(connector, changes);
    }
    store.active -= 1;
  };
  return {
    prefix,
    change: async ({ storeId, listingId }) => {
      const { rows } = await pool.query<StockRow>(
        `update bare_stock set quantity = quantity + 1, revision = revision + 1 where listing_id = $1 returning sku, quantity, revision`,
        [listingId],
      );
      const [row] = rows;
      const store = stores.get(storeId);
      if (!row || !store) throw new Error("There is such a listing.");
      // Two commits may be heard of in the other order.
      if ((store.dirty.get(listingId)?.revision ?? 0) < row.revision)
        store.dirty.set(listingId, toChange(prefix, listingId, row));
      pump(store).catch((error: unknown) => {
        failure = error instanceof Error ? error : new Error(String(error));
      });
    },
    settled: async () => {
      await until(
        () => {
          if (failure !== null) throw failure;
          return [...stores.values()].every(({ active }) => active === 0);
        },
        { withinMs: 600_000, everyMs: 5 },
      );
    },
  };
}

/** No limit that is ever met, for any of those compared: what the machinery costs is measured, not how long it waits. */
const UNLIMITED = { max: 1_000_000, duration: 1_000 };
/** More queues than this in a process, each with its worker and its connection, and one would take one queue for all. */
const MOST_QUEUES = 200;
const SHARED_CONCURRENCY = 64;

/**
 * What one would write with BullMQ: the UPDATE commits, then a job is added. Up to 200 stores have a queue and a worker each,
 * with the limiter that BullMQ has for a queue; more share one queue, whose jobs count their store's calls of this second
 * themselves, and come back where these are too many. A job reads the quantity as it is then, posts this one level, and writes
 * a row of what came of it. Three attempts. Redis keeps an append-only file, flushed each second as its default is: where the
 * machine crashes, up to a second of jobs is lost.
 */
export async function bullmq(redisUrl: string, options: RivalOptions): Promise<Rival> {
  const { stops, targets, connectors } = options;
  const connection = new Redis(redisUrl, { maxRetriesPerRequest: null });
  stops.add(() => connection.quit());
  const prefix = "bullmq-";
  const stock = await stockTable("bullmq_stock", options);
  const pool = new pg.Pool({ connectionString: options.url, max: WORKERS_POOL });
  stops.add(() => pool.end());
  await pool.query(`create table bullmq_result (id bigint generated always as identity primary key, listing_id uuid not null,
    quantity integer not null, status text not null, at timestamptz not null default now())`);

  const counted = { added: 0, done: 0 };
  let failure: Error | null = null;
  const shared = connectors.size > MOST_QUEUES;
  const work = async (job: Job<Target>, token?: string): Promise<void> => {
    const { storeId, listingId } = job.data;
    if (shared) await takeTurn(connection, job, token);
    const { rows } = await pool.query<StockRow>(
      `select sku, quantity, revision from bullmq_stock where listing_id = $1`,
      [listingId],
    );
    const [row] = rows;
    const connector = connectors.get(storeId);
    if (!row || !connector) throw new Error("There is such a listing.");
    await send(connector, [toChange(prefix, listingId, row)]);
    await pool.query(`insert into bullmq_result (listing_id, quantity, status) values ($1, $2, 'SUCCEEDED')`, [
      listingId,
      row.quantity,
    ]);
  };
  const nameOf = ({ storeId }: Target): string => (shared ? "levels" : `levels-${storeId}`);
  const names = [...new Set(targets.map(nameOf))];
  const concurrency = shared ? SHARED_CONCURRENCY : Math.max(2, WRITERS / names.length);
  const queues = new Map<string, Queue<Target>>();
  for (const name of names) {
    const queue = new Queue<Target>(name, { connection });
    const worker = new Worker<Target>(name, work, { connection, concurrency, ...(!shared && { limiter: UNLIMITED }) });
    stops.add(async () => {
      await worker.close();
      await queue.close();
    });
    worker.on("completed", () => {
      counted.done += 1;
    });
    worker.on("failed", (_job, error) => {
      failure ??= error;
    });
    worker.on("error", (error) => {
      failure ??= error;
    });
    await worker.waitUntilReady();
    queues.set(name, queue);
  }
  return {
    prefix,
    change: async (target) => {
      await stock.query(
        `update bullmq_stock set quantity = quantity + 1, revision = revision + 1 where listing_id = $1`,
        [target.listingId],
      );
      counted.added += 1;
      await queues.get(nameOf(target))?.add("level", target, {
        attempts: 3,
        backoff: { type: "exponential", delay: 1_000 },
        removeOnComplete: true,
      });
    },
    settled: async () => {
      await until(
        () => {
          if (failure !== null) throw failure;
          return counted.done >= counted.added;
        },
        { withinMs: 600_000, everyMs: 5 },
      );
    },
    check: async () => {
      const { rows } = await pool.query<{ count: number }>(`select count(*) from bullmq_result`);
      if (rows[0]?.count !== counted.added) throw new Error("Each job leaves one row.");
    },
  };
}

/** Counts this call among its store's of the window; throws what BullMQ takes for "later" where there are too many. */
async function takeTurn(redis: Redis, job: Job<Target>, token: string | undefined): Promise<void> {
  const window = Math.floor(Date.now() / UNLIMITED.duration);
  const key = `calls:${job.data.storeId}:${String(window)}`;
  const [[, calls] = []] = (await redis.multi().incr(key).pexpire(key, UNLIMITED.duration).exec()) ?? [];
  if (Number(calls) <= UNLIMITED.max) return;
  await job.moveToDelayed((window + 1) * UNLIMITED.duration, token);
  throw new DelayedError();
}
