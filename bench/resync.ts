/**
 * A whole store sent anew: syncInventory over all items, from its acceptance until the last outcome is committed, by the
 * database's clock. The control sends the same changes in the same batches through the same connector, as many at once, and
 * knows no database. Neither waits for the platform's pace, which is lifted here: it would hide the engine's own cost. "paced"
 * leaves the WEBHOOK pace of 20 calls a second in force for both, as it is in operation.
 *
 * The engine runs from source in this process; the shop and PostgreSQL in theirs.
 */
import { setTimeout as delay } from "node:timers/promises";
import PQueue from "p-queue";
import type { Change, PlatformDriver } from "../src/platforms/platform.js";
import type { Stops } from "../src/stops.js";
import { acceptSyncInventory } from "../src/sync/operations.js";
import { startOutcomeFeed } from "../src/sync/outcome-feed.js";
import { PostgresLeases } from "../src/sync/queue/postgres-leases.js";
import { sql } from "../src/sync/sql.js";
import { startSyncEngine } from "../src/sync/sync-engine.js";
import { newUuid } from "../src/terms.js";
import { until } from "../test/support/until.js";
import { BY } from "../test/support/world.js";
import { type Bench, type Figure, median } from "./report.js";
import { type Stage, type StagedShop, setStage } from "./stage.js";

export const resync: Bench = async ({ listings, rounds }, { stops, note }) => {
  const stage = await setStage(listings, ["WEBHOOK", "SHOPIFY"], stops);
  const figures: Omit<Figure, "bench">[] = [];
  const compare = async (engine: Engine, shop: StagedShop, metric: string, times: number): Promise<void> => {
    note(metric);
    const needed: number[] = [];
    const taken: number[] = [];
    // In turns, so that what else the machine does meets both.
    for (let round = 0; round < times; round += 1) {
      needed.push(await sendBare(stage, shop, engine.drivers));
      taken.push(await sendAll(stage, shop, engine));
    }
    const perSecond = (times: readonly number[]): number => (listings / median(times)) * 1_000;
    figures.push({ metric, unit: "listings/s", value: perSecond(taken), control: perSecond(needed) });
  };
  const unpaced = startEngine(stage, stage.drivers.map(withoutPace), stops);
  note(`links ${String(listings)} listings of each store`);
  await stage.settled();
  for (const shop of stage.shops) await compare(unpaced, shop, shop.platform.toLowerCase(), rounds);
  await unpaced.stop();
  const paced = startEngine(stage, stage.drivers, stops);
  for (const shop of stage.shops.slice(0, 1)) await compare(paced, shop, "webhook paced", 1);
  return figures;
};

function withoutPace(driver: PlatformDriver): PlatformDriver {
  return {
    ...driver,
    open: (connection) => {
      const connector = driver.open(connection);
      return {
        pace: { ...connector.pace, callsPerInterval: 1_000_000 },
        maxChangesPerCall: connector.maxChangesPerCall,
        mayWriteLate: connector.mayWriteLate,
        check: (signal) => connector.check(signal),
        findBySku: (skus, signal) => connector.findBySku(skus, signal),
        partition: (changes) => connector.partition(changes),
        send: (call, options) => connector.send(call, options),
        readBack: (addresses, signal) => connector.readBack(addresses, signal),
      };
    },
  };
}

interface Engine {
  readonly drivers: readonly PlatformDriver[];
  hint(): void;
  /** Repeating it changes nothing. */
  stop(): Promise<void>;
}

function startEngine(
  { dataSource, url, log, encryptionKey }: Stage,
  drivers: readonly PlatformDriver[],
  stops: Stops,
): Engine {
  const feed = startOutcomeFeed({ dataSource, log });
  const queue = new PostgresLeases({ dataSource, databaseUrl: url, log, slots: 32 });
  const byPlatform = new Map(drivers.map((driver) => [driver.platform, driver]));
  const engine = startSyncEngine({
    dataSource,
    queue,
    feed,
    drivers: byPlatform,
    encryptionKey,
    log,
  });
  let stopping: Promise<void> | null = null;
  const stop = (): Promise<void> => (stopping ??= engine.stop(10_000).then(() => feed.stop()));
  stops.add(stop);
  return { drivers, hint: engine.hint, stop };
}

/** How long the store's whole stock took, in ms. Throws where a listing was not accepted. */
async function sendAll({ dataSource, world }: Stage, { storeId }: StagedShop, engine: Engine): Promise<number> {
  const input = {
    customerId: world.customerId,
    selection: { filter: {} },
    storeIds: [storeId],
    includeNeverReceived: false,
  };
  const id = await dataSource.transaction((tx) => acceptSyncInventory(tx, BY, input));
  engine.hint();
  await until(
    async () => {
      const [ended] = await sql(dataSource, `select 1 from operation where id = $1 and finished_at is not null`, [id]);
      return ended !== undefined;
    },
    { withinMs: 600_000, everyMs: 50 },
  );
  const [row] = await sql<{ ms: number; sent: number }>(
    dataSource,
    `select extract(epoch from max(o.occurred_at) - max(p.created_at))::float8 * 1000 as ms,
            (count(*) filter (where o.status = 'SUCCEEDED'))::int as sent
       from outcome o join operation p on p.id = o.operation_id where p.id = $1`,
    [id],
  );
  if (row?.sent !== world.skus.length)
    throw new Error(`${String(row?.sent)} of ${String(world.skus.length)} listings were sent.`);
  return row.ms;
}

/** The same without an engine, in ms. Throws where a line was not accepted. */
async function sendBare(
  { dataSource, world }: Stage,
  shop: StagedShop,
  drivers: readonly PlatformDriver[],
): Promise<number> {
  const changes = await sql<Change>(
    dataSource,
    `select l.id as "listingId", i.sku, l.external_id as "externalId", l.external_ref as "externalRef", l.revision,
            l.last_synced_quantity as quantity, l.last_synced_quantity as "expectedQuantity"
       from listing l join item i on i.id = l.item_id where l.store_id = $1 order by i.sku`,
    [shop.storeId],
  );
  const [store] = await sql<{ location_id: string | null }>(dataSource, `select location_id from store where id = $1`, [
    shop.storeId,
  ]);
  const connector = drivers
    .find(({ platform }) => platform === shop.platform)
    ?.open({ ...shop, locationId: store?.location_id ?? null });
  if (!connector || changes.length !== world.skus.length) throw new Error("The store was not linked.");
  const { concurrency, intervalMs, callsPerInterval } = connector.pace;
  const valve = new PQueue({ concurrency, interval: intervalMs, intervalCap: callsPerInterval, strict: true });
  const { signal } = new AbortController();
  const began = performance.now();
  const calls = Array.from({ length: Math.ceil(changes.length / connector.maxChangesPerCall) }, (_, index) =>
    changes.slice(index * connector.maxChangesPerCall, (index + 1) * connector.maxChangesPerCall),
  ).flatMap((some) => connector.partition(some));
  const results = await valve.addAll(
    calls.map((call) => () => connector.send(call, { idempotencyKey: newUuid(), signal })),
  );
  const ms = performance.now() - began;
  if (results.some(({ lines }) => lines.some(({ kind }) => kind !== "accepted")))
    throw new Error("A bare call was not accepted.");
  // So that the valve's window of the one run is not the other's.
  if (callsPerInterval < calls.length) await delay(intervalMs);
  return ms;
}
