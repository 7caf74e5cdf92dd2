/**
 * What an idle gateway weighs, as `npm start` leaves it without the demo. PostgreSQL's processes share their buffers: the sum
 * of their proportional sizes (PSS) is what they take, the sum of their RSS counts the shared part once for each.
 */
import { spawn } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { aGateway } from "../test/support/gateway.js";
import type { Bench } from "./report.js";
import { aDataDir } from "./start.js";

export const memory: Bench = async ({ seconds }, { stops, note }) => {
  if (process.platform !== "linux") throw new Error("memory reads /proc, which only Linux has.");
  const dataDir = await aDataDir(stops);
  const gateway = await aGateway({ env: { EVENKEEL_DATA_DIR: dataDir, EVENKEEL_DEMO: "off" } });
  stops.add(() => gateway.stop());
  const bare = spawn(process.execPath, ["-e", "setInterval(() => {}, 1e6)"], { stdio: "ignore" });
  stops.add(() => Promise.resolve(bare.kill()));
  note(`idles for ${String(seconds)} s`);
  await delay(seconds * 1_000);
  const servers = await descendants(gateway.pid);
  const sum = async (field: string): Promise<number> => {
    const sizes = await Promise.all(servers.map((pid) => megabytes(pid, field)));
    return sizes.reduce((total, size) => total + size, 0);
  };
  return [
    {
      metric: "gateway RSS",
      unit: "MB",
      value: await megabytes(gateway.pid, "Rss"),
      control: await megabytes(bare.pid ?? 0, "Rss"),
    },
    { metric: "postgres PSS", unit: "MB", value: await sum("Pss") },
    { metric: "postgres RSS", unit: "MB", value: await sum("Rss") },
  ];
};

async function megabytes(pid: number, field: string): Promise<number> {
  const rollup = await readFile(`/proc/${String(pid)}/smaps_rollup`, "utf8");
  const kilobytes = new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(rollup)?.[1];
  if (kilobytes === undefined) throw new Error(`Process ${String(pid)} tells no ${field}.`);
  return Number(kilobytes) / 1_024;
}

async function descendants(root: number): Promise<readonly number[]> {
  const parents = new Map<number, number>();
  for (const name of await readdir("/proc")) {
    const stat = /^\d+$/.test(name) ? await readFile(`/proc/${name}/stat`, "utf8").catch(() => "") : "";
    // The name, in brackets, may hold anything; behind it come the state and the parent.
    const parent = /\) \S (\d+)/.exec(stat.slice(stat.lastIndexOf(")")))?.[1];
    if (parent !== undefined) parents.set(Number(name), Number(parent));
  }
  const isBelow = (pid: number): boolean => {
    const parent = parents.get(pid);
    return parent === root || (parent !== undefined && parent > 1 && isBelow(parent));
  };
  return [...parents.keys()].filter(isBelow);
}
