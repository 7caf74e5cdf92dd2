import fc from "fast-check";
import { expect, test } from "vitest";
import { NOW } from "../../test/support/policy-states.js";
import type { LineResult } from "../platforms/platform.js";
import { backoffMs, type NextStep, nextStep, probeMs } from "./next-step.js";

const HALF = () => 0.5;
const inMs = (ms: number) => new Date(NOW.getTime() + ms);

test.each<readonly [string, LineResult, number, NextStep]>([
  ["an applied quantity settles", { kind: "accepted", applied: true }, 3, { do: "settle" }],
  ["one that is taken and applied later settles", { kind: "accepted", applied: false }, 0, { do: "settle" }],
  [
    "a throttled line waits as asked",
    { kind: "throttled", retryAfterMs: 2_000 },
    3,
    { do: "defer", retryAfterMs: 2_000 },
  ],
  ["a wait is never negative", { kind: "throttled", retryAfterMs: -5 }, 0, { do: "defer", retryAfterMs: 0 }],
  [
    "a lost race is decided anew",
    { kind: "conflict", observedQuantity: 4 },
    0,
    { do: "conflict", observedQuantity: 4, backOffUntil: inMs(500) },
  ],
  [
    "so is one in which the store would not say what it has",
    { kind: "conflict", observedQuantity: null },
    2,
    { do: "conflict", observedQuantity: null, backOffUntil: inMs(2_000) },
  ],
  [
    "a first failure that may heal is tried again within a second",
    {
      kind: "unavailable",
      code: "TIMEOUT",
      message: "no answer",
      scope: "line",
    },
    0,
    { do: "retry", at: inMs(500), code: "TIMEOUT", message: "no answer" },
  ],
  [
    "the thousandth is tried again as well",
    {
      kind: "unavailable",
      code: "PLATFORM_UNAVAILABLE",
      message: "503",
      scope: "store",
    },
    999,
    {
      do: "retry",
      at: inMs(150_000),
      code: "PLATFORM_UNAVAILABLE",
      message: "503",
    },
  ],
  [
    "a refusal that will not heal parks the listing for an hour",
    { kind: "rejected", code: "STOCK_UNMANAGED", message: "not tracked" },
    0,
    {
      do: "park",
      until: inMs(3_600_000),
      code: "STOCK_UNMANAGED",
      message: "not tracked",
    },
  ],
  [
    "refused credentials stop the store and park nothing",
    { kind: "rejected", code: "CREDENTIALS_INVALID", message: "401" },
    0,
    {
      do: "stopStore",
      status: "CREDENTIALS_INVALID",
      code: "CREDENTIALS_INVALID",
      message: "401",
    },
  ],
  [
    "an endpoint that is gone disconnects the store",
    { kind: "gone", message: "410" },
    0,
    {
      do: "stopStore",
      status: "DISCONNECTED",
      code: "PLATFORM_UNAVAILABLE",
      message: "410",
    },
  ],
])("%s", (_title, result, attempts, step) => {
  expect(nextStep(result, attempts, NOW, HALF)).toEqual(step);
});

test("a backoff is full jitter: anywhere from 100 ms to below 1 s doubled with each failure, never 5 minutes", () => {
  const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  fc.assert(
    fc.property(fc.nat({ max: 2_000 }), chance, (attempt, random) => {
      const wait = backoffMs(attempt, () => random);
      expect(Number.isInteger(wait)).toBe(true);
      expect(wait).toBeGreaterThanOrEqual(100);
      expect(wait).toBeLessThan(Math.min(300_000, 1_000 * 2 ** attempt));
    }),
    {
      examples: [
        [0, 0],
        [0, 0.9999999],
        [8, 0.9999999],
        [9, 0.9999999],
        [2_000, 0],
      ],
    },
  );
});

test("a store that is down is asked again after 1 s doubled with each failure, 30 s at most, of which half is random", () => {
  const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2_000 }), chance, (failures, random) => {
      const wait = probeMs(failures, () => random);
      const ceiling = Math.min(30_000, 1_000 * 2 ** (failures - 1));
      expect(wait).toBeGreaterThanOrEqual(ceiling / 2);
      // The largest random number below 1 rounds up to 1.
      expect(wait).toBeLessThanOrEqual(ceiling);
    }),
  );
});
