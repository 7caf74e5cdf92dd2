/**
 * What a store with a long backlog does with what is urgent. All its listings wait by syncInventory, the lowest class, and are
 * sent at the WEBHOOK pace, while now and then one item drops to zero: counted are the calls that the shop gets from the
 * change's commit (by PostgreSQL's clock) up to the one with the zero, that one included. The control is a change of the lowest
 * class, committed with it; one that had not come by the end counts with the calls until then, so that it is at least so many.
 *
 * Then what the waiting rest gets while zeros keep coming: at half the pace, and more than every call can take. The control is
 * what it gets without them.
 */
import { setTimeout as delay } from "node:timers/promises";
import { acceptSyncInventory } from "../src/sync/operations.js";
import { setInventory } from "../src/sync/record-inventory-change.js";
import { sql } from "../src/sync/sql.js";
import { until } from "../test/support/until.js";
import { BY } from "../test/support/world.js";
import { type Plot, plant } from "./plant.js";
import { type Bench, type Figure, percentile } from "./report.js";
import { type Stage, type StagedEngine, type StagedShop, setStage } from "./stage.js";

type Calls = Awaited<ReturnType<StagedShop["calls"]>>;

/** WEBHOOK: 20 calls a second of 100 lines. */
const LINES_PER_SECOND = 2_000;
const ON_HAND = 5;
/** Of a change of the lowest class. */
const MORE = 6;
/** Between two drops, at most; half of it at least. */
const BETWEEN_MS = 1_000;
/** Lines of one change while zeros keep coming at half the pace. */
const ZEROS_AT_ONCE = 50;
/** So much of what the pace takes in a phase waits where zeros are to fill every call. */
const TOO_MANY = 1.5;

export const urgency: Bench = async ({ listings, samples, seconds }, { stops, note }) => {
  const inPhase = LINES_PER_SECOND * seconds;
  const zeros = { half: inPhase / 2, tooMany: Math.ceil(inPhase * TOO_MANY) };
  // So many that `listings` still wait when the last phase ends, and that the zeros are not taken for a mistake.
  const items =
    listings + 2 * (zeros.half + zeros.tooMany) + Math.ceil((samples * BETWEEN_MS * LINES_PER_SECOND) / 1_000);
  const stage = await setStage(1, ["WEBHOOK"], stops);
  const [shop] = stage.shops;
  if (!shop) throw new Error("There is one shop.");
  note(`plants ${String(items)} listings and marks them all`);
  const { dataSource, encryptionKey } = stage;
  const plot = await plant(dataSource, { items, stores: 1, shop, encryptionKey, onHand: ON_HAND });
  await sql(dataSource, `vacuum (analyze)`);
  await makeBacklog(stage, plot, items);

  let engine = stage.engine();
  await until(async () => (await sentOne(stage, plot)) !== undefined);
  note(`${String(samples)} drops to zero`);
  const reserved = zeros.half + zeros.tooMany;
  for (let index = 0; index < samples; index += 1) {
    // Spread evenly however many there are: some still wait, others have been sent.
    const place = Math.floor((((index + 1) * GOLDEN) % 1) * (items - reserved));
    await dropOne(stage, plot, { index, sku: skuAt(place) });
    engine.hint();
    // What comes periodically could always meet, or always miss, what the engine does periodically.
    await delay(BETWEEN_MS * (0.5 + 0.5 * Math.random()));
  }
  note(`${String(await waiting(stage, plot))} listings still wait`);

  const measure = async (name: string): Promise<Phase> => {
    const from = Date.now();
    const oldest = await oldestOfTheRest(stage, plot);
    await delay(seconds * 1_000);
    note(`${name}: ${String(await waiting(stage, plot))} listings still wait`);
    return { from, to: from + seconds * 1_000, oldest };
  };
  const alone = await measure("no zeros");
  const ended = new AbortController();
  const [half] = await Promise.all([
    measure("zeros at half the pace").finally(() => {
      ended.abort();
    }),
    keepDropping(stage, plot, { engine, first: items - reserved, many: zeros.half, seconds, signal: ended.signal }),
  ]);
  await engine.stop();
  for (let at = items - zeros.tooMany; at < items; at += MARK_AT_ONCE)
    await drop(stage, plot, at, Math.min(at + MARK_AT_ONCE, items));
  engine = stage.engine();
  await until(async () => (await waiting(stage, plot, 0)) < zeros.tooMany);
  const full = await measure("zeros in every call");
  const left = await waiting(stage, plot, 0);
  if (left === 0) note("the zeros ran out: too few to fill every call");
  await engine.stop();
  await checkUnguarded(stage, plot);

  const calls = await shop.calls();
  const counted = countCalls(calls, await droppedAt(stage, plot));
  if (counted.notYet > 0) note(`${String(counted.notYet)} changes of the lowest class had not come by the end`);
  const gotAlone = gotOf(calls, alone);
  const gotHalf = gotOf(calls, half);
  const gotFull = gotOf(calls, full);
  note(`zeros a second: ${String(gotHalf.zeros)} at half the pace, ${String(gotFull.zeros)} in every call`);
  const figures: Omit<Figure, "bench">[] = [0.5, 1].map((share) => ({
    metric: `a zero is in call, ${share === 1 ? "at most" : "p50"}`,
    unit: "calls",
    value: percentile(counted.zero, share),
    control: percentile(counted.lowest, share),
  }));
  for (const [name, got] of [
    ["zeros at half the pace", gotHalf],
    ["zeros in every call", gotFull],
  ] as const)
    figures.push(
      { metric: `${name}, the rest gets`, unit: "lines/s", value: got.rest, control: gotAlone.rest },
      { metric: `${name}, the rest's oldest is in call`, unit: "calls", value: got.oldest, control: gotAlone.oldest },
    );
  return figures;
};

/** Its multiples' fractions are spread evenly. */
const GOLDEN = (Math.sqrt(5) - 1) / 2;
const MARK_AT_ONCE = 1_000;

/** Of the item at this place, from 0. */
const skuAt = (place: number): string => `SKU-${String(place + 1).padStart(8, "0")}`;

/** All listings wait, by syncInventory. Nothing may be sending. */
async function makeBacklog(stage: Stage, plot: Plot, items: number): Promise<void> {
  const marker = stage.engine({ slots: 0 });
  const input = { customerId: plot.customerId, selection: { filter: {} }, storeIds: null, includeNeverReceived: false };
  await stage.dataSource.transaction((tx) => acceptSyncInventory(tx, BY, input));
  marker.hint();
  await until(async () => (await waiting(stage, plot)) === items, { withinMs: 600_000, everyMs: 250 });
  await marker.stop();
}

/** How many listings wait; of one class where it is given. */
async function waiting({ dataSource }: Stage, { storeIds }: Plot, urgencyClass: number | null = null): Promise<number> {
  const [row] = await sql<{ waiting: number }>(
    dataSource,
    `select count(*)::int as waiting from listing
      where store_id = any($1::uuid[]) and revision > synced_revision and ($2::int is null or urgency = $2)`,
    [storeIds, urgencyClass],
  );
  return row?.waiting ?? 0;
}

/** The SKU of a listing that waits no longer and never changed. */
async function sentOne({ dataSource }: Stage, { storeIds }: Plot): Promise<string | undefined> {
  const [row] = await sql<{ sku: string }>(
    dataSource,
    `select i.sku from listing l join item i on i.id = l.item_id
      where l.store_id = $1 and l.revision = l.synced_revision and i.on_hand = $2 order by l.id limit 1`,
    [storeIds[0], ON_HAND],
  );
  return row?.sku;
}

/** The item drops to zero; in the same transaction another, which the store was told already, gets one more. */
async function dropOne(
  stage: Stage,
  plot: Plot,
  { index, sku }: { readonly index: number; readonly sku: string },
): Promise<void> {
  const other = await sentOne(stage, plot);
  if (other === undefined || other === sku) throw new Error("Nothing else has been sent.");
  const lines = [
    { sku, onHand: 0 },
    { sku: other, onHand: MORE },
  ];
  await stage.dataSource.transaction((tx) =>
    setInventory(tx, BY, { customerId: plot.customerId, reference: `drop ${String(index)}`, lines }),
  );
}

/** The items at these places drop to zero: from the first one to before the second. */
async function drop({ dataSource }: Stage, { customerId }: Plot, from: number, to: number): Promise<void> {
  const lines = Array.from({ length: to - from }, (_, index) => ({ sku: skuAt(from + index), onHand: 0 }));
  await dataSource.transaction((tx) => setInventory(tx, BY, { customerId, lines }));
}

/** So many items, from this place on, drop to zero within so many seconds, or until the signal. */
async function keepDropping(
  stage: Stage,
  plot: Plot,
  options: {
    readonly engine: StagedEngine;
    readonly first: number;
    readonly many: number;
    readonly seconds: number;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const { engine, first, many, seconds, signal } = options;
  const began = performance.now();
  for (let done = 0; done < many && !signal.aborted; done += ZEROS_AT_ONCE) {
    await drop(stage, plot, first + done, first + Math.min(done + ZEROS_AT_ONCE, many));
    engine.hint();
    const dueMs = (done / many) * seconds * 1_000;
    await delay(Math.max(0, dueMs - (performance.now() - began)), undefined, { signal }).catch(() => undefined);
  }
}

interface Phase {
  /** In milliseconds of the wall clock. */
  readonly from: number;
  readonly to: number;
  /** The external id of the listing of the lowest class that waited longest as it began. */
  readonly oldest: string;
}

async function oldestOfTheRest({ dataSource }: Stage, { storeIds }: Plot): Promise<string> {
  const [row] = await sql<{ external_id: string }>(
    dataSource,
    `select external_id from listing where store_id = $1 and revision > synced_revision and urgency = 3
        and in_flight_since is null order by dirty_since, id limit 1`,
    [storeIds[0]],
  );
  if (!row) throw new Error("Nothing of the lowest class waits.");
  return row.external_id;
}

/** Throws where the store's zeros were held: they were taken for a mistake, and the figures tell nothing. */
async function checkUnguarded({ dataSource }: Stage, { storeIds }: Plot): Promise<void> {
  const held = await sql(dataSource, `select 1 from store where id = $1 and zero_guard_since is not null`, [
    storeIds[0],
  ]);
  if (held.length > 0) throw new Error("The mass-zero guard fell.");
}

interface Dropped {
  readonly external_id: string;
  readonly quantity: number;
  /** In milliseconds of the wall clock. */
  readonly committed_at: number;
}

/** Each measured change with its commit, by PostgreSQL's clock. */
function droppedAt({ dataSource }: Stage, { customerId }: Plot): Promise<readonly Dropped[]> {
  return sql<Dropped>(
    dataSource,
    `select l.external_id, $2 + m.on_hand_delta as quantity,
            extract(epoch from pg_xact_commit_timestamp(m.xmin))::float8 * 1000 as committed_at
       from inventory_movement m join listing l on l.item_id = m.item_id
      where m.customer_id = $1 and m.reference like 'drop %'`,
    [customerId, ON_HAND],
  );
}

/** How many calls each change took; of the lowest class at least so many, where it is of those that had not come yet. */
function countCalls(
  calls: Calls,
  changes: readonly Dropped[],
): { readonly zero: readonly number[]; readonly lowest: readonly number[]; readonly notYet: number } {
  const zero: number[] = [];
  const lowest: number[] = [];
  let notYet = 0;
  for (const { external_id: id, quantity, committed_at: committedAt } of changes) {
    const after = calls.filter(({ receivedAt }) => receivedAt > committedAt);
    const at = after.findIndex(({ lines }) => lines.some((line) => line.externalId === id && line.after === quantity));
    if (at < 0 && quantity === 0) throw new Error("A zero did not come.");
    if (at < 0) notYet += 1;
    (quantity === 0 ? zero : lowest).push(at < 0 ? after.length : at + 1);
  }
  return { zero, lowest, notYet };
}

/** What the shop got in the phase: lines a second, and from its beginning the calls until the oldest of the rest (at least). */
function gotOf(
  calls: Calls,
  { from, to, oldest }: Phase,
): { readonly zeros: number; readonly rest: number; readonly oldest: number } {
  const within = calls.filter(({ receivedAt }) => receivedAt >= from && receivedAt < to);
  const lines = within.flatMap((call) => call.lines);
  const zeros = lines.filter(({ after }) => after === 0).length;
  const at = within.findIndex((call) => call.lines.some(({ externalId }) => externalId === oldest));
  const perSecond = (many: number): number => (many / (to - from)) * 1_000;
  return {
    zeros: perSecond(zeros),
    rest: perSecond(lines.length - zeros),
    oldest: at < 0 ? within.length : at + 1,
  };
}
