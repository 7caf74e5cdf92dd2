/**
 * How much of a Shopify store's cost bucket the engine uses: the sandbox's Standard plan, 100 points a second into a bucket of
 * 2,000, full at first, and a backlog that is filled up again while it is sent. The window begins with the first write that the
 * shop gets. Possible is what the bucket held then and what was restored in the window, by the cost of one write as the shop
 * charges it. A write is refused (THROTTLED) where the shop has logged no lines of it.
 *
 * The control sends full batches through the same connector at the same pace, waits only as long as its answers ask, and knows
 * no database. "two workers" are built gateways with EVENKEEL_ROLE=worker on one store; halfway another one replaces them,
 * which knows nothing of the bucket.
 */
import { setTimeout as delay } from "node:timers/promises";
import PQueue from "p-queue";
import { z } from "zod";
import type { Change } from "../src/platforms/platform.js";
import { API_VERSION, SET_QUANTITIES } from "../src/platforms/shopify/documents.js";
import { acceptSyncInventory } from "../src/sync/operations.js";
import { sql } from "../src/sync/sql.js";
import { newUuid } from "../src/terms.js";
import { until } from "../test/support/until.js";
import { BY } from "../test/support/world.js";
import type { Bench, Figure } from "./report.js";
import { type Stage, type StagedShop, setStage } from "./stage.js";

const POINTS_PER_SECOND = 100;
/** In this time a sender may still learn what the bucket holds; in a short run in half of it. */
const LEARNING_SECONDS = 10;
const LOOK_EVERY_MS = 500;

export const pace: Bench = async ({ listings, seconds }, { stops, note }) => {
  const stage = await setStage(listings, ["SHOPIFY"], stops);
  const [shop] = stage.shops;
  if (!shop) throw new Error("There is one shop.");
  note(`links ${String(listings)} listings, without a limit`);
  const linking = stage.engine();
  await stage.settled();
  await linking.stop();

  const learning = Math.min(LEARNING_SECONDS, seconds / 2);
  const measure = async (name: string, send: () => Promise<void>): Promise<Used> => {
    note(`${name}: ${String(seconds)} s`);
    await shop.reopen(POINTS_PER_SECOND);
    const bucket = await askBucket(shop);
    await send();
    const used = usedOf(await shop.calls(), bucket, { seconds, learning });
    note(
      `${name}: ${String(used.done)} of ${used.possible.toFixed(0)} possible calls; ${String(used.refusedEarly)} refused in the first ${String(learning)} s, ${String(used.refusedLate)} after`,
    );
    return used;
  };
  const bare = await measure("control", () => sendBare(stage, shop, seconds));
  const keepUp = async (): Promise<void> => {
    const { fewest, holders } = await keepBacklog(stage, shop, seconds);
    note(`at least ${String(fewest)} listings were waiting; ${String(holders)} processes were seen to hold the store`);
  };
  await makeBacklog(stage, shop);
  const one = await measure("engine", async () => {
    const engine = stage.engine();
    await keepUp();
    await engine.stop();
  });
  await makeBacklog(stage, shop);
  const two = await measure("two workers", async () => {
    const workers = [await stage.gateway(WORKER), await stage.gateway(WORKER)];
    const replace = async (): Promise<void> => {
      await delay((seconds / 2) * 1_000);
      const another = await stage.gateway(WORKER);
      for (const worker of workers.splice(0, 2, another)) await worker.stop();
    };
    await Promise.all([keepUp(), replace()]);
    for (const worker of workers) await worker.stop();
  });

  const figuresOf = (used: Used, suffix: string): Omit<Figure, "bench">[] => [
    { metric: `calls of the possible${suffix}`, unit: "%", value: used.share, control: bare.share },
    { metric: `a call's listings${suffix}`, unit: "listings", value: used.linesOfACall, control: bare.linesOfACall },
    { metric: `refused after ${String(learning)} s${suffix}`, unit: "calls", value: used.refusedLate },
    { metric: `refused before${suffix}`, unit: "calls", value: used.refusedEarly },
  ];
  return [...figuresOf(one, ""), ...figuresOf(two, ", two workers")];
};

const WORKER = { EVENKEEL_ROLE: "worker" };

interface Used {
  readonly done: number;
  readonly possible: number;
  /** Percent. */
  readonly share: number;
  readonly linesOfACall: number;
  readonly refusedEarly: number;
  readonly refusedLate: number;
}

/** Throws where the shop got no write, or none for so long that the window has no end. */
function usedOf(
  calls: Awaited<ReturnType<StagedShop["calls"]>>,
  { size, cost }: Bucket,
  { seconds, learning }: { readonly seconds: number; readonly learning: number },
): Used {
  const writes = calls.filter(({ isWrite }) => isWrite).slice(ASKED_BY_US);
  const from = writes[0]?.receivedAt ?? NaN;
  const to = from + seconds * 1_000;
  const within = writes.filter(({ receivedAt }) => receivedAt < to);
  const refused = within.filter(({ lines }) => lines.length === 0);
  const lines = within.reduce((sum, call) => sum + call.lines.length, 0);
  const refusedEarly = refused.filter(({ receivedAt }) => receivedAt < from + learning * 1_000).length;
  const done = within.length - refused.length;
  const possible = (size + POINTS_PER_SECOND * seconds) / cost;
  if (done === 0) throw new Error("The shop got no write.");
  return {
    done,
    possible,
    share: (done / possible) * 100,
    linesOfACall: lines / done,
    refusedEarly,
    refusedLate: refused.length - refusedEarly,
  };
}

interface Bucket {
  readonly size: number;
  /** Of one write. */
  readonly cost: number;
}

/** The write by which the shop is asked for its bucket. */
const ASKED_BY_US = 1;
const Charged = z.object({
  extensions: z.object({
    cost: z.object({
      actualQueryCost: z.number(),
      throttleStatus: z.object({ maximumAvailable: z.number(), restoreRate: z.literal(POINTS_PER_SECOND) }),
    }),
  }),
});

/** Writes nothing, at the price of a write; awaits that the bucket is full again. */
async function askBucket({ url, credentials }: StagedShop): Promise<Bucket> {
  const answer = await fetch(`${url}/admin/api/${API_VERSION}/graphql.json`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-shopify-access-token": credentials["accessToken"] ?? "" },
    body: JSON.stringify({
      query: SET_QUANTITIES,
      variables: { input: { name: "available", reason: "correction", quantities: [] }, key: newUuid() },
    }),
  });
  const { actualQueryCost: cost, throttleStatus } = Charged.parse(await answer.json()).extensions.cost;
  await delay((cost / POINTS_PER_SECOND) * 1_000);
  return { size: throttleStatus.maximumAvailable, cost };
}

/** All listings wait, by syncInventory. Nothing may be sending. */
async function makeBacklog(stage: Stage, shop: StagedShop): Promise<void> {
  const marker = stage.engine({ slots: 0 });
  const { customerId, skus } = stage.world;
  const input = { customerId, selection: { filter: {} }, storeIds: [shop.storeId], includeNeverReceived: false };
  await stage.dataSource.transaction((tx) => acceptSyncInventory(tx, BY, input));
  marker.hint();
  const allWait = async (): Promise<boolean> => (await waitingAt(stage, shop)) === skus.length;
  await until(allWait, { withinMs: 600_000, everyMs: LOOK_EVERY_MS });
  await marker.stop();
}

/**
 * Until the shop has been written to for so long: what was sent is marked again, in few statements, since the cost of marking
 * is not what is measured. Answers the fewest that were ever waiting, and how many processes were seen to hold the store.
 */
async function keepBacklog(
  stage: Stage,
  shop: StagedShop,
  seconds: number,
): Promise<{ readonly fewest: number; readonly holders: number }> {
  const firstWrite = async (): Promise<number | undefined> =>
    (await shop.calls()).filter(({ isWrite }) => isWrite)[ASKED_BY_US]?.receivedAt;
  const end = (await until(firstWrite, { everyMs: LOOK_EVERY_MS })) + seconds * 1_000;
  let fewest = Infinity;
  const holders = new Set<string>();
  while (Date.now() <= end) {
    fewest = Math.min(fewest, await waitingAt(stage, shop));
    await markSettled(stage, shop);
    const [queued] = await sql<{ owner: string | null }>(
      stage.dataSource,
      `select owner from store_queue where store_id = $1`,
      [shop.storeId],
    );
    if (queued?.owner != null) holders.add(queued.owner);
    await delay(LOOK_EVERY_MS);
  }
  return { fewest, holders: holders.size };
}

/** As a syncInventory over what is settled marks it, without an operation. */
async function markSettled({ dataSource }: Stage, { storeId }: StagedShop): Promise<void> {
  await sql(
    dataSource,
    /* sql */ `
    with settled as materialized (
      select id from listing where store_id = $1 and revision = synced_revision order by id for update skip locked
    ), marked as (
      update listing l set revision = revision + 1, force_revision = revision + 1, trigger = 'MANUAL', urgency = 3,
             marked_at = clock_timestamp(), dirty_since = clock_timestamp()
        from settled where l.id = settled.id
    )
    insert into wake (store_id) values ($1)`,
    [storeId],
  );
}

async function waitingAt({ dataSource }: Stage, { storeId }: StagedShop): Promise<number> {
  const [row] = await sql<{ waiting: number }>(
    dataSource,
    `select count(*)::int as waiting from listing where store_id = $1 and revision > synced_revision`,
    [storeId],
  );
  return row?.waiting ?? 0;
}

/** As many calls as the connector's answers allow, all listings again and again, for so long. */
async function sendBare({ dataSource, drivers }: Stage, shop: StagedShop, seconds: number): Promise<void> {
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
  if (!connector) throw new Error("Each shop has a driver.");
  const { concurrency, intervalMs, callsPerInterval } = connector.pace;
  const valve = new PQueue({ concurrency, interval: intervalMs, intervalCap: callsPerInterval, strict: true });
  const { signal } = new AbortController();
  const end = performance.now() + seconds * 1_000 + LOOK_EVERY_MS;
  let nextCallAt = 0;
  let next = 0;
  const lane = async (): Promise<void> => {
    while (performance.now() < end) {
      const waitMs = nextCallAt - performance.now();
      if (waitMs > 0) {
        await delay(waitMs);
        continue;
      }
      const batch = changes.slice(next, next + connector.maxChangesPerCall);
      next = next + batch.length < changes.length ? next + batch.length : 0;
      for (const call of connector.partition(batch)) {
        const { nextCallInMs } = await valve.add(() => connector.send(call, { idempotencyKey: newUuid(), signal }));
        nextCallAt = performance.now() + nextCallInMs;
      }
    }
  };
  await Promise.all(Array.from({ length: concurrency }, lane));
}
