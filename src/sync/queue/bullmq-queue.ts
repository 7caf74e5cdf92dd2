/**
 * ③ The queue with BullMQ as the line in which stores wait. PostgreSQL keeps the promises, as with leases: who holds a store
 * and under which token stands in store_queue, wakes and waits too. BullMQ only says whose turn it is, so that a Redis that
 * loses everything loses nothing of ours: what it was told is told again after HANDED_OVER_MS, or by the sweep.
 *
 * relay   committed wake rows → one job per store; rows whose time has come → one job per store
 * take    a job's turn → the store's row gets this process as its owner, and a new token, unless it is held or has to wait
 *
 * When to choose which stands in docs/queues.md.
 */
import { setTimeout as delay } from "node:timers/promises";
import { sql, type Tx } from "../sql.js";
import { Waker } from "../waker.js";
import { openStoreLine, type StoreLine } from "./bullmq-jobs.js";
import { Holder, type HolderOptions } from "./holder.js";
import type { DrainHandler, StoreQueue } from "./queue.js";

/** Hints make a wake immediate; this is what a lost hint costs at most. */
const POLL_MS = 250;
/** A due store that was put in line is put there again after this, should the line have lost it. */
const HANDED_OVER_MS = 30_000;
/** A store that this process may not take just now is another's in this time. */
const NOT_MINE_MS = 200;
const MOST_AT_ONCE = 1_000;

export interface BullMqQueueOptions extends HolderOptions {
  /** redis://, rediss://, or postgres:// for BullMQ's own back end there. */
  readonly queueUrl: string;
}

export class BullMqQueue implements StoreQueue {
  readonly #options: BullMqQueueOptions;
  readonly #holder: Holder;
  readonly #waker = new Waker();
  #line: Promise<StoreLine> | null = null;
  #relaying: Promise<void> = Promise.resolve();

  constructor(options: BullMqQueueOptions) {
    this.#options = options;
    this.#holder = new Holder(options, {
      onRoom: () => {
        this.#waker.wake();
      },
      // Its job counts as being worked until BullMQ finds out that it is not.
      onFreed: async (storeIds) => (await this.#openLine()).forget(storeIds),
    });
  }

  async wake(tx: Tx, storeId: string): Promise<void> {
    await sql(tx, `insert into wake (store_id) values ($1)`, [storeId]);
  }

  run(handler: DrainHandler): void {
    this.#holder.start();
    this.#relaying = this.#relayForever(handler);
  }

  hint(): void {
    this.#waker.wake();
  }

  async stats(): ReturnType<StoreQueue["stats"]> {
    const waiting = await (await this.#openLine()).waiting();
    const [row] = await sql<{ later: number; held: number; oldest: Date | null }>(
      this.#options.dataSource,
      `select count(*) filter (where owner is null and due_at <= now())::int as later, count(owner)::int as held,
              min(due_at) filter (where owner is null) as oldest from store_queue`,
    );
    return { queued: waiting + (row?.later ?? 0), held: row?.held ?? 0, oldestDueAt: row?.oldest ?? null };
  }

  async close(graceMs: number): Promise<void> {
    this.#holder.beginClosing();
    await this.#relaying;
    const line = await this.#line;
    const worked = line?.close();
    await this.#holder.close(graceMs);
    await worked;
  }

  #openLine(): Promise<StoreLine> {
    this.#line ??= (async () => {
      const name = await lineNameOf(this.#options.dataSource);
      return openStoreLine({ url: this.#options.queueUrl, name, log: this.#options.log });
    })();
    this.#line.catch(() => {
      this.#line = null;
    });
    return this.#line;
  }

  async #relayForever(handler: DrainHandler): Promise<void> {
    const { log, slots } = this.#options;
    const { closing } = this.#holder;
    let taking = false;
    while (!closing.aborted) {
      let moved = 0;
      try {
        const line = await this.#openLine();
        if (!taking) line.take((storeId) => this.#work(handler, storeId), slots);
        taking = true;
        moved = (await this.#relayWakes(line)) + (await this.#relayDue(line));
      } catch (error) {
        log.warn({ err: error }, "putting stores in line failed");
        await delay(POLL_MS, undefined, { signal: closing }).catch(() => undefined);
      }
      if (moved < MOST_AT_ONCE) await this.#waker.pause(POLL_MS, closing);
    }
  }

  /** The wake rows go with the commit after the line has the stores: what is told twice is done once. */
  async #relayWakes(line: StoreLine): Promise<number> {
    return this.#options.dataSource.transaction(async (tx) => {
      const rows = await sql<{ id: number; store_id: string }>(
        tx,
        `select id, store_id from wake order by id limit ${String(MOST_AT_ONCE * 10)} for update skip locked`,
      );
      if (rows.length === 0) return 0;
      const storeIds = [...new Set(rows.map((row) => row.store_id))];
      await line.put(storeIds);
      await sql(tx, `delete from wake where id = any($1::bigint[])`, [rows.map((row) => row.id)]);
      return storeIds.length;
    });
  }

  async #relayDue(line: StoreLine): Promise<number> {
    return this.#options.dataSource.transaction(async (tx) => {
      const rows = await sql<{ store_id: string }>(
        tx,
        /* sql */ `
        with due as materialized (
          select store_id from store_queue where owner is null and due_at <= now() order by due_at limit ${String(MOST_AT_ONCE)} for update skip locked
        )
        update store_queue q set due_at = now() + $1 * interval '1 ms' from due where q.store_id = due.store_id returning q.store_id`,
        [HANDED_OVER_MS],
      );
      if (rows.length > 0) await line.put(rows.map((row) => row.store_id));
      return rows.length;
    });
  }

  /** A job's turn. Rejects where the store could not even be asked for: its job comes again. */
  async #work(handler: DrainHandler, storeId: string): Promise<void> {
    const { workerId, closing, held } = this.#holder;
    if (workerId === null || closing.aborted) return this.#leaveToOthers(storeId);
    // Still held under an older session: not taken again before that drain has ended.
    if (held.includes(storeId)) return this.#leaveToOthers(storeId);
    const [row] = await sql<{ token: number; mine: boolean }>(
      this.#options.dataSource,
      /* sql */ `
      with new as (select nextval('fencing_token') as token)
      insert into store_queue as q (store_id, owner, token, requested, claimed)
      select $1, $2, new.token, 1, 1 from new
      on conflict (store_id) do update set
        requested = q.requested + (q.owner is not null)::int,
        owner = case when ${FREE} then excluded.owner else q.owner end,
        token = case when ${FREE} then excluded.token else q.token end,
        claimed = case when ${FREE} then q.requested else q.claimed end
      returning q.token, q.token = (select token from new) as mine`,
      [storeId, workerId],
    );
    // Held by another: it drains once more after this. Or it has to wait: the relay puts it in line when its time has come.
    if (!row?.mine) return;
    await this.#holder.drain(handler, { storeId, token: row.token, workerId });
  }

  /** The row keeps it, so that whoever relays puts it in line again. */
  async #leaveToOthers(storeId: string): Promise<void> {
    await sql(
      this.#options.dataSource,
      `insert into store_queue as q (store_id, due_at) values ($1, now() + $2 * interval '1 ms')
       on conflict (store_id) do update set requested = q.requested + 1,
         due_at = greatest(least(q.due_at, excluded.due_at), coalesce(q.not_before, '-infinity'))`,
      [storeId, NOT_MINE_MS],
    );
  }
}

const FREE = /* sql */ `q.owner is null and coalesce(q.not_before, '-infinity') <= now()`;

/**
 * Jobs of another gateway on the same Redis are not ours: the line is named after the database itself. Nothing kept in its
 * tables would do, since a copy of a database (a restored backup, a clone for tests) is another one with the same rows.
 */
async function lineNameOf(dataSource: HolderOptions["dataSource"]): Promise<string> {
  const [row] = await sql<{ name: string }>(
    dataSource,
    `select format('evenkeel-%s-%s', system_identifier, (select oid from pg_database where datname = current_database())) as name
       from pg_control_system()`,
  );
  if (!row) throw new Error("PostgreSQL does not tell which system it is.");
  return row.name;
}
