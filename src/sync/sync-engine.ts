/** Start and stop of the engine: the queue, the dispatcher, the operations, and the clocks that open gates by themselves. */
import type { DataSource } from "typeorm";
import type { Log } from "../log.js";
import type { PlatformDriver } from "../platforms/platform.js";
import type { Platform } from "../terms.js";
import { endExpiredOverrides } from "./change-settings.js";
import { Dispatcher } from "./dispatcher.js";
import { markListings, markWidely, workMarkTask } from "./mark-listings.js";
import { startOperationRunner } from "./operation-runner.js";
import type { OutcomeFeed } from "./outcome-feed.js";
import type { StoreQueue } from "./queue/queue.js";
import { forgetAnswers, keepRetention } from "./retention.js";
import { NO_SIGNALS, type Signals } from "./signals.js";
import { sql, type Tx } from "./sql.js";
import { StoreConnections } from "./store-connections.js";
import { Waker } from "./waker.js";

export interface SyncEngine {
  /** A hint that a commit, here or elsewhere, may have marked something: work then starts at once, not at the next poll. */
  readonly hint: () => void;
  /** Stops claiming, finishes what is in flight (at most `graceMs`), hands the stores back. */
  stop(graceMs: number): Promise<void>;
}

export interface SyncEngineDeps {
  readonly dataSource: DataSource;
  readonly queue: StoreQueue;
  readonly feed: OutcomeFeed;
  /** Tells the other processes what was committed here; absent where there are none. */
  readonly signals?: Signals;
  readonly drivers: ReadonlyMap<Platform, PlatformDriver>;
  readonly encryptionKey: Buffer;
  /** How many days outcomes and finished operations are kept, 1 or more; 30 where absent. */
  readonly retentionDays?: number;
  readonly log: Log;
  readonly random?: () => number;
}

/** How late a pause, an override or a recheck may end. */
const CLOCK_MS = 500;
/** Marks of wide changes are polled for this often; hints make them immediate. */
const MARK_POLL_MS = 250;
/** How often due listings without a queued store are looked for: covers a wake that was lost in a way nobody thought of. */
const SWEEP_MS = 60_000;
const RETENTION_MS = 3_600_000;
const RETENTION_DAYS = 30;

export function startSyncEngine(deps: SyncEngineDeps): SyncEngine {
  const { dataSource, queue, feed, signals = NO_SIGNALS, log } = deps;
  const random = deps.random ?? Math.random;
  const connections = new StoreConnections(dataSource, deps.drivers, deps.encryptionKey);
  const stopped = new AbortController();
  const operations = startOperationRunner({
    dataSource,
    connections,
    log,
    random,
    onMarked: () => {
      queue.hint();
      signals.work();
    },
  });
  const dispatcher = new Dispatcher({
    dataSource,
    connections,
    log,
    random,
    onSettled: (customerId, answered) => {
      feed.hint(customerId);
      signals.outcomes(customerId);
      if (answered) operations.hint();
    },
  });
  queue.run((hold) => dispatcher.drain(hold));

  const marks = startClock({ everyMs: MARK_POLL_MS, name: "marking", log, signal: stopped.signal }, async () => {
    while (await dataSource.transaction((tx) => workMarkTask(tx))) {
      queue.hint();
      signals.work();
    }
  });
  const gates = startClock({ everyMs: CLOCK_MS, name: "opening gates", log, signal: stopped.signal }, async () => {
    const opened = await dataSource.transaction(openGates);
    if (opened > 0) {
      queue.hint();
      signals.work();
      marks.tick();
    }
  });
  const sweep = startClock({ everyMs: SWEEP_MS, name: "sweep", log, signal: stopped.signal }, async () => {
    const found = await dataSource.transaction(sweepForgotten);
    if (found > 0) log.warn({ stores: found }, "due listings found whose store was not queued");
  });
  const retention = startClock({ everyMs: RETENTION_MS, name: "retention", log, signal: stopped.signal }, async () => {
    const dropped = await keepRetention(dataSource, deps.retentionDays ?? RETENTION_DAYS);
    if (dropped.length > 0) log.info({ dropped }, "outcomes past their time are forgotten");
    await forgetAnswers(dataSource);
  });

  return {
    hint: () => {
      queue.hint();
      marks.tick();
      operations.hint();
    },
    stop: async (graceMs) => {
      stopped.abort();
      await Promise.all([queue.close(graceMs), operations.stop(), marks.done, gates.done, sweep.done, retention.done]);
    },
  };
}

/**
 * Ends timed overrides and pauses, and marks what is to be looked at again. Answers how many things it touched. Each is looked
 * for in the order of its time, so that its index is read and never the table; who skips what is locked cannot deadlock.
 */
async function openGates(tx: Tx): Promise<number> {
  const overrides = await endExpiredOverrides(tx);
  const stores = await sql<{ id: string; customer_id: string }>(
    tx,
    `update store set paused_until = null
      where id in (select id from store where paused_until <= now() order by paused_until limit 100 for update skip locked)
      returning id, customer_id`,
  );
  for (const store of stores)
    await markWidely(tx, { customerId: store.customer_id, storeId: store.id, catchUpOnly: true, trigger: "CATCH_UP" });
  const rechecks = await sql<{ id: string }>(
    tx,
    `update listing set recheck_at = null
      where id in (select id from listing where recheck_at <= now() order by recheck_at limit 500 for update skip locked)
      returning id`,
  );
  if (rechecks.length > 0)
    await markListings(tx, { listingIds: rechecks.map((row) => row.id) }, { trigger: "DRIFT_REPAIR", force: true });
  return overrides + stores.length + rechecks.length;
}

/** Wakes every store that has due listings and is not queued. Answers how many. */
async function sweepForgotten(tx: Tx): Promise<number> {
  const woken = await sql(
    tx,
    /* sql */ `
    with forgotten as (
      select s.id from store s
       where exists (select 1 from listing l where l.store_id = s.id and l.revision > l.synced_revision
                        and l.marked_at < now() - interval '30 seconds')
         and not exists (select 1 from store_queue q where q.store_id = s.id)
         and not exists (select 1 from wake w where w.store_id = s.id)
    ), woken as (insert into wake (store_id) select id from forgotten returning 1)
    select * from woken`,
  );
  return woken.length;
}

interface Clock {
  /** Work now instead of at the next tick. */
  tick(): void;
  readonly done: Promise<void>;
}

/** Runs `work` again and again, one at a time, until the signal is aborted. A failure is logged and tried again. */
function startClock(
  options: { everyMs: number; name: string; log: Log; signal: AbortSignal },
  work: () => Promise<void>,
): Clock {
  const { everyMs, name, log, signal } = options;
  const waker = new Waker();
  const run = async (): Promise<void> => {
    while (!signal.aborted) {
      try {
        await work();
      } catch (error) {
        // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- aborted while the work ran
        if (!signal.aborted) log.warn({ err: error }, `${name} failed; it is tried again`);
      }
      await waker.pause(everyMs, signal);
    }
  };
  return {
    tick: () => {
      waker.wake();
    },
    done: run(),
  };
}
