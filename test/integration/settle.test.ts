import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { LineResult } from "../../src/platforms/platform.js";
import { type Claim, claimDue } from "../../src/sync/claim.js";
import { markListings } from "../../src/sync/mark-listings.js";
import type { StoreHold } from "../../src/sync/queue/queue.js";
import { afterSend, decideAll } from "../../src/sync/reconcile.js";
import { adjustInventory } from "../../src/sync/record-inventory-change.js";
import { type Ending, settle } from "../../src/sync/settle.js";
import { type Queryable, sql } from "../../src/sync/sql.js";
import { newUuid } from "../../src/terms.js";
import { createTestDatabase, type TestDatabase } from "../support/database.js";
import { until } from "../support/until.js";
import { aCustomer, aSettledStore, BY, type World } from "../support/world.js";

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase({ poolSize: 40 });
});
afterAll(async () => {
  await db[Symbol.asyncDispose]();
});

const ACCEPTED: LineResult = { kind: "accepted", applied: true };
const DOWN: LineResult = { kind: "unavailable", code: "PLATFORM_UNAVAILABLE", message: "down", scope: "store" };

/** Hands the store to a new holder, as the queue does. */
async function take(storeId: string): Promise<StoreHold> {
  const [row] = await sql<{ token: number }>(
    db.dataSource,
    `insert into store_queue (store_id, owner, token) values ($1, $2, nextval('fencing_token'))
     on conflict (store_id) do update set owner = excluded.owner, token = excluded.token returning token`,
    [storeId, newUuid()],
  );
  return {
    storeId,
    token: row?.token ?? 0,
    alive: new AbortController().signal,
    mayStart: () => true,
    shouldYield: () => false,
  };
}

/** What came of these claims, had each been sent and answered so. */
function sentAndAnswered(claims: readonly Claim[], answer: LineResult): readonly Ending[] {
  return decideAll(claims, new Date()).sendings.flatMap((sending) => {
    const after = afterSend(sending, answer, {
      durationMs: 5,
      now: new Date(),
      random: () => 0.9,
      mayWriteLate: false,
    });
    return after.do === "end" ? after.ending : [];
  });
}

const claim = (storeId: string, limit = 1_000) => claimDue(db.dataSource, storeId, limit, []);
const settleAs = (hold: StoreHold, world: World, endings: readonly Ending[]) =>
  settle(db.dataSource, hold, world.customerId, endings);
const adjust = (world: World, onHandDelta: number, skus = world.skus) =>
  db.dataSource.transaction((tx) =>
    adjustInventory(tx, BY, {
      customerId: world.customerId,
      lines: skus.map((sku) => ({ sku, onHandDelta })),
    }),
  );

interface Told {
  readonly seq: number;
  readonly status: string;
  readonly trigger: string;
  readonly revision: number;
  readonly attempt: number;
  readonly quantity_sent: number | null;
  readonly operation_id: string | null;
}
const told = (world: World, db_: Queryable = db.dataSource): Promise<Told[]> =>
  sql(
    db_,
    `select seq, status, trigger, revision, attempt, quantity_sent, operation_id from outcome where customer_id = $1 order by seq`,
    [world.customerId],
  );

interface ListingRow {
  readonly revision: number;
  readonly synced_revision: number;
  readonly force_revision: number;
  readonly in_flight_since: Date | null;
  readonly last_synced_quantity: number | null;
  readonly parked_code: string | null;
  readonly state: string;
}
async function listingRow(listingId: string | undefined): Promise<ListingRow> {
  const [row] = await sql<ListingRow>(
    db.dataSource,
    `select l.*, listing_state(l) as state from listing l where id = $1`,
    [listingId],
  );
  if (!row) throw new Error("There is no such listing.");
  return row;
}

/** An operation that waits for the listing at this revision. Answers its id. */
async function anOperation(world: World, listingId: string | undefined, revision: number): Promise<string> {
  const id = newUuid();
  await sql(
    db.dataSource,
    `insert into operation (id, customer_id, kind, status, requested_by, input) values ($1, $2, 'SYNC_INVENTORY', 'RUNNING', $3, '{}')`,
    [id, world.customerId, BY],
  );
  await sql(
    db.dataSource,
    `insert into operation_listing (operation_id, listing_id, customer_id, revision) values ($1, $2, $3, $4)`,
    [id, listingId, world.customerId, revision],
  );
  return id;
}
async function answerOf(operationId: string): Promise<{ status: string | null; outcome_seq: number | null }> {
  const [row] = await sql<{ status: string | null; outcome_seq: number | null }>(
    db.dataSource,
    `select status, outcome_seq from operation_listing where operation_id = $1`,
    [operationId],
  );
  return row ?? { status: null, outcome_seq: null };
}

/** A customer with one item of 5 units in one store that was told 5, changed to 7 since. */
async function aChangedListing() {
  const world = await aCustomer(db.dataSource, { onHand: 5 });
  const { storeId, listingIds } = await aSettledStore(db.dataSource, world, { lastSynced: 5 });
  await adjust(world, 2);
  return { world, storeId, listingId: listingIds[0] };
}

describe("what was sent and answered", () => {
  test("is settled at the revision that was read, with one outcome", async () => {
    const { world, storeId, listingId } = await aChangedListing();
    const hold = await take(storeId);
    const claims = await claim(storeId);
    expect((await listingRow(listingId)).state).toBe("IN_FLIGHT");
    expect(await settleAs(hold, world, sentAndAnswered(claims, ACCEPTED))).toEqual({ held: true, answered: false });
    expect(await listingRow(listingId)).toMatchObject({
      synced_revision: 1,
      revision: 1,
      last_synced_quantity: 7,
      in_flight_since: null,
      state: "IN_SYNC",
    });
    expect(await told(world)).toMatchObject([{ seq: 1, status: "SUCCEEDED", quantity_sent: 7, attempt: 1 }]);
  });

  test("leaves the listing due where a change came meanwhile, and the next claim has it", async () => {
    const { world, storeId, listingId } = await aChangedListing();
    const hold = await take(storeId);
    const claims = await claim(storeId);
    await adjust(world, -3);
    await settleAs(hold, world, sentAndAnswered(claims, ACCEPTED));
    expect(await listingRow(listingId)).toMatchObject({ synced_revision: 1, revision: 2, state: "PENDING" });
    await settleAs(hold, world, sentAndAnswered(await claim(storeId), ACCEPTED));
    expect(await listingRow(listingId)).toMatchObject({ synced_revision: 2, last_synced_quantity: 4 });
    expect((await told(world)).map((one) => one.quantity_sent)).toEqual([7, 4]);
  });

  test("answers every operation that it covers, and none that asked later", async () => {
    const { world, storeId, listingId } = await aChangedListing();
    await adjust(world, 1);
    const covered = [await anOperation(world, listingId, 1), await anOperation(world, listingId, 2)];
    const later = await anOperation(world, listingId, 3);
    const hold = await take(storeId);
    const claims = await claim(storeId);
    expect(await settleAs(hold, world, sentAndAnswered(claims, ACCEPTED))).toEqual({ held: true, answered: true });
    for (const operation of covered) expect(await answerOf(operation)).toEqual({ status: "SUCCEEDED", outcome_seq: 1 });
    expect(await answerOf(later)).toEqual({ status: null, outcome_seq: null });
  });
});

describe("a failure that may heal", () => {
  /** Tried once and failed: due again after its backoff. */
  async function aFailedAttempt() {
    const all = await aChangedListing();
    const waiting = await anOperation(all.world, all.listingId, 1);
    const hold = await take(all.storeId);
    await settleAs(hold, all.world, sentAndAnswered(await claim(all.storeId), DOWN));
    return { ...all, hold, waiting };
  }
  const endBackoff = (storeId: string) =>
    sql(db.dataSource, `update listing set next_attempt_at = now() where store_id = $1`, [storeId]);

  test("answers no operation, and waits whatever changes meanwhile", async () => {
    const { world, storeId, listingId, waiting } = await aFailedAttempt();
    await adjust(world, 1);
    expect(await claim(storeId)).toEqual([]);
    expect((await listingRow(listingId)).state).toBe("RETRYING");
    expect(await answerOf(waiting)).toEqual({ status: null, outcome_seq: null });
    expect(await told(world)).toMatchObject([{ status: "RETRYING", attempt: 1, revision: 1 }]);
  });

  test("is tried again and answers with its success", async () => {
    const { world, storeId, hold, waiting } = await aFailedAttempt();
    await endBackoff(storeId);
    await settleAs(hold, world, sentAndAnswered(await claim(storeId), ACCEPTED));
    expect(await told(world)).toMatchObject([
      { status: "RETRYING", attempt: 1 },
      { status: "SUCCEEDED", attempt: 2, revision: 1 },
    ]);
    expect(await answerOf(waiting)).toEqual({ status: "SUCCEEDED", outcome_seq: 2 });
  });

  test("ends SUPERSEDED where a newer change overtakes it, which then has its own outcome", async () => {
    const { world, storeId, listingId, hold, waiting } = await aFailedAttempt();
    await db.dataSource.transaction((tx) =>
      markListings(tx, { listingIds: [listingId ?? ""] }, { trigger: "MANUAL", force: true }),
    );
    const newer = await anOperation(world, listingId, 2);
    await endBackoff(storeId);
    await settleAs(hold, world, sentAndAnswered(await claim(storeId), ACCEPTED));
    expect(await told(world)).toMatchObject([
      { status: "RETRYING", attempt: 1, revision: 1, trigger: "STOCK_CHANGE" },
      { status: "SUPERSEDED", attempt: 1, revision: 1, trigger: "STOCK_CHANGE", operation_id: waiting },
      { status: "SUCCEEDED", attempt: 2, revision: 2, trigger: "MANUAL", operation_id: newer, quantity_sent: 7 },
    ]);
    expect(await answerOf(waiting)).toEqual({ status: "SUPERSEDED", outcome_seq: 2 });
    expect(await answerOf(newer)).toEqual({ status: "SUCCEEDED", outcome_seq: 3 });
  });
});

describe("a holder whose store has gone to another", () => {
  test("writes no outcome, and has what it sent sent anew", async () => {
    const { world, storeId, listingId } = await aChangedListing();
    const waiting = await anOperation(world, listingId, 1);
    const stale = await take(storeId);
    const claims = await claim(storeId);
    const next = await take(storeId);
    // The next holder is through with the same change before the stale one comes back.
    await settleAs(next, world, sentAndAnswered(await claim(storeId), ACCEPTED));
    await sql(db.dataSource, `delete from wake`);
    expect(await settleAs(stale, world, sentAndAnswered(claims, ACCEPTED))).toEqual({ held: false, answered: false });
    expect(await told(world)).toMatchObject([{ seq: 1, status: "SUCCEEDED" }]);
    expect(await answerOf(waiting)).toEqual({ status: "SUCCEEDED", outcome_seq: 1 });
    expect(await listingRow(listingId)).toMatchObject({ synced_revision: 1, revision: 2, force_revision: 2 });
    expect(await sql(db.dataSource, `select store_id from wake`)).toEqual([{ store_id: storeId }]);
    // The quantity is the acknowledged one, and yet it is sent.
    await settleAs(next, world, sentAndAnswered(await claim(storeId), ACCEPTED));
    expect(await told(world)).toMatchObject([{ status: "SUCCEEDED" }, { status: "SUCCEEDED", quantity_sent: 7 }]);
  });

  test("settles nothing of a store that nobody holds", async () => {
    const { world, storeId, listingId } = await aChangedListing();
    const stale = await take(storeId);
    const claims = await claim(storeId);
    await sql(db.dataSource, `delete from store_queue where store_id = $1`, [storeId]);
    expect((await settleAs(stale, world, sentAndAnswered(claims, ACCEPTED))).held).toBe(false);
    expect(await told(world)).toEqual([]);
    expect(await listingRow(listingId)).toMatchObject({ synced_revision: 0, last_synced_quantity: 5 });
  });

  test("is found out also where the store changes hands just now", async () => {
    const { world, storeId } = await aChangedListing();
    const stale = await take(storeId);
    const claims = await claim(storeId);
    const { settling, settled } = await db.dataSource.transaction(async (tx) => {
      await sql(tx, `update store_queue set token = nextval('fencing_token') where store_id = $1`, [storeId]);
      const running = settleAs(stale, world, sentAndAnswered(claims, ACCEPTED));
      await someoneWaitsForALock();
      return { settling: running, settled: await told(world) };
    });
    expect((await settling).held).toBe(false);
    expect([...settled, ...(await told(world))]).toEqual([]);
  });

  test("cannot lose the store in the midst of settling", async () => {
    const { world, storeId, listingId } = await aChangedListing();
    const hold = await take(storeId);
    const claims = await claim(storeId);
    const settling = await db.dataSource.transaction(async (tx) => {
      await sql(tx, `select 1 from listing where id = $1 for update`, [listingId]);
      const running = settleAs(hold, world, sentAndAnswered(claims, ACCEPTED));
      await someoneWaitsForALock();
      const free = await sql(
        db.dataSource,
        `select 1 from store_queue where store_id = $1 for no key update skip locked`,
        [storeId],
      );
      expect(free).toEqual([]);
      return { running };
    });
    expect((await settling.running).held).toBe(true);
  });

  const someoneWaitsForALock = () =>
    until(async () => {
      const waiting = await sql(
        db.dataSource,
        `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
      );
      return waiting.length > 0;
    });
});

describe("a claim", () => {
  test("passes over a listing that is being marked just now, and then has its newest state", async () => {
    const world = await aCustomer(db.dataSource, { items: 2, onHand: 5 });
    const { storeId } = await aSettledStore(db.dataSource, world, { lastSynced: 5 });
    await adjust(world, 1);
    await db.dataSource.transaction(async (tx) => {
      await adjustInventory(tx, BY, {
        customerId: world.customerId,
        lines: [{ sku: "SKU-0000", onHandDelta: 10 }],
      });
      const claims = await claim(storeId);
      expect(claims.map((one) => [one.sku, one.revision])).toEqual([["SKU-0001", 1]]);
    });
    const claims = await claim(storeId, 1_000);
    const [first] = claims.filter((one) => one.sku === "SKU-0000");
    expect(first?.revision).toBe(2);
    expect(first?.policy.levels).toMatchObject([{ onHand: 16 }]);
  });

  test("has revision and stock of one moment, however fast the changes come", async () => {
    const world = await aCustomer(db.dataSource, { items: 200, onHand: 5 });
    const { storeId } = await aSettledStore(db.dataSource, world, { lastSynced: 5 });
    const writing = new AbortController();
    const writers = [0, 1, 2, 3].map(async (writer) => {
      for (let round = 0; round < 40; round += 1)
        await adjust(
          world,
          1,
          world.skus.filter((_, place) => place % 8 === (round + 2 * writer) % 8),
        );
    });
    const claimer = (async () => {
      let torn = 0;
      while (!writing.signal.aborted)
        for (const { revision, policy } of await claim(storeId))
          if (policy.levels[0]?.onHand !== 5 + revision) torn += 1;
      return torn;
    })();
    await Promise.all(writers);
    writing.abort();
    expect(await claimer).toBe(0);
  });

  test("of the lower classes are not starved by urgent ones, however many", async () => {
    const world = await aCustomer(db.dataSource, { items: 200, onHand: 5 });
    const { storeId } = await aSettledStore(db.dataSource, world, { lastSynced: 5 });
    await sql(
      db.dataSource,
      `update listing l set revision = 1, urgency = case when place > 170 then 1 + (place % 3) else 0 end
         from (select id, row_number() over (order by id) as place from listing where store_id = $1) p where p.id = l.id`,
      [storeId],
    );
    await take(storeId);
    const claims = await claim(storeId, 100);
    const urgencies = await sql<{ urgency: number; count: number }>(
      db.dataSource,
      `select urgency, count(*)::int as count from listing where id = any($1::uuid[]) group by urgency order by urgency`,
      [claims.map(({ id }) => id)],
    );
    expect(urgencies).toEqual([
      { urgency: 0, count: 85 },
      { urgency: 1, count: 5 },
      { urgency: 2, count: 5 },
      { urgency: 3, count: 5 },
    ]);
  });

  test("after a holder that died counts as forced: what its call did is not known", async () => {
    const { world, storeId } = await aChangedListing();
    const dead = await take(storeId);
    const [before] = await claim(storeId);
    expect(before?.forced).toBe(false);
    await adjust(world, -2);
    const hold = await take(storeId);
    const claims = await claim(storeId);
    expect(hold.token).toBeGreaterThan(dead.token);
    // Back at the acknowledged 5, but the shop may have got the 7.
    await settleAs(hold, world, sentAndAnswered(claims, ACCEPTED));
    expect(await told(world)).toMatchObject([{ status: "SUCCEEDED", quantity_sent: 5 }]);
  });
});

describe("the numbers of a customer's feed", () => {
  const SETTLERS = 16;
  const ROUNDS = 8;

  test("are 1 to N without a hole and in the order of commits, whoever settles at the same time", async () => {
    const world = await aCustomer(db.dataSource, { items: ROUNDS * 2, onHand: 5 });
    const stores = await Promise.all(
      Array.from({ length: SETTLERS }, () => aSettledStore(db.dataSource, world, { lastSynced: 5 })),
    );
    await adjust(world, 1);
    const reading = new AbortController();
    const seen: number[] = [];
    const reader = (async () => {
      for (let last = false; !last; ) {
        last = reading.signal.aborted;
        const page = await sql<{ seq: number }>(
          db.dataSource,
          `select seq from outcome where customer_id = $1 and seq > $2 order by seq limit 7`,
          [world.customerId, seen.at(-1) ?? 0],
        );
        seen.push(...page.map((row) => row.seq));
        if (page.length > 0) last = false;
      }
    })();
    await Promise.all(
      stores.map(async ({ storeId }, index) => {
        const hold = await take(storeId);
        for (let round = 0; round < ROUNDS; round += 1) {
          const endings = sentAndAnswered(await claim(storeId, 2), ACCEPTED);
          if (round === index % ROUNDS) {
            // What is rolled back, or refused, uses up no number.
            const broken = endings.map((ending) => ({ ...ending, durationMs: 2 ** 40 }));
            await expect(settleAs(hold, world, broken)).rejects.toThrow("out of range");
          }
          await settleAs(hold, world, endings);
        }
      }),
    );
    reading.abort();
    await reader;
    const all = Array.from({ length: SETTLERS * ROUNDS * 2 }, (_, index) => index + 1);
    expect((await told(world)).map((one) => one.seq)).toEqual(all);
    expect(seen).toEqual(all);
    expect(await sql(db.dataSource, `select last_seq from feed where customer_id = $1`, [world.customerId])).toEqual([
      { last_seq: all.length },
    ]);
  });
});
