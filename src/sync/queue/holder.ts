/**
 * What a process holds, whichever queue hands it out: stores under fencing tokens, in rows of store_queue, for as long as the
 * process lives. A dead process is noticed at once when its session is gone (its advisory lock is free), a hung one by its
 * lease; its stores are freed by any other.
 *
 * A row of store_queue:
 *   absent           nothing to do
 *   owner is null    waiting: due once due_at has come, which no wake pulls before `not_before`
 *   owner = worker   held under `token`; wakes that come meanwhile raise `requested` past `claimed`, so that it waits again
 *
 * One heartbeat row per process and every multi-row lock in order or SKIP LOCKED: no deadlocks.
 */
import { randomInt } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import type { DataSource } from "typeorm";
import type { Log } from "../../log.js";
import { newUuid } from "../../terms.js";
import { hotSql, sql, WITHOUT_FLUSH } from "../sql.js";
import type { DrainEnd, DrainHandler, StoreHold } from "./queue.js";

/** How long a hung process keeps its stores. */
const LEASE_MS = 30_000;
const HEARTBEAT_MS = 5_000;
/** A send must not start when the lease may have ended before its answer is written: stop this much earlier. */
const LEASE_MARGIN_MS = 5_000;
const REAP_EVERY_MS = 250;
/** What the dead holder's last call may still need to reach the shop, before another's call may follow it. */
const REAP_GRACE_MS = 1_000;
/** A later end needs no wake of its own: a poll is nothing beside it. */
const WAKE_WITHIN_MS = 10_000;
const FAILED_DRAIN_BASE_MS = 500;
const FAILED_DRAIN_CAP_MS = 30_000;
/** First key of the two-key advisory locks of workers ("evkl"); the second is the worker's own. */
const WORKER_LOCK_CLASS = 0x65766b6c;

export interface HolderOptions {
  readonly dataSource: DataSource;
  readonly databaseUrl: string;
  readonly log: Log;
  /** How many stores this process drains at once. */
  readonly slots: number;
}

interface HolderEvents {
  /** A session was opened, or a store was handed back: there may be something to take. */
  onRoom(): void;
  /** These stores of a dead process are free, and due in a moment. */
  onFreed(storeIds: readonly string[]): Promise<void>;
}

interface Session {
  readonly workerId: string;
  readonly client: pg.Client;
  /** Aborted when the session or its lease is gone. */
  readonly lost: AbortController;
  leaseUntil: number;
}

export class Holder {
  readonly #options: HolderOptions;
  readonly #events: HolderEvents;
  readonly #held = new Map<string, Promise<void>>();
  readonly #closing = new AbortController();
  readonly #abandon = new AbortController();
  /** Aborted once nothing is held any more, nor will be. */
  readonly #empty = new AbortController();
  #loops: Promise<unknown> = Promise.resolve();
  #session: Session | null = null;

  constructor(options: HolderOptions, events: HolderEvents) {
    this.#options = options;
    this.#events = events;
  }

  /** Aborted as soon as the process is to end: nothing may be taken then. */
  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  /** Stores that this process still drains, also under a session that it has lost. */
  get held(): readonly string[] {
    return [...this.#held.keys()];
  }

  get freeSlots(): number {
    return Math.max(0, this.#options.slots - this.#held.size);
  }

  /** Whom to write down as owner; null while there is no session, when nothing may be taken. */
  get workerId(): string | null {
    return this.#session && !this.#session.lost.signal.aborted ? this.#session.workerId : null;
  }

  start(): void {
    this.#loops = Promise.all([this.#keepSession(), this.#reapForever()]);
  }

  /** From now on no call starts, and nothing may be taken. */
  beginClosing(): void {
    this.#closing.abort();
  }

  /** Waits until what runs has ended, at most `graceMs`, then aborts it. What is held is handed back. */
  async close(graceMs: number): Promise<void> {
    const drained = Promise.allSettled(this.#held.values());
    await Promise.race([drained, delay(graceMs, undefined, { ref: false })]);
    this.#abandon.abort();
    await drained;
    this.#empty.abort();
    await this.#loops;
  }

  /** Drains a store that was taken under this token by `workerId`, and hands it back. Never rejects. */
  drain(
    handler: DrainHandler,
    taken: { readonly storeId: string; readonly token: number; readonly workerId: string },
  ): Promise<void> {
    const { log, slots } = this.#options;
    const session = this.#session?.workerId === taken.workerId ? this.#session : null;
    const hold: StoreHold = {
      storeId: taken.storeId,
      token: taken.token,
      alive: AbortSignal.any([session?.lost.signal ?? AbortSignal.abort(), this.#abandon.signal]),
      mayStart: () =>
        !hold.alive.aborted &&
        !this.#closing.signal.aborted &&
        performance.now() < (session?.leaseUntil ?? 0) - LEASE_MARGIN_MS,
      shouldYield: () => this.#held.size >= slots,
    };
    const run = async (): Promise<void> => {
      let end: DrainEnd | null = null;
      try {
        end = await handler(hold);
      } catch (error) {
        log.error({ err: error, storeId: hold.storeId }, "drain failed");
      }
      if (end?.is === "later") this.#wakeAt(end.at);
      await this.#release(hold, end).catch((error: unknown) => {
        log.warn({ err: error, storeId: hold.storeId }, "store not handed back; its lease will end");
      });
    };
    const running = run().finally(() => {
      this.#held.delete(hold.storeId);
      this.#events.onRoom();
    });
    this.#held.set(hold.storeId, running);
    return running;
  }

  /** On time, where no poll would come before: a store at its rate limit loses nothing by handing over. */
  #wakeAt(at: Date): void {
    const inMs = at.getTime() - Date.now();
    if (inMs > WAKE_WITHIN_MS) return;
    setTimeout(() => {
      this.#events.onRoom();
    }, inMs + 1).unref();
  }

  /** `end` is null where the drain failed. A stale token releases nothing. */
  async #release(hold: StoreHold, end: DrainEnd | null): Promise<void> {
    const { dataSource } = this.#options;
    const mine = [hold.storeId, hold.token];
    if (end === null) {
      await sql(
        dataSource,
        `with wait as (
           select store_id, now() + random() * least($4::float8, $3::float8 * 2 ^ least(attempts, 20)) * interval '1 ms' as until
             from store_queue where store_id = $1 and token = $2
         )
         update store_queue q set owner = null, token = null, attempts = attempts + 1, due_at = until, not_before = until
           from wait where q.store_id = wait.store_id and q.token = $2`,
        [...mine, FAILED_DRAIN_BASE_MS, FAILED_DRAIN_CAP_MS],
      );
      return;
    }
    if (end.is === "drained") {
      const deleted = await hotSql(
        dataSource,
        // Without waiting for the disk: were it lost in a crash, the store would be drained once more.
        `delete from store_queue where store_id = $1 and token = $2 and requested = claimed and ${WITHOUT_FLUSH} returning 1`,
        mine,
      );
      if (deleted.length > 0) return;
    }
    await sql(
      dataSource,
      `update store_queue set owner = null, token = null, attempts = 0,
         not_before = case when $4 then $3::timestamptz end,
         due_at = case when requested > claimed and not $4 then now() else coalesce($3::timestamptz, now()) end
       where store_id = $1 and token = $2`,
      [...mine, end.is === "later" ? end.at : null, end.is === "later" && end.firm],
    );
  }

  /** Holds the session whose advisory lock says that this process lives; makes a new one, as a new worker, when it breaks. */
  async #keepSession(): Promise<void> {
    const { log } = this.#options;
    while (!this.#closing.signal.aborted) {
      try {
        const session = await this.#openSession();
        this.#session = session;
        this.#events.onRoom();
        await this.#beat(session);
      } catch (error) {
        log.warn({ err: error }, "worker session lost");
      }
      this.#session?.lost.abort();
      this.#session = null;
      await sleep(500, this.#closing.signal);
    }
  }

  async #openSession(): Promise<Session> {
    const client = new pg.Client({ connectionString: this.#options.databaseUrl, application_name: "evenkeel worker" });
    const lost = new AbortController();
    client.on("error", () => {
      lost.abort();
    });
    client.on("end", () => {
      lost.abort();
    });
    await client.connect();
    const workerId = newUuid();
    const lockKey = randomInt(1, 2 ** 31);
    await client.query("select pg_advisory_lock($1::int, $2::int)", [WORKER_LOCK_CLASS, lockKey]);
    const leaseUntil = performance.now() + LEASE_MS;
    await client.query(
      `insert into worker (id, lock_key, lease_until) values ($1, $2, clock_timestamp() + $3 * interval '1 ms')`,
      [workerId, lockKey, LEASE_MS],
    );
    return { workerId, client, lost, leaseUntil };
  }

  /** Renews the lease until the session breaks, the lease runs out or the process ends. */
  async #beat(session: Session): Promise<void> {
    const { client, lost } = session;
    const until = AbortSignal.any([lost.signal, this.#empty.signal]);
    try {
      while (!until.aborted) {
        await sleep(HEARTBEAT_MS, until);
        // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- aborted while we slept
        if (until.aborted) break;
        const asked = performance.now();
        const renewed = await withDeadline(
          client.query(
            `update worker set lease_until = clock_timestamp() + $2 * interval '1 ms' where id = $1 returning id`,
            [session.workerId, LEASE_MS],
          ),
          session.leaseUntil - LEASE_MARGIN_MS - asked,
        );
        if (renewed.rowCount !== 1) throw new Error("This worker was taken for dead.");
        session.leaseUntil = asked + LEASE_MS;
      }
    } finally {
      lost.abort();
      await Promise.allSettled(this.#held.values());
      // Where a store could not be handed back, the row stays, for the reaper to find.
      await client
        .query(`delete from worker w where id = $1 and not exists (select 1 from store_queue where owner = w.id)`, [
          session.workerId,
        ])
        .catch(() => undefined);
      await client.end().catch(() => undefined);
    }
  }

  /** Frees the stores of the dead. Any worker does it for all. */
  async #reapForever(): Promise<void> {
    const { dataSource, log } = this.#options;
    while (!this.#closing.signal.aborted) {
      await sleep(REAP_EVERY_MS, this.#closing.signal);
      // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- aborted while we slept
      if (this.#closing.signal.aborted) return;
      try {
        const freed = await sql<{ store_id: string }>(
          dataSource,
          /* sql */ `
          with dead as materialized (
            select w.id from worker w
             where w.lease_until < now()
                or not exists (select 1 from pg_locks k where k.locktype = 'advisory' and k.classid = $1::int::oid
                                 and k.objid = w.lock_key::oid and k.granted
                                 and k.database = (select oid from pg_database where datname = current_database()))
             order by w.id for update skip locked
          ), gone as (delete from worker w using dead where w.id = dead.id), orphan as materialized (
            -- A worker that was frozen may have claimed once more before it learned that it was taken for dead. And one that
            -- hangs in the midst of settling has its row locked: that one is freed when the server ends its transaction.
            select q.store_id from store_queue q
             where q.owner in (select id from dead)
                or (q.owner is not null and not exists (select 1 from worker w where w.id = q.owner))
             order by q.store_id for update skip locked
          )
          update store_queue q set owner = null, token = null, due_at = free_at, not_before = free_at
            from orphan, (select now() + $2 * interval '1 ms' as free_at) as grace
           where q.store_id = orphan.store_id
          returning q.store_id`,
          [WORKER_LOCK_CLASS, REAP_GRACE_MS],
        );
        if (freed.length === 0) continue;
        this.#wakeAt(new Date(Date.now() + REAP_GRACE_MS));
        log.warn({ stores: freed.length }, "stores of a dead worker freed");
        await this.#events.onFreed(freed.map((row) => row.store_id));
      } catch (error) {
        log.warn({ err: error }, "looking for dead workers failed");
      }
    }
  }
}

/** Ends early, without a fault, when the signal is aborted. */
async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => undefined);
}

async function withDeadline<T>(work: Promise<T>, ms: number): Promise<T> {
  const late = new AbortController();
  try {
    return await Promise.race([
      work,
      delay(Math.max(0, ms), undefined, { signal: late.signal }).then((): never => {
        throw new Error("The lease could not be renewed in time.");
      }),
    ]);
  } finally {
    late.abort();
    work.catch(() => undefined);
  }
}
