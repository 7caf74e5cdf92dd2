import { MAX_QUANTITY } from "../terms.js";

/** An item in one warehouse. Whole units, none below 0. */
export interface LevelQuantities {
  readonly onHand: number;
  readonly committed: number;
  readonly unavailable: number;
  /** Inbound units of published ship notices that have not arrived. */
  readonly publishedInbound: number;
}

/** One line of the arithmetic, for people: `result` is the line before's (0 before the first) plus `delta`. */
export interface QuantityStep {
  readonly label: string;
  readonly delta: number;
  readonly result: number;
}

/**
 * What a store may sell, 0 … MAX_QUANTITY, from the levels of the warehouses it sells from (none: 0).
 *
 * The four parts are always shown, summed over the warehouses; the limit only where it changes the result. The last result is
 * the quantity. While each part's sum is at most MAX_QUANTITY, every number fits GraphQL's 32-bit Int.
 */
export function publishableQuantity(levels: readonly LevelQuantities[]): {
  readonly quantity: number;
  readonly steps: readonly QuantityStep[];
} {
  const steps: QuantityStep[] = [];
  let result = 0;
  const step = (label: string, delta: number): void => {
    result += delta;
    steps.push({ label, delta, result });
  };
  step("on hand", sumOf(levels, "onHand"));
  step("committed to orders", 0 - sumOf(levels, "committed"));
  step("unavailable", 0 - sumOf(levels, "unavailable"));
  step("published inbound", sumOf(levels, "publishedInbound"));
  if (result < 0) step("never below 0", 0 - result);
  if (result > MAX_QUANTITY) step("at most 1,000,000,000", MAX_QUANTITY - result);
  return { quantity: result, steps };
}

/** The units of one part over all levels. */
export function sumOf(levels: readonly LevelQuantities[], part: keyof LevelQuantities): number {
  return levels.reduce((sum, level) => sum + level[part], 0);
}
