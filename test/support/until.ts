import { setTimeout as delay } from "node:timers/promises";

/**
 * Awaits a condition: asks again and again until it answers something other than null, undefined or false, and answers that.
 * Throws where it never does, with what it answered or threw last.
 */
export async function until<T>(
  ask: () => T | Promise<T>,
  { withinMs = 60_000, everyMs = 20 } = {},
): Promise<Exclude<T, null | undefined | false>> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const answer = await ask();
    if (answer !== null && answer !== undefined && answer !== false)
      return answer as Exclude<T, null | undefined | false>;
    if (performance.now() > deadline) throw new Error(`The condition did not come within ${String(withinMs)} ms.`);
    await delay(everyMs);
  }
}
