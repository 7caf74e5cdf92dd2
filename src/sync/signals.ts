/**
 * Wake-ups between processes. A signal is sent after a commit and only says that there is more; the tables tell what. Whoever
 * misses one finds out by its poll. Never sent inside a transaction: NOTIFY takes a global lock at its commit.
 */
import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import { z } from "zod";
import type { Log } from "../log.js";
import { newUuid } from "../terms.js";
import { type Queryable, sql } from "./sql.js";

export interface Signals {
  /** Stores, marks or operations have work. Free to call often. */
  work(): void;
  /** This customer has new outcomes. Free to call often. */
  outcomes(customerId: string): void;
  /** What other processes signal. After a lost connection `onWork` is called once for all that may have been missed. */
  listen(listener: { onWork(): void; onOutcomes(customerId: string): void }): void;
  stop(): Promise<void>;
}

/** For a process that is known to be the only one on its database. */
export const NO_SIGNALS: Signals = {
  work: () => undefined,
  outcomes: () => undefined,
  listen: () => undefined,
  stop: () => Promise.resolve(),
};

const CHANNEL = "evenkeel";
/** At most one NOTIFY of a process in this time, however many commits there are. */
const EVERY_MS = 20;
const RECONNECT_MS = 500;
/** A payload may have 8,000 bytes (PostgreSQL 18, NOTIFY); an id has 36. */
const MOST_CUSTOMERS = 100;

const Payload = z.object({ from: z.string(), work: z.boolean(), customers: z.array(z.string()) });

export function startSignals(options: {
  readonly dataSource: Queryable;
  readonly databaseUrl: string;
  readonly log: Log;
}): Signals {
  return new PostgresSignals(options.dataSource, options.databaseUrl, options.log);
}

class PostgresSignals implements Signals {
  readonly #me = newUuid();
  readonly #stopped = new AbortController();
  readonly #customers = new Set<string>();
  #work = false;
  #sending: Promise<void> | null = null;
  #listening: Promise<void> | null = null;

  constructor(
    private readonly db: Queryable,
    private readonly databaseUrl: string,
    private readonly log: Log,
  ) {}

  work(): void {
    this.#work = true;
    this.#sending ??= this.#sendSoon();
  }

  outcomes(customerId: string): void {
    this.#customers.add(customerId);
    this.#sending ??= this.#sendSoon();
  }

  listen(listener: Parameters<Signals["listen"]>[0]): void {
    this.#listening ??= this.#listenForever(listener);
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await Promise.all([this.#sending, this.#listening]);
  }

  async #sendSoon(): Promise<void> {
    await delay(EVERY_MS, undefined, { signal: this.#stopped.signal }).catch(() => undefined);
    this.#sending = null;
    const work = this.#work;
    this.#work = false;
    const customers = [...this.#customers];
    this.#customers.clear();
    const payloads = [JSON.stringify({ from: this.#me, work, customers: customers.slice(0, MOST_CUSTOMERS) })];
    for (let at = MOST_CUSTOMERS; at < customers.length; at += MOST_CUSTOMERS)
      payloads.push(
        JSON.stringify({ from: this.#me, work: false, customers: customers.slice(at, at + MOST_CUSTOMERS) }),
      );
    await sql(this.db, `select pg_notify($1, payload) from unnest($2::text[]) as p(payload)`, [
      CHANNEL,
      payloads,
    ]).catch((error: unknown) => {
      this.log.warn({ err: error }, "a signal was not sent; polls find what it would have told");
    });
  }

  async #listenForever(listener: Parameters<Signals["listen"]>[0]): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      const client = new pg.Client({ connectionString: this.databaseUrl, application_name: "evenkeel signals" });
      try {
        await this.#listenOn(client, listener);
      } catch (error) {
        if (!this.#stopped.signal.aborted)
          this.log.warn({ err: error }, "signals of other processes are not heard; polls go on");
      }
      await client.end().catch(() => undefined);
      await delay(RECONNECT_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Until the connection breaks or we stop. */
  async #listenOn(client: pg.Client, listener: Parameters<Signals["listen"]>[0]): Promise<void> {
    const { signal } = this.#stopped;
    const ended = new Promise<void>((resolve) => {
      client.once("end", resolve);
      client.once("error", () => {
        resolve();
      });
      signal.addEventListener("abort", () => {
        resolve();
      });
    });
    client.on("notification", ({ payload }) => {
      this.#heed(payload ?? "", listener);
    });
    await client.connect();
    await client.query(`listen ${CHANNEL}`);
    listener.onWork();
    await ended;
  }

  #heed(payload: string, listener: Parameters<Signals["listen"]>[0]): void {
    const parsed = Payload.safeParse(parseJson(payload));
    // Somebody else may use the channel's name; and what we sent ourselves we know already.
    if (!parsed.success || parsed.data.from === this.#me) return;
    if (parsed.data.work) listener.onWork();
    for (const customerId of parsed.data.customers) listener.onOutcomes(customerId);
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
