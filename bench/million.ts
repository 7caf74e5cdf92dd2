/**
 * One setSyncInventoryBulk over all items of a customer, each of which every store lists: accepted, marked, and drained to one
 * webhook shop that takes whatever comes, first at a hundredth and a tenth of the size, so that one sees how the cost grows.
 * One database that flushes each commit, the built gateway in a process of its own, a new one for each size. Marking and
 * draining go on at the same time, as they do in operation.
 *
 * Controls: for marking, a bare `set revision = revision + 1` of the same rows, 1,000 a commit, one connection, before anything
 * else runs. For settling, the pace that the gateway keeps with WEBHOOK stores, 20 calls of 100 lines a second for each: the
 * ratio is the share of it that was reached. For a store's health, `{ __typename }` through the same API in the same seconds:
 * "idle" is before anything was sent, "after" is with the last 15 minutes' outcomes.
 */
import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { sql } from "../src/sync/sql.js";
import { toGlobalId } from "../src/terms.js";
import type { RunningGateway } from "../test/support/gateway.js";
import { until } from "../test/support/until.js";
import { type Plot, plant } from "./plant.js";
import { type Bench, type Figure, percentile } from "./report.js";
import { type Stage, setStage } from "./stage.js";

type Figures = Omit<Figure, "bench">[];

const ON_HAND = 5;
const MARK_CHUNK = 1_000;
/** WEBHOOK: 20 calls a second of 100 lines. */
const PACE_OF_A_STORE = 2_000;
const MAX_MS = 3_600_000;
const RSS_EVERY_MS = 500;
const HEALTH_EVERY_MS = 250;
const HEALTH_SAMPLES = 100;

export const million: Bench = async ({ listings, stores }, { stops, note }) => {
  if (process.platform !== "linux") throw new Error("million reads /proc, which only Linux has.");
  const sizes = [listings / 100, listings / 10, listings].map(Math.ceil);
  note(`${String(listings)} items in ${String(stores)} stores; a million in 2 stores takes about 20 minutes`);
  const stage = await setStage(1, ["WEBHOOK"], stops);
  const figures: Figures = [];
  for (const items of sizes) figures.push(...(await measure(stage, items, stores, note)));
  return figures;
};

async function measure(stage: Stage, items: number, stores: number, note: (text: string) => void): Promise<Figures> {
  const { dataSource, encryptionKey } = stage;
  const [shop] = stage.shops;
  if (!shop) throw new Error("There is one shop.");
  const total = items * stores;
  const of = `${total.toLocaleString("en")} listings`;
  note(`${of}: planted, and marked by a bare update`);
  const plot = await plant(dataSource, { items, stores, shop, encryptionKey, onHand: ON_HAND });
  const bareMs = await markBare(stage, plot);
  await outdate(stage, plot);

  const gateway = await stage.gateway();
  const idle = await askHealth(gateway, plot, AbortSignal.timeout(MAX_MS), { everyMs: 10, times: HEALTH_SAMPLES });
  const ended = new AbortController();
  const rss = weigh(gateway.pid, ended.signal);
  note(`${of}: one bulk action`);
  const asked = performance.now();
  await gateway.mutate("setSyncInventoryBulk", "operation { id }", {
    customerId: toGlobalId("customer", plot.customerId),
    selection: { filter: {} },
    mode: "ALWAYS",
  });
  const accepted = performance.now();
  const busy = askHealth(gateway, plot, ended.signal, { everyMs: HEALTH_EVERY_MS, times: Infinity });
  // A gateway that dies ends the bench where it is next asked, not here.
  for (const watch of [rss, busy]) watch.catch(() => undefined);
  await until(() => isMarked(stage, plot), { withinMs: MAX_MS, everyMs: 25 });
  const marked = performance.now();
  note(`${of}: marked after ${seconds(marked - accepted)}`);
  await until(() => isSettled(stage, plot, total), { withinMs: MAX_MS, everyMs: 100 });
  const settled = performance.now();
  note(`${of}: settled after ${seconds(settled - accepted)}`);
  await until(() => hasEnded(stage, plot), { withinMs: MAX_MS, everyMs: 100 });
  note(`${of}: the operation ended ${seconds(performance.now() - settled)} later`);
  ended.abort();
  const drained = await busy;
  const after = await askHealth(gateway, plot, AbortSignal.timeout(MAX_MS), { everyMs: 10, times: HEALTH_SAMPLES });
  await checkSent(stage, plot, total);
  await gateway.stop();
  const perSecond = (ms: number): number => (total / ms) * 1_000;
  return [
    { metric: `${of}, accepted`, unit: "ms", value: accepted - asked },
    { metric: `${of}, marked`, unit: "listings/s", value: perSecond(marked - accepted), control: perSecond(bareMs) },
    {
      metric: `${of}, settled`,
      unit: "listings/s",
      value: perSecond(settled - accepted),
      control: PACE_OF_A_STORE * stores,
    },
    ...healthFigures(`${of}, health idle`, idle),
    ...healthFigures(`${of}, health draining`, drained),
    ...healthFigures(`${of}, health after`, after),
    { metric: `${of}, gateway RSS at most`, unit: "MB", value: Math.max(...(await rss)) },
  ];
}

const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;

/** In ms, all commits included. */
async function markBare({ dataSource }: Stage, { customerId }: Plot): Promise<number> {
  const began = performance.now();
  let last: string | undefined = "00000000-0000-0000-0000-000000000000";
  while (last !== undefined) {
    const rows: { id: string }[] = await sql<{ id: string }>(
      dataSource,
      /* sql */ `
      with chunk as materialized (select id from listing where customer_id = $1 and id > $2 order by id limit $3)
      update listing l set revision = l.revision + 1 from chunk where l.id = chunk.id returning l.id`,
      [customerId, last, MARK_CHUNK],
    );
    last = rows
      .map(({ id }) => id)
      .toSorted()
      .at(-1);
  }
  return performance.now() - began;
}

/** Each listing is settled, at another quantity than there is: a mark then has to send. Left as autovacuum leaves rows. */
async function outdate({ dataSource }: Stage, { customerId }: Plot): Promise<void> {
  await sql(
    dataSource,
    `update listing set synced_revision = revision, last_synced_quantity = $2 where customer_id = $1`,
    [customerId, ON_HAND - 1],
  );
  await sql(dataSource, `vacuum (analyze)`);
  await sql(dataSource, `checkpoint`);
}

async function isMarked({ dataSource }: Stage, { customerId }: Plot): Promise<boolean> {
  const open = await sql(
    dataSource,
    `select 1 from operation o where customer_id = $1
        and (status = 'QUEUED' or exists (select 1 from operation_item i where i.operation_id = o.id))`,
    [customerId],
  );
  return open.length === 0;
}

/** Each listing has its outcome (whatever it is) and none is due. */
async function isSettled({ dataSource }: Stage, { customerId, storeIds }: Plot, total: number): Promise<boolean> {
  const enough = await sql(dataSource, `select 1 from feed where customer_id = $1 and last_seq >= $2`, [
    customerId,
    total,
  ]);
  if (enough.length === 0) return false;
  const due = await sql(
    dataSource,
    `select 1 from listing where store_id = any($1::uuid[]) and revision > synced_revision limit 1`,
    [storeIds],
  );
  return due.length === 0;
}

async function hasEnded({ dataSource }: Stage, { customerId }: Plot): Promise<boolean> {
  const ended = await sql(dataSource, `select 1 from operation where customer_id = $1 and finished_at is not null`, [
    customerId,
  ]);
  return ended.length > 0;
}

/** Throws where a listing was not sent what there is. */
async function checkSent({ dataSource }: Stage, { customerId }: Plot, total: number): Promise<void> {
  const [row] = await sql<{ sent: number; right: number }>(
    dataSource,
    `select (select count(*)::int from outcome where customer_id = $1 and status = 'SUCCEEDED' and quantity_sent = $2) as sent,
            (select count(*)::int from listing where customer_id = $1 and last_synced_quantity = $2) as right`,
    [customerId, ON_HAND],
  );
  if (row?.sent !== total || row.right !== total)
    throw new Error(`Of ${String(total)} listings ${String(row?.sent)} were sent and ${String(row?.right)} are right.`);
}

interface Asked {
  readonly health: readonly number[];
  readonly control: readonly number[];
}

/** One question at a time, each store's in turn, and the control after each; until the signal or so many `times`. In ms. */
async function askHealth(
  gateway: RunningGateway,
  { storeIds }: Plot,
  signal: AbortSignal,
  { everyMs, times }: { readonly everyMs: number; readonly times: number },
): Promise<Asked> {
  const health: number[] = [];
  const control: number[] = [];
  const time = async (into: number[], query: string, variables: object): Promise<void> => {
    const asked = performance.now();
    await gateway.query(query, variables);
    into.push(performance.now() - asked);
  };
  while (!signal.aborted && health.length < times) {
    const storeId = storeIds[health.length % storeIds.length];
    await time(health, HEALTH, { id: toGlobalId("store", storeId ?? "") });
    await time(control, "{ __typename }", {});
    await delay(everyMs, undefined, { signal }).catch(() => undefined);
  }
  return { health, control };
}

const HEALTH = `query ($id: ID!) { store(id: $id) { health {
  pending inFlight oldestPendingSince throttledUntil circuit successRate lagP50Ms lagP95Ms lastSuccessAt lastFailure { id } } } }`;

function healthFigures(metric: string, { health, control }: Asked): Figures {
  return [0.5, 0.99].map((share) => ({
    metric: `${metric} p${String(share * 100)}`,
    unit: "ms",
    value: percentile(health, share),
    control: percentile(control, share),
  }));
}

/** What the process weighed (resident, in MB) each half second until the signal. */
async function weigh(pid: number, signal: AbortSignal): Promise<readonly number[]> {
  const sizes: number[] = [];
  while (!signal.aborted) {
    const status = await readFile(`/proc/${String(pid)}/status`, "utf8");
    const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(status)?.[1];
    if (kilobytes === undefined) throw new Error(`Process ${String(pid)} tells no VmRSS.`);
    sizes.push(Number(kilobytes) / 1_024);
    await delay(RSS_EVERY_MS, undefined, { signal }).catch(() => undefined);
  }
  return sizes;
}
