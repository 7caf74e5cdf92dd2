import fc from "fast-check";
import { expect, test } from "vitest";
import { levels as anyLevel } from "../../test/support/policy-states.js";
import { MAX_QUANTITY } from "../terms.js";
import { publishableQuantity } from "./publishable-quantity.js";

test.each([
  ["nothing where the store sells from no warehouse", [], 0],
  ["what is on hand, less what is promised or not sellable, and what is coming in", [[9, 3, 1, 2]], 7],
  [
    "the sum over the warehouses",
    [
      [5, 0, 0, 0],
      [4, 1, 0, 0],
    ],
    8,
  ],
  [
    "what one warehouse owes is taken from what another has",
    [
      [5, 0, 0, 0],
      [0, 4, 0, 0],
    ],
    1,
  ],
  ["never below 0", [[2, 5, 0, 0]], 0],
  ["at most what every platform takes", [[MAX_QUANTITY, 0, 0, 1]], MAX_QUANTITY],
] as const)("the publishable quantity is %s", (_title, rows, quantity) => {
  const levels = rows.map(([onHand, committed, unavailable, publishedInbound]) => ({
    onHand,
    committed,
    unavailable,
    publishedInbound,
  }));
  expect(publishableQuantity(levels).quantity).toBe(quantity);
});

test("the steps name each part, and the limit where it acts", () => {
  expect(publishableQuantity([{ onHand: 2, committed: 5, unavailable: 1, publishedInbound: 1 }]).steps).toEqual([
    { label: "on hand", delta: 2, result: 2 },
    { label: "committed to orders", delta: -5, result: -3 },
    { label: "unavailable", delta: -1, result: -4 },
    { label: "published inbound", delta: 1, result: -3 },
    { label: "never below 0", delta: 3, result: 0 },
  ]);
});

test("the steps add up to the quantity, which stays in its range, in whole 32-bit numbers", () => {
  fc.assert(
    fc.property(fc.array(anyLevel, { maxLength: 3 }), (levels) => {
      const { quantity, steps } = publishableQuantity(levels);
      let before = 0;
      for (const { delta, result } of steps) {
        expect(result).toBe(before + delta);
        // `| 0` is the identity of 32-bit integers only, and tells -0 from 0 as GraphQL's JSON would not.
        expect([delta | 0, result | 0]).toEqual([delta, result]);
        before = result;
      }
      expect(quantity).toBe(before);
      expect(quantity).toBeGreaterThanOrEqual(0);
      expect(quantity).toBeLessThanOrEqual(MAX_QUANTITY);
      const owed = levels.reduce((sum, l) => sum + l.onHand - l.committed - l.unavailable + l.publishedInbound, 0);
      expect(quantity).toBe(Math.min(MAX_QUANTITY, Math.max(0, owed)));
    }),
  );
});
