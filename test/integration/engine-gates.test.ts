import { describe, expect, test } from "vitest";
import { setItemSync, setProcessOrders, setStoreSyncEnabled } from "../../src/sync/change-settings.js";
import { acceptSyncInventory } from "../../src/sync/operations.js";
import {
  adjustInventory,
  commitInventory,
  receiveInventory,
  setInventory,
} from "../../src/sync/record-inventory-change.js";
import { sql } from "../../src/sync/sql.js";
import { releaseZeroGuards } from "../../src/sync/zero-guard.js";
import { operationEnd, quiet, type Stage, setStage } from "../support/engine.js";
import { until } from "../support/until.js";
import { BY } from "../support/world.js";

const SKU = "SKU-0000";
const OTHER = "SKU-0001";

/** Asks for the level of these items to be sent, and awaits the end of that operation. */
const syncInventory = async (stage: Stage, ...skus: readonly string[]) => {
  const { customerId } = stage.world;
  const operationId = await stage.engine.change((tx) =>
    acceptSyncInventory(tx, BY, { customerId, selection: { skus }, storeIds: null, includeNeverReceived: false }),
  );
  return operationEnd(stage.database, operationId);
};
describe("a gate", () => {
  const setMode = (stage: Stage, sku: string, mode: "NEVER" | "ALWAYS") =>
    stage.engine.change((tx) =>
      setItemSync(tx, BY, {
        itemId: stage.world.itemIds[stage.world.skus.indexOf(sku)] ?? "",
        mode,
        expiresAt: null,
        note: null,
      }),
    );
  const switchProcessOrders = (stage: Stage, processOrders: boolean) =>
    stage.engine.change((tx) =>
      setProcessOrders(tx, BY, { customerId: stage.world.customerId, itemIds: stage.world.itemIds, processOrders }),
    );
  const switchStore = (stage: Stage, enabled: boolean) =>
    stage.engine.change((tx) => setStoreSyncEnabled(tx, BY, { storeId: stage.storeId, enabled }));

  test("that fails gives SKIPPED with every reason, and nothing is sent", async () => {
    await using stage = await setStage();
    await switchStore(stage, false);
    await quiet(stage.database);
    await setMode(stage, SKU, "NEVER");
    await quiet(stage.database);
    await stage.adjust(1);
    await quiet(stage.database);
    expect((await stage.outcomes()).map(({ status, trigger, skips }) => [status, trigger, skips])).toEqual([
      ["SKIPPED", "SETTING_CHANGE", ["STORE_SYNC_DISABLED"]],
      ["SKIPPED", "SETTING_CHANGE", ["STORE_SYNC_DISABLED", "POLICY_NEVER"]],
      ["SKIPPED", "STOCK_CHANGE", ["STORE_SYNC_DISABLED", "POLICY_NEVER"]],
    ]);
    expect(stage.calls()).toBe(0);
    expect((await stage.listing(SKU)).state).toBe("SKIPPED");
  });

  test("that opens sends once what it held back, and only where it differs", async () => {
    await using stage = await setStage({ items: 2 });
    await switchStore(stage, false);
    await stage.adjust(1, SKU);
    await stage.adjust(1, SKU);
    await quiet(stage.database);
    expect(stage.calls()).toBe(0);
    await switchStore(stage, true);
    await until(() => stage.shop.quantityOf(SKU) === 7);
    await quiet(stage.database);
    expect(stage.told(SKU)).toEqual([7]);
    expect(stage.calls()).toBe(1);
    expect((await stage.statuses(SKU)).at(-1)).toBe("SUCCEEDED");
    expect((await stage.statuses(OTHER)).at(-1)).toBe("UNCHANGED");
  });

  test("of the mode opens with the mode", async () => {
    await using stage = await setStage();
    await setMode(stage, SKU, "NEVER");
    await stage.adjust(3);
    await quiet(stage.database);
    expect((await stage.outcomes()).at(-1)).toMatchObject({ status: "SKIPPED", skips: ["POLICY_NEVER"] });
    await setMode(stage, SKU, "ALWAYS");
    await quiet(stage.database);
    expect(stage.told(SKU)).toEqual([8]);
  });

  test("of a timed override opens when its time comes", async () => {
    await using stage = await setStage();
    const expiresAt = new Date(Date.now() + 1_500);
    await stage.engine.change((tx) =>
      setItemSync(tx, BY, { itemId: stage.world.itemIds[0] ?? "", mode: "NEVER", expiresAt, note: null }),
    );
    await stage.adjust(3);
    await until(() => stage.shop.quantityOf(SKU) === 8);
    expect(Date.now()).toBeGreaterThanOrEqual(expiresAt.getTime());
    await quiet(stage.database);
    expect(stage.told(SKU)).toEqual([8]);
  });

  test("of Process Orders opens when they are switched on", async () => {
    await using stage = await setStage();
    await switchProcessOrders(stage, false);
    await stage.adjust(-1);
    await quiet(stage.database);
    expect((await stage.outcomes()).at(-1)).toMatchObject({ status: "SKIPPED", skips: ["PROCESS_ORDERS_OFF"] });
    await switchProcessOrders(stage, true);
    await quiet(stage.database);
    expect(stage.told(SKU)).toEqual([4]);
  });

  test("of what was never received opens with the first receipt", async () => {
    await using stage = await setStage({ onHand: null });
    expect((await stage.listing(SKU)).state).toBe("SKIPPED");
    expect(stage.shop.calls.filter((call) => call.lines.length > 0)).toEqual([]);
    const [told] = await sql(stage.database.dataSource, `select status, skips from outcome`);
    expect(told).toEqual({ status: "SKIPPED", skips: ["PROCESS_ORDERS_OFF", "NEVER_RECEIVED"] });
    await stage.engine.change((tx) =>
      receiveInventory(tx, BY, { customerId: stage.world.customerId, lines: [{ sku: SKU, quantity: 4 }] }),
    );
    await quiet(stage.database);
    expect(stage.told(SKU)).toEqual([4]);
  });

  test("of Process Orders lets the final zero through, and nothing after it", async () => {
    await using stage = await setStage();
    const commit = (quantity: number) =>
      stage.engine.change((tx) =>
        commitInventory(tx, BY, { customerId: stage.world.customerId, lines: [{ sku: SKU, quantity }] }),
      );
    await commit(5);
    await quiet(stage.database);
    expect(stage.told(SKU)).toEqual([0]);
    await commit(1);
    await quiet(stage.database);
    expect(await stage.outcomes()).toMatchObject([
      { status: "SUCCEEDED", quantitySent: 0 },
      { status: "SKIPPED", skips: ["PROCESS_ORDERS_OFF"] },
    ]);
  });
});

describe("a quantity that the store was told already", () => {
  test("ends UNCHANGED without a call", async () => {
    await using stage = await setStage();
    await stage.engine.change(async (tx) => {
      const { customerId } = stage.world;
      for (const onHandDelta of [3, -3])
        await adjustInventory(tx, BY, { customerId, lines: [{ sku: SKU, onHandDelta }] });
    });
    await quiet(stage.database);
    expect(await stage.statuses()).toEqual(["UNCHANGED"]);
    expect(stage.calls()).toBe(0);
  });

  test("is sent all the same by syncInventory, which heals what the shop had lost", async () => {
    await using stage = await setStage({ items: 2 });
    stage.shop.sell(SKU, 2);
    expect(await syncInventory(stage, SKU)).toBe("COMPLETED");
    expect(stage.told(SKU)).toEqual([5]);
    expect(stage.shop.quantityOf(SKU)).toBe(5);
    expect(await stage.outcomes()).toMatchObject([{ status: "SUCCEEDED", trigger: "MANUAL" }]);
  });

  test("is not sent by syncInventory through a closed gate, which answers the operation too", async () => {
    await using stage = await setStage();
    await stage.engine.change((tx) => setStoreSyncEnabled(tx, BY, { storeId: stage.storeId, enabled: false }));
    expect(await syncInventory(stage, SKU)).toBe("COMPLETED");
    expect((await stage.outcomes()).at(-1)).toMatchObject({ status: "SKIPPED", skips: ["STORE_SYNC_DISABLED"] });
    expect(stage.calls()).toBe(0);
  });
});

test("an operation ends with failures where the store refuses one of its listings for good", async () => {
  await using stage = await setStage({ items: 2 });
  stage.shop.remove(OTHER);
  expect(await syncInventory(stage, SKU, OTHER)).toBe("COMPLETED_WITH_FAILURES");
  expect(await stage.statuses(SKU)).toEqual(["SUCCEEDED"]);
  expect(await stage.statuses(OTHER)).toEqual(["FAILED"]);
});

describe("the mass-zero guard", () => {
  const zero = (stage: Stage, howMany: number) =>
    stage.engine.change((tx) =>
      setInventory(tx, BY, {
        customerId: stage.world.customerId,
        lines: stage.world.skus.slice(0, howMany).map((sku) => ({ sku, onHand: 0 })),
      }),
    );
  const zeros = (stage: Stage) => stage.world.skus.filter((sku) => stage.shop.quantityOf(sku) === 0).length;

  test("holds the zeros where 21 of 30 would go, and lets them go when it is released", async () => {
    await using stage = await setStage({ items: 30 });
    await zero(stage, 21);
    await quiet(stage.database);
    expect(zeros(stage)).toBe(0);
    expect((await stage.store()).zero_guard_since).not.toBeNull();
    const held = await stage.outcomes();
    expect(held).toHaveLength(21);
    for (const outcome of held) expect(outcome).toMatchObject({ status: "SKIPPED", skips: ["ZERO_GUARD"] });
    await stage.adjust(1, "SKU-0029");
    await until(() => stage.shop.quantityOf("SKU-0029") === 6);
    await stage.engine.change((tx) => releaseZeroGuards(tx, { customerId: stage.world.customerId }));
    await until(() => zeros(stage) === 21);
    await quiet(stage.database);
    expect((await stage.store()).zero_guard_since).toBeNull();
  });

  test("holds the rest where zeros come one after another", async () => {
    await using stage = await setStage({ items: 30 });
    for (const sku of stage.world.skus) {
      await stage.engine.change((tx) =>
        setInventory(tx, BY, { customerId: stage.world.customerId, lines: [{ sku, onHand: 0 }] }),
      );
      await quiet(stage.database);
    }
    expect(zeros(stage)).toBe(20);
    expect((await stage.listing("SKU-0020")).state).toBe("SKIPPED");
  });

  test("does not hold 20, nor 21 of 42", async () => {
    await using few = await setStage({ items: 30 });
    await zero(few, 20);
    await quiet(few.database);
    expect(zeros(few)).toBe(20);
    await using half = await setStage({ items: 42 });
    await zero(half, 21);
    await quiet(half.database);
    expect(zeros(half)).toBe(21);
  });

  test("lets go with a receipt", async () => {
    await using stage = await setStage({ items: 30 });
    await zero(stage, 30);
    await quiet(stage.database);
    expect(zeros(stage)).toBe(0);
    await stage.engine.change((tx) =>
      receiveInventory(tx, BY, { customerId: stage.world.customerId, lines: [{ sku: SKU, quantity: 9 }] }),
    );
    await until(() => zeros(stage) === 29);
    expect(stage.shop.quantityOf(SKU)).toBe(9);
  });
});
