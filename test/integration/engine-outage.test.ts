import { describe, expect, onTestFinished, test } from "vitest";
import { acceptSyncInventory } from "../../src/sync/operations.js";
import { sql } from "../../src/sync/sql.js";
import { quiet, type SandboxPlatform, type Stage, setStage, startTestEngine } from "../support/engine.js";
import { until } from "../support/until.js";
import { BY } from "../support/world.js";

const SKU = "SKU-0000";

describe("a store that does not answer", () => {
  const goesDown = async (stage: Stage): Promise<void> => {
    stage.shop.fail({ kind: "status", status: 503 }, { times: 1_000 });
    await stage.adjust(1);
    await until(async () => (await stage.store()).connection_status === "UNREACHABLE");
    // The calls that were under way when it was found out.
    await until(async () => {
      const [held] = await sql(stage.database.dataSource, `select 1 from store_queue where owner is not null`);
      return held === undefined;
    });
  };

  test("is asked with one listing at a time whether it is back, and then gets everything", async () => {
    await using stage = await setStage({ items: 350 });
    await goesDown(stage);
    const [calls, told] = [stage.calls(), (await stage.outcomes()).length];

    await until(() => stage.calls() >= calls + 2);
    await until(async () => (await stage.outcomes()).length >= told + 2);
    const asked = stage.calls() - calls;
    expect((await stage.outcomes()).length - told).toBeLessThanOrEqual(asked);

    stage.shop.heal();
    await quiet(stage.database);
    expect(stage.world.skus.map((sku) => stage.shop.quantityOf(sku))).toEqual(stage.world.skus.map(() => 6));
    expect((await stage.store()).connection_status).toBe("CONNECTED");
  });

  test("has nothing wait any longer once it answers again", async () => {
    await using stage = await setStage({ items: 5 });
    await goesDown(stage);
    await sql(
      stage.database.dataSource,
      `update listing set attempts = 8, next_attempt_at = now() + interval '5 minutes'`,
    );
    await sql(
      stage.database.dataSource,
      `update listing set next_attempt_at = null where id = (select min(id::text)::uuid from listing)`,
    );
    stage.shop.heal();
    await quiet(stage.database);
    expect(stage.world.skus.map((sku) => stage.shop.quantityOf(sku))).toEqual(stage.world.skus.map(() => 6));
  });
});

describe("a call whose answer nobody heard", () => {
  test.each<[SandboxPlatform, readonly number[]]>([
    // It takes whatever comes, also a call that it carries out late.
    ["WOOCOMMERCE", [6, 6]],
    // These refuse what is older than what they have.
    ["WEBHOOK", [6]],
    ["SHOPIFY", [6]],
  ])("to a %s shop has what was sent after it come to be %j there", async (platform, expected) => {
    await using stage = await setStage({ platform });
    await sql(stage.database.dataSource, `update listing set in_flight_since = now()`);
    await stage.adjust(1);
    await quiet(stage.database);
    await sql(stage.database.dataSource, `update listing set recheck_at = now() where recheck_at is not null`);
    await until(async () => (await stage.listing(SKU)).recheck_at === null);
    await quiet(stage.database);
    expect(stage.told(SKU)).toEqual(expected);
  });
});

test("a store that changes hands is not called more often than its pace allows", async () => {
  await using stage = await setStage({ platform: "WEBHOOK", items: 2_500, syncMode: "ALWAYS" });
  const before = stage.calls();
  await stage.engine.change((tx) =>
    acceptSyncInventory(tx, BY, {
      customerId: stage.world.customerId,
      selection: { filter: {} },
      storeIds: null,
      includeNeverReceived: false,
    }),
  );
  await until(() => stage.calls() >= before + 15);
  await stage.engine.stop();
  const next = startTestEngine(stage.database, stage.drivers);
  onTestFinished(() => next.stop(0));
  await quiet(stage.database);

  const arrivals = stage.shop.calls.slice(-(stage.calls() - before)).map((call) => call.receivedMs);
  expect(arrivals.length).toBeGreaterThanOrEqual(25);
  const inWindow = arrivals.map((from) => arrivals.filter((at) => at >= from && at < from + 900).length);
  expect(Math.max(...inWindow)).toBeLessThanOrEqual(20);
});
