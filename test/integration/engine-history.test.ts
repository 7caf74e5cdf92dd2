import fc from "fast-check";
import { describe, expect, onTestFinished, test } from "vitest";
import type { Fault } from "../../sandbox/sandbox.js";
import { createHttp } from "../../src/platforms/http.js";
import { setInventory } from "../../src/sync/record-inventory-change.js";
import { sql } from "../../src/sync/sql.js";
import { createTestDatabase, type TestDatabase } from "../support/database.js";
import {
  quiet,
  type Stage,
  sandboxDrivers,
  setStage,
  startTestEngine,
  startTestShop,
  type TestEngine,
  type TestShop,
} from "../support/engine.js";
import { testSeed } from "../support/random-rows.js";
import { until } from "../support/until.js";
import { aCustomer, BY } from "../support/world.js";

const SKU = "SKU-0000";

describe("an engine that is stopped while it sends", () => {
  const set = (stage: Stage, engine: TestEngine, onHand: number) =>
    engine.change((tx) => setInventory(tx, BY, { customerId: stage.world.customerId, lines: [{ sku: SKU, onHand }] }));
  const inFlight = (stage: Stage) => until(async () => (await stage.listing(SKU)).state === "IN_FLIGHT");
  const statuses = async (stage: Stage) => (await stage.outcomes()).map((outcome) => outcome.status);

  test("waits for the answer and writes it down, so that the next one has nothing to repeat", async () => {
    await using stage = await setStage();
    stage.shop.fail({ kind: "stall", ms: 1_000 });
    await set(stage, stage.engine, 6);
    await inFlight(stage);
    await stage.engine.stop();
    expect(stage.shop.quantityOf(SKU)).toBe(6);
    expect(await statuses(stage)).toEqual(["SUCCEEDED"]);
    await using next = startTestEngine(stage.database, stage.drivers);
    await set(stage, next, 7);
    await quiet(stage.database);
    expect(stage.told(SKU)).toEqual([6, 7]);
  });

  test("without patience leaves the rest to the next one, also where the shop had done it", async () => {
    await using stage = await setStage();
    stage.shop.fail({ kind: "stall", ms: 300 });
    await set(stage, stage.engine, 6);
    await inFlight(stage);
    await stage.engine.stop(0);
    // The abandoned call arrives all the same, and back at the acknowledged 5 the engine cannot trust that 5.
    await until(() => stage.shop.quantityOf(SKU) === 6);
    await stage.database.dataSource.transaction((tx) =>
      setInventory(tx, BY, { customerId: stage.world.customerId, lines: [{ sku: SKU, onHand: 5 }] }),
    );
    await using _next = startTestEngine(stage.database, stage.drivers);
    await until(() => stage.shop.quantityOf(SKU) === 5);
    await quiet(stage.database);
    expect((await stage.listing(SKU)).state).toBe("IN_SYNC");
  });

  test("without patience does no harm where the shop compares and sets, however late its call arrives", async () => {
    await using stage = await setStage({ platform: "SHOPIFY" });
    stage.shop.fail({ kind: "stall", ms: 4_000 });
    await set(stage, stage.engine, 6);
    await inFlight(stage);
    await stage.engine.stop(0);
    await using next = startTestEngine(stage.database, stage.drivers);
    await set(stage, next, 8);
    await until(() => stage.shop.quantityOf(SKU) === 8);
    const calls = stage.calls();
    await until(() => stage.calls() > calls);
    await quiet(stage.database);
    expect(stage.told(SKU)).toEqual([8]);
  });
});

// ───────────── a random history under faults ─────────────

const ITEMS = 8;
const CHANGES = 300;
/** A quantity that does not come again in the history. */
const OPENING = 20_000;
const seedNote = `TEST_SEED=${String(testSeed)} repeats this history`;

type Strike =
  | { readonly at: "shop"; readonly shop: number; readonly fault: Fault; readonly times: number }
  | { readonly at: "engine"; readonly engine: number; readonly what: "session" | "restart" };

const faults: fc.Arbitrary<Fault> = fc.oneof(
  fc.integer({ min: 20, max: 300 }).map((ms): Fault => ({ kind: "stall", ms })),
  fc.constantFrom(500, 503).map((status): Fault => ({ kind: "status", status })),
  fc.constant<Fault>({ kind: "status", status: 429, headers: { "retry-after": "0.5" } }),
  fc.constantFrom<Fault>({ kind: "dropAnswer" }, { kind: "reset" }),
);
const strikes: fc.Arbitrary<Strike> = fc.oneof(
  {
    weight: 9,
    arbitrary: fc.record({
      at: fc.constant("shop" as const),
      shop: fc.nat({ max: 2 }),
      fault: faults,
      times: fc.integer({ min: 1, max: 3 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      at: fc.constant("engine" as const),
      engine: fc.nat({ max: 1 }),
      what: fc.constantFrom("session" as const, "restart" as const),
    }),
  },
);
const steps = fc.record({
  item: fc.nat({ max: ITEMS - 1 }),
  strike: fc.oneof({ weight: 9, arbitrary: fc.constant(null) }, { weight: 2, arbitrary: strikes }),
});

/** One reader of the feed, which goes on by its cursor where an engine was restarted. */
function subscribe(customerId: string, engineNow: () => TestEngine) {
  const over = new AbortController();
  const seen: number[] = [];
  const reading = (async () => {
    while (!over.signal.aborted) {
      const after = String(seen.at(-1) ?? 0);
      for await (const { seq } of engineNow().feed.read(customerId, { after, signal: over.signal })) seen.push(seq);
      // A stopped engine's feed ends at once; the next engine is being started.
      await new Promise(setImmediate);
    }
  })();
  return {
    seen,
    end: async () => {
      over.abort();
      await reading;
    },
  };
}

async function killSessions(database: TestDatabase): Promise<void> {
  await sql(
    database.dataSource,
    `select pg_terminate_backend(pid) from pg_stat_activity
      where application_name = 'evenkeel worker' and datname = current_database() order by random() limit 1`,
  );
}

interface Moment {
  readonly from: number;
  readonly to: number;
}

/** Pairs of the shop's calls that worked on one listing at the same time. */
function overlaps(shop: TestShop): readonly string[] {
  const byListing = new Map<string, Moment[]>();
  for (const { lines, receivedMs, answeredMs } of shop.calls)
    for (const { externalId } of lines)
      byListing.set(externalId, [...(byListing.get(externalId) ?? []), { from: receivedMs, to: answeredMs }]);
  return [...byListing].flatMap(([externalId, moments]) => {
    const inOrder = moments.toSorted((a, b) => a.from - b.from);
    return inOrder.flatMap((one, index) => {
      const next = inOrder[index + 1];
      return next && next.from < one.to ? [`${externalId} at ${String(one.to)}`] : [];
    });
  });
}

describe("two engines on one database", () => {
  test("bring three shops through a random history of faults to the right quantities, never backwards", async () => {
    const database = await createTestDatabase({ poolSize: 40 });
    const http = createHttp({ allowPrivateStores: true });
    const drivers = sandboxDrivers(http);
    const shops = await Promise.all([
      startTestShop("WOOCOMMERCE"),
      startTestShop("WOOCOMMERCE"),
      startTestShop("SHOPIFY"),
    ]);
    const world = await aCustomer(database.dataSource, { items: ITEMS, onHand: OPENING, syncMode: "ALWAYS" });
    const { customerId } = world;
    for (const shop of shops) for (const sku of world.skus) shop.add(sku, 0);
    const engines = [startTestEngine(database, drivers), startTestEngine(database, drivers)];
    const engine = (index: number): TestEngine => engines[index] ?? startTestEngine(database, drivers);
    for (const shop of shops) await engine(0).connect(customerId, shop);
    const readers = [0, 1].map((index) => subscribe(customerId, () => engine(index)));
    onTestFinished(async () => {
      await Promise.all(engines.map((one) => one.stop(0)));
      await Promise.all([http.close(), ...shops.map((shop) => shop.close()), ...readers.map((reader) => reader.end())]);
      await database[Symbol.asyncDispose]();
    });

    const strike = async (blow: Strike): Promise<void> => {
      if (blow.at === "shop") shops[blow.shop]?.fail(blow.fault, { times: blow.times });
      else if (blow.what === "session") await killSessions(database);
      else {
        await engine(blow.engine).stop();
        engines[blow.engine] = startTestEngine(database, drivers);
      }
    };
    // Each item goes through quantities of its own that never come twice, so that a quantity tells its place in the history.
    const [history = []] = fc.sample(fc.array(steps, { minLength: CHANGES, maxLength: CHANGES }), {
      numRuns: 1,
      seed: testSeed,
    });
    const [quantities = []] = fc.sample(
      fc.uniqueArray(fc.nat({ max: 10_000 }), { minLength: CHANGES, maxLength: CHANGES }),
      { numRuns: 1, seed: testSeed },
    );
    const told: number[][] = world.skus.map(() => [OPENING]);
    for (const [index, step] of history.entries()) {
      if (step.strike) await strike(step.strike);
      const onHand = quantities[index] ?? 0;
      await engine(index % 2).change((tx) =>
        setInventory(tx, BY, { customerId, lines: [{ sku: world.skus[step.item] ?? "", onHand }] }),
      );
      told[step.item]?.push(onHand);
      // Let the shops be reached in between: otherwise the whole history would be one send.
      const calls = shops.map((shop) => shop.calls.length);
      if (index % 4 === 0) await until(() => shops.some((shop, at) => shop.calls.length > (calls[at] ?? 0)));
    }
    for (const shop of shops) shop.heal();
    await quiet(database);
    // What came of a call whose answer was lost looks like a sale to a shop that compares and sets: it settles later.
    await sql(database.dataSource, `update listing set recheck_at = now() where recheck_at is not null`);
    await until(
      async () => (await sql(database.dataSource, `select 1 from listing where recheck_at is not null`)).length === 0,
    );
    await quiet(database);

    for (const shop of shops) {
      expect(
        world.skus.map((sku) => shop.quantityOf(sku)),
        seedNote,
      ).toEqual(told.map((item) => item.at(-1)));
      expect(overlaps(shop), seedNote).toEqual([]);
    }
    expect(await backwards(database, shops.slice(0, 2), told), seedNote).toEqual([]);

    const [feed] = await sql<{ last_seq: number }>(
      database.dataSource,
      `select last_seq from feed where customer_id = $1`,
      [customerId],
    );
    const all = Array.from({ length: feed?.last_seq ?? 0 }, (_, index) => index + 1);
    const written = await sql<{ seq: number }>(
      database.dataSource,
      `select seq from outcome where customer_id = $1 order by seq`,
      [customerId],
    );
    expect(
      written.map((row) => row.seq),
      seedNote,
    ).toEqual(all);
    for (const reader of readers) {
      await until(() => reader.seen.length >= all.length);
      await reader.end();
      expect(reader.seen, seedNote).toEqual(all);
    }
    await Promise.all(engines.map((one) => one.stop()));
    expect(await sql(database.dataSource, `select 1 from worker`)).toEqual([]);
  });

  /** Listings that a shop was told an older quantity of after a newer one. */
  async function backwards(
    database: TestDatabase,
    shops: readonly TestShop[],
    told: readonly (readonly number[])[],
  ): Promise<readonly string[]> {
    const rows = await sql<{ url: string; external_id: string; place: number }>(
      database.dataSource,
      `select s.url, l.external_id, (right(i.sku, 4))::int as place
         from listing l join store s on s.id = l.store_id join item i on i.id = l.item_id`,
    );
    return shops.flatMap((shop) =>
      rows
        .filter((row) => row.url === shop.url)
        .flatMap(({ external_id, place }) => {
          const history = told[place] ?? [];
          const places = shop.calls
            .flatMap((call) => call.lines)
            .filter((line) => line.externalId === external_id && line.applied)
            .map((line) => history.indexOf(line.after ?? -1));
          const fine = places.every((one, index) => one >= 0 && one >= (places[index - 1] ?? 0));
          return fine ? [] : [`${shop.url} ${external_id}: ${places.join(" ")}`];
        }),
    );
  }
});
