import { describe, expect, test } from "vitest";
import { applyStoreUpdate } from "../../src/sync/connect-store.js";
import { setInventory } from "../../src/sync/record-inventory-change.js";
import { sql } from "../../src/sync/sql.js";
import { quiet, type SandboxPlatform, type Stage, setStage, startTestShop } from "../support/engine.js";
import { until } from "../support/until.js";
import { BY } from "../support/world.js";

const SKU = "SKU-0000";
const OTHER = "SKU-0001";

const inFlight = (stage: Stage, sku: string) => until(async () => (await stage.listing(sku)).state === "IN_FLIGHT");

describe("a stock change", () => {
  test.each<SandboxPlatform>(["WOOCOMMERCE", "SHOPIFY", "WEBHOOK"])(
    "reaches a %s shop and gives one outcome",
    async (platform) => {
      await using stage = await setStage({ platform });
      await stage.adjust(2);
      const [first] = await until(async () => {
        const outcomes = await stage.outcomes();
        return outcomes.length > 0 && outcomes;
      });
      await quiet(stage.database);
      expect(stage.shop.quantityOf(SKU)).toBe(7);
      expect(await stage.outcomes()).toHaveLength(1);
      expect(first).toMatchObject({
        status: "SUCCEEDED",
        trigger: "STOCK_CHANGE",
        storeId: stage.storeId,
        quantityBefore: 5,
        quantitySent: 7,
        quantityAcknowledged: 7,
        attempt: 1,
        skips: [],
        failureCode: null,
      });
      expect(first?.lagMs).toBeGreaterThanOrEqual(0);
      await until(async () => (await sql(stage.database.dataSource, `select 1 from store_queue`)).length === 0);
    },
  );
});

describe("while a listing is being sent", () => {
  test("ten changes to it are one more send, of the newest state", async () => {
    await using stage = await setStage();
    stage.shop.fail({ kind: "stall", ms: 1_500 });
    await stage.adjust(1);
    await inFlight(stage, SKU);
    for (let change = 0; change < 10; change += 1) await stage.adjust(1);
    expect((await stage.listing(SKU)).state).toBe("IN_FLIGHT");
    await quiet(stage.database);
    expect(stage.told(SKU)).toEqual([6, 16]);
    expect(await stage.statuses()).toEqual(["SUCCEEDED", "SUCCEEDED"]);
    expect((await stage.listing(SKU)).state).toBe("IN_SYNC");
  });

  test("what is due of other stores goes on", async () => {
    await using stage = await setStage();
    await using other = await connectAnother(stage);
    stage.shop.fail({ kind: "stall", ms: 3_000 });
    await stage.adjust(1);
    await until(() => other.shop.quantityOf(SKU) === 6);
    expect(stage.shop.quantityOf(SKU)).toBe(5);
    await quiet(stage.database);
    expect(stage.shop.quantityOf(SKU)).toBe(6);
  });

  async function connectAnother(stage: Stage) {
    const shop = await startTestShop("WEBHOOK");
    await stage.engine.connect(stage.world.customerId, shop);
    return { shop, [Symbol.asyncDispose]: () => shop.close() };
  }
});

describe("a refusal that will not heal", () => {
  test("parks its listing with the platform's words, while the others of the batch succeed", async () => {
    await using stage = await setStage({ items: 3 });
    stage.shop.remove(OTHER);
    await stage.adjust(1);
    await quiet(stage.database);
    expect(stage.world.skus.map((sku) => stage.shop.quantityOf(sku))).toEqual([6, null, 6]);
    expect(stage.calls()).toBe(1);
    const [refused] = await stage.outcomes(OTHER);
    expect(refused).toMatchObject({ status: "FAILED", failureCode: "LISTING_NOT_FOUND", quantitySent: 6 });
    expect(refused?.platformMessage).toContain("woocommerce_rest_product_invalid_id");
    expect((await stage.listing(OTHER)).state).toBe("FAILED");
    expect(await stage.statuses(SKU)).toEqual(["SUCCEEDED"]);
  });

  test("is not tried again by a newer change within the hour, nor holds up others", async () => {
    await using stage = await setStage({ platform: "WEBHOOK", items: 2 });
    stage.shop.remove(OTHER);
    await stage.adjust(1);
    await quiet(stage.database);
    await stage.adjust(1);
    await until(() => stage.shop.quantityOf(SKU) === 7);
    await quiet(stage.database);
    expect(await stage.statuses(OTHER)).toEqual(["FAILED"]);
    expect((await stage.listing(OTHER)).state).toBe("FAILED");
  });

  test("is tried by the newer change when the hour is over", async () => {
    await using stage = await setStage({ platform: "WEBHOOK", items: 2 });
    stage.shop.remove(OTHER);
    await stage.adjust(1);
    await quiet(stage.database);
    stage.shop.add(OTHER, 5);
    await sql(stage.database.dataSource, `update listing set next_attempt_at = now() where parked_code is not null`);
    await stage.adjust(1);
    await until(() => stage.shop.quantityOf(OTHER) === 7);
    await quiet(stage.database);
    expect((await stage.listing(OTHER)).state).toBe("IN_SYNC");
  });
});

describe("a failure that may heal", () => {
  test("is tried again until it heals, and each attempt is told", async () => {
    await using stage = await setStage();
    stage.shop.fail({ kind: "status", status: 503 }, { times: 1_000 });
    await stage.adjust(1);
    await until(async () => (await stage.statuses()).length >= 3);
    expect((await stage.store()).connection_status).toBe("UNREACHABLE");
    stage.shop.heal();
    await quiet(stage.database);
    expect(stage.shop.quantityOf(SKU)).toBe(6);
    const outcomes = await stage.outcomes();
    expect(outcomes.map((outcome) => outcome.attempt)).toEqual(outcomes.map((_, index) => index + 1));
    expect(outcomes.at(-1)).toMatchObject({ status: "SUCCEEDED", failureCode: null });
    for (const failed of outcomes.slice(0, -1))
      expect(failed).toMatchObject({ status: "RETRYING", failureCode: "PLATFORM_UNAVAILABLE", quantitySent: 6 });
    expect((await stage.store()).connection_status).toBe("CONNECTED");
  });

  test.each(["dropAnswer", "reset"] as const)("by %s ends at the right quantity", async (kind) => {
    await using stage = await setStage({ items: 2 });
    stage.shop.fail({ kind }, { times: 2 });
    await stage.adjust(1);
    await quiet(stage.database);
    expect(stage.world.skus.map((sku) => stage.shop.quantityOf(sku))).toEqual([6, 6]);
    expect((await stage.statuses(SKU)).at(-1)).toBe("SUCCEEDED");
  });

  test("that is the store's wish to wait is no attempt and gives no outcome", async () => {
    await using stage = await setStage();
    stage.shop.fail({ kind: "status", status: 429, headers: { "retry-after": "1" } });
    await stage.adjust(1);
    await quiet(stage.database);
    expect(stage.shop.quantityOf(SKU)).toBe(6);
    expect(await stage.statuses()).toEqual(["SUCCEEDED"]);
    expect(stage.calls()).toBe(2);
  });
});

describe("credentials that the store refuses", () => {
  test("close its gate, and what was held back is not lost", async () => {
    await using stage = await setStage({ items: 2 });
    stage.shop.fail({ kind: "status", status: 401, body: `{"code":"woocommerce_rest_cannot_batch","message":"no"}` });
    await stage.adjust(1, SKU);
    await quiet(stage.database);
    expect(await stage.store()).toMatchObject({ connection_status: "CREDENTIALS_INVALID" });
    await stage.adjust(1, OTHER);
    await quiet(stage.database);
    expect(await stage.outcomes(OTHER)).toMatchObject([{ status: "SKIPPED", skips: ["CREDENTIALS_INVALID"] }]);
    expect(stage.calls()).toBe(1);
    await stage.engine.change(async (tx) => {
      const update = { storeId: stage.storeId, name: null, credentials: null, locationId: null, warehouses: null };
      const [row] = await sql<{ credentials: string }>(tx, `select credentials from store where id = $1`, [
        stage.storeId,
      ]);
      await applyStoreUpdate(tx, {
        ...update,
        checked: { sealedCredentials: row?.credentials ?? "", locationId: null },
      });
    });
    await until(() => stage.shop.quantityOf(SKU) === 6 && stage.shop.quantityOf(OTHER) === 6);
  });
});

describe("what matters most", () => {
  test("goes first: a drop to zero overtakes the backlog of a slow store", async () => {
    await using stage = await setStage({ platform: "WEBHOOK", items: 900, syncMode: "ALWAYS" });
    const last = "SKU-0899";
    stage.shop.fail({ kind: "stall", ms: 500 }, { times: 3 });
    await stage.adjust(1);
    await inFlight(stage, SKU);
    await stage.engine.change((tx) =>
      setInventory(tx, BY, { customerId: stage.world.customerId, lines: [{ sku: last, onHand: 0 }] }),
    );
    const behind = await sql<{ external_id: string }>(
      stage.database.dataSource,
      `select external_id from listing where revision > synced_revision and in_flight_since is null`,
    );
    expect(behind.length).toBeGreaterThan(300);
    expect(behind).toContainEqual({ external_id: last });
    const before = stage.calls();
    await quiet(stage.database);
    const waiting = new Set(behind.map((row) => row.external_id));
    const carrying = stage.shop.calls
      .slice(-stage.calls() + before)
      .filter((call) => call.lines.some((line) => waiting.has(line.externalId)));
    // Two calls run at once: which of the first two is done first is the shop's affair.
    const first = carrying.slice(0, 2).flatMap((call) => call.lines.map((line) => line.externalId));
    expect(first).toContain(last);
    expect(stage.shop.quantityOf(last)).toBe(0);
  });
});

describe("a shop that sold units we have not heard of", () => {
  /** A unit is sold just before each of the next writes arrives. */
  const sellAtNextWrites = (stage: Stage, howMany: number): void => {
    let left = howMany;
    const when = ({ body }: { readonly body: string }): boolean => {
      if (left > 0 && body.includes("inventorySetQuantities")) {
        left -= 1;
        stage.shop.sell(SKU, 1);
      }
      return false;
    };
    // The fault itself never strikes.
    stage.shop.fail({ kind: "reset" }, { when });
  };

  test("is not overwritten upwards, and gets our own quantity when the sale has been heard of", async () => {
    await using stage = await setStage({ platform: "SHOPIFY", onHand: 10 });
    stage.shop.sell(SKU, 3);
    await stage.adjust(2);
    await quiet(stage.database);
    expect(stage.told(SKU)).toEqual([9]);
    expect(await stage.outcomes()).toMatchObject([{ status: "SUCCEEDED", quantitySent: 9, quantityAcknowledged: 9 }]);
    expect((await stage.listing(SKU)).recheck_at).not.toBeNull();
    // The order behind the sale reaches us, and the time to settle is over.
    await stage.adjust(-3);
    await quiet(stage.database);
    await sql(stage.database.dataSource, `update listing set recheck_at = now()`);
    await until(async () => (await stage.listing(SKU)).recheck_at === null);
    await quiet(stage.database);
    expect(stage.shop.quantityOf(SKU)).toBe(9);
    expect(await stage.statuses()).toEqual(["SUCCEEDED", "UNCHANGED", "SUCCEEDED"]);
  });

  test("gets our own quantity after the time to settle also where no order came", async () => {
    await using stage = await setStage({ platform: "SHOPIFY", onHand: 10 });
    stage.shop.sell(SKU, 3);
    await stage.adjust(2);
    await quiet(stage.database);
    await sql(stage.database.dataSource, `update listing set recheck_at = now()`);
    await until(() => stage.shop.quantityOf(SKU) === 12);
    await quiet(stage.database);
    expect((await stage.outcomes()).at(-1)).toMatchObject({ status: "SUCCEEDED", trigger: "DRIFT_REPAIR" });
  });

  test("is asked again at once where it sells while we write", async () => {
    await using stage = await setStage({ platform: "SHOPIFY", onHand: 100 });
    sellAtNextWrites(stage, 2);
    await stage.adjust(2);
    await quiet(stage.database);
    expect(await stage.statuses()).toEqual(["SUCCEEDED"]);
    expect(stage.told(SKU)).toEqual([100]);
  });

  test("ends CONFLICT after three lost races, and is tried again", async () => {
    await using stage = await setStage({ platform: "SHOPIFY", onHand: 100 });
    sellAtNextWrites(stage, 3);
    await stage.adjust(2);
    await quiet(stage.database);
    expect(await stage.outcomes()).toMatchObject([
      { status: "CONFLICT", failureCode: "CONFLICT", attempt: 1 },
      { status: "SUCCEEDED", quantityAcknowledged: 99, attempt: 2 },
    ]);
    expect(stage.shop.quantityOf(SKU)).toBe(99);
  });
});
