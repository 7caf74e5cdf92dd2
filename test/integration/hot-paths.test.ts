/**
 * Every statement that the gateway runs is explained by the server itself (auto_explain, with what it really read), on tables
 * that have grown: none may scan one, nor throw away most of what an index gave it.
 */
import pg from "pg";
import type { DataSource } from "typeorm";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { startWebhookShop, type WebhookShop } from "../../sandbox/webhook.js";
import { createApiToken, createAuthentication } from "../../src/access/api-tokens.js";
import { raiseWall, viewerDatabases } from "../../src/access/row-security.js";
import { openDatabase } from "../../src/database.js";
import { createHttp } from "../../src/platforms/http.js";
import type { LineResult } from "../../src/platforms/platform.js";
import { webhookDriver } from "../../src/platforms/webhook/connector.js";
import { prepared } from "../../src/prepared.js";
import { buildSchema } from "../../src/resolvers/build-schema.js";
import { startServer } from "../../src/server/server.js";
import { setItemSync, setProcessOrders } from "../../src/sync/change-settings.js";
import { claimDue, nextDueAt, unclaim } from "../../src/sync/claim.js";
import { sealCredentials } from "../../src/sync/credentials.js";
import { markListings, markWidely, workMarkTask } from "../../src/sync/mark-listings.js";
import {
  acceptImportListings,
  acceptRetryFailed,
  acceptSetSyncInventory,
  acceptSyncInventory,
  endFinishedOperations,
  readOperationProgress,
} from "../../src/sync/operations.js";
import { type OutcomeFeed, startOutcomeFeed } from "../../src/sync/outcome-feed.js";
import { PostgresLeases } from "../../src/sync/queue/postgres-leases.js";
import { afterSend, decideAll } from "../../src/sync/reconcile.js";
import {
  adjustInventory,
  commitInventory,
  setInventory,
  shipInventory,
} from "../../src/sync/record-inventory-change.js";
import { settle } from "../../src/sync/settle.js";
import { sql, type Tx } from "../../src/sync/sql.js";
import { readStoreHealth } from "../../src/sync/store-health.js";
import { startSyncEngine } from "../../src/sync/sync-engine.js";
import { holdMassZeros } from "../../src/sync/zero-guard.js";
import { newUuid, toGlobalId } from "../../src/terms.js";
import { createTestDatabase, type TestDatabase, testLog } from "../support/database.js";
import { operationEnd, quiet } from "../support/engine.js";
import { OPERATOR_TOKEN } from "../support/gateway.js";
import { BY } from "../support/world.js";

const ENCRYPTION_KEY = Buffer.alloc(32, 7);
const OUTCOME_DAYS = 4;
const SYNC_ALL = JSON.stringify({ storeIds: null, includeNeverReceived: false });

interface Plot {
  readonly customerId: string;
  /** Of these the first sells from one warehouse only. */
  readonly storeIds: readonly string[];
}

type Run = (text: string, ...params: unknown[]) => Promise<unknown>;

/**
 * A customer with each item in both of its stores. Of the listings one in 50 is due, and some are held, parked, zeroed lately,
 * to be looked at again, or have an override that has ended or will.
 */
async function plant(db: DataSource, shop: WebhookShop, items: number, outcomes: number): Promise<Plot> {
  const customerId = newUuid();
  const run: Run = (text, ...params) => sql(db, text, [customerId, ...params]);
  await run(`insert into customer (id, name, sync_mode, sync_updated_by) values ($1, 'Planted', 'ALWAYS', 'test')`);
  await run(`insert into warehouse (id, customer_id, code, name) values (uuidv7(), $1, 'MAIN', 'Main')`);
  await run(
    `insert into item (id, customer_id, sku, title, tags, on_hand, process_orders, first_received_at, sync_updated_by,
                       sync_mode, sync_expires_at, sync_revert_mode)
     select uuidv7(), $1, 'SKU-' || lpad(n::text, 6, '0'), 'Thing ' || n, array['tag-' || n % 100], 5, true, now(), 'test',
            case when n % 20 = 0 then 'NEVER' else 'CUSTOMER_DEFAULT' end,
            case when n % 20 = 0 then now() + case when n % 1000 = 0 then -1 else 30 end * interval '1 day' end,
            case when n % 20 = 0 then 'CUSTOMER_DEFAULT' end
       from generate_series(1, $2::int) n`,
    items,
  );
  await run(
    `insert into inventory_level (item_id, warehouse_id, customer_id, on_hand)
     select i.id, w.id, $1, 5 from item i join warehouse w using (customer_id) where customer_id = $1`,
  );
  const storeIds = [newUuid(), newUuid()];
  for (const [at, id] of storeIds.entries()) await plantStore(run, id, shop, { sellsFromOne: at === 0 });
  await run(
    `insert into setting_change (id, customer_id, scope, subject_id, mode, changed_by)
     select uuidv7(), $1, 'ITEM', id, 'NEVER', 'test' from item where customer_id = $1`,
  );
  await run(
    `insert into inventory_movement (id, customer_id, item_id, warehouse_id, kind, on_hand_delta, created_by)
     select uuidv7(), $1, i.id, w.id, 'RECEIVE', 5, 'test' from item i join warehouse w using (customer_id) where customer_id = $1`,
  );
  await plantOutcomes(run, outcomes);
  await plantOperations(run);
  return { customerId, storeIds };
}

async function plantStore(
  run: Run,
  id: string,
  { url, secret }: WebhookShop,
  { sellsFromOne }: { readonly sellsFromOne: boolean },
): Promise<void> {
  await run(
    `insert into store (id, customer_id, name, platform, url, credentials, has_own_warehouses, paused_until)
     values ($2, $1, 'Planted', 'WEBHOOK', $3, $4, $5, now() - interval '1 minute')`,
    id,
    url,
    sealCredentials(ENCRYPTION_KEY, id, { secret }),
    sellsFromOne,
  );
  if (sellsFromOne)
    await run(
      `insert into store_warehouse (store_id, warehouse_id, customer_id) select $2, id, $1 from warehouse where customer_id = $1`,
      id,
    );
  await run(
    `insert into listing (id, customer_id, store_id, item_id, external_id, revision, urgency, last_synced_quantity, last_synced_at,
       marked_at, held, zeroed_at, parked_code, next_attempt_at, recheck_at, sync_mode, sync_expires_at, sync_revert_mode)
     select uuidv7(), $1, $2, id, sku, (n % 50 = 0)::int, n % 4, case when n % 50 = 7 then 0 else 4 end, now(),
            now() - interval '1 hour', n % 50 = 3, case when n % 50 = 7 then now() end, case when n % 100 = 4 then 'UNKNOWN' end,
            case when n % 100 = 4 then now() + interval '1 hour' end,
            case when n % 50 = 8 then now() + case when n % 500 = 8 then -1 else 30 end * interval '1 day' end,
            case when n % 50 = 9 then 'NEVER' end,
            case when n % 50 = 9 then now() + case when n % 500 = 9 then -1 else 30 end * interval '1 day' end,
            case when n % 50 = 9 then 'CUSTOMER_DEFAULT' end
       from (select id, sku, right(sku, 6)::int as n from item where customer_id = $1 order by sku) i`,
    id,
  );
}

async function plantOutcomes(run: Run, outcomes: number): Promise<void> {
  await run(
    `insert into outcome (customer_id, seq, occurred_at, id, status, trigger, store_id, item_id, listing_id, revision, attempt, lag_ms)
     select $1, n, now() - ($2::int - n) * ($3::int - 1) * interval '1 day' / $2::int, uuidv7(),
            case when n % 20 = 0 then 'FAILED' else 'SUCCEEDED' end, 'STOCK_CHANGE', l.store_id, l.item_id, l.id, 1, 1, 100
       from generate_series(1, $2::int) n
       join (select id, item_id, store_id, row_number() over (order by id) as place from listing where customer_id = $1) l
         on l.place = n % (select count(*) from listing where customer_id = $1) + 1
      order by n`,
    outcomes,
    OUTCOME_DAYS,
  );
  await run(`update feed set last_seq = $2 where customer_id = $1`, outcomes);
}

/** Ended ones (one of them long ago), one that nobody works just now, and one that waits for each due listing. */
async function plantOperations(run: Run): Promise<void> {
  await run(
    `insert into operation (id, customer_id, kind, status, requested_by, input, finished_at)
     select uuidv7(), $1, 'SYNC_INVENTORY', 'COMPLETED', 'test', $2, now() - case when n = 1 then 40 else 1 end * interval '1 day'
       from generate_series(1, 500) n`,
    SYNC_ALL,
  );
  await run(
    `insert into operation_listing (operation_id, listing_id, customer_id, revision, status, outcome_seq)
     select o.id, l.id, $1, 0, case when l.parked_code is null then 'SUCCEEDED' else 'FAILED' end, l.place
       from (select id, row_number() over (order by id) as place from operation where customer_id = $1) o
       join (select id, parked_code, row_number() over (order by id) as place from listing where customer_id = $1) l
         on l.place % 20 = o.place - 1`,
  );
  const opened = `insert into operation (id, customer_id, kind, status, requested_by, input, lease_until)
       values (uuidv7(), $1, 'SYNC_INVENTORY', 'RUNNING', 'test', $2, $3::timestamptz) returning id`;
  await run(
    `with leased as (${opened})
     insert into operation_item (operation_id, position, item_id)
     select leased.id, row_number() over (order by i.id), i.id from leased, item i where i.customer_id = $1`,
    SYNC_ALL,
    new Date(Date.now() + 86_400_000),
  );
  await run(
    `with waiting as (${opened})
     insert into operation_listing (operation_id, listing_id, customer_id, revision)
     select waiting.id, l.id, $1, 1 from waiting, listing l where l.customer_id = $1 and l.revision > l.synced_revision`,
    SYNC_ALL,
    null,
  );
}

interface Plan {
  readonly "Node Type": string;
  readonly "Relation Name"?: string | undefined;
  readonly "Index Name"?: string | undefined;
  readonly "Actual Rows": number;
  readonly "Actual Loops": number;
  readonly "Rows Removed by Filter": number;
  readonly "Rows Removed by Index Recheck": number;
  readonly Plans: readonly Plan[];
}
const Plan: z.ZodType<Plan> = z.object({
  "Node Type": z.string(),
  "Relation Name": z.string().optional(),
  "Index Name": z.string().optional(),
  "Actual Rows": z.number(),
  "Actual Loops": z.number(),
  "Rows Removed by Filter": z.number().default(0),
  "Rows Removed by Index Recheck": z.number().default(0),
  Plans: z.lazy(() => z.array(Plan)).default([]),
});
const Explained = z.object({ "Query Text": z.string(), Plan });
type Explained = z.infer<typeof Explained>;

/** The plan of each statement that was run over this pool, with those within its functions, until the list is emptied. */
function explain(dataSource: DataSource): Explained[] {
  const { driver } = dataSource;
  if (!("master" in driver) || !(driver.master instanceof pg.Pool)) throw new Error("This is no pool of PostgreSQL.");
  const explained: Explained[] = [];
  const heard = new WeakSet<pg.PoolClient>();
  driver.master.on("acquire", (client) => {
    if (heard.has(client)) return;
    heard.add(client);
    client.on("notice", ({ message }) => {
      if (message?.startsWith("duration:"))
        explained.push(Explained.parse(JSON.parse(message.slice(message.indexOf("{")))));
    });
  });
  return explained;
}

const scansIn = (plan: Plan): readonly Plan[] => [
  ...(plan["Node Type"].endsWith("Scan") && plan["Relation Name"] !== undefined ? [plan] : []),
  ...plan.Plans.flatMap(scansIn),
];

/** Fewer rows are read faster without an index. */
const GROWN = 1_000;
/** Of a table; who answers or changes more of it than this may read all of it, as nothing is faster. */
const LARGE_PART = 0.01;
/** Of a table; who reads more of it than this in vain has not had the index that fits. */
const IN_VAIN = 0.2;

const tableOf = (scan: Plan): string => scan["Relation Name"] ?? "";

/** What reads a grown table without an index, or with one that does not fit. */
function walks(statements: readonly Explained[]): readonly string[] {
  const found = statements.flatMap(({ Plan: root, "Query Text": text }) =>
    scansIn(root).flatMap((scan) => {
      const rows = grown.get(tableOf(scan));
      if (rows === undefined) return [];
      const removed = scan["Rows Removed by Filter"] + scan["Rows Removed by Index Recheck"];
      const isWalk = removed * scan["Actual Loops"] > rows * IN_VAIN;
      const isScan = scan["Node Type"] === "Seq Scan" && root["Actual Rows"] < rows * LARGE_PART;
      if (!isScan && !isWalk) return [];
      const by = scan["Index Name"] === undefined ? "" : ` by ${scan["Index Name"]}`;
      return `${scan["Node Type"]} on ${tableOf(scan)}${by}: ${text.replaceAll(/\s+/g, " ")}`;
    }),
  );
  return [...new Set(found)];
}

let database: TestDatabase;
let shop: WebhookShop;
/** Customers with a catalogue each; the last one's is small beside the others'. */
let big: Plot;
let small: Plot;
/** Tables with more than GROWN rows. */
let grown: ReadonlyMap<string, number>;
beforeAll(async () => {
  database = await createTestDatabase();
  shop = await startWebhookShop();
  await sql(database.dataSource, `select ensure_outcome_partitions(14)`);
  for (let ago = 2; ago < OUTCOME_DAYS; ago += 1) {
    const day = new Date(Date.now() - ago * 86_400_000).toISOString().slice(0, 10);
    await sql(
      database.dataSource,
      `create table outcome_${day.replaceAll("-", "")} partition of outcome for values from ('${day} 00:00:00+00') to ('${day} 24:00:00+00')`,
    );
  }
  const planted = (items: number, outcomes: number): Promise<Plot> => plant(database.dataSource, shop, items, outcomes);
  big = await planted(14_000, 45_000);
  await planted(14_000, 45_000);
  small = await planted(2_000, 10_000);
  await sql(database.dataSource, `vacuum analyze`);
  grown = await grownTables();
});
afterAll(async () => {
  await database[Symbol.asyncDispose]();
  await shop.close();
});

async function grownTables(): Promise<ReadonlyMap<string, number>> {
  const tables = await sql<{ name: string; rows: number }>(
    database.dataSource,
    `select relname as name, reltuples::int as rows from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace`,
  );
  return new Map(tables.filter(({ rows }) => rows > GROWN).map(({ name, rows }) => [name, rows]));
}

const SETTINGS = {
  session_preload_libraries: "auto_explain",
  "auto_explain.log_min_duration": "0",
  "auto_explain.log_level": "notice",
  "auto_explain.log_format": "json",
  "auto_explain.log_analyze": "on",
  "auto_explain.log_timing": "off",
  "auto_explain.log_nested_statements": "on",
};

/** A pool whose every statement is explained. */
async function aWatchedPool(settings: Readonly<Record<string, string>> = {}): Promise<DataSource> {
  const url = new URL(database.url);
  const options = Object.entries({ ...SETTINGS, ...settings }).map(([name, value]) => `-c ${name}=${value}`);
  url.searchParams.set("options", options.join(" "));
  return openDatabase({ url: url.href, log: testLog });
}

interface Watched extends AsyncDisposable {
  readonly dataSource: DataSource;
  readonly statements: readonly Explained[];
}

async function watch(settings?: Readonly<Record<string, string>>): Promise<Watched> {
  const dataSource = await aWatchedPool(settings);
  return { dataSource, statements: explain(dataSource), [Symbol.asyncDispose]: () => dataSource.destroy() };
}

const SKUS = Array.from({ length: 50 }, (_, at) => `SKU-${String(at + 1).padStart(6, "0")}`);
const ACCEPTED: LineResult = { kind: "accepted", applied: true };

/** Claims, as if the store had been called, and settles. */
async function drain(db: DataSource, { customerId }: Plot, storeId: string, limit: number): Promise<void> {
  const [held] = await sql<{ token: number }>(
    database.dataSource,
    `insert into store_queue (store_id, owner, token) values ($1, $2, nextval('fencing_token'))
     on conflict (store_id) do update set owner = excluded.owner, token = excluded.token returning token`,
    [storeId, newUuid()],
  );
  const hold = { storeId, token: held?.token ?? 0, alive: new AbortController().signal };
  const claims = await claimDue(db, storeId, limit, []);
  await unclaim(
    db,
    claims.slice(0, 2).map(({ id }) => id),
  );
  const { endings, sendings } = decideAll(claims, new Date());
  const answered = sendings.flatMap((sending) => {
    const call = { durationMs: 5, now: new Date(), random: Math.random, mayWriteLate: false };
    const after = afterSend(sending, ACCEPTED, call);
    return after.do === "end" ? after.ending : [];
  });
  expect(claims.length).toBeGreaterThan(0);
  const all = [...endings, ...answered];
  await settle(db, { ...hold, mayStart: () => true, shouldYield: () => false }, customerId, all);
  await nextDueAt(db, storeId);
}

/** Each function of the hot paths once, on `plot`. */
async function workByHand(db: DataSource, plot: Plot): Promise<void> {
  const { customerId, storeIds } = plot;
  const [own = "", all = ""] = storeIds;
  const ids = async (query: string, of: string): Promise<readonly string[]> =>
    (await sql<{ id: string }>(database.dataSource, query, [of])).map(({ id }) => id);
  const itemIds = await ids(`select id from item where customer_id = $1 order by id limit 50`, customerId);
  const listingIds = await ids(`select id from listing where store_id = $1 order by id limit 50`, all);
  const listings = { listingIds };
  for (const storeId of [own, all]) {
    await drain(db, plot, storeId, 100);
    await drain(db, plot, storeId, 1);
  }
  const change = (work: (tx: Tx) => Promise<unknown>): Promise<unknown> => db.transaction(work);
  await change((tx) => markListings(tx, { itemIds }, { trigger: "MANUAL", force: true }));
  await change((tx) => markListings(tx, { itemIds, storeIds: [all] }, { trigger: "MANUAL", tryRefused: true }));
  await change((tx) => markListings(tx, listings, { trigger: "RETRY", force: true }));
  const wide = { customerId, trigger: "CATCH_UP" } as const;
  await change((tx) => markWidely(tx, { ...wide, storeId: all, catchUpOnly: true }));
  await change((tx) => markWidely(tx, { ...wide, storeId: own, catchUpOnly: false, forgetAcknowledged: true }));
  await change((tx) => markWidely(tx, { ...wide, storeId: null, catchUpOnly: true }));
  await change((tx) => markWidely(tx, { ...wide, storeId: null, catchUpOnly: false }));
  while (await db.transaction(workMarkTask));
  const lines = SKUS.map((sku) => ({ sku, quantity: 1, warehouse: "MAIN" }));
  const none = SKUS.map((sku) => ({ sku, onHand: 0, warehouse: "MAIN" }));
  await change((tx) => setInventory(tx, BY, { customerId, lines: none }));
  const adjusted = SKUS.map((sku) => ({ sku, onHandDelta: 5, warehouse: "MAIN" }));
  await change((tx) => adjustInventory(tx, BY, { customerId, lines: adjusted }));
  await change((tx) => commitInventory(tx, BY, { customerId, lines }));
  await change((tx) => shipInventory(tx, BY, { customerId, lines }));
  await holdMassZeros(db, all);
  await change((tx) => setItemSync(tx, BY, { itemId: itemIds[0] ?? "", mode: "NEVER", expiresAt: null, note: null }));
  await change((tx) => setProcessOrders(tx, BY, { customerId, itemIds, processOrders: false }));
  await readStoreHealth(db, storeIds);
  await endFinishedOperations(db);
  const operations = await ids(`select id from operation where customer_id = $1 limit 5`, customerId);
  await readOperationProgress(db, operations);
}

interface RunningEngine extends AsyncDisposable {
  readonly feed: OutcomeFeed;
}

function startEngine(dataSource: DataSource): RunningEngine {
  const http = createHttp({ allowPrivateStores: true });
  const drivers = new Map([["WEBHOOK" as const, webhookDriver(http)]]);
  const deps = { dataSource, log: testLog };
  const feed = startOutcomeFeed(deps);
  const queue = new PostgresLeases({ ...deps, databaseUrl: database.url, slots: 8 });
  const engine = startSyncEngine({ ...deps, queue, feed, drivers, encryptionKey: ENCRYPTION_KEY });
  return {
    feed,
    [Symbol.asyncDispose]: async () => {
      await engine.stop(20_000);
      await feed.stop();
      await http.close();
    },
  };
}

/** Answers how to ask it, until the test ends. */
async function startApi(
  { dataSource }: Watched,
  token = OPERATOR_TOKEN,
): Promise<(query: string, variables: object) => Promise<void>> {
  const feed = startOutcomeFeed({ dataSource, log: testLog });
  const server = await startServer({
    host: "127.0.0.1",
    port: 0,
    schema: buildSchema(),
    services: {
      ...{ dataSource, feed, log: testLog },
      databases: viewerDatabases({
        ...{ engine: dataSource, viewers: dataSource },
        wall: await raiseWall(database.dataSource),
      }),
      engine: { hint: () => undefined },
      stores: { drivers: new Map(), encryptionKey: ENCRYPTION_KEY, forbiddenUrl: () => null },
    },
    authentication: createAuthentication(database.dataSource, OPERATOR_TOKEN),
  });
  onTestFinished(async () => {
    await server.stop({ unreadyMs: 0, graceMs: 1_000 });
    await feed.stop();
  });
  return async (query, variables) => {
    const response = await fetch(`http://127.0.0.1:${String(server.port)}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
      body: JSON.stringify({ query, variables }),
    });
    expect(await response.json()).not.toHaveProperty("errors");
  };
}

async function tokenOf(customerId: string): Promise<string> {
  const of = { customerId, name: "a reader", scopes: ["READ" as const], expiresAt: null };
  return (await database.dataSource.transaction((tx) => createApiToken(tx, of))).token;
}

const PAGES = /* GraphQL */ `
  query ($customerId: ID!, $storeId: ID!, $operationId: ID!) {
    byTitle: items(customerId: $customerId, first: 20, orderBy: { field: TITLE, direction: DESC }) { ...page }
    byStock: items(customerId: $customerId, last: 20, orderBy: { field: AVAILABLE, direction: ASC }) { ...page }
    bySku: items(customerId: $customerId, first: 5, filter: { skuPrefix: "SKU-0001" }) { ...page }
    searched: items(customerId: $customerId, first: 5, filter: { query: "thing 1234" }) { ...page }
    itemBySku(customerId: $customerId, sku: "SKU-000020") {
      syncSetting { history(first: 5) { nodes { changedAt } } }
      inventoryLevels { onHand }
      outcomes(first: 5) { nodes { cursor } }
    }
    store(id: $storeId) {
      health { pending successRate lagP95Ms lastFailure { cursor } }
      listings(first: 20) { nodes { externalId state effectiveSync { decision } lastOutcome { status } } }
    }
    operation(id: $operationId) {
      processed
      counts { status count }
      outcomes(first: 20) { nodes { cursor } }
    }
    operations(customerId: $customerId, first: 20) { nodes { processed } }
    newest: outcomes(customerId: $customerId, last: 20) { nodes { cursor listing { externalId } item { sku } } }
    after: outcomes(customerId: $customerId, first: 20, after: "20000") { nodes { cursor } }
  }
  fragment page on ItemConnection { nodes { sku listings(first: 5) { nodes { state } } } pageInfo { endCursor } }
`;

/** The tables that the statements read, each day of outcomes as `outcome`. */
const tablesRead = (statements: readonly Explained[]): ReadonlySet<string> =>
  new Set(statements.flatMap((one) => scansIn(one.Plan).map((scan) => tableOf(scan).replace(/_\d{8}$/, ""))));

describe("no statement reads a grown table without its index", () => {
  test("as the engine marks, claims, decides and settles", async () => {
    await using watched = await watch();
    await workByHand(watched.dataSource, big);
    const read = ["item", "listing", "inventory_level", "outcome", "operation_listing", "operation_item"];
    expect([...tablesRead(watched.statements)]).toEqual(expect.arrayContaining(read));
    expect(walks(watched.statements)).toEqual([]);
  });

  test("where a connection has prepared it for whatever parameters come", async () => {
    await using watched = await watch({ plan_cache_mode: "force_generic_plan" });
    await workByHand(watched.dataSource, big);
    const hot = watched.statements.filter((one) => one["Query Text"].startsWith(prepared("")));
    expect([...tablesRead(hot)]).toEqual(expect.arrayContaining(["item", "listing", "inventory_level"]));
    expect(walks(hot)).toEqual([]);
  });

  test.each(["an operator", "a customer, behind row-level security"])(
    "as pages of the API are read by %s",
    async (who) => {
      await using watched = await watch();
      const ask = await startApi(watched, who === "an operator" ? OPERATOR_TOKEN : await tokenOf(big.customerId));
      const [operation] = await sql<{ id: string }>(
        database.dataSource,
        `select operation_id as id from operation_listing where customer_id = $1 and status is not null limit 1`,
        [big.customerId],
      );
      await ask(PAGES, {
        customerId: toGlobalId("customer", big.customerId),
        storeId: toGlobalId("store", big.storeIds[0] ?? ""),
        operationId: toGlobalId("operation", operation?.id ?? ""),
      });
      const read = ["item", "listing", "inventory_level", "outcome", "operation_listing", "setting_change"];
      expect([...tablesRead(watched.statements)]).toEqual(expect.arrayContaining(read));
      expect(walks(watched.statements)).toEqual([]);
    },
  );

  test("as the engine runs by itself: clocks, sweep, drains, operations, the feed", async () => {
    await using watched = await watch();
    await using engine = startEngine(watched.dataSource);
    const { customerId, storeIds } = small;
    const selection = { skus: SKUS };
    const sync = { customerId, selection, storeIds: null, includeNeverReceived: false };
    const setting = { customerId, selection, mode: "NEVER", expiresAt: null, note: null } as const;
    const failed = { customerId, storeId: null, operationId: null };
    const accepted = await watched.dataSource.transaction(async (tx) => [
      await acceptSyncInventory(tx, BY, sync),
      await acceptSyncInventory(tx, BY, { ...sync, selection: { filter: {} } }),
      await acceptSyncInventory(tx, BY, { ...sync, customerId: big.customerId, storeIds: [big.storeIds[1] ?? ""] }),
      await acceptSyncInventory(tx, BY, {
        ...sync,
        customerId: big.customerId,
        selection: { filter: { tags: ["tag-7"] } },
      }),
      await acceptRetryFailed(tx, BY, failed),
      await acceptRetryFailed(tx, BY, { ...failed, customerId: big.customerId, storeId: big.storeIds[1] ?? "" }),
      await acceptSetSyncInventory(tx, BY, setting),
      await acceptImportListings(tx, BY, { storeId: storeIds[0] ?? "", skus: SKUS }),
    ]);
    for (const id of accepted) await operationEnd(database, id);
    await quiet(database);
    for await (const outcome of engine.feed.read(customerId, { after: "5000", signal: AbortSignal.timeout(60_000) }))
      if (outcome.seq >= 10_001) break;
    expect([...tablesRead(watched.statements)]).toEqual(expect.arrayContaining(["item", "listing", "outcome"]));
    expect(walks(watched.statements)).toEqual([]);
  });

  test("which shows where an index is missing", async () => {
    await using watched = await watch();
    const rolledBack = watched.dataSource.transaction(async (tx) => {
      await tx.query(`drop index listing_due`);
      await claimDue(tx, big.storeIds[1] ?? "", 100, []);
      await tx.query(`drop index listing_item`);
      await markListings(tx, { itemIds: [newUuid()] }, { trigger: "MANUAL" });
      throw new Error("as it was");
    });
    await expect(rolledBack).rejects.toThrow("as it was");
    expect(walks(watched.statements)).toEqual([
      expect.stringContaining("with waiting_longest as"),
      expect.stringContaining("Seq Scan on listing"),
    ]);
  });
});
