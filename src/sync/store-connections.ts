/**
 * A store's connector and its valve: a p-queue that keeps the calls at the platform's pace. Nothing here is a record: it is
 * made anew when it is missing, and dropped when it has been idle.
 */
import PQueue from "p-queue";
import type { Connector, PlatformDriver } from "../platforms/platform.js";
import type { ConnectionStatus, Platform } from "../terms.js";
import { openCredentials } from "./credentials.js";
import { hotSql, type Queryable } from "./sql.js";

export interface OpenStore {
  readonly storeId: string;
  readonly customerId: string;
  readonly platform: Platform;
  /** As of the last `open`. */
  connectionStatus: ConnectionStatus;
  readonly connector: Connector;
  readonly valve: PQueue;
  readonly hasCatalogue: boolean;
  /** Calls of this process that failed for the whole store, in a row. */
  failures: number;
  /** When the platform's budget allows the next call, in `performance.now()` milliseconds. */
  nextCallAt: number;
  /** When the newest calls began, oldest first, in `performance.now()` milliseconds: at most the pace's `callsPerInterval`. */
  readonly callsBegan: number[];
}

/**
 * How long from now until the store may be called, by its budget and by its pace; 0 or less where it may be at once.
 * `byAnother`: by a process that knows nothing of this one's calls, so that its first window must not begin in our last.
 */
export function waitOf(
  { connector, callsBegan, nextCallAt }: OpenStore,
  { byAnother }: { byAnother: boolean },
): number {
  const { callsPerInterval, intervalMs } = connector.pace;
  const counts = byAnother ? callsBegan.at(-1) : callsBegan.at(-callsPerInterval);
  return Math.max(nextCallAt, counts === undefined ? 0 : counts + intervalMs) - performance.now();
}

interface Row {
  readonly id: string;
  readonly customer_id: string;
  readonly platform: Platform;
  readonly url: string;
  readonly location_id: string | null;
  readonly credentials: string;
  readonly connection_status: ConnectionStatus;
}

const MAX_OPEN = 2_000;

export class StoreConnections {
  readonly #open = new Map<string, OpenStore & { readonly madeOf: string }>();

  constructor(
    private readonly db: Queryable,
    private readonly drivers: ReadonlyMap<Platform, PlatformDriver>,
    private readonly encryptionKey: Buffer,
  ) {}

  /** The store's connector and valve, of its row as it is now; null where there is no such store. */
  async open(storeId: string): Promise<OpenStore | null> {
    const [row] = await hotSql<Row>(
      this.db,
      `select id, customer_id, platform, url, location_id, credentials, connection_status from store where id = $1`,
      [storeId],
    );
    if (!row) return null;
    const madeOf = JSON.stringify([row.url, row.location_id, row.credentials]);
    const known = this.#open.get(storeId);
    this.#open.delete(storeId);
    const store = known?.madeOf === madeOf ? known : { ...this.#make(row), madeOf };
    store.connectionStatus = row.connection_status;
    // A Map keeps the order of insertion: the first is the one that was not used for the longest time.
    this.#open.set(storeId, store);
    for (const [oldest, { valve }] of this.#open) {
      if (this.#open.size <= MAX_OPEN) break;
      if (valve.size + valve.pending === 0) this.#open.delete(oldest);
      else break;
    }
    return store;
  }

  #make(row: Row): OpenStore {
    const driver = this.drivers.get(row.platform);
    if (!driver) throw new Error(`There is no connector for ${row.platform}.`);
    const connector = driver.open({
      storeId: row.id,
      url: row.url,
      locationId: row.location_id,
      credentials: openCredentials(this.encryptionKey, row.id, row.credentials),
    });
    const { concurrency, intervalMs, callsPerInterval } = connector.pace;
    return {
      storeId: row.id,
      customerId: row.customer_id,
      platform: row.platform,
      connectionStatus: row.connection_status,
      connector,
      hasCatalogue: driver.hasCatalogue,
      valve: new PQueue({ concurrency, interval: intervalMs, intervalCap: callsPerInterval, strict: true }),
      failures: 0,
      nextCallAt: 0,
      callsBegan: [],
    };
  }
}
