import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { BullMqQueue } from "../../src/sync/queue/bullmq-queue.js";
import { PostgresLeases } from "../../src/sync/queue/postgres-leases.js";
import type { DrainEnd, StoreHold, StoreQueue } from "../../src/sync/queue/queue.js";
import { sql } from "../../src/sync/sql.js";
import { newUuid } from "../../src/terms.js";
import { createTestDatabase, type TestDatabase, testLog } from "../support/database.js";
import { type QueueKind, queueKinds } from "../support/queues.js";
import { until } from "../support/until.js";

/** One drain that the queue began; it lasts until the test ends it. */
interface Drain {
  readonly worker: string;
  readonly hold: StoreHold;
  end(how: DrainEnd): void;
  fail(): void;
}

const DRAINED: DrainEnd = { is: "drained" };
const YIELDED: DrainEnd = { is: "yielded" };

let db: TestDatabase;
let drains: Drain[];
let over: boolean;
let kind: QueueKind;
let queues: StoreQueue[];
beforeEach(async () => {
  db = await createTestDatabase();
  drains = [];
  queues = [];
  over = false;
});
afterEach(async () => {
  over = true;
  for (const drain of drains) drain.end(YIELDED);
  await Promise.all(queues.map((queue) => queue.close(1_000)));
  await db[Symbol.asyncDispose]();
});

/** A queue as a process has it, not yet running. */
function aQueue({ slots = 8, of = db } = {}): StoreQueue {
  const options = { dataSource: of.dataSource, databaseUrl: of.url, log: testLog, slots };
  const queueUrl = kind.url(of);
  const queue = queueUrl === null ? new PostgresLeases(options) : new BullMqQueue({ ...options, queueUrl });
  queues.push(queue);
  return queue;
}

/** Runs a queue whose drains the test ends itself. */
function aWorker(worker: string, options: { slots?: number; of?: TestDatabase } = {}): StoreQueue {
  const queue = aQueue(options);
  queue.run((hold) => {
    if (over) return Promise.resolve(YIELDED);
    return new Promise((resolve, reject) => {
      drains.push({
        worker,
        hold,
        end: resolve,
        fail: () => {
          reject(new Error("a drain that fails"));
        },
      });
    });
  });
  return queue;
}

const drainsOf = (storeId: string): readonly Drain[] => drains.filter((drain) => drain.hold.storeId === storeId);
/** The store's drain with this number, counted from 0, as soon as it has begun. */
const theDrain = (storeId: string, number: number): Promise<Drain> => until(() => drainsOf(storeId)[number]);

const wake = (...storeIds: readonly string[]): Promise<void> =>
  db.dataSource.transaction(async (tx) => {
    for (const storeId of storeIds) await queues[0]?.wake(tx, storeId);
  });

/** Wakes another store and awaits its drain: every wake from before has been folded and every due store claimed by then. */
async function letQueuesLook(): Promise<void> {
  const other = newUuid();
  await wake(other);
  (await theDrain(other, 0)).end(DRAINED);
  await until(async () => (await rowOf(other)) === undefined);
}

interface QueueRow {
  readonly owner: string | null;
  readonly token: number | null;
  readonly due_at: Date;
  readonly not_before: Date | null;
}
const rowOf = async (storeId: string): Promise<QueueRow | undefined> =>
  (
    await sql<QueueRow>(db.dataSource, `select owner, token, due_at, not_before from store_queue where store_id = $1`, [
      storeId,
    ])
  )[0];
const wakesLeft = (): Promise<unknown[]> => sql(db.dataSource, `select 1 from wake`);
const wakesFolded = () => until(async () => (await wakesLeft()).length === 0);
const forgotten = (storeId: string) => until(async () => (await rowOf(storeId)) === undefined);

describe.each(queueKinds)("$name", (each) => {
  beforeEach(() => {
    kind = each;
  });

  describe("a woken store", () => {
    test("is drained once and forgotten when nothing is left to do", async () => {
      aWorker("a");
      const storeId = newUuid();
      await wake(storeId, storeId, storeId);
      (await theDrain(storeId, 0)).end(DRAINED);
      await forgotten(storeId);
      await letQueuesLook();
      expect(drainsOf(storeId)).toHaveLength(1);
    });

    test("is worked by one holder at a time, and then by the next under a larger token", async () => {
      aWorker("a");
      aWorker("b");
      const storeId = newUuid();
      await wake(storeId);
      const first = await theDrain(storeId, 0);
      await wake(storeId);
      await letQueuesLook();
      expect(drainsOf(storeId)).toHaveLength(1);
      first.end(YIELDED);
      const second = await theDrain(storeId, 1);
      expect(second.hold.token).toBeGreaterThan(first.hold.token);
      expect(first.hold.alive.aborted).toBe(false);
    });

    test("goes back to the end of the line when it yields", async () => {
      aWorker("a", { slots: 1 });
      const [storeId, other] = [newUuid(), newUuid()];
      await wake(storeId);
      const first = await theDrain(storeId, 0);
      expect(first.hold.shouldYield()).toBe(true);
      await wake(other);
      // With its one slot taken the worker looks for nothing new: the other's row stands for a wake that came before.
      await until(async () => (await wakesLeft()).length === 0);
      first.end(YIELDED);
      const next = await until(() => drains[1]);
      expect(next.hold.storeId).toBe(other);
      next.end(DRAINED);
      await theDrain(storeId, 1);
    });

    test("is tried again after a drain that failed", async () => {
      aWorker("a");
      const storeId = newUuid();
      await wake(storeId);
      (await theDrain(storeId, 0)).fail();
      (await theDrain(storeId, 1)).end(DRAINED);
      await forgotten(storeId);
    });

    test("counts as queued, then as held", async () => {
      const queue = aQueue();
      const storeId = newUuid();
      await sql(db.dataSource, `insert into store_queue (store_id) values ($1)`, [storeId]);
      expect(await queue.stats()).toMatchObject({ queued: 1, held: 0, oldestDueAt: (await rowOf(storeId))?.due_at });
      aWorker("a");
      await theDrain(storeId, 0);
      expect(await queue.stats()).toEqual({ queued: 0, held: 1, oldestDueAt: null });
    });
  });

  describe("a wake", () => {
    test("that is folded while its store is drained causes another drain", async () => {
      aWorker("a");
      const storeId = newUuid();
      await wake(storeId);
      const first = await theDrain(storeId, 0);
      await wake(storeId);
      await wakesFolded();
      first.end(DRAINED);
      (await theDrain(storeId, 1)).end(DRAINED);
      await forgotten(storeId);
    });

    test("that is committed during a drain and folded after it causes another drain", async () => {
      aWorker("a");
      const storeId = newUuid();
      await wake(storeId);
      const first = await theDrain(storeId, 0);
      await db.dataSource.transaction(async (tx) => {
        await wake(storeId);
        // Folding passes over the row as long as it is locked.
        await until(async () => (await sql(tx, `select 1 from wake for update`)).length > 0);
        first.end(DRAINED);
        await forgotten(storeId);
      });
      await theDrain(storeId, 1);
    });

    test("that is committed after the drain that ran beside its transaction causes another drain", async () => {
      const queue = aWorker("a");
      const storeId = newUuid();
      await wake(storeId);
      const first = await theDrain(storeId, 0);
      await db.dataSource.transaction(async (tx) => {
        await queue.wake(tx, storeId);
        first.end(DRAINED);
        await forgotten(storeId);
      });
      await theDrain(storeId, 1);
    });

    test("whose store is being settled just now waits for that alone, and causes another drain", async () => {
      aWorker("a");
      const storeId = newUuid();
      await wake(storeId);
      const first = await theDrain(storeId, 0);
      await db.dataSource.transaction(async (tx) => {
        await sql(tx, `select 1 from store_queue where store_id = $1 for share`, [storeId]);
        await wake(storeId);
        await letQueuesLook();
        // BullMQ is told of it at once: its own row for the store says that it is being worked.
        if (kind.url(db) === null) expect(await wakesLeft()).toHaveLength(1);
      });
      first.end(DRAINED);
      await theDrain(storeId, 1);
    });

    test("of a transaction that is rolled back causes nothing", async () => {
      const queue = aWorker("a");
      const storeId = newUuid();
      const rolledBack = db.dataSource.transaction(async (tx) => {
        await queue.wake(tx, storeId);
        throw new Error("rolled back");
      });
      await expect(rolledBack).rejects.toThrow("rolled back");
      await letQueuesLook();
      expect(drainsOf(storeId)).toEqual([]);
      expect(await rowOf(storeId)).toBeUndefined();
    });
  });

  describe("a store that is to be worked later", () => {
    test.each(["during the drain", "after the drain"])(
      "and firmly so is not pulled forward by a wake %s",
      async (when) => {
        aWorker("a");
        const storeId = newUuid();
        await wake(storeId);
        const first = await theDrain(storeId, 0);
        const at = new Date(Date.now() + 2_000);
        const giveBack = async () => {
          first.end({ is: "later", at, firm: true });
          await until(async () => (await rowOf(storeId))?.owner === null);
        };
        if (when === "after the drain") await giveBack();
        await wake(storeId);
        await wakesFolded();
        if (when === "during the drain") await giveBack();
        await letQueuesLook();
        expect((await rowOf(storeId))?.due_at).toEqual(at);
        const second = await theDrain(storeId, 1);
        expect(Date.now()).toBeGreaterThanOrEqual(at.getTime());
        second.end(DRAINED);
        await forgotten(storeId);
      },
    );

    test.each(["during the drain", "after the drain"])(
      "but not firmly is pulled forward by a wake %s",
      async (when) => {
        aWorker("a");
        const storeId = newUuid();
        await wake(storeId);
        const first = await theDrain(storeId, 0);
        const giveBack = async () => {
          first.end({ is: "later", at: new Date(Date.now() + 3_600_000), firm: false });
          await until(async () => (await rowOf(storeId))?.token !== first.hold.token);
        };
        if (when === "after the drain") await giveBack();
        await wake(storeId);
        if (when === "during the drain") {
          await wakesFolded();
          await giveBack();
        }
        await theDrain(storeId, 1);
      },
    );
  });

  describe("a worker", () => {
    /** Ends the database session of the worker that holds the store, as its death would. */
    const killSession = (storeId: string) =>
      sql(
        db.dataSource,
        `select pg_terminate_backend(k.pid)
         from store_queue q join worker w on w.id = q.owner
         join pg_locks k on k.locktype = 'advisory' and k.objid = w.lock_key::oid
         join pg_stat_activity a on a.pid = k.pid and a.application_name = 'evenkeel worker' and a.datname = current_database()
        where q.store_id = $1`,
        [storeId],
      );
    const endLease = (storeId: string) =>
      sql(
        db.dataSource,
        `update worker set lease_until = now() - interval '1 second' where id = (select owner from store_queue where store_id = $1)
       returning 1`,
        [storeId],
      );

    test.each([
      ["whose session is killed", killSession],
      ["that hangs past its lease", endLease],
    ])("%s loses its stores to another, and cannot hand them back any more", async (_, strike) => {
      aWorker("a");
      const storeId = newUuid();
      await wake(storeId);
      const first = await theDrain(storeId, 0);
      const [lease] = await sql<{ lease_until: Date }>(db.dataSource, `select lease_until from worker`);
      aWorker("b");
      expect(await strike(storeId)).toHaveLength(1);
      await until(() => first.hold.alive.aborted);
      expect(first.hold.mayStart()).toBe(false);
      const second = await theDrain(storeId, 1);
      expect(second.worker).toBe("b");
      // Nobody waited for the lease of the dead.
      expect(Date.now()).toBeLessThan(lease?.lease_until.getTime() ?? 0);
      expect(second.hold.token).toBeGreaterThan(first.hold.token);
      first.end(DRAINED);
      await letQueuesLook();
      expect((await rowOf(storeId))?.token).toBe(second.hold.token);
      expect(second.hold.mayStart()).toBe(true);
    });

    test("that hangs while it settles one of its stores loses the others, and that one when its lock is gone", async () => {
      aWorker("a");
      const [settling, other] = [newUuid(), newUuid()];
      await wake(settling, other);
      await Promise.all([theDrain(settling, 0), theDrain(other, 0)]);
      await db.dataSource.transaction(async (tx) => {
        await sql(tx, `select 1 from store_queue where store_id = $1 for share`, [settling]);
        aWorker("b");
        await endLease(settling);
        expect((await theDrain(other, 1)).worker).toBe("b");
        expect(drainsOf(settling)).toHaveLength(1);
      });
      expect((await theDrain(settling, 1)).worker).toBe("b");
    });

    test("that took a store after it was taken for dead, and then died, does not keep it", async () => {
      const storeId = newUuid();
      await sql(
        db.dataSource,
        `insert into store_queue (store_id, owner, token) values ($1, $2, nextval('fencing_token'))`,
        [storeId, newUuid()],
      );
      aWorker("a");
      await theDrain(storeId, 0);
    });

    test("that died has its stores left alone for a moment, whatever is woken meanwhile", async () => {
      aWorker("a");
      const storeId = newUuid();
      await wake(storeId);
      await theDrain(storeId, 0);
      aWorker("b");
      await endLease(storeId);
      const freeAt = await until(async () => (await rowOf(storeId))?.not_before);
      await wake(storeId);
      await theDrain(storeId, 1);
      expect(Date.now()).toBeGreaterThanOrEqual(freeAt.getTime());
    });

    test("whose session was killed works on under a new one", async () => {
      aWorker("a");
      const storeId = newUuid();
      await wake(storeId);
      const first = await theDrain(storeId, 0);
      await killSession(storeId);
      await until(() => first.hold.alive.aborted);
      first.end(YIELDED);
      const second = await theDrain(storeId, 1);
      expect(second.hold.token).toBeGreaterThan(first.hold.token);
    });

    test("that closes starts nothing new, lets what runs end, and hands everything back", async () => {
      const queue = aWorker("a");
      const [held, queued] = [newUuid(), newUuid()];
      await wake(held);
      const drain = await theDrain(held, 0);
      const closing = queue.close(60_000);
      expect(drain.hold.mayStart()).toBe(false);
      expect(drain.hold.alive.aborted).toBe(false);
      await wake(queued);
      drain.end(YIELDED);
      await closing;
      expect(drains).toHaveLength(1);
      expect((await rowOf(held))?.owner).toBeNull();
      expect(await sql(db.dataSource, `select 1 from worker`)).toEqual([]);
      expect(
        await sql(
          db.dataSource,
          `select 1 from pg_stat_activity where application_name = 'evenkeel worker' and datname = current_database()`,
        ),
      ).toEqual([]);
      aWorker("b");
      await Promise.all([theDrain(held, 1), theDrain(queued, 0)]);
    });

    test("that closes without patience aborts what runs", async () => {
      const queue = aWorker("a");
      const storeId = newUuid();
      await wake(storeId);
      const drain = await theDrain(storeId, 0);
      const closing = queue.close(0);
      await until(() => drain.hold.alive.aborted);
      drain.end(YIELDED);
      await closing;
      expect((await rowOf(storeId))?.owner).toBeNull();
    });
  });

  test("works its own database's stores, and none of a copy's that uses the same server", async () => {
    await using copy = await createTestDatabase();
    const workers = [aWorker("own", { slots: 20 }), aWorker("copy", { slots: 20, of: copy })];
    const stores = Array.from({ length: 20 }, newUuid);
    await wake(...stores);
    const first = await Promise.all(stores.map((storeId) => theDrain(storeId, 0)));
    expect(new Set(first.map(({ worker }) => worker))).toEqual(new Set(["own"]));
    for (const drain of drains) drain.end(DRAINED);
    await Promise.all(workers.map((queue) => queue.close(1_000)));
  });

  test("through a storm of wakes and two workers each store has one holder at a time and its last wake is drained", async () => {
    const stores = Array.from({ length: 12 }, newUuid);
    const holders = new Map<string, number>();
    const tokens = new Map<string, number[]>();
    /** What each store's newest drain saw of its committed changes. */
    const seen = new Map<string, number>();
    let mostAtOnce = 0;
    await sql(db.dataSource, `create table change_of_store (store_id uuid primary key, count integer not null)`);
    for (const storeId of stores) await sql(db.dataSource, `insert into change_of_store values ($1, 0)`, [storeId]);
    const read = async (storeId: string): Promise<number> => {
      const [row] = await sql<{ count: number }>(
        db.dataSource,
        `select count from change_of_store where store_id = $1`,
        [storeId],
      );
      return row?.count ?? -1;
    };
    const ends: readonly DrainEnd[] = [DRAINED, DRAINED, YIELDED];
    let turn = 0;
    for (const queue of [aQueue({ slots: 4 }), aQueue({ slots: 4 })])
      queue.run(async ({ storeId, token }) => {
        const holding = (holders.get(storeId) ?? 0) + 1;
        holders.set(storeId, holding);
        mostAtOnce = Math.max(mostAtOnce, holding);
        tokens.set(storeId, [...(tokens.get(storeId) ?? []), token]);
        seen.set(storeId, await read(storeId));
        // The change that comes between the reading and the end of a drain is the one that could be lost.
        await sql(db.dataSource, `select pg_sleep(0.003)`);
        holders.set(storeId, (holders.get(storeId) ?? 0) - 1);
        turn += 1;
        return ends[turn % ends.length] ?? DRAINED;
      });
    const writer = async (offset: number): Promise<void> => {
      for (let round = 0; round < 60; round += 1) {
        const storeId = stores[(round * 5 + offset) % stores.length] ?? "";
        await db.dataSource.transaction(async (tx) => {
          await sql(tx, `update change_of_store set count = count + 1 where store_id = $1`, [storeId]);
          await queues[0]?.wake(tx, storeId);
        });
        if (round % 7 === 0) queues[1]?.hint();
      }
    };
    await Promise.all([0, 1, 2, 3].map(writer));
    await until(async () => (await queues[0]?.stats())?.queued === 0 && (await wakesLeft()).length === 0);
    await until(async () => (await sql(db.dataSource, `select 1 from store_queue`)).length === 0);
    for (const storeId of stores) {
      expect(seen.get(storeId)).toBe(await read(storeId));
      const inOrder = tokens.get(storeId) ?? [];
      expect(inOrder).toEqual([...new Set(inOrder)].toSorted((a, b) => a - b));
    }
    expect(mostAtOnce).toBe(1);
  });
});
