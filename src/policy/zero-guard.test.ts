import fc from "fast-check";
import { expect, test } from "vitest";
import { tripsZeroGuard } from "./zero-guard.js";

test.each([
  ["20 of 20: a small store may sell out", { zeroing: 20, positive: 20 }, false],
  ["21 of 41: more than 20, and more than half", { zeroing: 21, positive: 41 }, true],
  ["21 of 42: just half", { zeroing: 21, positive: 42 }, false],
  ["400 of 1,000: many, but not most", { zeroing: 400, positive: 1_000 }, false],
  ["501 of 1,000", { zeroing: 501, positive: 1_000 }, true],
  ["nothing", { zeroing: 0, positive: 0 }, false],
])("%s", (_title, counts, trips) => {
  expect(tripsZeroGuard(counts)).toBe(trips);
});

test("a single sell-out never trips it, nor do twenty, whatever the store holds", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 20 }), fc.nat(), (zeroing, more) => {
      expect(tripsZeroGuard({ zeroing, positive: zeroing + more })).toBe(false);
    }),
  );
});
