import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ProcessOrdersManagement } from "../terms.js";
import { type AvailableChange, nextProcessOrders } from "./process-orders.js";

const receipt = (availableBefore: number, availableAfter: number, firstReceipt = false): AvailableChange => ({
  kind: "RECEIPT",
  firstReceipt,
  availableBefore,
  availableAfter,
});
const other = (availableBefore: number, availableAfter: number): AvailableChange => ({
  kind: "OTHER",
  firstReceipt: false,
  availableBefore,
  availableAfter,
});

const [ON, OFF] = [true, false];

describe.each<readonly [ProcessOrdersManagement, readonly (readonly [string, AvailableChange, boolean, boolean])[]]>([
  [
    "MANUAL",
    [
      ["a first receipt leaves it off", receipt(0, 5, true), OFF, OFF],
      ["a sell-out leaves it on", other(5, 0), ON, ON],
    ],
  ],
  [
    "FIRST_RECEIPT",
    [
      ["the first receipt switches it on", receipt(0, 5, true), OFF, ON],
      ["a later receipt leaves it off", receipt(0, 5), OFF, OFF],
      ["an adjustment leaves it off", other(0, 5), OFF, OFF],
      ["a sell-out leaves it on", other(5, 0), ON, ON],
    ],
  ],
  [
    "RECEIPT_AND_SELLOUT",
    [
      ["the first receipt switches it on", receipt(0, 5, true), OFF, ON],
      ["any receipt switches it on", receipt(3, 5), OFF, ON],
      ["a receipt switches it on also where more is promised still", receipt(-9, -4), OFF, ON],
      ["an adjustment leaves it off", other(0, 5), OFF, OFF],
      ["a sell-out switches it off", other(5, 0), ON, OFF],
      ["an oversale switches it off", other(5, -1), ON, OFF],
      ["a fall that is no sell-out leaves it on", other(5, 1), ON, ON],
      ["a further fall below zero leaves what a person set", other(0, -1), ON, ON],
    ],
  ],
  [
    "RECEIPT_ADJUSTMENT_AND_SELLOUT",
    [
      ["the first receipt switches it on", receipt(0, 5, true), OFF, ON],
      ["an adjustment, a set or a release that brings it above 0 switches it on", other(0, 1), OFF, ON],
      ["so does an increase of what is above 0 already", other(1, 2), OFF, ON],
      ["an increase that stays at 0 or below leaves it off", other(-2, 0), OFF, OFF],
      ["a receipt that stays at 0 or below leaves it off", receipt(-9, -4), OFF, OFF],
      ["a decrease that stays above 0 leaves it off", other(5, 4), OFF, OFF],
      ["a change of nothing leaves it off", other(5, 5), OFF, OFF],
      ["a sell-out switches it off", other(5, 0), ON, OFF],
      ["a further fall below zero leaves what a person set", other(0, -1), ON, ON],
    ],
  ],
])("under %s", (management, rows) => {
  test.each(rows)("%s", (_title, change, current, next) => {
    expect(nextProcessOrders(management, current, change)).toBe(next);
  });
});

test("a sell-out switches off in exactly the two managements that say so, and nothing else ever does", () => {
  const amount = fc.integer({ min: -5, max: 5 });
  const change = fc.record({
    kind: fc.constantFrom("RECEIPT" as const, "OTHER" as const),
    firstReceipt: fc.boolean(),
    availableBefore: amount,
    availableAfter: amount,
  });
  fc.assert(
    fc.property(fc.constantFrom(...Object.values(ProcessOrdersManagement)), change, (management, change) => {
      const soldOut = change.availableBefore > 0 && change.availableAfter <= 0;
      const heedsSellOut = management === "RECEIPT_AND_SELLOUT" || management === "RECEIPT_ADJUSTMENT_AND_SELLOUT";
      expect(nextProcessOrders(management, true, change)).toBe(!(soldOut && heedsSellOut));
      // What switches on does so whatever it was before; what doesn't, keeps it off.
      if (nextProcessOrders(management, false, change)) {
        expect(nextProcessOrders(management, true, change)).toBe(true);
        expect(management).not.toBe("MANUAL");
      }
    }),
    { numRuns: 1_000 },
  );
});
