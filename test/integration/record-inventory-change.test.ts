import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { setItemSync } from "../../src/sync/change-settings.js";
import {
  adjustInventory,
  commitInventory,
  receiveInventory,
  setInventory,
  shipInventory,
} from "../../src/sync/record-inventory-change.js";
import { createShipNotice, publishShipNotice, receiveShipNotice } from "../../src/sync/ship-notices.js";
import { sql } from "../../src/sync/sql.js";
import { UserMistake } from "../../src/sync/user-mistake.js";
import { createTestDatabase, type TestDatabase } from "../support/database.js";
import { aCustomer, aSettledStore, BY, itemRow, type World } from "../support/world.js";

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(async () => {
  await db[Symbol.asyncDispose]();
});

const codesOf = async (work: Promise<unknown>): Promise<string[]> => {
  try {
    await work;
    return [];
  } catch (error) {
    if (!(error instanceof UserMistake)) throw error;
    return error.errors.map((one) => `${one.code} ${one.field?.join(".") ?? ""}`);
  }
};

describe("each act of the warehouse", () => {
  test("moves onHand, committed and unavailable as it says, with a movement each", async () => {
    const { customerId, itemIds } = await aCustomer(db.dataSource);
    const line = { sku: "SKU-0000" };
    await db.dataSource.transaction(async (tx) => {
      await receiveInventory(tx, BY, { customerId, lines: [{ ...line, quantity: 10 }] });
      await commitInventory(tx, BY, { customerId, lines: [{ ...line, quantity: 4 }] });
      await adjustInventory(tx, BY, { customerId, lines: [{ ...line, onHandDelta: -1, unavailableDelta: 2 }] });
      await shipInventory(tx, BY, { customerId, lines: [{ ...line, quantity: 3 }] });
    });
    expect(await itemRow(db.dataSource, itemIds[0])).toMatchObject({
      on_hand: 6,
      committed: 1,
      unavailable: 2,
      available: 3,
    });
    const movements = await sql<{ kind: string }>(
      db.dataSource,
      `select kind from inventory_movement where item_id = $1 order by id`,
      [itemIds[0]],
    );
    expect(movements.map((movement) => movement.kind)).toEqual(["RECEIVE", "COMMIT", "ADJUST", "SHIP"]);
  });

  test("names every bad line and applies none", async () => {
    const { customerId, itemIds } = await aCustomer(db.dataSource, { items: 3, onHand: 5 });
    const codes = await codesOf(
      db.dataSource.transaction((tx) =>
        adjustInventory(tx, BY, {
          customerId,
          lines: [
            { sku: "SKU-0000", onHandDelta: 1 },
            { sku: "nothing", onHandDelta: 1 },
            { sku: "SKU-0001", onHandDelta: -6 },
            { sku: "SKU-0000", onHandDelta: 1 },
            { sku: "SKU-0002", onHandDelta: 1, warehouse: "NOWHERE" },
            { sku: "SKU-0002" },
          ],
        }),
      ),
    );
    expect(codes).toEqual([
      "UNKNOWN_WAREHOUSE lines.4.warehouse",
      "UNKNOWN_SKU lines.1.sku",
      "INVALID_QUANTITY lines.2.onHandDelta",
      "DUPLICATE_LINE lines.3.sku",
      "INVALID_QUANTITY lines.5.onHandDelta",
    ]);
    for (const itemId of itemIds) expect((await itemRow(db.dataSource, itemId)).on_hand).toBe(5);
  });

  test("refuses a stale set with the current value in its words", async () => {
    const { customerId } = await aCustomer(db.dataSource, { onHand: 5 });
    const set = db.dataSource.transaction((tx) =>
      setInventory(tx, BY, { customerId, lines: [{ sku: "SKU-0000", onHand: 9, ifOnHand: 4 }] }),
    );
    await expect(set).rejects.toThrow("onHand is 5 now, not 4.");
  });

  test("demands a warehouse where there are several, and keeps their levels apart", async () => {
    const { customerId, itemIds } = await aCustomer(db.dataSource, { warehouses: ["A", "B"] });
    const without = db.dataSource.transaction((tx) =>
      receiveInventory(tx, BY, { customerId, lines: [{ sku: "SKU-0000", quantity: 1 }] }),
    );
    expect(await codesOf(without)).toEqual(["AMBIGUOUS_WAREHOUSE lines.0.warehouse"]);
    await db.dataSource.transaction((tx) =>
      receiveInventory(tx, BY, {
        customerId,
        lines: [
          { sku: "SKU-0000", quantity: 1, warehouse: "A" },
          { sku: "SKU-0000", quantity: 2, warehouse: "B" },
        ],
      }),
    );
    expect((await itemRow(db.dataSource, itemIds[0])).on_hand).toBe(3);
  });

  test("keeps the sum of an item within the most that is sent", async () => {
    const { customerId } = await aCustomer(db.dataSource, { warehouses: ["A", "B"] });
    const receive = db.dataSource.transaction((tx) =>
      receiveInventory(tx, BY, {
        customerId,
        lines: ["A", "B"].map((warehouse) => ({ sku: "SKU-0000", quantity: 600_000_000, warehouse })),
      }),
    );
    expect(await codesOf(receive)).toEqual(["INVALID_QUANTITY lines.0"]);
  });

  test("adds up under concurrent writers of opposite order", async () => {
    const { customerId, itemIds } = await aCustomer(db.dataSource, { items: 10, onHand: 100 });
    const lines = Array.from({ length: 10 }, (_, index) => ({ sku: `SKU-000${String(index)}`, onHandDelta: 1 }));
    await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        db.dataSource.transaction((tx) =>
          adjustInventory(tx, BY, { customerId, lines: index % 2 === 0 ? lines : lines.toReversed() }),
        ),
      ),
    );
    for (const itemId of itemIds) expect((await itemRow(db.dataSource, itemId)).on_hand).toBe(120);
  });
});

describe("Process Orders and received", () => {
  test("are switched in the transaction of the stock change", async () => {
    const { customerId, itemIds } = await aCustomer(db.dataSource);
    const look = async () => {
      const { process_orders, first_received_at } = await itemRow(db.dataSource, itemIds[0]);
      return [process_orders, first_received_at !== null];
    };
    const line = { sku: "SKU-0000" };
    expect(await look()).toEqual([false, false]);
    await db.dataSource.transaction((tx) =>
      receiveInventory(tx, BY, { customerId, lines: [{ ...line, quantity: 2 }] }),
    );
    expect(await look()).toEqual([true, true]);
    await db.dataSource.transaction((tx) => commitInventory(tx, BY, { customerId, lines: [{ ...line, quantity: 2 }] }));
    expect(await look()).toEqual([false, true]);
    await db.dataSource.transaction((tx) =>
      commitInventory(tx, BY, { customerId, lines: [{ ...line, quantity: -1 }] }),
    );
    expect(await look()).toEqual([true, true]);
  });
});

describe("a ship notice", () => {
  const notice = async (world: World) =>
    db.dataSource.transaction((tx) =>
      createShipNotice(tx, BY, {
        customerId: world.customerId,
        reference: "ASN-1",
        warehouse: null,
        expectedAt: null,
        lines: world.skus.map((sku) => ({ sku, quantity: 10 })),
      }),
    );

  test("counts inbound units while published, and the arrived ones as stock", async () => {
    const world = await aCustomer(db.dataSource, { items: 1, syncMode: "ALWAYS" });
    const shipNoticeId = await notice(world);
    const publish = (published: boolean) =>
      db.dataSource.transaction((tx) => publishShipNotice(tx, BY, { shipNoticeId, skus: null, published }));
    expect(await itemRow(db.dataSource, world.itemIds[0])).toMatchObject({ published_inbound: 0 });
    await publish(true);
    await publish(true);
    expect(await itemRow(db.dataSource, world.itemIds[0])).toMatchObject({
      published_inbound: 10,
      first_received_at: null,
    });
    await db.dataSource.transaction((tx) =>
      receiveShipNotice(tx, BY, { shipNoticeId, lines: [{ sku: "SKU-0000", good: 6, damaged: 1 }] }),
    );
    expect(await itemRow(db.dataSource, world.itemIds[0])).toMatchObject({
      published_inbound: 3,
      on_hand: 7,
      unavailable: 1,
      available: 6,
      process_orders: true,
    });
    await publish(false);
    expect(await itemRow(db.dataSource, world.itemIds[0])).toMatchObject({ published_inbound: 0, available: 6 });
  });

  test("is not published for items whose policy is NEVER", async () => {
    const world = await aCustomer(db.dataSource, { items: 2, syncMode: "ALWAYS" });
    await db.dataSource.transaction((tx) =>
      setItemSync(tx, BY, { itemId: world.itemIds[1] ?? "", mode: "NEVER", expiresAt: null, note: null }),
    );
    const shipNoticeId = await notice(world);
    await db.dataSource.transaction((tx) => publishShipNotice(tx, BY, { shipNoticeId, skus: null, published: true }));
    expect((await itemRow(db.dataSource, world.itemIds[0])).published_inbound).toBe(10);
    expect((await itemRow(db.dataSource, world.itemIds[1])).published_inbound).toBe(0);
  });

  test("is unique by its reference", async () => {
    const world = await aCustomer(db.dataSource);
    await notice(world);
    expect(await codesOf(notice(world))).toEqual(["ALREADY_EXISTS reference"]);
  });
});

describe("a stock change", () => {
  test("marks each listing of the item once and wakes its store, in its own transaction", async () => {
    const world = await aCustomer(db.dataSource, { items: 2, onHand: 5 });
    const { storeId } = await aSettledStore(db.dataSource, world, { lastSynced: 5 });
    const rolledBack = db.dataSource.transaction(async (tx) => {
      await adjustInventory(tx, BY, { customerId: world.customerId, lines: [{ sku: "SKU-0000", onHandDelta: 1 }] });
      throw new Error("rolled back");
    });
    await expect(rolledBack).rejects.toThrow("rolled back");
    const due = () =>
      sql<{ sku: string; urgency: number }>(
        db.dataSource,
        `select i.sku, l.urgency from listing l join item i on i.id = l.item_id
          where l.store_id = $1 and l.revision > l.synced_revision order by i.sku`,
        [storeId],
      );
    expect(await due()).toEqual([]);
    await db.dataSource.transaction((tx) =>
      adjustInventory(tx, BY, {
        customerId: world.customerId,
        lines: [
          { sku: "SKU-0000", onHandDelta: -5 },
          { sku: "SKU-0001", onHandDelta: -1 },
        ],
      }),
    );
    expect(await due()).toEqual([
      { sku: "SKU-0000", urgency: 0 },
      { sku: "SKU-0001", urgency: 2 },
    ]);
    const wakes = await sql(db.dataSource, `select 1 from wake where store_id = $1`, [storeId]);
    expect(wakes).toHaveLength(1);
  });
});
