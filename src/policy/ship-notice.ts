import type { SyncMode } from "../terms.js";

/** Whether a ship notice's line may be published, by the mode in force for its item. A line that already is stays so. */
export function mayPublish(mode: SyncMode): boolean {
  return mode !== "NEVER";
}

/**
 * The inbound units that a line still counts as publishable: what is expected and has not arrived, good or damaged. Never
 * below 0, also where more came than was expected.
 */
export function publishedUnits(line: {
  readonly expected: number;
  readonly received: number;
  readonly damaged: number;
  readonly published: boolean;
}): number {
  return line.published ? Math.max(0, line.expected - line.received - line.damaged) : 0;
}
