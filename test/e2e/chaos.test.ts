/** A short run of the chaos suite: `npm run chaos` has longer ones. */
import { expect, test } from "vitest";
import { runChaos } from "../chaos/run.js";
import { seed } from "../support/random.js";

const SECONDS = 20;
/** What failed last may wait minutes for its next try. */
const MOST_MS = 480_000;

test(`through kills, freezes, crashes of the database and shops in trouble, every promise is kept (TEST_SEED=${String(seed)})`, {
  timeout: MOST_MS,
}, async () => {
  const { violations, evidence, summary } = await runChaos({ seed, seconds: SECONDS, queueUrl: null });
  console.log(summary, evidence ?? "");
  expect(violations).toEqual([]);
  expect(summary["stock changes"]).toBeGreaterThan(0);
  expect(summary["lines written"]).toBeGreaterThan(0);
  expect(summary["kills of workers"]).toBeGreaterThan(0);
});
