/**
 * ⑧ The outcome feed: what subscribers read. A notification wakes, the table tells.
 *
 * Each subscriber keeps its own cursor and reads on from it, so nothing is missed or told twice, and a slow reader costs no
 * memory. The newest outcomes of a customer that is being watched are kept once per process for all of its subscribers: they
 * are read with one query per wake, however many there are. Who is further behind pages from the table.
 */
import { EventEmitter } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import type { DataSource } from "typeorm";
import type { Log } from "../log.js";
import type { FailureCode, OutcomeStatus, SkipReason, SyncTrigger } from "../terms.js";
import { type Queryable, sql } from "./sql.js";

/** A row of `outcome`; `seq` is its cursor. */
export interface OutcomeRow {
  readonly seq: number;
  readonly id: string;
  readonly customerId: string;
  readonly occurredAt: Date;
  readonly status: OutcomeStatus;
  readonly trigger: SyncTrigger;
  readonly storeId: string;
  readonly itemId: string;
  readonly listingId: string;
  readonly operationId: string | null;
  readonly revision: number;
  readonly quantityBefore: number | null;
  readonly quantitySent: number | null;
  readonly quantityAcknowledged: number | null;
  readonly skips: readonly SkipReason[];
  readonly failureCode: FailureCode | null;
  readonly platformMessage: string | null;
  readonly attempt: number;
  readonly nextAttemptAt: Date | null;
  readonly durationMs: number | null;
  readonly lagMs: number | null;
}

/** The columns of `outcome` as an OutcomeRow, for `select ${OUTCOME_COLUMNS} from outcome`. */
export const OUTCOME_COLUMNS = /* sql */ `seq, id, customer_id as "customerId", occurred_at as "occurredAt", status, trigger,
  store_id as "storeId", item_id as "itemId", listing_id as "listingId", operation_id as "operationId", revision,
  quantity_before as "quantityBefore", quantity_sent as "quantitySent", quantity_acknowledged as "quantityAcknowledged", skips,
  failure_code as "failureCode", platform_message as "platformMessage", attempt, next_attempt_at as "nextAttemptAt",
  duration_ms as "durationMs", lag_ms as "lagMs"`;

/** The cursor is unknown (of no outcome yet) or no longer kept. Shown as CURSOR_EXPIRED; never skipped silently. */
export class CursorExpired extends Error {
  override readonly name = "CursorExpired";
}

/**
 * The feed position that a cursor names: after which outcome to go on; 0 for the beginning. Throws CursorExpired where the
 * cursor is no number of the feed, lies in its future, or what follows it is no longer kept.
 */
export async function feedPosition(db: Queryable, customerId: string, after: string): Promise<number> {
  return positionOf(after, await feedBounds(db, customerId));
}

function positionOf(after: string, { firstSeq, lastSeq }: FeedBounds): number {
  if (!/^(0|[1-9][0-9]{0,15})$/.test(after)) throw new CursorExpired("This is not a cursor of the customer's feed.");
  const position = Number(after);
  if (position > lastSeq) throw new CursorExpired("The feed has not come to this cursor.");
  if (position + 1 < firstSeq)
    throw new CursorExpired(
      `What follows this cursor is no longer kept; the oldest cursor is ${String(firstSeq - 1)}.`,
    );
  return position;
}

interface FeedBounds {
  readonly firstSeq: number;
  readonly lastSeq: number;
}

async function feedBounds(db: Queryable, customerId: string): Promise<FeedBounds> {
  const [feed] = await sql<{ first_seq: number; last_seq: number }>(
    db,
    `select first_seq, last_seq from feed where customer_id = $1`,
    [customerId],
  );
  return { firstSeq: feed?.first_seq ?? 1, lastSeq: feed?.last_seq ?? 0 };
}

/** How many outcomes a page from the table has at most. */
const PAGE = 500;
/** How many of the newest outcomes are kept for a watched customer. */
const KEPT = 2_000;
/** Hints make an outcome immediate in the process that settled it; this is how late others hear of it at most. */
const POLL_MS = 200;
const RETRY_MS = 250;

export interface OutcomeFeed {
  /**
   * Every outcome after the cursor, then live, in order; from now on where `after` is null. Throws CursorExpired. Goes on
   * through a restart of the database. Ends when the signal is aborted or the feed is stopped.
   */
  read(customerId: string, options: { after: string | null; signal: AbortSignal }): AsyncIterableIterator<OutcomeRow>;
  /** A hint that outcomes of this customer were committed just now. */
  hint(customerId: string): void;
  stop(): Promise<void>;
}

export function startOutcomeFeed(deps: { readonly dataSource: DataSource; readonly log: Log }): OutcomeFeed {
  return new Feed(deps.dataSource, deps.log);
}

/** The newest outcomes of one watched customer, without a hole, and those who wait for more. */
interface Tail {
  readonly customerId: string;
  readonly kept: OutcomeRow[];
  /** The last number that was read. */
  last: number;
  readers: number;
  readonly news: EventEmitter<{ news: [] }>;
  reading: Promise<void> | null;
  stale: boolean;
}

class Feed implements OutcomeFeed {
  readonly #tails = new Map<string, Tail>();
  readonly #stopped = new AbortController();
  readonly #poll: Promise<void>;

  constructor(
    private readonly dataSource: DataSource,
    private readonly log: Log,
  ) {
    this.#poll = this.#pollForever();
  }

  read(
    customerId: string,
    { after, signal }: { after: string | null; signal: AbortSignal },
  ): AsyncIterableIterator<OutcomeRow> {
    // A generator that waits for news does not hear its own return(): a subscriber that leaves must end the wait.
    const left = new AbortController();
    const outcomes = this.#read(customerId, after, AbortSignal.any([signal, left.signal, this.#stopped.signal]));
    return {
      next: () => outcomes.next(),
      return: () => {
        left.abort();
        return outcomes.return(undefined);
      },
      throw: (error) => {
        left.abort();
        return outcomes.throw(error);
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  async *#read(customerId: string, after: string | null, ended: AbortSignal): AsyncGenerator<OutcomeRow, undefined> {
    const bounds = await this.#untilAnswered(ended, () => feedBounds(this.dataSource, customerId));
    if (!bounds) return undefined;
    let position = after === null ? bounds.lastSeq : positionOf(after, bounds);
    const tail = this.#watch(customerId, bounds.lastSeq);
    try {
      while (!ended.aborted) {
        for (const outcome of await this.#after(tail, position, ended)) {
          yield outcome;
          position = outcome.seq;
          // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- aborted while the reader held us
          if (ended.aborted) return undefined;
        }
      }
    } finally {
      this.#unwatch(tail);
    }
    return undefined;
  }

  hint(customerId: string): void {
    const tail = this.#tails.get(customerId);
    if (tail) void this.#refresh(tail);
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#poll;
    await Promise.all([...this.#tails.values()].flatMap((tail) => tail.reading ?? []));
  }

  #watch(customerId: string, head: number): Tail {
    const tail = this.#tails.get(customerId) ?? {
      customerId,
      kept: [],
      last: head,
      readers: 0,
      news: new EventEmitter<{ news: [] }>().setMaxListeners(0),
      reading: null,
      stale: false,
    };
    tail.readers += 1;
    this.#tails.set(customerId, tail);
    return tail;
  }

  #unwatch(tail: Tail): void {
    tail.readers -= 1;
    if (tail.readers === 0) this.#tails.delete(tail.customerId);
  }

  /** The outcomes right after a position, at least one; waits until there are. Empty only when ended. */
  async #after(tail: Tail, position: number, ended: AbortSignal): Promise<readonly OutcomeRow[]> {
    while (!ended.aborted) {
      const oldestKept = tail.last - tail.kept.length + 1;
      if (position < tail.last) {
        if (position + 1 >= oldestKept) return tail.kept.slice(position + 1 - oldestKept);
        return this.#page(tail.customerId, position, ended);
      }
      // Between the look above and here nothing can have happened: no await stands between them.
      await nextNews(tail, ended);
    }
    return [];
  }

  /** For a position that the feed has passed: what follows it, empty only when ended. */
  async #page(customerId: string, position: number, ended: AbortSignal): Promise<readonly OutcomeRow[]> {
    const page = await this.#untilAnswered(ended, () => readAfter(this.dataSource, customerId, position));
    if (page && page[0]?.seq !== position + 1)
      throw new CursorExpired("The outcomes after this cursor are no longer kept.");
    return page ?? [];
  }

  /** Asks again while the database is away; null only when ended. */
  async #untilAnswered<T>(ended: AbortSignal, ask: () => Promise<T>): Promise<T | null> {
    while (!ended.aborted) {
      try {
        return await ask();
      } catch (error) {
        this.log.warn({ err: error }, "reading the feed failed; it goes on when the database answers");
        await delay(RETRY_MS, undefined, { signal: ended }).catch(() => undefined);
      }
    }
    return null;
  }

  /** Reads what is new for all who watch a customer; one read at a time, and one more where a hint came meanwhile. */
  async #refresh(tail: Tail): Promise<void> {
    tail.stale = true;
    if (tail.reading) return tail.reading;
    tail.reading = (async () => {
      while (tail.stale && !this.#stopped.signal.aborted) {
        tail.stale = false;
        const page = await readAfter(this.dataSource, tail.customerId, tail.last);
        const last = page.at(-1);
        if (!last) continue;
        tail.kept.push(...page);
        tail.kept.splice(0, Math.max(0, tail.kept.length - KEPT));
        tail.last = last.seq;
        tail.stale ||= page.length === PAGE;
        tail.news.emit("news");
      }
    })()
      .catch((error: unknown) => {
        this.log.warn({ err: error }, "reading the feed failed; it goes on when the database answers");
      })
      .finally(() => {
        tail.reading = null;
      });
    return tail.reading;
  }

  async #pollForever(): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      await delay(POLL_MS, undefined, { signal: this.#stopped.signal }).catch(() => undefined);
      if (this.#tails.size === 0) continue;
      try {
        const heads = await sql<{ customer_id: string; last_seq: number }>(
          this.dataSource,
          `select customer_id, last_seq from feed where customer_id = any($1::uuid[])`,
          [[...this.#tails.keys()]],
        );
        for (const head of heads) {
          const tail = this.#tails.get(head.customer_id);
          if (tail && tail.last < head.last_seq) void this.#refresh(tail);
        }
      } catch (error) {
        this.log.warn({ err: error }, "looking for new outcomes failed");
      }
    }
  }
}

/** Resolves at the next news, or when ended. */
async function nextNews(tail: Tail, ended: AbortSignal): Promise<void> {
  if (ended.aborted) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      tail.news.off("news", done);
      ended.removeEventListener("abort", done);
      resolve();
    };
    tail.news.on("news", done);
    ended.addEventListener("abort", done);
  });
}

function readAfter(db: Queryable, customerId: string, position: number): Promise<OutcomeRow[]> {
  return sql<OutcomeRow>(
    db,
    `select ${OUTCOME_COLUMNS} from outcome where customer_id = $1 and seq > $2 order by seq limit $3`,
    [customerId, position, PAGE],
  );
}
