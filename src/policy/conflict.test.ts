import fc from "fast-check";
import { expect, test } from "vitest";
import { resolveConflict } from "./conflict.js";

test.each([
  ["the shop still has what it acknowledged", { own: 7, acked: 5, seen: 5 }, 7, false],
  ["the shop has more than it acknowledged", { own: 7, acked: 5, seen: 9 }, 7, false],
  ["the shop has more, and ours fell", { own: 2, acked: 5, seen: 9 }, 2, false],
  ["the shop sold 2, ours has not changed", { own: 5, acked: 5, seen: 3 }, 3, true],
  ["the shop sold 2, 4 came in at our side", { own: 9, acked: 5, seen: 3 }, 7, true],
  ["the shop sold 2 and we heard of it", { own: 3, acked: 5, seen: 3 }, 3, false],
  ["the shop sold 2, ours fell by more", { own: 1, acked: 5, seen: 3 }, 1, false],
  ["the shop oversold", { own: 5, acked: 5, seen: -2 }, 0, true],
  ["the shop was told nothing yet", { own: 5, acked: null, seen: 2 }, 5, false],
] as const)("%s", (_title, conflict, quantity, settleAgain) => {
  expect(resolveConflict(conflict)).toEqual({ quantity, settleAgain });
});

test("an unheard sale is never overwritten upwards by more than came in, and never is more sent than we have", () => {
  const units = fc.integer({ min: 0, max: 20 });
  fc.assert(
    fc.property(units, units, fc.integer({ min: -5, max: 25 }), (own, acked, seen) => {
      const { quantity, settleAgain } = resolveConflict({ own, acked, seen });
      expect(quantity).toBeGreaterThanOrEqual(0);
      expect(quantity).toBeLessThanOrEqual(own);
      expect(settleAgain).toBe(quantity !== own);
      if (seen >= acked) expect(quantity).toBe(own);
      else if (quantity > 0) expect(quantity - seen).toBeLessThanOrEqual(Math.max(0, own - acked));
    }),
    { numRuns: 1_000 },
  );
});
