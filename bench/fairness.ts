/**
 * One store with a huge number of due listings, and one whose shop refuses 1 % of what it is sent, beside many small stores
 * whose stock changes at a steady pace: how long the small ones' changes take. The control is the same pace on the same
 * database before the two have anything to do.
 *
 * The built gateway works all of them as its only worker; shops and PostgreSQL are in processes of their own, and each call of
 * a shop takes 20 ms. The two have more to do than their pace lets through in the time that is measured.
 */
import { type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { DataSource } from "typeorm";
import { migrate, openDatabase } from "../src/database.js";
import { createLog } from "../src/log.js";
import { sealCredentials } from "../src/sync/credentials.js";
import { adjustInventory } from "../src/sync/record-inventory-change.js";
import { startSignals } from "../src/sync/signals.js";
import { sql } from "../src/sync/sql.js";
import { newUuid } from "../src/terms.js";
import { aGateway } from "../test/support/gateway.js";
import { startTestPostgres } from "../test/support/postgres-setup.js";
import { until } from "../test/support/until.js";
import { BY } from "../test/support/world.js";
import type { FairShopAnswers, FairShopMessage, FairShopQuestion } from "./fair-shop-process.js";
import { steadily } from "./open-loop.js";
import { type PlotOptions, plant } from "./plant.js";
import { type Bench, type Figure, percentile } from "./report.js";
import { answerOf, forkChild } from "./stage.js";

const CHANGES_PER_SECOND = 50;
const STORES_OF_A_CUSTOMER = 1;
const ITEMS_OF_A_CUSTOMER = 20;
const SHOP_MS = 20;
/** Lets caches fill and timers find their step before anything is measured. */
const WARM_UP_MS = 5_000;
/** What the WEBHOOK pace lets through: 20 calls of 100 lines. */
const PACE = 2_000;
const POISON_SHARE = 0.01;
const REASON = "This level is refused for the bench.";
/** Units of each item: more than are sold. */
const PLANTED = 10_000;

export const fairness: Bench = async ({ listings, stores, seconds }, { stops, note }) => {
  const postgres = await startTestPostgres({ fsync: "on", synchronous_commit: "on" });
  stops.add(postgres.stop);
  const log = createLog("warn");
  const dataSource = await openDatabase({ url: postgres.url, log });
  stops.add(() => dataSource.destroy());
  await migrate(dataSource, postgres.url);
  const signals = startSignals({ dataSource, databaseUrl: postgres.url, log });
  stops.add(() => signals.stop());
  const shopProcess = forkChild(
    "fair-shop-process.ts",
    { latencyMs: SHOP_MS, careless: false } satisfies FairShopQuestion,
    stops,
  );
  const shop = await answerOf<FairShopAnswers["opened"]>(shopProcess);
  const encryptionKey = randomBytes(32);

  const poisoned = Math.ceil(1.5 * PACE * (seconds + WARM_UP_MS / 1_000));
  note(`plants ${String(stores)} small stores, one of ${String(listings)} and one of ${String(poisoned)} listings`);
  const small = await plantSmall(dataSource, { stores, shop, encryptionKey });
  const [hugeId = ""] = (await plant(dataSource, { items: listings, stores: 1, shop, encryptionKey, onHand: PLANTED }))
    .storeIds;
  const [poisonId = ""] = (
    await plant(dataSource, { items: poisoned, stores: 1, shop, encryptionKey, onHand: PLANTED })
  ).storeIds;
  const refused = await refuseSome(dataSource, shopProcess, poisonId);
  await sql(dataSource, `vacuum analyze`);
  await sql(dataSource, `checkpoint`);

  const gateway = await aGateway({
    env: {
      DATABASE_URL: postgres.url,
      EVENKEEL_ENCRYPTION_KEY: encryptionKey.toString("base64"),
      EVENKEEL_ALLOW_PRIVATE_STORES: "on",
      EVENKEEL_ROLE: "worker",
      HOST: "127.0.0.1",
    },
  });
  stops.add(() => gateway.stop());
  const change = async (turn: number): Promise<void> => {
    // A step that is prime to both numbers: neighbours in time are neither one customer's nor one item's.
    const customerId = small.customerIds[(turn * 7_919) % small.customerIds.length] ?? "";
    const sku = skuOf(1 + (turn % ITEMS_OF_A_CUSTOMER));
    await dataSource.transaction((tx) => adjustInventory(tx, BY, { customerId, lines: [{ sku, onHandDelta: -1 }] }));
    signals.work();
  };
  const stage: Stage = { dataSource, seconds, change, smallStoreIds: small.storeIds };

  note("small stores alone");
  const alone = await measure(stage);
  note(`${String(alone.lags.length)} outcomes`);
  await makeDue(dataSource, [hugeId, poisonId]);
  signals.work();
  await until(async () => (await settledOf(dataSource, hugeId)) > 0 && (await settledOf(dataSource, poisonId)) > 0);
  note("small stores beside them");
  const beside = await measure(stage, [hugeId, poisonId]);
  note(`${String(beside.lags.length)} outcomes`);
  const [huge = 0, poison = 0] = beside.settledOf;
  const hugeLeft = await dueOf(dataSource, hugeId);
  await until(async () => (await dueOf(dataSource, poisonId)) === 0, { withinMs: 600_000, everyMs: 200 });
  const lines = await poisonLines(dataSource, poisonId);

  const lag = (metric: string, share: number): Omit<Figure, "bench"> => ({
    metric: `small stores' lag, ${metric}`,
    unit: "ms",
    value: percentile(beside.lags, share),
    control: percentile(alone.lags, share),
  });
  return [
    lag("p50", 0.5),
    lag("p99", 0.99),
    lag("max", 1),
    { metric: "small stores' outcomes", unit: "in all", value: beside.lags.length, control: alone.lags.length },
    { metric: "huge store beside", unit: "listings/s", value: huge / seconds },
    { metric: "huge store: still due", unit: "listings", value: hugeLeft },
    { metric: "poisoned store beside", unit: "listings/s", value: poison / seconds },
    { metric: "poisoned: good ones through", unit: "listings", value: lines.through, control: poisoned - refused },
    { metric: "poisoned: parked with reason", unit: "listings", value: lines.parked, control: refused },
  ];
};

interface Stage {
  readonly dataSource: DataSource;
  readonly seconds: number;
  readonly change: (turn: number) => Promise<void>;
  readonly smallStoreIds: readonly string[];
}

interface Measured {
  /** Of each outcome of a small store whose change fell into the window, in ms. */
  readonly lags: readonly number[];
  /** How many listings of each of the busy stores were settled within the window. */
  readonly settledOf: readonly number[];
}

/** The pace goes on until the window is over; then everything of the small stores is awaited, so that no slow one is left out. */
async function measure(stage: Stage, busyStoreIds: readonly string[] = []): Promise<Measured> {
  const { dataSource, smallStoreIds } = stage;
  const over = new AbortController();
  const load = steadily(CHANGES_PER_SECOND, stage.change, over.signal);
  try {
    await delay(WARM_UP_MS);
    const from = await databaseTime(dataSource);
    await delay(stage.seconds * 1_000);
    const to = await databaseTime(dataSource);
    over.abort();
    await load;
    const settled = await sql<{ store_id: string; count: number }>(
      dataSource,
      `select store_id, count(*)::int as count from outcome
        where store_id = any($1::uuid[]) and occurred_at >= $2::timestamptz and occurred_at < $3::timestamptz group by 1`,
      [busyStoreIds, from, to],
    );
    await until(
      async () => {
        const due = await sql(
          dataSource,
          `select 1 from listing where store_id = any($1::uuid[]) and revision > synced_revision limit 1`,
          [smallStoreIds],
        );
        return due.length === 0;
      },
      { withinMs: 600_000, everyMs: 200 },
    );
    const lags = await sql<{ ms: number }>(
      dataSource,
      `select lag_ms as ms from outcome where store_id = any($1::uuid[]) and occurred_at >= $2::timestamptz
          and occurred_at - lag_ms * interval '1 ms' between $2::timestamptz and $3::timestamptz`,
      [smallStoreIds, from, to],
    );
    return {
      lags: lags.map(({ ms }) => ms),
      settledOf: busyStoreIds.map((id) => settled.find(({ store_id }) => store_id === id)?.count ?? 0),
    };
  } finally {
    over.abort();
    await load.catch(() => undefined);
  }
}

/** To the microsecond, as the database writes it. */
async function databaseTime(dataSource: DataSource): Promise<string> {
  const [row] = await sql<{ at: string }>(dataSource, `select clock_timestamp()::text as at`);
  return row?.at ?? "";
}

async function settledOf(dataSource: DataSource, storeId: string): Promise<number> {
  const [row] = await sql<{ count: number }>(
    dataSource,
    `select count(*)::int as count from (select 1 from outcome where store_id = $1 limit 1) any_`,
    [storeId],
  );
  return row?.count ?? 0;
}

async function dueOf(dataSource: DataSource, storeId: string): Promise<number> {
  const [row] = await sql<{ count: number }>(
    dataSource,
    `select count(*)::int as count from listing where store_id = $1 and revision > synced_revision`,
    [storeId],
  );
  return row?.count ?? 0;
}

/** As if each store had last been told one unit less than there is. What the many marks leave behind is cleaned up first. */
async function makeDue(dataSource: DataSource, storeIds: readonly string[]): Promise<void> {
  await sql(
    dataSource,
    `update listing set revision = revision + 1, trigger = 'STOCK_CHANGE', urgency = 3, marked_at = clock_timestamp(),
        dirty_since = clock_timestamp(), last_synced_quantity = last_synced_quantity - 1 where store_id = any($1::uuid[])`,
    [storeIds],
  );
  await sql(dataSource, `vacuum analyze listing`);
  await sql(dataSource, `checkpoint`);
  await sql(dataSource, `insert into wake (store_id) select unnest($1::uuid[])`, [storeIds]);
}

/** Lets the shop refuse the poisoned share of the store's listings, evenly spread. Answers how many. */
async function refuseSome(dataSource: DataSource, shopProcess: ChildProcess, storeId: string): Promise<number> {
  const rows = await sql<{ external_id: string }>(
    dataSource,
    `select external_id from (select external_id, row_number() over (order by id) as n from listing where store_id = $1) l
      where n % $2::int = 0`,
    [storeId, Math.round(1 / POISON_SHARE)],
  );
  const refuse = rows.map(({ external_id }) => external_id);
  shopProcess.send({ refuse, because: REASON } satisfies FairShopMessage);
  await answerOf(shopProcess);
  return refuse.length;
}

async function poisonLines(
  dataSource: DataSource,
  storeId: string,
): Promise<{ readonly through: number; readonly parked: number }> {
  const [row] = await sql<{ through: number; parked: number }>(
    dataSource,
    `select (count(*) filter (where l.parked_code is null and l.last_synced_quantity = $2))::int as through,
            (count(*) filter (where l.parked_code = 'VALIDATION_REJECTED' and exists (
               select 1 from outcome o where o.listing_id = l.id and o.status = 'FAILED' and o.platform_message = $3)))::int as parked
       from listing l where l.store_id = $1`,
    [storeId, PLANTED, REASON],
  );
  return row ?? { through: 0, parked: 0 };
}

const skuOf = (number: number): string => `SKU-${String(number).padStart(8, "0")}`;

/** As `plant` makes them, but many customers of a few items and stores in one statement each. */
async function plantSmall(
  dataSource: DataSource,
  { stores, shop, encryptionKey }: Pick<PlotOptions, "stores" | "shop" | "encryptionKey">,
): Promise<{ readonly customerIds: readonly string[]; readonly storeIds: readonly string[] }> {
  const storeIds = Array.from({ length: stores }, () => newUuid());
  const customerIds = Array.from({ length: Math.ceil(stores / STORES_OF_A_CUSTOMER) }, () => newUuid());
  const customerOf = storeIds.map((_, index) => customerIds[Math.floor(index / STORES_OF_A_CUSTOMER)]);
  await dataSource.transaction(async (tx) => {
    await sql(
      tx,
      `insert into customer (id, name, sync_mode, sync_updated_by) select unnest($1::uuid[]), 'A small customer', 'ALWAYS', $2`,
      [customerIds, BY],
    );
    await sql(tx, `insert into feed (customer_id) select unnest($1::uuid[])`, [customerIds]);
    await sql(
      tx,
      `insert into warehouse (id, customer_id, code, name) select gen_random_uuid(), unnest($1::uuid[]), 'MAIN', 'Main'`,
      [customerIds],
    );
    await sql(
      tx,
      `insert into item (id, customer_id, sku, title, on_hand, process_orders, first_received_at, sync_updated_by)
       select gen_random_uuid(), c, 'SKU-' || lpad(n::text, 8, '0'), 'Thing ' || n, $3, true, now(), $4
         from unnest($1::uuid[]) c, generate_series(1, $2::int) n`,
      [customerIds, ITEMS_OF_A_CUSTOMER, PLANTED, BY],
    );
    await sql(
      tx,
      `insert into inventory_level (item_id, warehouse_id, customer_id, on_hand)
       select i.id, w.id, i.customer_id, $2 from item i join warehouse w on w.customer_id = i.customer_id
        where i.customer_id = any($1::uuid[])`,
      [customerIds, PLANTED],
    );
    await sql(
      tx,
      `insert into store (id, customer_id, name, platform, url, credentials)
       select id, customer, 'A small store', 'WEBHOOK', $4, sealed from unnest($1::uuid[], $2::uuid[], $3::text[]) s(id, customer, sealed)`,
      [storeIds, customerOf, storeIds.map((id) => sealCredentials(encryptionKey, id, shop.credentials)), shop.url],
    );
    await sql(
      tx,
      `insert into listing (id, customer_id, store_id, item_id, external_id, last_synced_quantity, last_synced_at)
       select id, customer_id, store_id, item_id, id::text, $2, now()
         from (select gen_random_uuid() as id, i.customer_id, s.id as store_id, i.id as item_id
                 from store s join item i on i.customer_id = s.customer_id where s.id = any($1::uuid[])) planted`,
      [storeIds, PLANTED],
    );
  });
  return { customerIds, storeIds };
}
