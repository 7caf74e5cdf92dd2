/**
 * The second wall between customers: whatever a statement forgets, PostgreSQL shows a viewer one customer's rows, and takes no
 * other's from it. It stands however much the gateway's own database user may do.
 */
import pg from "pg";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import {
  raiseWall,
  type ViewerDatabase,
  type ViewerDatabases,
  viewerDatabases,
} from "../../src/access/row-security.js";
import { migrate, openDatabase } from "../../src/database.js";
import { PreparingClient } from "../../src/prepared.js";
import { keepRetention } from "../../src/sync/retention.js";
import { hotSql, sql } from "../../src/sync/sql.js";
import { createTestDatabase, type TestDatabase, testLog } from "../support/database.js";
import { startTestPostgres } from "../support/postgres-setup.js";
import { randomOf, seed } from "../support/random.js";
import { until } from "../support/until.js";
import { aCustomer, aSettledStore, type World } from "../support/world.js";

let database: TestDatabase;
let viewers: ViewerDatabases;
let worlds: readonly World[];
beforeAll(async () => {
  database = await createTestDatabase({ viewersPoolSize: 2 });
  viewers = await database.viewers();
  worlds = await Promise.all([1, 2, 3].map((items) => aCustomer(database.dataSource, { items, onHand: 5 })));
  for (const world of worlds) await aSettledStore(database.dataSource, world);
});
afterAll(() => database[Symbol.asyncDispose]());

const owners = async (db: ViewerDatabase, table: string): Promise<readonly string[]> =>
  (await sql<{ owner: string }>(db, `select distinct customer_id as owner from ${table} order by 1`)).map(
    ({ owner }) => owner,
  );
const refusal = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "nothing was refused",
    (error: unknown) => (error as Error).message,
  );

/** Tables that belong to no customer, and are closed to viewers but for what they append to `wake`. */
const NOBODYS = ["deployment", "migrations", "wake", "worker"];

describe("every table", () => {
  test("is behind the wall, or is one of those that are nobody's", async () => {
    const open = await sql<{ name: string }>(
      database.dataSource,
      `select relname as name from pg_class c where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')
          and not (relrowsecurity and exists (select from pg_policy where polrelid = c.oid)) order by 1`,
    );
    expect(open.map(({ name }) => name)).toEqual(NOBODYS);
  });

  test("shows a viewer its own rows, and those of nobody's tables not at all", async () => {
    const [one, other] = worlds.map(({ customerId }) => customerId);
    const tables = await sql<{ name: string; readable: boolean; keyed: boolean }>(
      database.dataSource,
      `select c.oid::regclass::text as name, coalesce(viewer_privileges(c.oid) like '%select%', false) as readable,
              exists (select from pg_attribute where attrelid = c.oid and attname = 'customer_id') as keyed
         from pg_class c where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v')`,
    );
    const db = viewers.of({ customerId: one ?? "" });
    for (const { name, readable, keyed } of tables) {
      if (!readable) expect(await refusal(db.query(`select * from ${name}`)), name).toContain("permission denied");
      else if (keyed) expect(await owners(db, name), name).not.toContain(other);
      else expect(await refusal(db.query(`select * from ${name}`))).toBe("nothing was refused");
    }
    for (const name of [
      "item",
      "listing",
      "store",
      "inventory_level",
      "item_effective",
      "listing_effective",
      "own_item",
    ])
      expect(await owners(db, name), name).toEqual([one]);
    expect(await sql(db, "select id from customer")).toEqual([{ id: one }]);
  });

  test("takes from a viewer no row of another's", async () => {
    const [mine, foreign] = worlds;
    const db = viewers.of({ customerId: mine?.customerId ?? "" });
    const insert = `insert into warehouse (id, customer_id, code, name) values (gen_random_uuid(), $1, 'X', 'X')`;
    expect(await refusal(db.query(insert, [foreign?.customerId]))).toContain("row-level security");
    const steal = `update item set customer_id = $1`;
    expect(await refusal(db.query(steal, [foreign?.customerId]))).toContain("row-level security");
    expect(await sql(db, `update item set title = 'Mine' where id = $1 returning 1`, [foreign?.itemIds[0]])).toEqual(
      [],
    );
    expect(await sql(db, `delete from listing where item_id = $1 returning 1`, [foreign?.itemIds[0]])).toEqual([]);
    expect(await refusal(db.query(`update outcome set status = 'SUCCEEDED'`))).toContain("permission denied");
  });

  test("that is made later is behind it too, each day's outcomes as well", async () => {
    await sql(database.dataSource, `create table later (customer_id uuid not null)`);
    onTestFinished(() => sql(database.dataSource, `drop table later`).then(() => undefined));
    await raiseWall(database.dataSource);
    await sql(database.dataSource, `select ensure_outcome_partitions(20)`);
    const db = viewers.of({ customerId: worlds[0]?.customerId ?? "" });
    await sql(database.dataSource, `insert into later select id from customer`);
    expect(await owners(db, "later")).toEqual([worlds[0]?.customerId]);
    const [newest] = await sql<{ name: string; walled: boolean }>(
      database.dataSource,
      `select relname as name, relrowsecurity as walled from pg_class where relname ~ '^outcome_[0-9]{8}$' order by 1 desc limit 1`,
    );
    expect(newest?.walled).toBe(true);
    expect(await refusal(db.query(`select * from ${newest?.name ?? ""}`))).toContain("permission denied");
  });
});

describe("a connection", () => {
  const seen = (db: ViewerDatabase): Promise<{ owner: string; count: number }[]> =>
    hotSql(db, `select customer_id as owner, count(*)::int as count from item group by customer_id`);
  const own = ({ customerId, itemIds }: World) => [{ owner: customerId, count: itemIds.length }];

  test(`of two for three customers is never another's, whatever went wrong on it before (TEST_SEED=${String(seed)})`, async () => {
    const random = randomOf(seed);
    const faults: readonly ((db: ViewerDatabase) => Promise<unknown>)[] = [
      (db) => db.query("select 1 / 0"),
      (db) => db.transaction((tx) => tx.query("select 1 / 0")),
      (db) => db.query("set local role none"),
      (db) => db.query("select pg_cancel_backend(pg_backend_pid()), pg_sleep(1)"),
      (db) => db.query("select pg_terminate_backend(pg_backend_pid())"),
    ];
    const work = Array.from({ length: 600 }, async (_, index) => {
      const world = worlds[random(worlds.length)];
      if (!world) throw new Error("There are three.");
      const db = viewers.of(world);
      if (random(8) === 0) await refusal(faults[index % faults.length]?.(db) ?? Promise.resolve());
      else if (random(2) === 0) expect(await seen(db)).toEqual(own(world));
      else
        await db
          .transaction(async (tx) => {
            expect(await owners({ ...db, query: (text, params) => tx.query(text, params) }, "listing")).toEqual([
              world.customerId,
            ]);
            if (random(3) === 0) throw new Error("rolled back");
          })
          .catch((error: unknown) => {
            if ((error as Error).message !== "rolled back") throw error;
          });
    });
    await Promise.all(work);
  });

  test("is told whose it is where another had it last, and only there", async () => {
    const alone = await openDatabase({ url: database.url, log: testLog, poolSize: 1 });
    onTestFinished(() => alone.destroy());
    const { dataSource: engine } = database;
    const one = viewerDatabases({ engine, viewers: alone, wall: await raiseWall(engine) });
    const query = vi.spyOn(PreparingClient.prototype, "query");
    onTestFinished(() => {
      query.mockRestore();
    });
    const told = (): number => query.mock.calls.filter(([text]) => String(text).includes("evenkeel.customer")).length;
    // Often enough for PostgreSQL to choose a plan that it keeps for whatever comes.
    for (let round = 1; round <= 8; round += 1) {
      for (const world of [...worlds, ...worlds.slice(2)]) expect(await seen(one.of(world))).toEqual(own(world));
      expect(told()).toBe(round * 3);
    }
    // The telling itself fails: then nobody knows whose the connection is.
    expect(await refusal(one.of({ customerId: "\0" }).query("select 1"))).toContain("0x00");
    const before = told();
    const last = worlds[2];
    if (!last) throw new Error("There are three.");
    expect(await seen(one.of(last))).toEqual(own(last));
    expect(told()).toBe(before + 1);
  });
});

describe("whatever the gateway's own database user may do", () => {
  /** A database of this user's own, migrated by it, and what the user and its viewers see there. */
  async function stand(url: string, user: string, options: string) {
    await administer(url, `create role ${user} login password 'x' ${options}`);
    await administer(url, `create database ${user} owner ${user}`);
    const own = new URL(url);
    Object.assign(own, { pathname: `/${user}`, username: user, password: "x" });
    const engine = await openDatabase({ url: own.href, log: testLog });
    const wall = await migrate(engine, own.href);
    const pool = await openDatabase({ url: own.href, log: testLog, poolSize: 2 });
    onTestFinished(async () => {
      await pool.destroy();
      await engine.destroy();
    });
    const here = [await aCustomer(engine, { items: 2, onHand: 1 }), await aCustomer(engine, { items: 3, onHand: 1 })];
    const [world] = here;
    const db = viewerDatabases({ engine, viewers: pool, wall }).of(world ?? { customerId: "" });
    return {
      ...{ wall, engine, pool, db, world, url: own.href },
      mine: [world?.customerId],
      everyone: here.map(({ customerId }) => customerId).toSorted(),
    };
  }
  async function administer(url: string, statement: string): Promise<void> {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    await client.query(statement).finally(() => client.end());
  }
  let server: Awaited<ReturnType<typeof startTestPostgres>>;
  beforeAll(async () => {
    server = await startTestPostgres();
  });
  afterAll(() => server.stop());

  test("an owner who may make no role is bound by the setting, and its engine sees all", async () => {
    const { wall, db, engine, mine, everyone, world } = await stand(server.url, "plain", "nocreaterole");
    expect(wall).toEqual({ kind: "FORCED" });
    for (const table of ["item", "inventory_level", "item_effective", "own_item"])
      expect(await owners(db, table), table).toEqual(mine);
    expect(
      await refusal(db.query(`update item set customer_id = $1`, [everyone.find((id) => id !== mine[0])])),
    ).toContain("row-level security");
    expect(await sql(db, `select id from own_item where search_text like '%sku-0001%'`)).toEqual([
      { id: world?.itemIds[1] },
    ]);
    const all = { read: () => Promise.reject(new Error()), transaction: () => Promise.reject(new Error()) };
    expect(await owners({ ...all, query: (text) => engine.query(text) }, "item")).toEqual(everyone);
    await sql(
      engine,
      `insert into outcome (customer_id, seq, occurred_at, id, status, trigger, store_id, item_id, listing_id, revision, attempt)
       select id, 1, now(), id, 'SUCCEEDED', 'MANUAL', id, id, id, 1, 1 from customer`,
    );
    const [today] = await sql<{ name: string }>(engine, `select tableoid::regclass::text as name from outcome`);
    expect(await owners(db, today?.name ?? "")).toEqual(mine);
    expect(await keepRetention(engine, 1)).toEqual([]);
  });

  test("and passes to the role as soon as it is granted", async () => {
    const { engine, pool, mine, world, url } = await stand(server.url, "granted", "nocreaterole");
    await administer(server.url, "create role evenkeel_viewer nologin");
    await administer(server.url, "grant evenkeel_viewer to granted");
    const wall = await migrate(engine, url);
    expect(wall).toEqual({ kind: "ROLE", role: "evenkeel_viewer" });
    const db = viewerDatabases({ engine, viewers: pool, wall }).of(world ?? { customerId: "" });
    expect(await owners(db, "item")).toEqual(mine);
    expect(await sql(db, "select current_user as name")).toEqual([{ name: "evenkeel_viewer" }]);
    expect(await sql(engine, `select 1 from pg_class where relforcerowsecurity`)).toEqual([]);
    await administer(server.url, "drop owned by evenkeel_viewer").catch(() => undefined);
  });

  test("one that passes every policy and can take on no role is told so", async () => {
    expect((await stand(server.url, "passing", "bypassrls nocreaterole")).wall).toEqual({ kind: "NONE" });
  });

  test("one that may make roles makes it and takes it on", async () => {
    const other = await startTestPostgres();
    onTestFinished(() => other.stop());
    const { wall, db, mine } = await stand(other.url, "maker", "createrole");
    expect(wall.kind).toBe("ROLE");
    expect(await owners(db, "item")).toEqual(mine);
  });

  test("any number of processes may raise it at once", async () => {
    await Promise.all(Array.from({ length: 4 }, () => migrate(database.dataSource, database.url)));
    const db = viewers.of({ customerId: worlds[0]?.customerId ?? "" });
    await until(async () => (await owners(db, "item")).length === 1);
  });
});
