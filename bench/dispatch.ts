/**
 * Changes a second, from the first mutation until the shop has the last one and its outcome is committed. 16 writers at once
 * commit one unit more of one item each, as fast as they can, while what they have changed goes out: "spread" each of another
 * listing, "few" again and again of ten listings (of one in each store where there are more stores), where changes may meet on
 * their way and fewer levels are sent than changed. A run lasts 15 s at most: where `samples` changes would take longer, by the
 * speed of the warm-up, it makes fewer.
 *
 * The control is a bare loop, and BullMQ stands beside (dispatch-rivals.ts): the same changes by one bare UPDATE of a table of
 * their own, to the same shop, through the same connector. All run in this process, in turns, each against the same
 * PostgreSQL, which flushes each commit; the shop, PostgreSQL and Redis in theirs. Ours is what the API calls, with all that
 * it records: the level, the movement, the item's sums, the mark, the outcome. Nobody waits for the platform's pace, which is
 * lifted here: it would hide the cost of the machinery.
 *
 * "mutation alone" is what the writers commit where nobody sends it: no engine can make more of them.
 * "processes" is the same with the built gateway as one and as two workers in processes of their own, at WEBHOOK's pace.
 */
import PQueue from "p-queue";
import { openDatabase } from "../src/database.js";
import type { PlatformDriver } from "../src/platforms/platform.js";
import { Stops } from "../src/stops.js";
import { startOutcomeFeed } from "../src/sync/outcome-feed.js";
import { PostgresLeases } from "../src/sync/queue/postgres-leases.js";
import { adjustInventory } from "../src/sync/record-inventory-change.js";
import { startSignals } from "../src/sync/signals.js";
import { type Queryable, sql } from "../src/sync/sql.js";
import { startSyncEngine } from "../src/sync/sync-engine.js";
import { startRedis } from "../test/support/redis.js";
import { until } from "../test/support/until.js";
import { BY } from "../test/support/world.js";
import { bareLoop, bullmq, type Rival, type RivalOptions, type Target } from "./dispatch-rivals.js";
import { plant } from "./plant.js";
import type { Bench, BenchOptions, Figure } from "./report.js";
import { type Stage, type StagedShop, setStage } from "./stage.js";

type Figures = Omit<Figure, "bench">[];

const WRITERS = 16;
const ON_HAND = 5;
const FEW = 10;
/** A run that would take longer makes fewer changes. */
const RUN_S = 15;
const PLANTED_AT_ONCE = 8;

export const dispatch: Bench = async ({ samples, listings, stores }, { stops, note }) => {
  const redis = await startRedis({ persistent: true });
  if (redis) stops.add(redis.stop);
  else note("there is no redis-server on the path: BullMQ is left out");
  const figures: Figures = [];
  const spread = Math.max(listings, warmUpOf(samples) + samples);
  for (const many of [1, stores, stores * 10])
    for (const [kind, size] of [
      ["spread", spread],
      ["few", Math.max(FEW, many)],
    ] as const) {
      const label = `${many.toLocaleString("en")} ${many === 1 ? "store" : "stores"}, ${kind}`;
      const field = await prepare(size, many, stops);
      const run = async (name: string, enter: Enter): Promise<Run> => {
        const result = await race(field, enter, samples);
        note(`${label}: ${name} ${inWords(result)}`);
        return result;
      };
      const bare = await run("bare loop", bareLoop);
      const queued = redis && (await run("BullMQ", (options) => bullmq(redis.url, options)));
      const ours = await run("ours", (options) => engineHere(field.stage, options));
      const alone = kind === "spread" ? await mutationAlone(field, samples) : null;
      await field.stops.all();
      const unit = "changes/s";
      figures.push({ metric: label, unit, value: ours.perSecond, control: bare.perSecond });
      if (queued)
        figures.push(
          { metric: `${label}, BullMQ`, unit, value: queued.perSecond, control: bare.perSecond },
          { metric: `${label}, beside BullMQ`, unit, value: ours.perSecond, control: queued.perSecond },
        );
      if (alone !== null)
        figures.push({ metric: `${label}, mutation alone`, unit, value: alone, control: bare.perSecond });
      else figures.push({ metric: `${label}, sent`, unit: "levels/change", value: ours.sent, control: bare.sent });
    }
  return [...figures, ...(await processes(spread, { stores, samples }, stops, note))];
};

/** The built gateway as one worker, and as two: the control is the one. */
async function processes(
  size: number,
  { stores, samples }: Pick<BenchOptions, "stores" | "samples">,
  stops: Stops,
  note: (text: string) => void,
): Promise<Figures> {
  const runs: Run[] = [];
  for (const count of [1, 2]) {
    const field = await prepare(size, stores, stops);
    const run = await race(field, (options) => workers(field.stage, count, options), samples);
    note(`${String(count)} worker processes: ${inWords(run)}`);
    runs.push(run);
    await field.stops.all();
  }
  const [one, two] = runs.map(({ perSecond }) => perSecond);
  if (one === undefined || two === undefined) throw new Error("There are two runs.");
  const label = `${stores.toLocaleString("en")} stores, spread, processes`;
  return [
    { metric: `${label}: 1`, unit: "changes/s", value: one },
    { metric: `${label}: 2`, unit: "changes/s", value: two, control: one },
  ];
}

type Enter = (options: RivalOptions) => Promise<Rival>;

/** A database of its own with what is changed, and a shop that all the stores are. */
interface Field extends Omit<RivalOptions, "stops"> {
  readonly stage: Stage;
  readonly shop: StagedShop;
  readonly stops: Stops;
}

/** Each store is its own customer's; `targets` follow one another from store to store. */
async function prepare(listings: number, stores: number, stops: Stops): Promise<Field> {
  const own = new Stops();
  stops.add(() => own.all());
  const stage = await setStage(1, ["WEBHOOK"], own);
  const { dataSource, encryptionKey } = stage;
  const [shop] = stage.shops;
  const driver = stage.drivers.find(({ platform }) => platform === "WEBHOOK");
  if (!shop || !driver) throw new Error("There is one shop.");
  const options = { items: Math.ceil(listings / stores), stores: 1, shop, encryptionKey, onHand: ON_HAND };
  const planting = new PQueue({ concurrency: PLANTED_AT_ONCE });
  await planting.addAll(Array.from({ length: stores }, () => () => plant(dataSource, options)));
  await sql(dataSource, `vacuum (analyze)`);
  const targets = await sql<Target>(
    dataSource,
    /* sql */ `
    select l.customer_id as "customerId", l.store_id as "storeId", l.id as "listingId", i.sku
      from listing l join item i on i.id = l.item_id where l.customer_id <> $1
     order by row_number() over (partition by l.store_id order by l.id), l.store_id`,
    [stage.world.customerId],
  );
  const connectors = new Map(
    targets.map(({ storeId }) => [storeId, driver.open({ ...shop, storeId, locationId: null })]),
  );
  return { stage, shop, url: stage.url, targets, onHand: ON_HAND, connectors, stops: own };
}

interface Run {
  readonly perSecond: number;
  /** Share of the time in which there was still something to commit. */
  readonly writing: number;
  /** Levels for each change. */
  readonly sent: number;
  /** Calls for each change. */
  readonly calls: number;
}

const inWords = ({ perSecond, writing, sent, calls }: Run): string =>
  `${perSecond.toFixed(0)} changes/s (all committed after ${(writing * 100).toFixed(0)} % of the time); ${sent.toFixed(3)} levels and ${calls.toFixed(3)} calls a change`;

/** Changes before those that are measured. */
const warmUpOf = (samples: number): number => Math.min(500, Math.ceil(samples / 10));

/** Throws where the shop does not have at the end what there is. */
async function race(field: Field, enter: Enter, samples: number): Promise<Run> {
  const { shop, stage } = field;
  const stops = new Stops();
  field.stops.add(() => stops.all());
  const rival = await enter({ ...field, stops });
  const before = await shop.log();
  const { changes, ...timed } = await time(field, rival, samples);
  await rival.check?.();
  await stops.all();
  const after = await shop.log();
  const lines = after.lines.slice(before.lines.length).filter(({ externalId }) => externalId !== stage.world.skus[0]);
  checkShop(field, rival, changes, lines);
  return { ...timed, sent: lines.length / changes, calls: (after.calls - before.calls) / changes };
}

/** What is committed a second where nobody sends it. Leaves it all due: the last that is done on this field. */
async function mutationAlone(field: Field, samples: number): Promise<number> {
  const rival = await byMutation(field.stage, field, () => undefined);
  return (await time(field, { ...rival, settled: () => Promise.resolve() }, samples)).perSecond;
}

/** `changes` counts also those of the warm-up, which are not measured. */
async function time(
  field: Field,
  rival: Rival,
  samples: number,
): Promise<Pick<Run, "perSecond" | "writing"> & { readonly changes: number }> {
  const warmUp = warmUpOf(samples);
  const warmingUp = performance.now();
  await write(field, rival, 0, warmUp);
  await rival.settled();
  const began = performance.now();
  const count = Math.min(samples, Math.ceil((warmUp / (began - warmingUp)) * RUN_S * 1_000));
  await write(field, rival, warmUp, count);
  const written = performance.now();
  await rival.settled();
  const ms = performance.now() - began;
  return { perSecond: (count / ms) * 1_000, writing: (written - began) / ms, changes: warmUp + count };
}

/** So many changes from the `first`, of one target after another, by 16 writers. */
async function write({ targets }: Field, rival: Rival, first: number, count: number): Promise<void> {
  let next = first;
  const writer = async (): Promise<void> => {
    while (next < first + count) {
      const target = targets[next % targets.length];
      next += 1;
      if (target) await rival.change(target);
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, writer));
}

function checkShop(
  { targets }: Field,
  { prefix }: Rival,
  changes: number,
  lines: Awaited<ReturnType<StagedShop["log"]>>["lines"],
): void {
  const held = new Map(lines.map(({ externalId, after }) => [externalId, after]));
  for (const [index, { listingId }] of targets.entries()) {
    const changed = Math.floor(changes / targets.length) + (index < changes % targets.length ? 1 : 0);
    const has = held.get(`${prefix}${listingId}`);
    if (changed > 0 && has !== ON_HAND + changed)
      throw new Error(`The shop has ${String(has)} of a listing, not ${String(ON_HAND + changed)}.`);
  }
}

/** The engine from source, in this process, without the platform's pace. */
async function engineHere(stage: Stage, options: RivalOptions): Promise<Rival> {
  const { dataSource, url, log, encryptionKey } = stage;
  const feed = startOutcomeFeed({ dataSource, log });
  options.stops.add(() => feed.stop());
  const queue = new PostgresLeases({ dataSource, databaseUrl: url, log, slots: 32 });
  const drivers = new Map(stage.drivers.map((driver) => [driver.platform, withoutPace(driver)]));
  const engine = startSyncEngine({ dataSource, queue, feed, drivers, encryptionKey, log });
  options.stops.add(() => engine.stop(10_000));
  return byMutation(stage, options, engine.hint);
}

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
        send: (call, sendOptions) => connector.send(call, sendOptions),
        readBack: (addresses, signal) => connector.readBack(addresses, signal),
      };
    },
  };
}

/** The built gateway's workers; they hear of a change as from an API process. */
async function workers(stage: Stage, count: number, options: RivalOptions): Promise<Rival> {
  const { url, dataSource, log } = stage;
  for (let index = 0; index < count; index += 1) {
    const gateway = await stage.gateway({ EVENKEEL_ROLE: "worker" });
    options.stops.add(() => gateway.stop());
  }
  const signals = startSignals({ dataSource, databaseUrl: url, log });
  options.stops.add(() => signals.stop());
  return byMutation(stage, options, () => {
    signals.work();
  });
}

async function byMutation(stage: Stage, { url, stops }: RivalOptions, hint: () => void): Promise<Rival> {
  const { dataSource, log } = stage;
  const writers = await openDatabase({ url, log, poolSize: WRITERS });
  stops.add(() => writers.destroy());
  return {
    prefix: "",
    change: async ({ customerId, sku }) => {
      const change = { customerId, lines: [{ sku, onHandDelta: 1 }] };
      await writers.transaction((tx) => adjustInventory(tx, BY, change));
      hint();
    },
    settled: async () => {
      await until(() => nothingIsDue(dataSource), { withinMs: 600_000, everyMs: 10 });
    },
    check: async () => {
      const [row] = await sql<{ stale: number; other: number }>(
        dataSource,
        `select (select count(*)::int from listing l join item i on i.id = l.item_id
                  where l.last_synced_quantity is distinct from i.on_hand) as stale,
                (select count(*)::int from outcome where status not in ('SUCCEEDED', 'UNCHANGED')) as other`,
      );
      if (row?.stale !== 0 || row.other !== 0)
        throw new Error(`${String(row?.stale)} listings were not acknowledged, ${String(row?.other)} outcomes failed.`);
    },
  };
}

async function nothingIsDue(db: Queryable): Promise<boolean> {
  const due = await sql(db, `select 1 from listing where revision > synced_revision limit 1`);
  return due.length === 0;
}
