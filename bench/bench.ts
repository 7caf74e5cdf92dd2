/**
 * `npm run bench [-- NAME…]`: what the promises cost, each figure beside a control that does the same with as little as
 * possible. Builds first: latency, feed, memory and start measure the built gateway in a process of its own, resync the
 * engine's source. Pipe the JSON lines with `npm run --silent bench`.
 */
import { execFileSync } from "node:child_process";
import { parseArgs } from "node:util";
import { Stops } from "../src/stops.js";
import { dispatch } from "./dispatch.js";
import { fairness } from "./fairness.js";
import { feed } from "./feed.js";
import { latency } from "./latency.js";
import { memory } from "./memory.js";
import { million } from "./million.js";
import { pace } from "./pace.js";
import { queues } from "./queues.js";
import { recovery } from "./recovery.js";
import { type Bench, type BenchOptions, type Figure, jsonLine, table } from "./report.js";
import { resync } from "./resync.js";
import { start } from "./start.js";
import { urgency } from "./urgency.js";
import { wall } from "./wall.js";

const BENCHES: Readonly<Record<string, Bench>> = {
  latency,
  resync,
  feed,
  memory,
  start,
  dispatch,
  pace,
  urgency,
  fairness,
  recovery,
  million,
  queues,
  wall,
};
const DEFAULTS: BenchOptions = { samples: 600, listings: 10_000, rounds: 3, outcomes: 2_000, seconds: 10, stores: 100 };
/** Where a bench is about another size than the others. */
const DEFAULTS_OF: Readonly<Record<string, Partial<BenchOptions>>> = {
  dispatch: { samples: 20_000 },
  pace: { listings: 50_000, seconds: 60 },
  urgency: { listings: 100_000, samples: 20 },
  fairness: { listings: 1_000_000, stores: 999, seconds: 30 },
  recovery: { samples: 10 },
  queues: { samples: 300 },
  wall: { samples: 200 },
  million: { listings: 1_000_000, stores: 2 },
};

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: Object.fromEntries(Object.keys(DEFAULTS).map((name) => [name, { type: "string" as const }])),
  });
  const unknown = positionals.filter((name) => !(name in BENCHES));
  if (unknown.length > 0)
    throw new Error(`There is no bench ${unknown.join(", ")}: there are ${Object.keys(BENCHES).join(", ")}.`);
  const optionsOf = (bench: string): BenchOptions => {
    const count = (name: keyof BenchOptions): number => {
      const given = Number(values[name] ?? DEFAULTS_OF[bench]?.[name] ?? DEFAULTS[name]);
      if (!Number.isSafeInteger(given) || given < 1) throw new Error(`--${name} must be a whole number, 1 or more.`);
      return given;
    };
    return {
      samples: count("samples"),
      listings: count("listings"),
      rounds: count("rounds"),
      outcomes: count("outcomes"),
      seconds: count("seconds"),
      stores: count("stores"),
    };
  };
  execFileSync("npm", ["run", "--silent", "build"], { stdio: ["ignore", 2, 2] });
  const figures: Figure[] = [];
  for (const [name, bench] of Object.entries(BENCHES)) {
    if (positionals.length > 0 && !positionals.includes(name)) continue;
    for (const figure of await run(name, bench, optionsOf(name))) {
      figures.push(figure);
      process.stdout.write(jsonLine(figure));
    }
  }
  process.stderr.write(`\n${table(figures)}`);
}

/** Nothing that it started is left, also where it fails or a signal ends it. */
async function run(name: string, bench: Bench, options: BenchOptions): Promise<readonly Figure[]> {
  const stops = new Stops();
  const stop = (): void => {
    void stops.all().finally(() => process.exit(1));
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, stop);
  const note = (text: string): void => {
    process.stderr.write(`${name}: ${text}\n`);
  };
  try {
    const figures = await bench(options, { stops, note });
    return figures.map((figure) => ({ bench: name, ...figure }));
  } finally {
    await stops.all();
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.off(signal, stop);
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
