/** What the engine's queue can stand on, for suites that run over each. */
import { inject } from "vitest";
import type { TestDatabase } from "./database.js";

export interface QueueKind {
  readonly name: string;
  /** EVENKEEL_QUEUE_URL for this database; null for leases, which need none. */
  readonly url: (database: Pick<TestDatabase, "url">) => string | null;
}

/** Without BullMQ on Redis where there is no redis-server (see redis-setup.ts, which says so). */
export const queueKinds: readonly QueueKind[] = [
  { name: "leases on PostgreSQL", url: () => null },
  { name: "BullMQ on PostgreSQL", url: (database) => database.url },
  ...(inject("redisUrl") === null ? [] : [{ name: "BullMQ on Redis", url: () => inject("redisUrl") }]),
];
