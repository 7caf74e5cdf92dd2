/** BullMQ as the line in which stores wait: one job per store, on Redis or on a PostgreSQL of BullMQ's own. */
import { type BulkJobOptions, createPostgresBackend, Queue, Worker, withBackend } from "bullmq";
import { Redis } from "ioredis";
import type { Log } from "../../log.js";

/** Stores wait in line once each: one that is put in twice waits once, and one that is being worked comes again after that. */
export interface StoreLine {
  /** Rejects, with nothing or something done, where the line cannot be reached; it may be repeated. */
  put(storeIds: readonly string[]): Promise<void>;
  /** Forgets that these are being worked, so that they can be put in line although their worker is gone. */
  forget(storeIds: readonly string[]): Promise<void>;
  waiting(): Promise<number>;
  /** Calls `work` for each store in turn, `atOnce` at a time; where it rejects, for the same store again in a moment. */
  take(work: (storeId: string) => Promise<void>, atOnce: number): void;
  /** Takes no more, and resolves when all that was taken has been worked. */
  close(): Promise<void>;
}

/** A producer that cannot reach Redis must say so: it holds a transaction open meanwhile. */
const COMMAND_TIMEOUT_MS = 5_000;
/** BullMQ's own safety net; the rows of store_queue say who holds a store, so a job that runs twice does nothing twice. */
const LOCK_MS = 10_000;
const STALLED_EVERY_MS = 1_000;
const AGAIN_AFTER_MS = 500;
/** Fits a 32-bit column. */
const WITHOUT_END = 1_000_000_000;

interface Job {
  readonly storeId: string;
}

/** The little of BullMQ's classes that is used here, whatever is behind them. */
interface Lines {
  readonly queue: Pick<Queue<Job>, "addBulk" | "removeDeduplicationKey" | "getWaitingCount" | "close">;
  readonly startWorker: (work: (job: { readonly data: Job }) => Promise<void>, atOnce: number) => Pick<Worker, "close">;
  readonly disconnect: () => Promise<void>;
}

/** `url`: redis://, rediss:// or postgres://. Opens connections, which are made again when they break. */
export function openStoreLine(options: { readonly url: string; readonly name: string; readonly log: Log }): StoreLine {
  const lines = /^postgres(ql)?:/.test(options.url) ? onPostgres(options) : onRedis(options);
  let worker: Pick<Worker, "close"> | null = null;
  return {
    put: async (storeIds) => {
      await lines.queue.addBulk(
        storeIds.map((storeId) => ({ name: "drain", data: { storeId }, opts: jobOf(storeId) })),
      );
    },
    forget: async (storeIds) => {
      for (const storeId of storeIds) await lines.queue.removeDeduplicationKey(storeId);
    },
    waiting: () => lines.queue.getWaitingCount(),
    take: (work, atOnce) => {
      worker = lines.startWorker((job) => work(job.data.storeId), atOnce);
    },
    close: async () => {
      await worker?.close();
      await lines.queue.close();
      await lines.disconnect();
    },
  };
}

function jobOf(storeId: string): BulkJobOptions {
  return {
    deduplication: { id: storeId, keepLastIfActive: true },
    removeOnComplete: true,
    removeOnFail: true,
    attempts: WITHOUT_END,
    backoff: { type: "fixed", delay: AGAIN_AFTER_MS },
  };
}

const workerOptions = (atOnce: number) => ({
  concurrency: atOnce,
  lockDuration: LOCK_MS,
  stalledInterval: STALLED_EVERY_MS,
  maxStalledCount: WITHOUT_END,
  // A broken connection is a warning in the log and nothing more: see `heed`.
  runRetryDelay: AGAIN_AFTER_MS,
});

function onRedis({ url, name, log }: Parameters<typeof openStoreLine>[0]): Lines {
  const heed = heedOf(log);
  const producing = new Redis(url, {
    enableOfflineQueue: false,
    commandTimeout: COMMAND_TIMEOUT_MS,
    lazyConnect: false,
  });
  const working = new Redis(url, { maxRetriesPerRequest: null });
  for (const connection of [producing, working]) connection.on("error", heed);
  const queue = new Queue<Job>(name, { connection: producing });
  queue.on("error", heed);
  return {
    queue,
    startWorker: (work, atOnce) =>
      new Worker<Job>(name, work, { connection: working, ...workerOptions(atOnce) }).on("error", heed),
    disconnect: () => {
      producing.disconnect();
      working.disconnect();
      return Promise.resolve();
    },
  };
}

function onPostgres({ url, name, log }: Parameters<typeof openStoreLine>[0]): Lines {
  const heed = heedOf(log);
  const onBackend = withBackend(createPostgresBackend);
  const connection = { connectionString: url, migrate: true };
  const queue = new onBackend.Queue<Job>(name, { connection });
  queue.on("error", heed);
  return {
    queue,
    startWorker: (work, atOnce) =>
      new onBackend.Worker<Job>(name, work, { connection, ...workerOptions(atOnce) }).on("error", heed),
    disconnect: () => Promise.resolve(),
  };
}

const heedOf =
  (log: Log) =>
  (error: Error): void => {
    log.warn({ err: error }, "the queue's server does not answer; what it would be told is kept");
  };
