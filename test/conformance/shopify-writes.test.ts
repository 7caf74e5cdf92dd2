import { describe, expect, test } from "vitest";
import { newUuid } from "../../src/terms.js";
import { calm, fault, isWrite, kinds, Stage, userError } from "./shopify-stage.js";

describe("a Shopify write", () => {
  test("says what it expects of every line, null included, and names a reason and a source", async () => {
    await using stage = await Stage.set([3, 4]);
    const [first, second] = stage.changes([7, 8]);
    if (!first || !second) throw new Error("There are two changes.");
    await stage.send([first, { ...second, expectedQuantity: null }]);
    const body: unknown = JSON.parse(stage.bodies.at(-1) ?? "");
    expect(body).toMatchObject({
      variables: {
        key: expect.stringMatching(/^[0-9a-f-]{36}$/),
        input: {
          name: "available",
          reason: "correction",
          referenceDocumentUri: expect.stringMatching(/^gid:\/\/evenkeel\/InventorySync\/[0-9a-f-]{36}$/),
          quantities: [
            { inventoryItemId: first.externalId, quantity: 7, changeFromQuantity: 3 },
            { inventoryItemId: second.externalId, quantity: 8, changeFromQuantity: null },
          ],
        },
      },
    });
    expect(stage.quantities()).toEqual([7, 8]);
  });

  test("of a stale line is a conflict with what the shop has now, and the other lines are written", async () => {
    await using stage = await Stage.set([10, 20, 30, 40]);
    const changes = stage.changes([11, 21, 31, 41]);
    stage.shop.sell("SKU-1", 4);
    stage.shop.sell("SKU-3", 1);
    expect((await stage.send(changes)).lines).toEqual([
      { kind: "accepted", applied: true },
      { kind: "conflict", observedQuantity: 16 },
      { kind: "accepted", applied: true },
      { kind: "conflict", observedQuantity: 39 },
    ]);
    expect(stage.quantities()).toEqual([11, 16, 31, 39]);
  });

  test("of a stale line whose quantity cannot be read is a conflict without it", async () => {
    await using stage = await Stage.set([10, 20]);
    const changes = stage.changes([11, 21]);
    stage.shop.sell("SKU-1", 4);
    stage.shop.fail({ kind: "status", status: 503 }, { when: (request) => !isWrite(request) });
    expect((await stage.send(changes)).lines).toMatchObject([
      { kind: "accepted" },
      { kind: "conflict", observedQuantity: null },
    ]);
  });

  test("refused as stale although the shop has what was expected is tried once more, with another key", async () => {
    await using stage = await Stage.set([10, 20]);
    const field = ["input", "quantities", "1", "changeFromQuantity"];
    stage.shop.fail({ kind: "status", status: 200, body: userError("CHANGE_FROM_QUANTITY_STALE", field) });
    expect(kinds(await stage.send(stage.changes([11, 21])))).toEqual(["accepted", "accepted"]);
    expect(stage.quantities()).toEqual([11, 21]);
  });

  test.each(["first", "unnamed"] as const)(
    "finds the lines at fault among 250 where the shop tells of them: %s",
    async (lineFaults) => {
      await using stage = await Stage.set(
        Array.from({ length: 250 }, () => 5),
        { lineFaults },
      );
      const changes = stage.changes(Array.from({ length: 250 }, () => 6));
      stage.shop.sell("SKU-17", 2);
      stage.shop.remove("SKU-200");
      const { lines } = await stage.send(changes);
      const expected = changes.map(({ sku }) =>
        sku === "SKU-17"
          ? { kind: "conflict", observedQuantity: 3 }
          : sku === "SKU-200"
            ? expect.objectContaining({ kind: "rejected", code: "LISTING_NOT_FOUND" })
            : { kind: "accepted", applied: true },
      );
      expect(lines).toEqual(expected);
    },
  );

  test("of a call full of lines at fault, told one by one, leaves for later what it did not reach", async () => {
    await using stage = await Stage.set(
      Array.from({ length: 100 }, () => 5),
      { lineFaults: "first" },
    );
    const changes = stage.changes(Array.from({ length: 100 }, () => 6));
    for (const { sku } of changes) stage.shop.sell(sku, 1);
    const reached = kinds(await stage.send(changes));
    expect(new Set(reached)).toEqual(new Set(["conflict", "unavailable"]));
    expect(new Set(stage.quantities())).toEqual(new Set([4]));
  });

  test("that changes nothing is accepted, whether or not Shopify makes a group of it", async () => {
    await using stage = await Stage.set([3]);
    const data = { inventorySetQuantities: { inventoryAdjustmentGroup: null, userErrors: [] } };
    stage.shop.fail({ kind: "lie", body: JSON.stringify({ data }) });
    expect(kinds(await stage.send(stage.changes([3])))).toEqual(["accepted"]);
    expect(kinds(await stage.send(stage.changes([3])))).toEqual(["accepted"]);
  });

  test("of an item that was not stocked at the location stocks it", async () => {
    await using stage = await Stage.set([]);
    stage.add("NEW", 0, { locationId: null });
    expect(kinds(await stage.send([stage.change("NEW", 4)]))).toEqual(["accepted"]);
    expect(stage.quantities()).toEqual([4]);
  });

  test("refuses a bundle and an id of nothing, and writes the others", async () => {
    await using stage = await Stage.set([1]);
    stage.add("BUNDLE", 1, { bundle: true });
    const { lines } = await stage.send([
      stage.change("BUNDLE", 5),
      stage.change("SKU-0", 6),
      stage.change("NONE", 7),
      stage.change("NONE", 8, { externalId: "8" }),
    ]);
    expect(lines).toMatchObject([
      { kind: "rejected", code: "VALIDATION_REJECTED", message: expect.stringContaining("NON_MUTABLE_INVENTORY_ITEM") },
      { kind: "accepted" },
      { kind: "rejected", code: "LISTING_NOT_FOUND" },
      { kind: "rejected", code: "LISTING_NOT_FOUND" },
    ]);
    expect(stage.quantities()).toEqual([6, 1]);
  });

  test.each([
    ["ITEM_NOT_STOCKED_AT_LOCATION", ["input", "quantities", "0", "locationId"]],
    ["INVALID_LOCATION", ["input", "quantities", "0", "locationId"]],
  ])("refused with %s refuses that line and writes the others", async (code, field) => {
    await using stage = await Stage.set([1, 2]);
    stage.shop.fail({ kind: "status", status: 200, body: userError(code, field) });
    expect((await stage.send(stage.changes([8, 9]))).lines).toMatchObject([
      { kind: "rejected", code: "LOCATION_NOT_STOCKED" },
      { kind: "accepted" },
    ]);
    expect(stage.quantities()).toEqual([1, 9]);
  });

  test("to a location that is gone, or to none, refuses all lines", async () => {
    for (const locationId of ["gid://shopify/Location/77", null]) {
      await using stage = await Stage.set([1, 2], { locationId });
      for (const line of (await stage.send(stage.changes([8, 9]))).lines)
        expect(line).toMatchObject({ kind: "rejected", code: "LOCATION_NOT_STOCKED" });
      expect(stage.quantities()).toEqual([1, 2]);
    }
  });

  test("of two listings with one item goes in two calls", async () => {
    await using stage = await Stage.set([1, 1]);
    const [first, second] = stage.changes([5, 5]);
    if (!first || !second) throw new Error("There are two changes.");
    const twin = { ...first, listingId: newUuid() };
    expect(stage.connector.partition([first, twin, second])).toEqual([
      { changes: [first, second] },
      { changes: [twin] },
    ]);
  });
});

describe("a Shopify idempotency key", () => {
  test("makes a repeat after a lost answer write once, and not undo what was sold since", async () => {
    await using stage = await Stage.set([3, 4]);
    const changes = stage.changes([8, 9]);
    const key = newUuid();
    stage.shop.fail({ kind: "dropAnswer" });
    expect((await stage.send(changes, key)).lines).toMatchObject([{ kind: "unavailable" }, { kind: "unavailable" }]);
    stage.shop.sell("SKU-0", 2);
    expect(kinds(await stage.send(changes, key))).toEqual(["accepted", "accepted"]);
    expect(stage.writeCount()).toBe(1);
    expect(stage.quantities()).toEqual([6, 9]);
  });

  test("makes a repeat overwrite nothing also where lines had been taken out before the answer was lost", async () => {
    await using stage = await Stage.set([3, 4]);
    const changes = [...stage.changes([8, 9]), stage.change("NONE", 1)];
    const key = newUuid();
    let writes = 0;
    const when = (request: { readonly body: string }): boolean => isWrite(request) && (writes += 1) === 2;
    stage.shop.fail({ kind: "dropAnswer" }, { when });
    expect(kinds(await stage.send(changes, key))).toEqual(["unavailable", "unavailable", "rejected"]);
    stage.shop.sell("SKU-0", 2);
    // Shopify refuses the first key, whose request had failed; with another one these are stale.
    expect((await stage.send(changes, key)).lines).toMatchObject([
      { kind: "conflict", observedQuantity: 6 },
      { kind: "conflict", observedQuantity: 9 },
      { kind: "rejected" },
    ]);
    expect(stage.writeCount()).toBe(1);
    expect(stage.quantities()).toEqual([6, 9]);
  });

  test("is another one for the same lines expecting something else", async () => {
    await using stage = await Stage.set([3]);
    const key = newUuid();
    await stage.send(stage.changes([8]), key);
    stage.shop.sell("SKU-0", 2);
    await stage.send(stage.changes([8]), key);
    expect(stage.quantities()).toEqual([8]);
  });

  test.each(["IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED", "IDEMPOTENCY_KEY_PARAMETER_MISMATCH"])(
    "refused with %s is replaced, and not for ever",
    async (code) => {
      await using stage = await Stage.set([3]);
      const answer = { kind: "status", status: 200, body: userError(code) } as const;
      stage.shop.fail(answer, { times: 2 });
      expect(kinds(await stage.send(stage.changes([8])))).toEqual(["accepted"]);
      stage.shop.fail(answer, { times: 3 });
      expect((await stage.send(stage.changes([9]))).lines).toMatchObject([{ kind: "unavailable", scope: "line" }]);
      expect(stage.quantities()).toEqual([8]);
    },
  );

  test("that earlier tries have used up does not stand in a later one's way", async () => {
    await using stage = await Stage.set([3]);
    const stale = [stage.change("SKU-0", 8, { expectedQuantity: 5 })];
    const key = newUuid();
    for (const _ of [1, 2, 3, 4])
      expect((await stage.send(stale, key)).lines).toEqual([{ kind: "conflict", observedQuantity: 3 }]);
  });

  test("whose first request still runs is kept for later", async () => {
    await using stage = await Stage.set([3]);
    const changes = stage.changes([8]);
    const key = newUuid();
    stage.shop.fail({ kind: "status", status: 200, body: userError("IDEMPOTENCY_CONCURRENT_REQUEST") });
    expect((await stage.send(changes, key)).lines).toMatchObject([{ kind: "unavailable", scope: "line" }]);
    stage.watch();
    expect(kinds(await stage.send(changes, key))).toEqual(["accepted"]);
  });
});

describe("the Shopify bucket", () => {
  const throttled = (status: object): string => fault("THROTTLED", { extensions: { cost: status } });

  test.each([200, 429])("that lacks points (HTTP %i) is waited for until it has them", async (status) => {
    await using stage = await Stage.set([3]);
    const throttleStatus = { maximumAvailable: 2_000, currentlyAvailable: 152, restoreRate: 50 };
    const body = throttled({ requestedQueryCost: 752, actualQueryCost: null, throttleStatus });
    stage.shop.fail({ kind: "status", status, body });
    const result = await stage.send(stage.changes([8]));
    expect(result.lines).toEqual([{ kind: "throttled", retryAfterMs: 12_000 }]);
    expect(result.nextCallInMs).toBeGreaterThanOrEqual(12_000);
    expect(stage.quantities()).toEqual([3]);
  });

  test("tells by nextCallInMs when it can pay the next call, and refuses one before", async () => {
    // So slow that the time the test takes restores nothing.
    await using stage = await Stage.set([0], { restoreRate: 0.01, bucketSize: 25 });
    expect((await stage.send(stage.changes([1]))).nextCallInMs).toBe(0);
    const { nextCallInMs } = await stage.send(stage.changes([2]));
    const third = await stage.send(stage.changes([3]));
    // A call costs 10; 5 are left, and 5 more take 500 s.
    for (const waitMs of [nextCallInMs, third.nextCallInMs]) {
      expect(waitMs).toBeGreaterThan(400_000);
      expect(waitMs).toBeLessThanOrEqual(500_000);
    }
    expect(third.lines).toEqual([{ kind: "throttled", retryAfterMs: 500_000 }]);
    expect(stage.quantities()).toEqual([2]);
  });

  test("refuses none of the calls that go side by side at its rate", async () => {
    await using stage = await Stage.set([0, 0, 0], { restoreRate: 400, bucketSize: 30 });
    const lane = async (sku: string): Promise<readonly string[]> => {
      const seen: string[] = [];
      for (let quantity = 1; quantity <= 6; quantity += 1)
        seen.push(...kinds(await stage.send([stage.change(sku, quantity)])));
      return seen;
    };
    const lanes = await Promise.all(["SKU-0", "SKU-1", "SKU-2"].map(lane));
    expect(new Set(lanes.flat())).toEqual(new Set(["accepted"]));
    expect(stage.quantities()).toEqual([6, 6, 6]);
  });

  test("that a look-up runs dry half-way is waited for, and nothing found is lost", async () => {
    await using stage = await Stage.set(
      Array.from({ length: 150 }, () => 1),
      { restoreRate: 1_000, bucketSize: 700 },
    );
    const found = await stage.connector.findBySku([...stage.ids.keys()], calm());
    expect(found.ok && found.value.length).toBe(150);
  });
});
