/** What the benches play on: a private PostgreSQL that flushes each commit, a customer with stock, and shops beside. */
import { type ChildProcess, fork } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { DataSource } from "typeorm";
import { migrate, openDatabase } from "../src/database.js";
import { createLog, type Log } from "../src/log.js";
import { createHttp, type Http } from "../src/platforms/http.js";
import type { PlatformDriver } from "../src/platforms/platform.js";
import { shopifyDriver } from "../src/platforms/shopify/connector.js";
import { webhookDriver } from "../src/platforms/webhook/connector.js";
import type { Stops } from "../src/stops.js";
import { insertStore, prepareStore } from "../src/sync/connect-store.js";
import { acceptImportListings } from "../src/sync/operations.js";
import { startOutcomeFeed } from "../src/sync/outcome-feed.js";
import { PostgresLeases } from "../src/sync/queue/postgres-leases.js";
import { sql } from "../src/sync/sql.js";
import { startSyncEngine } from "../src/sync/sync-engine.js";
import type { Platform } from "../src/terms.js";
import { aGateway, type RunningGateway } from "../test/support/gateway.js";
import { startTestPostgres } from "../test/support/postgres-setup.js";
import { until } from "../test/support/until.js";
import { aCustomer, BY, type World } from "../test/support/world.js";

/** What a shop's process is started for. */
export interface ShopQuestion {
  readonly platform: "WEBHOOK" | "SHOPIFY";
}
/** Its first message, of what it holds: many SKUs are too long for a command line. */
export interface ShopStock {
  readonly skus: readonly string[];
}
/**
 * What it is asked later: its log; its calls one by one; or to begin anew (SHOPIFY only) with what it holds but a full bucket
 * of this rate (points a second; null: unlimited) and no calls.
 */
export type ShopMessage = "log" | "calls" | { readonly restoreRate: number | null };
/** What it tells: once that it is open, then what it is asked for. `…At` are in milliseconds of the wall clock. */
export interface ShopAnswers {
  readonly opened: { readonly url: string; readonly credentials: Readonly<Record<string, string>> };
  readonly log: {
    readonly calls: number;
    readonly lines: readonly {
      readonly externalId: string;
      readonly after: number | null;
      readonly answeredAt: number;
    }[];
  };
  /** In the order in which they were applied. */
  readonly calls: readonly {
    readonly receivedAt: number;
    /** Of SHOPIFY: a mutation. One without lines was refused. Every call of the other. */
    readonly isWrite: boolean;
    readonly lines: readonly { readonly externalId: string; readonly after: number | null }[];
  }[];
  readonly reopened: Readonly<Record<string, never>>;
}

export interface StagedShop extends ShopQuestion, ShopStock {
  readonly storeId: string;
  readonly url: string;
  readonly credentials: Readonly<Record<string, string>>;
  log(): Promise<ShopAnswers["log"]>;
  calls(): Promise<ShopAnswers["calls"]>;
  /** Begins anew at the same address, as its message says. Nothing may be calling it. */
  reopen(restoreRate: number | null): Promise<void>;
}

export interface StagedEngine {
  readonly hint: () => void;
  /** Repeating it changes nothing. */
  stop(): Promise<void>;
}

export interface Stage {
  readonly url: string;
  readonly dataSource: DataSource;
  readonly encryptionKey: Buffer;
  readonly log: Log;
  readonly http: Http;
  readonly drivers: readonly PlatformDriver[];
  readonly world: World;
  readonly shops: readonly StagedShop[];
  /** The built gateway on this database, without the demo, with this environment beside. Ends with the bench. */
  gateway(env?: Readonly<Record<string, string>>): Promise<RunningGateway>;
  /** The engine from source in this process, at the platforms' pace. Without slots it marks and sends nothing. Ends with the bench. */
  engine(options?: { readonly slots?: number }): StagedEngine;
  /** Awaits that every listing there should be is there and settled. Something must be working. */
  settled(): Promise<void>;
}

/** Each shop is connected and its import accepted: the first engine that starts links and sends everything. */
export async function setStage(
  items: number,
  platforms: readonly ShopQuestion["platform"][],
  stops: Stops,
): Promise<Stage> {
  const postgres = await startTestPostgres({ fsync: "on", synchronous_commit: "on", track_commit_timestamp: "on" });
  stops.add(postgres.stop);
  const log = createLog("warn");
  const dataSource = await openDatabase({ url: postgres.url, log });
  stops.add(() => dataSource.destroy());
  await migrate(dataSource, postgres.url);
  const http = createHttp({ allowPrivateStores: true });
  stops.add(() => http.close());
  const drivers = [webhookDriver(http), shopifyDriver(http)];
  const encryptionKey = randomBytes(32);
  const world = await aCustomer(dataSource, { items, onHand: 5, syncMode: "ALWAYS" });
  const deps = {
    drivers: new Map<Platform, PlatformDriver>(drivers.map((driver) => [driver.platform, driver])),
    encryptionKey,
    forbiddenUrl: () => null,
  };
  const shops: StagedShop[] = [];
  for (const platform of platforms) {
    const child = forkChild("shop-process.ts", { platform } satisfies ShopQuestion, stops);
    child.send({ skus: world.skus } satisfies ShopStock);
    const { url, credentials } = await answerOf<ShopAnswers["opened"]>(child);
    const store = await prepareStore(deps, {
      customerId: world.customerId,
      name: `${platform} shop`,
      platform,
      url,
      credentials: { [platform.toLowerCase()]: credentials },
      locationId: null,
    });
    await dataSource.transaction(async (tx) => {
      await insertStore(tx, BY, store, { warehouses: null, syncEnabled: true });
      await acceptImportListings(tx, BY, { storeId: store.id, skus: null });
    });
    const ask = <T>(message: ShopMessage): Promise<T> => {
      child.send(message);
      return answerOf<T>(child);
    };
    shops.push({
      platform,
      skus: world.skus,
      storeId: store.id,
      url,
      credentials,
      log: () => ask<ShopAnswers["log"]>("log"),
      calls: () => ask<ShopAnswers["calls"]>("calls"),
      reopen: async (restoreRate) => {
        await ask<ShopAnswers["reopened"]>({ restoreRate });
      },
    });
  }
  return {
    url: postgres.url,
    dataSource,
    encryptionKey,
    log,
    http,
    drivers,
    world,
    shops,
    gateway: async (env = {}) => {
      const gateway = await aGateway({
        env: {
          DATABASE_URL: postgres.url,
          EVENKEEL_ENCRYPTION_KEY: encryptionKey.toString("base64"),
          EVENKEEL_ALLOW_PRIVATE_STORES: "on",
          HOST: "127.0.0.1",
          ...env,
        },
      });
      stops.add(() => gateway.stop());
      return gateway;
    },
    engine: ({ slots = 32 } = {}) => {
      const feed = startOutcomeFeed({ dataSource, log });
      const queue = new PostgresLeases({ dataSource, databaseUrl: postgres.url, log, slots });
      const engine = startSyncEngine({ dataSource, queue, feed, drivers: deps.drivers, encryptionKey, log });
      let stopping: Promise<void> | null = null;
      const stop = (): Promise<void> => (stopping ??= engine.stop(10_000).then(() => feed.stop()));
      stops.add(stop);
      return { hint: engine.hint, stop };
    },
    settled: async () => {
      await until(
        async () => {
          const [row] = await sql<{ settled: number }>(
            dataSource,
            `select count(*)::int as settled from listing where revision = synced_revision and last_synced_at is not null`,
          );
          return row?.settled === items * platforms.length;
        },
        { withinMs: 600_000, everyMs: 100 },
      );
    },
  };
}

/** A file of this folder in a process of its own, which ends with its channel. */
export function forkChild(file: string, question: object, stops: Stops): ChildProcess {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), [JSON.stringify(question)]);
  const ended = once(child, "exit");
  stops.add(async () => {
    if (child.connected) child.disconnect();
    await ended;
  });
  return child;
}

/** Its next message. Both ends stand in this folder, so the caller names its type. Throws where it ends instead. */
export async function answerOf<T>(child: ChildProcess): Promise<T> {
  const gone = new AbortController();
  const onExit = (): void => {
    gone.abort(new Error(`${child.spawnargs.at(-2) ?? "A child"} ended.`));
  };
  child.once("exit", onExit);
  try {
    const [message] = (await once(child, "message", { signal: gone.signal })) as [T];
    return message;
  } finally {
    child.off("exit", onExit);
  }
}
