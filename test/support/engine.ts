/** The engine and its feed as a gateway process has them, and a stage: one customer with a shop of the sandbox connected. */
import type { Shop } from "../../sandbox/sandbox.js";
import { startShopifyShop } from "../../sandbox/shopify.js";
import { startWebhookShop } from "../../sandbox/webhook.js";
import { startWooCommerceShop } from "../../sandbox/woocommerce.js";
import { createHttp, type Http } from "../../src/platforms/http.js";
import type { PlatformDriver } from "../../src/platforms/platform.js";
import { shopifyDriver } from "../../src/platforms/shopify/connector.js";
import { webhookDriver } from "../../src/platforms/webhook/connector.js";
import { woocommerceDriver } from "../../src/platforms/woocommerce/connector.js";
import { insertStore, prepareStore } from "../../src/sync/connect-store.js";
import { acceptImportListings } from "../../src/sync/operations.js";
import { OUTCOME_COLUMNS, type OutcomeFeed, type OutcomeRow, startOutcomeFeed } from "../../src/sync/outcome-feed.js";
import { PostgresLeases } from "../../src/sync/queue/postgres-leases.js";
import { adjustInventory } from "../../src/sync/record-inventory-change.js";
import { sql, type Tx } from "../../src/sync/sql.js";
import { startSyncEngine } from "../../src/sync/sync-engine.js";
import type { OutcomeStatus, Platform } from "../../src/terms.js";
import { createTestDatabase, type TestDatabase, testLog } from "./database.js";
import { until } from "./until.js";
import { aCustomer, BY, type World } from "./world.js";

const encryptionKey = Buffer.alloc(32, 7);
const GRACE_MS = 20_000;

export type SandboxPlatform = Exclude<Platform, "MEDUSA">;

/** A shop of any platform, as the engine's tests use it. */
export interface TestShop extends Shop {
  readonly platform: SandboxPlatform;
  readonly credentials: Readonly<Record<string, string>>;
  add(sku: string, quantity: number): void;
  quantityOf(sku: string): number | null;
  sell(sku: string, units: number): void;
  remove(sku: string): void;
}

export async function startTestShop(platform: SandboxPlatform): Promise<TestShop> {
  switch (platform) {
    case "WOOCOMMERCE": {
      const shop = await startWooCommerceShop();
      const add = (sku: string, stockQuantity: number): void => {
        shop.add({ sku, stockQuantity });
      };
      return { ...shop, platform, add };
    }
    case "SHOPIFY": {
      const shop = await startShopifyShop({ restoreRate: Infinity });
      const add = (sku: string, quantity: number): void => {
        shop.add({ sku, quantity });
      };
      return { ...shop, platform, credentials: { accessToken: shop.accessToken }, add };
    }
    case "WEBHOOK": {
      const shop = await startWebhookShop();
      return { ...shop, platform, credentials: { secret: shop.secret } };
    }
  }
}

export function sandboxDrivers(http: Http): readonly PlatformDriver[] {
  return [woocommerceDriver(http), shopifyDriver(http), webhookDriver(http)];
}

export interface TestEngine extends AsyncDisposable {
  readonly feed: OutcomeFeed;
  /** Commits a change and hints at it, as the API does. */
  change<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
  /** Connects the shop and links the customer's items. Answers the store's id once each listing has its first outcome. */
  connect(customerId: string, shop: TestShop): Promise<string>;
  /** Repeating it changes nothing. */
  stop(graceMs?: number): Promise<void>;
}

/** `random` 0, the default, makes each backoff as short as it may be. */
export function startTestEngine(
  database: TestDatabase,
  drivers: readonly PlatformDriver[],
  { random = () => 0, slots = 8 }: { readonly random?: () => number; readonly slots?: number } = {},
): TestEngine {
  const { dataSource } = database;
  const byPlatform = new Map(drivers.map((driver) => [driver.platform, driver]));
  const queue = new PostgresLeases({ dataSource, databaseUrl: database.url, log: testLog, slots });
  const feed = startOutcomeFeed({ dataSource, log: testLog });
  const engine = startSyncEngine({
    dataSource,
    queue,
    feed,
    drivers: byPlatform,
    encryptionKey,
    log: testLog,
    random,
  });
  const change = async <T>(work: (tx: Tx) => Promise<T>): Promise<T> => {
    const result = await dataSource.transaction(work);
    engine.hint();
    return result;
  };
  let stopping: Promise<void> | null = null;
  const stop = (graceMs = GRACE_MS): Promise<void> => {
    stopping ??= engine.stop(graceMs).then(() => feed.stop());
    return stopping;
  };
  return {
    feed,
    change,
    connect: async (customerId, shop) => {
      const store = await prepareStore(
        { drivers: byPlatform, encryptionKey, forbiddenUrl: () => null },
        {
          customerId,
          name: "A shop",
          platform: shop.platform,
          url: shop.url,
          credentials: { [shop.platform.toLowerCase()]: shop.credentials },
          locationId: null,
        },
      );
      const operationId = await change(async (tx) => {
        await insertStore(tx, BY, store, { warehouses: null, syncEnabled: true });
        return acceptImportListings(tx, BY, { storeId: store.id, skus: null });
      });
      await operationEnd(database, operationId);
      return store.id;
    },
    stop,
    [Symbol.asyncDispose]: () => stop(),
  };
}

/** Awaits the end of an operation. Answers its status. */
export function operationEnd(database: TestDatabase, operationId: string): Promise<string> {
  return until(async () => {
    const [row] = await sql<{ status: string }>(
      database.dataSource,
      `select status from operation where id = $1 and finished_at is not null`,
      [operationId],
    );
    return row?.status;
  });
}

/** Awaits that nothing is left to do: no listing due (parked ones aside), no wake, mark or store queued. */
export async function quiet(database: TestDatabase): Promise<void> {
  await until(async () => {
    const [left] = await sql<{ some: boolean }>(
      database.dataSource,
      `select exists (select 1 from listing where revision > synced_revision and parked_code is null)
           or exists (select 1 from wake) or exists (select 1 from mark_task)
           or exists (select 1 from store_queue where owner is not null or due_at <= now()) as some`,
    );
    return left?.some === false;
  });
}

export interface StageOptions {
  readonly platform?: SandboxPlatform;
  readonly items?: number;
  /** Opening stock; the items were never received where null. 5 where absent. */
  readonly onHand?: number | null;
  readonly syncMode?: NonNullable<Parameters<typeof aCustomer>[1]>["syncMode"];
}

/** A customer whose items are linked to a shop that has been told their opening stock. */
export interface Stage extends AsyncDisposable {
  readonly database: TestDatabase;
  readonly drivers: readonly PlatformDriver[];
  readonly engine: TestEngine;
  readonly shop: TestShop;
  readonly world: World;
  readonly storeId: string;
  /** All outcomes since the stage was set, by their numbers; of one SKU where it is given. */
  outcomes(sku?: string): Promise<readonly OutcomeRow[]>;
  statuses(sku?: string): Promise<readonly OutcomeStatus[]>;
  /** Quantities that the shop was told since the stage was set, in the order in which it applied them. */
  told(sku: string): readonly (number | null)[];
  /** How many calls the shop has got since the stage was set. */
  calls(): number;
  listing(sku: string): Promise<StagedListing>;
  store(): Promise<StagedStore>;
  /** A stock adjustment of these SKUs, or of all. */
  adjust(onHandDelta: number, ...skus: readonly string[]): Promise<unknown>;
}

interface StagedStore {
  readonly connection_status: string;
  readonly zero_guard_since: Date | null;
}

interface StagedListing {
  readonly id: string;
  readonly item_id: string;
  readonly external_id: string;
  readonly state: string;
  readonly last_synced_quantity: number | null;
  readonly recheck_at: Date | null;
}

export async function setStage(options: StageOptions = {}): Promise<Stage> {
  const { platform = "WOOCOMMERCE", items = 1, onHand = 5, syncMode } = options;
  const database = await createTestDatabase();
  const shop = await startTestShop(platform);
  const http = createHttp({ allowPrivateStores: true });
  const drivers = sandboxDrivers(http);
  const world = await aCustomer(database.dataSource, {
    items,
    ...(onHand !== null && { onHand }),
    ...(syncMode && { syncMode }),
  });
  for (const sku of world.skus) shop.add(sku, 0);
  const engine = startTestEngine(database, drivers);
  const storeId = await engine.connect(world.customerId, shop);
  await quiet(database);
  const listing = async (sku: string): Promise<StagedListing> => {
    const [row] = await sql<StagedListing>(
      database.dataSource,
      `select l.*, listing_state(l) as state from listing l join item i on i.id = l.item_id where l.store_id = $1 and i.sku = $2`,
      [storeId, sku],
    );
    if (!row) throw new Error(`There is no listing of ${sku}.`);
    return row;
  };
  const externalIds = new Map<string, string>();
  for (const sku of world.skus) externalIds.set(sku, (await listing(sku)).external_id);
  const callsBefore = shop.calls.length;
  const [feed] = await sql<{ last_seq: number }>(
    database.dataSource,
    `select last_seq from feed where customer_id = $1`,
    [world.customerId],
  );
  const outcomes = async (sku?: string): Promise<readonly OutcomeRow[]> => {
    const rows = await sql<OutcomeRow>(
      database.dataSource,
      `select ${OUTCOME_COLUMNS} from outcome where customer_id = $1 and seq > $2 order by seq`,
      [world.customerId, feed?.last_seq],
    );
    if (sku === undefined) return rows;
    const itemId = world.itemIds[world.skus.indexOf(sku)];
    return rows.filter((row) => row.itemId === itemId);
  };
  return {
    database,
    drivers,
    engine,
    shop,
    world,
    storeId,
    outcomes,
    statuses: async (sku) => (await outcomes(sku)).map((outcome) => outcome.status),
    told: (sku) =>
      shop.calls
        .slice(callsBefore)
        .flatMap((call) => call.lines)
        .filter((line) => line.applied && line.externalId === externalIds.get(sku))
        .map((line) => line.after),
    calls: () => shop.calls.length - callsBefore,
    listing,
    store: async () => {
      const [row] = await sql<StagedStore>(database.dataSource, `select * from store where id = $1`, [storeId]);
      if (!row) throw new Error("There is no such store.");
      return row;
    },
    adjust: (onHandDelta, ...skus) => {
      const { customerId } = world;
      const lines = (skus.length > 0 ? skus : world.skus).map((sku) => ({ sku, onHandDelta }));
      return engine.change((tx) => adjustInventory(tx, BY, { customerId, lines }));
    },
    [Symbol.asyncDispose]: async () => {
      await engine.stop(0);
      await http.close();
      await shop.close();
      await database[Symbol.asyncDispose]();
    },
  };
}
