/** Load that does not wait for what it loads. */
import { setTimeout as delay } from "node:timers/promises";

/**
 * Starts `act` so many times a second until the signal is aborted, whether the earlier ones have ended or not; what a late
 * timer missed is made up for. Resolves when the last has ended, with how many were started. Rejects where one did.
 */
export async function steadily(
  perSecond: number,
  act: (turn: number) => Promise<unknown>,
  signal: AbortSignal,
): Promise<number> {
  const began = performance.now();
  const running = new Set<Promise<unknown>>();
  const failures: unknown[] = [];
  let started = 0;
  while (!signal.aborted && failures.length === 0) {
    const due = Math.floor(((performance.now() - began) * perSecond) / 1_000);
    for (; started < due; started += 1) {
      const one = act(started)
        .catch((error: unknown) => failures.push(error))
        .finally(() => running.delete(one));
      running.add(one);
    }
    await delay(5);
  }
  await Promise.all(running);
  if (failures.length > 0) throw failures[0];
  return started;
}
