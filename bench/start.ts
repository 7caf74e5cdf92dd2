/**
 * From spawning the built gateway to its first 200 of /readyz: on an empty data folder (initdb and migrations included), and
 * on one that is there. Without the demo, npm and the build. As root, the first gateway ever on a machine also copies
 * PostgreSQL's binaries to where its user can reach them; a start before the measured ones sees to that.
 */
import { chmodSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import type { Stops } from "../src/stops.js";
import { freePort, spawnGateway } from "../test/support/gateway.js";
import { until } from "../test/support/until.js";
import { type Bench, median } from "./report.js";

export const start: Bench = async ({ samples }, { stops, note }) => {
  const times = Math.max(1, Math.round(samples / 100));
  note(`${String(times)} first and second starts`);
  await starts(0, stops);
  const first: number[] = [];
  const second: number[] = [];
  const bare: number[] = [];
  for (let index = 0; index < times; index += 1) {
    const [cold = NaN, warm = NaN] = await starts(1, stops);
    first.push(cold);
    second.push(warm);
    const began = performance.now();
    await execa("node", ["-e", "0"]);
    bare.push(performance.now() - began);
  }
  return [
    { metric: "first", unit: "ms", value: median(first), control: median(bare) },
    { metric: "second", unit: "ms", value: median(second), control: median(bare) },
  ];
};

/** One start on an empty folder and `again` more on the same, in ms. */
async function starts(again: number, stops: Stops): Promise<readonly number[]> {
  const dataDir = await aDataDir(stops);
  const times: number[] = [];
  for (let index = 0; index <= again; index += 1) times.push(await readyAfterMs(dataDir, stops));
  return times;
}

async function readyAfterMs(dataDir: string, stops: Stops): Promise<number> {
  const port = String(await freePort());
  const began = performance.now();
  const child = spawnGateway({ EVENKEEL_DATA_DIR: dataDir, EVENKEEL_DEMO: "off", LOG_LEVEL: "warn", PORT: port });
  const stop = async (): Promise<void> => {
    child.kill("SIGTERM");
    await child;
  };
  stops.add(stop);
  const readyAfter = await until(
    async () => {
      if (child.exitCode !== null) throw new Error("The gateway ended while it started.");
      const ready = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => null);
      return ready?.ok ? performance.now() - began : null;
    },
    { everyMs: 5 },
  );
  await stop();
  return readyAfter;
}

/** An empty data folder that PostgreSQL's user can reach also where we are root. */
export async function aDataDir(stops: Stops): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "evenkeel-bench-"));
  stops.add(() => rm(path, { recursive: true, force: true }));
  chmodSync(path, 0o755);
  return path;
}
