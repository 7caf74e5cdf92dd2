/**
 * ③ The queue on PostgreSQL, and on nothing else. What it guarantees: a committed wake is followed by a drain that began after
 * it; a store has one holder at a time (see holder.ts for what a holder is).
 *
 * fold    committed wake rows → requested + 1, due now; a row that is locked just now (its holder settles) waits for the next
 *         fold, so that one slow transaction never stops the wakes of other stores
 * claim   the longest due free rows → owner, a new token
 *
 * The figures that chose this shape stand in docs/adr/0001.
 */
import { hotSql, sql, type Tx, WITHOUT_FLUSH } from "../sql.js";
import { Waker } from "../waker.js";
import { Holder, type HolderOptions } from "./holder.js";
import type { DrainHandler, StoreQueue } from "./queue.js";

/** Hints make a wake immediate; this is what a lost hint costs at most. */
const POLL_MS = 250;

export class PostgresLeases implements StoreQueue {
  readonly #options: HolderOptions;
  readonly #holder: Holder;
  readonly #waker = new Waker();
  #claiming: Promise<void> = Promise.resolve();

  constructor(options: HolderOptions) {
    this.#options = options;
    this.#holder = new Holder(options, {
      onRoom: () => {
        this.#waker.wake();
      },
      onFreed: () => Promise.resolve(),
    });
  }

  async wake(tx: Tx, storeId: string): Promise<void> {
    await sql(tx, `insert into wake (store_id) values ($1)`, [storeId]);
  }

  run(handler: DrainHandler): void {
    this.#holder.start();
    this.#claiming = this.#claimForever(handler);
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
    this.#holder.beginClosing();
    await this.#claiming;
    await this.#holder.close(graceMs);
  }

  async #claimForever(handler: DrainHandler): Promise<void> {
    const { log } = this.#options;
    const { closing } = this.#holder;
    while (!closing.aborted) {
      let claimed = 0;
      const { workerId } = this.#holder;
      try {
        if (workerId !== null) {
          const claims = await this.#claim(workerId, this.#holder.freeSlots);
          claimed = claims.length;
          for (const { store_id: storeId, token } of claims)
            void this.#holder.drain(handler, { storeId, token, workerId });
        }
      } catch (error) {
        log.warn({ err: error }, "claiming stores failed");
      }
      if (claimed > 0 && this.#holder.freeSlots > 0) continue;
      await this.#waker.pause(POLL_MS, closing);
    }
  }

  /** Folds committed wakes (without waiting for the disk: were it lost, they would be there again) and claims due stores. */
  async #claim(workerId: string, limit: number): Promise<readonly { store_id: string; token: number }[]> {
    const { dataSource } = this.#options;
    await hotSql(
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
       where w.id = p.id and (p.store_id in (select store_id from locked) or p.store_id not in (select store_id from known))
         and ${WITHOUT_FLUSH}`,
    );
    // A store that this process still holds under an older session is not taken again before that drain has ended.
    return hotSql<{ store_id: string; token: number }>(
      dataSource,
      /* sql */ `
      with due as materialized (
        select store_id from store_queue
         where owner is null and due_at <= now() and store_id <> all($3::uuid[])
         order by due_at limit $1 for update skip locked
      )
      update store_queue q set owner = $2, token = nextval('fencing_token'), claimed = q.requested
        from due where q.store_id = due.store_id returning q.store_id, q.token`,
      [limit, workerId, this.#holder.held],
    );
  }
}
