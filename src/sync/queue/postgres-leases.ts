/**
 * ③ The queue on PostgreSQL: leases with fencing tokens. What it guarantees: a committed wake is followed by a drain that
 * began after it; a store has one holder at a time; a holder that died loses its stores, at once when its session is gone
 * (its advisory lock is free) and after its lease when it hangs.
 *
 * A row of store_queue:
 *   absent           nothing to do
 *   owner is null    queued: claimed once due_at has come, which no wake pulls before `not_before`
 *   owner = worker   held under `token`; wakes that come meanwhile raise `requested` past `claimed`, so that it is queued again
 *
 * fold    committed wake rows → requested + 1, due now; a row that is locked just now (its holder settles) waits for the next
 *         fold, so that one slow transaction never stops the wakes of other stores
 * claim   the longest due free rows → owner, a new token
 * release drained: deleted unless woken meanwhile; yielded: due now; later: due then, or now if woken meanwhile and not firm
 * reap    rows whose owner has no live session or lease → free, due after REAP_GRACE_MS
 *
 * One heartbeat row per process and every multi-row lock in order or SKIP LOCKED: no deadlocks. The figures that chose this
 * shape stand in docs/adr/0001.
 */
import { randomInt } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import type { DataSource } from "typeorm";
import type { Log } from "../../log.js";
import { newUuid } from "../../terms.js";
import { sql, type Tx } from "../sql.js";
import { Waker } from "../waker.js";
import type { DrainEnd, DrainHandler, StoreHold, StoreQueue } from "./queue.js";

/** How long a hung process keeps its stores. */
const LEASE_MS = 30_000;
const HEARTBEAT_MS = 5_000;
/** A send must not start when the lease may have ended before its answer is written: stop this much earlier. */
const LEASE_MARGIN_MS = 5_000;
/** Hints make a wake immediate; this is what a lost hint costs at most. */
const POLL_MS = 250;
const REAP_EVERY_MS = 250;
/** What the dead holder's last call may still need to reach the shop, before another's call may follow it. */
const REAP_GRACE_MS = 1_000;
const FAILED_DRAIN_BASE_MS = 500;
const FAILED_DRAIN_CAP_MS = 30_000;
/** First key of the two-key advisory locks of workers ("evkl"); the second is the worker's own. */
const WORKER_LOCK_CLASS = 0x65766b6c;

export interface PostgresLeasesOptions {
  readonly dataSource: DataSource;
  readonly databaseUrl: string;
  readonly log: Log;
  /** How many stores this process drains at once. */
  readonly slots: number;
}

interface Session {
  readonly workerId: string;
  readonly client: pg.Client;
  /** Aborted when the session or its lease is gone. */
  readonly lost: AbortController;
  leaseUntil: number;
}

export class PostgresLeases implements StoreQueue {
  readonly #options: PostgresLeasesOptions;
  readonly #held = new Map<string, Promise<void>>();
  readonly #closing = new AbortController();
  readonly #abandon = new AbortController();
  /** Aborted once nothing is claimed or held any more. */
  readonly #empty = new AbortController();
  readonly #waker = new Waker();
  #loops: Promise<unknown> = Promise.resolve();
  #session: Session | null = null;

  constructor(options: PostgresLeasesOptions) {
    this.#options = options;
  }

  async wake(tx: Tx, storeId: string): Promise<void> {
    await sql(tx, `insert into wake (store_id) values ($1)`, [storeId]);
  }

  run(handler: DrainHandler): void {
    this.#loops = Promise.all([this.#keepSession(), this.#claimForever(handler), this.#reapForever()]);
  }

  hint(): void {
    this.#waker.wake();
  }

  async stats(): ReturnType<StoreQueue["stats"]> {
    const [row] = await sql<{ queued: number; held: number; oldest: Date | null }>(
      this.#options.dataSource,
      `select count(*) filter (where owner is null)::int as queued, count(owner)::int as held,
              min(due_at) filter (where owner is null) as oldest from store_queue`,
    );
    return { queued: row?.queued ?? 0, held: row?.held ?? 0, oldestDueAt: row?.oldest ?? null };
  }

  async close(graceMs: number): Promise<void> {
    this.#closing.abort();
    this.#waker.wake();
    const drained = Promise.allSettled(this.#held.values());
    await Promise.race([drained, delay(graceMs, undefined, { ref: false })]);
    this.#abandon.abort();
    await drained;
    await this.#loops;
  }

  /** Holds the session whose advisory lock says that this process lives; makes a new one, as a new worker, when it breaks. */
  async #keepSession(): Promise<void> {
    const { log } = this.#options;
    while (!this.#closing.signal.aborted) {
      try {
        const session = await this.#openSession();
        this.#session = session;
        this.#waker.wake();
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

  /** Renews the lease until the session breaks, the lease runs out or the queue closes. */
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

  async #claimForever(handler: DrainHandler): Promise<void> {
    const { log, slots } = this.#options;
    while (!this.#closing.signal.aborted) {
      let claimed = 0;
      const session = this.#session;
      try {
        if (session && !session.lost.signal.aborted) {
          const claims = await this.#claim(session, slots - this.#held.size);
          claimed = claims.length;
          for (const claim of claims) this.#start(handler, session, claim);
        }
      } catch (error) {
        log.warn({ err: error }, "claiming stores failed");
      }
      if (claimed > 0 && this.#held.size < slots) continue;
      await this.#waker.pause(POLL_MS, this.#closing.signal);
    }
    await Promise.allSettled(this.#held.values());
    this.#empty.abort();
  }

  /** Folds committed wakes and claims free due stores, in one round trip. */
  async #claim(session: Session, limit: number): Promise<readonly { store_id: string; token: number }[]> {
    const { dataSource } = this.#options;
    await sql(
      dataSource,
      /* sql */ `
      with pending as materialized (
        select id, store_id from wake order by id limit 10000 for update skip locked
      ), stores as materialized (
        select distinct store_id from pending
      ), known as materialized (
        select store_id from store_queue where store_id in (select store_id from stores)
      ), locked as materialized (
        select store_id from store_queue where store_id in (select store_id from stores) order by store_id for no key update skip locked
      ), raised as (
        update store_queue q set requested = q.requested + 1,
               due_at = greatest(least(q.due_at, now()), coalesce(q.not_before, '-infinity'))
          from locked where q.store_id = locked.store_id
      ), made as (
        insert into store_queue as q (store_id)
        select store_id from stores where store_id not in (select store_id from known) order by store_id
        on conflict (store_id) do update set requested = q.requested + 1
      )
      delete from wake w using pending p
       where w.id = p.id and (p.store_id in (select store_id from locked) or p.store_id not in (select store_id from known))`,
    );
    // A store that this process still holds under an older session is not taken again before that drain has ended.
    return sql<{ store_id: string; token: number }>(
      dataSource,
      /* sql */ `
      with due as materialized (
        select store_id from store_queue
         where owner is null and due_at <= now() and store_id <> all($3::uuid[])
         order by due_at limit $1 for update skip locked
      )
      update store_queue q set owner = $2, token = nextval('fencing_token'), claimed = q.requested
        from due where q.store_id = due.store_id returning q.store_id, q.token`,
      [Math.max(0, limit), session.workerId, [...this.#held.keys()]],
    );
  }

  #start(handler: DrainHandler, session: Session, claim: { store_id: string; token: number }): void {
    const { log, slots } = this.#options;
    const hold: StoreHold = {
      storeId: claim.store_id,
      token: claim.token,
      alive: AbortSignal.any([session.lost.signal, this.#abandon.signal]),
      mayStart: () =>
        !hold.alive.aborted &&
        !this.#closing.signal.aborted &&
        performance.now() < session.leaseUntil - LEASE_MARGIN_MS,
      shouldYield: () => this.#held.size >= slots,
    };
    const run = async (): Promise<void> => {
      let end: DrainEnd | null = null;
      try {
        end = await handler(hold);
      } catch (error) {
        log.error({ err: error, storeId: hold.storeId }, "drain failed");
      }
      await this.#release(hold, end).catch((error: unknown) => {
        log.warn({ err: error, storeId: hold.storeId }, "store not handed back; its lease will end");
      });
    };
    const running = run().finally(() => {
      this.#held.delete(claim.store_id);
      this.#waker.wake();
    });
    this.#held.set(claim.store_id, running);
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
      const deleted = await sql(
        dataSource,
        `delete from store_queue where store_id = $1 and token = $2 and requested = claimed returning 1`,
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
          ), gone as (delete from worker w using dead where w.id = dead.id)
          update store_queue q set owner = null, token = null, due_at = now() + $2 * interval '1 ms'
           where q.owner in (select id from dead)
              -- A worker that was frozen may have claimed once more before it learned that it was taken for dead.
              or (q.owner is not null and not exists (select 1 from worker w where w.id = q.owner))
          returning q.store_id`,
          [WORKER_LOCK_CLASS, REAP_GRACE_MS],
        );
        if (freed.length > 0) log.warn({ stores: freed.length }, "stores of a dead worker freed");
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
