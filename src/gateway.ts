/** The composition root: every part of a gateway, started in order, each with its stop. */
import { createAuthentication } from "./access/api-tokens.js";
import { viewerDatabases, type Wall } from "./access/row-security.js";
import type { Config } from "./config.js";
import { migrate, openDatabase } from "./database.js";
import { type Demo, startDemo } from "./demo/demo.js";
import { startEmbeddedPostgres } from "./embedded-postgres.js";
import { keepSecrets } from "./kept-secrets.js";
import type { Log } from "./log.js";
import { createHttp, forbiddenStoreUrl } from "./platforms/http.js";
import { medusaDriver } from "./platforms/medusa/connector.js";
import { shopifyDriver } from "./platforms/shopify/connector.js";
import { webhookDriver } from "./platforms/webhook/connector.js";
import { woocommerceDriver } from "./platforms/woocommerce/connector.js";
import { buildSchema } from "./resolvers/build-schema.js";
import { startListener } from "./server/listener.js";
import { startServer } from "./server/server.js";
import { Stops } from "./stops.js";
import { startOutcomeFeed } from "./sync/outcome-feed.js";
import { BullMqQueue } from "./sync/queue/bullmq-queue.js";
import type { HolderOptions } from "./sync/queue/holder.js";
import { PostgresLeases } from "./sync/queue/postgres-leases.js";
import type { StoreQueue } from "./sync/queue/queue.js";
import { NO_SIGNALS, startSignals } from "./sync/signals.js";
import { startSyncEngine } from "./sync/sync-engine.js";

export interface Gateway {
  readonly port: number;
  readonly operatorToken: string | null;
  /** Null where it is off. */
  readonly demo: (Demo & { readonly token: string }) | null;
  stop(): Promise<void>;
}

/** Stores that one process works on at a time. */
const SLOTS = 32;

/** Connections for what customers ask, beside those of the engine and of operators: more would only wait for the same cores. */
const VIEWERS_POOL = 10;

/** Ctrl-C of an embedded gateway ends within 5 s; one of several behind a load balancer takes the time to lose nothing. */
const STOP_EMBEDDED = { unreadyMs: 0, graceMs: 3_000 };
const STOP_ONE_OF_MANY = { unreadyMs: 2_000, graceMs: 10_000 };

/** Either all of it runs, or nothing is left of it. */
export async function startGateway(config: Config, log: Log): Promise<Gateway> {
  const stops = new Stops();
  const how = config.databaseUrl === null ? STOP_EMBEDDED : STOP_ONE_OF_MANY;
  try {
    const { url, secrets } = await database(config, log, stops);
    const encryptionKey = config.encryptionKey ?? Buffer.from(secrets?.encryptionKey ?? "", "base64");
    const operatorToken = config.operatorToken ?? secrets?.operatorToken ?? null;
    const dataSource = await openDatabase({ url, log });
    stops.add(() => dataSource.destroy());
    const wall = await migrate(dataSource, url);
    tellOfWall(wall, log);
    const http = createHttp(config);
    stops.add(() => http.close());
    const drivers = new Map(
      [shopifyDriver(http), woocommerceDriver(http), medusaDriver(http), webhookDriver(http)].map((driver) => [
        driver.platform,
        driver,
      ]),
    );
    const feed = startOutcomeFeed({ dataSource, log });
    stops.add(() => feed.stop());
    // The embedded database lets one gateway in.
    const signals = config.databaseUrl === null ? NO_SIGNALS : startSignals({ dataSource, databaseUrl: url, log });
    stops.add(() => signals.stop());
    const engine =
      config.role === "api"
        ? null
        : startSyncEngine({
            ...{ dataSource, feed, signals, drivers, encryptionKey, log },
            ...(config.retentionDays !== undefined && { retentionDays: config.retentionDays }),
            queue: openQueue({ dataSource, databaseUrl: url, log, slots: SLOTS }, config.queueUrl),
          });
    if (engine) stops.add(() => engine.stop(how.graceMs));
    signals.listen({
      onWork: () => engine?.hint(),
      onOutcomes: (customerId) => {
        feed.hint(customerId);
      },
    });
    const hint = (): void => {
      engine?.hint();
      signals.work();
    };
    const stores = { drivers, encryptionKey, forbiddenUrl: (text: string) => forbiddenStoreUrl(text, config) };
    const openViewers = async () => {
      const viewers = await openDatabase({ url, log, poolSize: VIEWERS_POOL });
      stops.add(() => viewers.destroy());
      return viewerDatabases({ engine: dataSource, viewers, wall });
    };
    const server =
      config.role === "worker"
        ? await startListener({ ...config, dataSource })
        : await startServer({
            ...config,
            schema: buildSchema(),
            services: { dataSource, databases: await openViewers(), feed, engine: { hint }, stores, log },
            authentication: createAuthentication(dataSource, operatorToken),
          });
    stops.add(() => server.stop(how));
    let demo: Gateway["demo"] = null;
    if (config.demo && config.role === "all" && secrets) {
      const [token = "", ...others] = secrets.demoTokens;
      const options = { dataSource, stores, log, tokens: [token, ...others], shopSecret: secrets.demoShopSecret };
      demo = { ...(await startDemo({ ...options, onChanged: hint })), token };
      stops.add(demo.stop);
    }
    return { port: server.port, operatorToken, demo, stop: () => stops.all() };
  } catch (error) {
    await stops.all();
    throw error;
  }
}

function tellOfWall(wall: Wall, log: Log): void {
  if (wall.kind === "FORCED")
    log.info(
      "row-level security is forced on the owner of the tables; a role evenkeel_viewer granted to it would spare the engine its checks",
    );
  if (wall.kind === "NONE")
    log.warn(
      "row-level security does not bind this database user: grant it a role evenkeel_viewer, or take BYPASSRLS from it. Until then only the gateway's own conditions keep customers apart",
    );
}

function openQueue(options: HolderOptions, queueUrl: string | null): StoreQueue {
  return queueUrl === null ? new PostgresLeases(options) : new BullMqQueue({ ...options, queueUrl });
}

async function database(
  config: Config,
  log: Log,
  stops: Stops,
): Promise<{ url: string; secrets: Awaited<ReturnType<typeof keepSecrets>> | null }> {
  const embedded = config.databaseUrl === null;
  const secrets = embedded || config.demo ? await keepSecrets(config.dataDir) : null;
  if (config.databaseUrl !== null) return { url: config.databaseUrl, secrets };
  const postgres = await startEmbeddedPostgres({ dataDir: config.dataDir, log });
  stops.add(() => postgres.stop());
  return { url: postgres.url, secrets };
}
