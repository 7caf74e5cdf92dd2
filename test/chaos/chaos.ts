/**
 * `npm run chaos -- --seed 7 --seconds 60 [--queue-url redis://…]`: load and faults from this seed, then rest, then judgement.
 * Ends with 1 where a promise was broken, and says which, and how to have it again.
 */
import { parseArgs } from "node:util";
import { type ChaosResult, runChaos } from "./run.js";
import { build } from "./stage.js";

const { values } = parseArgs({
  options: { seed: { type: "string" }, seconds: { type: "string" }, "queue-url": { type: "string" } },
});
const seed = wholeNumber("seed", values.seed ?? String(Math.floor(Math.random() * 2 ** 31)));
const seconds = wholeNumber("seconds", values.seconds ?? "60");
const queueUrl = values["queue-url"] ?? null;
const again = [
  `npm run chaos -- --seed ${seed} --seconds ${seconds}`,
  ...(queueUrl ? [`--queue-url ${queueUrl}`] : []),
];

process.stdout.write(`${again.join(" ")}\n`);
const interruption = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.once(signal, () => {
    interruption.abort();
  });
await build();
report(await runChaos({ seed, seconds, queueUrl, interrupted: interruption.signal }));

function report({ violations, summary, evidence }: ChaosResult): void {
  for (const [what, count] of Object.entries(summary)) process.stdout.write(`${String(count).padStart(8)}  ${what}\n`);
  if (evidence === null) {
    process.stdout.write("Every promise was kept.\n");
    return;
  }
  for (const { promise, what } of violations) process.stdout.write(`BROKEN ${promise}: ${what}\n`);
  process.stdout.write(`${violations.length} violations; history and logs: ${evidence}\nAgain: ${again.join(" ")}\n`);
  process.exitCode = 1;
}

function wholeNumber(name: string, text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 0) throw new Error(`--${name} must be a whole number.`);
  return number;
}
