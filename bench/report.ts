/** Figures: a JSON line each on stdout for machines, a table on stderr for people. */
import type { Stops } from "../src/stops.js";

export interface Figure {
  readonly bench: string;
  readonly metric: string;
  readonly unit: string;
  readonly value: number;
  /** The same done with as little as possible, on the same machine in the same minute; absent where there is no such thing. */
  readonly control?: number;
}

/** What a run may be told; small numbers make a short run for CI, whose figures mean little. */
export interface BenchOptions {
  /** latency: changes that are measured; start: starts of each kind, a hundredth of it. */
  readonly samples: number;
  /** resync, million: listings of each store; pace, urgency, fairness: of the busy one; queues: stores. */
  readonly listings: number;
  /** resync: how often the whole store is sent; the median counts. */
  readonly rounds: number;
  /** feed: outcomes that each subscriber gets. */
  readonly outcomes: number;
  /** memory: how long the gateway idles before it is weighed; elsewhere how long a phase is measured. */
  readonly seconds: number;
  /** fairness, million: how many stores there are. */
  readonly stores: number;
}

/** `note` tells a person what goes on. What is started goes to `stops`, which are called at the end, and at Ctrl-C. */
export type Bench = (options: BenchOptions, run: BenchRun) => Promise<readonly Omit<Figure, "bench">[]>;

interface BenchRun {
  readonly stops: Stops;
  readonly note: (text: string) => void;
}

/** Three significant digits: more would be noise. */
const rounded = (value: number): number => Number(value.toPrecision(3));

export function jsonLine({ bench, metric, unit, value, control }: Figure): string {
  const compared = control === undefined ? {} : { control: rounded(control), ratio: rounded(value / control) };
  return `${JSON.stringify({ bench, metric, unit, value: rounded(value), ...compared })}\n`;
}

export function table(figures: readonly Figure[]): string {
  const rows = figures.map(({ bench, metric, unit, value, control }) => [
    bench,
    metric,
    String(rounded(value)),
    unit,
    control === undefined ? "" : String(rounded(control)),
    control === undefined ? "" : String(rounded(value / control)),
  ]);
  const all = [["bench", "metric", "value", "unit", "control", "ratio"], ...rows];
  const widths = [0, 1, 2, 3, 4, 5].map((column) => Math.max(...all.map((row) => (row[column] ?? "").length)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) =>
        column === 2 || column > 3 ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join("  ")
      .trimEnd();
  return `${all.map(line).join("\n")}\n`;
}

/** The smallest value that at least this share (0 to 1) of all values do not exceed. Throws where there is none. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const value = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
  if (value === undefined) throw new Error("There is nothing to take a percentile of.");
  return value;
}

export const median = (values: readonly number[]): number => percentile(values, 0.5);
