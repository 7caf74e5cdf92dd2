import { describe, expect, test } from "vitest";
import { Budget } from "./budget.js";
import type { QueryCost } from "./wire.js";

/** So slow a bucket that the time a test takes restores nothing. */
const POINTS_PER_SECOND = 0.001;

function says(currentlyAvailable: number): QueryCost {
  const throttleStatus = { maximumAvailable: 1_000, currentlyAvailable, restoreRate: POINTS_PER_SECOND };
  return { requestedQueryCost: 10, throttleStatus };
}

function afterAnswer(currentlyAvailable: number): Budget {
  const budget = new Budget();
  budget.settle(budget.reserve(10), says(currentlyAvailable));
  return budget;
}

describe("a store's budget", () => {
  test("lets everything go where nothing is known", () => {
    expect(new Budget().waitMs(1_000)).toBe(0);
  });

  test("pays what the newest answer says that there is, and waits for what is missing", () => {
    const budget = afterAnswer(20);
    expect(budget.waitMs(20)).toBe(0);
    const seconds = budget.waitMs(21) / 1_000;
    expect(seconds).toBeGreaterThan(999);
    expect(seconds).toBeLessThanOrEqual(1_000);
  });

  test("keeps points for the calls that are announced, until they have ended", () => {
    const budget = afterAnswer(20);
    const announced = budget.reserve(10);
    expect(budget.waitMs(10)).toBe(0);
    expect(budget.waitMs(11)).toBeGreaterThan(0);
    budget.settle(announced, undefined);
    expect(budget.waitMs(20)).toBe(0);
  });

  test("does not take a larger figure from an answer that another has overtaken", () => {
    const budget = afterAnswer(30);
    const [first, second] = [budget.reserve(10), budget.reserve(10)];
    budget.settle(second, says(10));
    budget.settle(first, says(20));
    expect(budget.waitMs(15)).toBeGreaterThan(0);
    budget.settle(budget.reserve(10), says(20));
    expect(budget.waitMs(15)).toBe(0);
  });
});
