/** Whether each shop saw the quantities of each item in the order in which the item had them. */
import type { History, ShopWrite, Violation } from "./history.js";

/** What an item had to sell after one of its movements. */
interface Published {
  readonly quantity: number;
  /** Nobody can have sent it earlier. */
  readonly sinceMs: number;
}

/** Of each item that ever moved, oldest first. */
export function publishedValues({ final, changes }: History): ReadonlyMap<string, readonly Published[]> {
  const requestedMs = new Map(changes.map((change) => [change.reference, change.requestedMs]));
  const values = new Map<string, Published[]>();
  const sums = new Map<string, number>();
  for (const { sku, reference, onHand, committed } of final.movements) {
    const sum = (sums.get(sku) ?? 0) + onHand - committed;
    sums.set(sku, sum);
    const had = values.get(sku) ?? [];
    // A movement that nobody asked for is found by those who look for it.
    had.push({ quantity: Math.max(0, sum), sinceMs: requestedMs.get(reference ?? "") ?? 0 });
    values.set(sku, had);
  }
  return values;
}

/** Items that their shops sell of too are left out: what those hold is no value of ours. */
export function outOfOrder(history: History): readonly Violation[] {
  const values = publishedValues(history);
  const shared = new Set(history.items.filter(({ role }) => role === "shared").map(({ sku }) => sku));
  const compares = new Set(history.stores.filter((store) => store.compares).map(({ store }) => store));
  const written = grouped(
    history.writes.filter(({ applied, sku }) => applied && !shared.has(sku)),
    ({ store, sku }) => `${sku} in ${store}`,
  );
  return [...written].flatMap(([listing, writes]) => {
    const [first] = writes;
    if (!first) return [];
    return disorder(writes, values.get(first.sku) ?? [], compares.has(first.store)).map(
      (what): Violation => ({ promise: "in order", what: `${listing}: ${what}` }),
    );
  });
}

function disorder(writes: readonly ShopWrite[], values: readonly Published[], compares: boolean): readonly string[] {
  let place = 0;
  return writes.flatMap((write, index) => {
    const { after, before, receivedMs } = write;
    const known = values.filter(({ sinceMs }) => sinceMs <= receivedMs).map(({ quantity }) => quantity);
    // 0 may come again; of several places the first allows most to those that follow.
    const next = known.findIndex((quantity, at) => at >= place && quantity === after);
    if (next !== -1) {
      place = next;
      return [];
    }
    const told = writes.slice(Math.max(0, index - UNANSWERED_MOST), index).map((earlier) => earlier.after);
    if (compares && isHeldBack(write, known.slice(place), told)) return [];
    const had = known.lastIndexOf(after ?? Number.NaN);
    const where = had === -1 ? "which it had never been" : `its value ${had + 1}, after it had seen value ${place + 1}`;
    return [`was sent ${String(after)} (over ${String(before)}) at ${Math.round(receivedMs)} ms, ${where}`];
  });
}

/** So many of a listing's writes in a row may have lost their answers. */
const UNANSWERED_MOST = 4;

/**
 * A shop that compares and holds less than it acknowledged last has sold what we have not heard of, as far as anybody can know:
 * it may be sent less than our own quantity then, what it holds plus what came in since. Here nobody sold; answers were lost.
 */
function isHeldBack(
  { before, after }: ShopWrite,
  newest: readonly number[],
  told: readonly (number | null)[],
): boolean {
  if (before === null || after === null) return false;
  const acknowledged = told.filter((quantity) => quantity !== null);
  return newest.some(
    (own) => own > after && acknowledged.some((acked) => Math.min(own, before + Math.max(0, own - acked)) === after),
  );
}

/** In the order in which they are given. */
export function grouped<T>(all: readonly T[], keyOf: (one: T) => string): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const one of all) {
    const key = keyOf(one);
    const group = groups.get(key);
    if (group) group.push(one);
    else groups.set(key, [one]);
  }
  return groups;
}
