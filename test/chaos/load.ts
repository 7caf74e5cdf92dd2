/** What merchants do all day, at random: stock comes and goes, sells out and returns, gates close and open, levels are sent anew. */
import { setTimeout as delay } from "node:timers/promises";
import type { randomOf } from "../support/random.js";
import type { Delta, ItemRole } from "./history.js";
import type { Trader } from "./trader.js";

type Random = ReturnType<typeof randomOf>;
/** A generator of its own for each of these: one that is held up does not change what the others do. */
type RandomFor = (name: string) => Random;

const WRITERS = 2;
const MOST_LINES = 4;
/** At most so far does one change go, unless all quantities about there have been had. */
const STEP = 40;

/** So much of it that it never runs out, except for what is to sell out. */
export const openingStock = (random: Random, role: ItemRole): number =>
  role === "sellsOut" ? 5 + random(26) : 5_000 + random(500);

/** Resolves once the signal is aborted and all that was begun is acknowledged. Stores are on then; other gates stay as they are. */
export async function trade(trader: Trader, randomFor: RandomFor, signal: AbortSignal): Promise<void> {
  const name = (what: string): string => `${trader.customer.name} ${what}`;
  const [first = "", second = ""] = trader.customer.shops.map(({ name: store }) => store);
  const subjects = (["plain", "sellsOut", "swings"] as const).flatMap((role, index) => {
    const [sku = "", another = ""] = trader.skus(role);
    return [
      { sku, store: null },
      { sku: another, store: index === 0 ? first : second },
    ];
  });
  await Promise.all([
    ...Array.from({ length: WRITERS }, (_, number) =>
      write(trader, number, randomFor(name(`writer ${String(number)}`)), signal),
    ),
    ...subjects.map((subject) =>
      keepGate(trader, subject, randomFor(name(`gate of ${subject.sku} ${String(subject.store)}`)), signal),
    ),
    ...trader.customer.shops.map(({ name: store }) =>
      keepGate(trader, { sku: null, store }, randomFor(name(`switch of ${store}`)), signal),
    ),
    resync(trader, randomFor(name("syncs")), signal),
  ]);
}

async function write(trader: Trader, number: number, random: Random, signal: AbortSignal): Promise<void> {
  const own = (...roles: readonly ItemRole[]): readonly string[] =>
    trader.skus(...roles).filter((_, index) => index % WRITERS === number);
  const steady = own("plain", "never", "unreceived");
  while (!signal.aborted) {
    const chance = random(100);
    if (chance < 15) await sellOutOrRefill(trader, pick(own("sellsOut"), random), random);
    else if (chance < 27) await sell(trader, pick(own("shared"), random), random);
    else if (chance < 35) await swing(trader, pick(own("swings"), random));
    else await move(trader, some(steady, 1 + random(MOST_LINES), random), random);
    await pause(random(60), signal);
  }
}

/** Some items at once, in one of the ways in which stock changes. */
async function move(trader: Trader, skus: readonly string[], random: Random): Promise<void> {
  const way = random(4);
  const to = (sku: string, direction: "up" | "down" | "any"): number => unseen(trader, sku, direction, random);
  // Receipts would lift the gate of what was never received.
  const received = skus.filter((sku) => !trader.skus("unreceived").includes(sku));
  if (way === 0 && received.length > 0)
    await trader.change(
      "receiveInventory",
      received.map((sku) => ({ sku, onHand: to(sku, "up"), committed: 0 })),
    );
  else if (way === 1)
    await trader.change(
      "commitInventory",
      skus.map((sku) => commitment(trader, sku, random)),
    );
  else
    await trader.change(
      "adjustInventory",
      skus.map((sku) => ({ sku, onHand: to(sku, "any"), committed: 0 })),
    );
}

/** Promised to orders, or released where the next quantity is a higher one and so much was promised. */
function commitment(trader: Trader, sku: string, random: Random): Delta {
  const delta = unseen(trader, sku, "any", random);
  const { committed } = trader.held(sku);
  return { sku, onHand: 0, committed: committed >= delta ? -delta : -unseen(trader, sku, "down", random) };
}

async function sellOutOrRefill(trader: Trader, sku: string, random: Random): Promise<void> {
  const { onHand } = trader.held(sku);
  if (onHand === 0)
    await trader.change("receiveInventory", [{ sku, onHand: unseen(trader, sku, "up", random), committed: 0 }]);
  else await trader.change("adjustInventory", [{ sku, onHand: -onHand, committed: 0 }]);
}

/** One less, and back again. */
async function swing(trader: Trader, sku: string): Promise<void> {
  const { onHand, had } = trader.held(sku);
  const isLess = had.has(onHand + 1);
  await trader.change("adjustInventory", [{ sku, onHand: isLess ? 1 : -1, committed: 0 }]);
}

/** A shop sells, and a moment later the order is heard of. */
async function sell(trader: Trader, sku: string, random: Random): Promise<void> {
  const units = 1 + random(3);
  const wait = random(300);
  pick(trader.customer.shops, random).shop.sell(sku, units);
  await delay(wait);
  const { onHand, had } = trader.held(sku);
  let left = onHand - units;
  while (had.has(left)) left -= 1;
  // Not below a fifth of what there was: a shop of it never has to say 0.
  const refill = left < 200 ? unseen(trader, sku, "up", random) + 1_000 : 0;
  await trader.change("adjustInventory", [{ sku, onHand: refill > 0 ? refill : left - onHand, committed: 0 }]);
}

/** How far it is from what the item has to sell to a quantity above 0 that it never had. */
function unseen(trader: Trader, sku: string, direction: "up" | "down" | "any", random: Random): number {
  const { onHand, committed, had } = trader.held(sku);
  const now = onHand - committed;
  for (let reach = STEP; ; reach *= 2)
    for (let trial = 0; trial < 20; trial += 1) {
      const far = 1 + random(reach);
      const delta = direction === "up" || (direction === "any" && random(2) === 0) ? far : -far;
      if (now + delta > 0 && !had.has(now + delta)) return delta;
    }
}

/** Closed for so long that what comes through late would show, more often than not. */
async function keepGate(
  trader: Trader,
  subject: { readonly sku: string | null; readonly store: string | null },
  random: Random,
  signal: AbortSignal,
): Promise<void> {
  const isStore = subject.sku === null;
  for (let closed = true; ; closed = !closed) {
    const ms = closed ? 2_000 + random(isStore ? 12_000 : 6_000) : 500 + random(11_000);
    await pause(ms, signal);
    if (signal.aborted && (!isStore || closed)) return;
    await trader.turn(subject, closed);
  }
}

async function resync(trader: Trader, random: Random, signal: AbortSignal): Promise<void> {
  const all = trader.customer.items.map(({ sku }) => sku);
  while (!signal.aborted) {
    await pause(300 + random(2_000), signal);
    await trader.sync(some(all, 1 + random(6), random));
  }
}

function pick<T>(all: readonly T[], random: Random): T {
  const one = all[random(all.length)];
  if (one === undefined) throw new Error("There is nothing to pick from.");
  return one;
}

/** At most so many different ones. */
const some = (all: readonly string[], count: number, random: Random): readonly string[] => [
  ...new Set(Array.from({ length: count }, () => pick(all, random))),
];

const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  delay(ms, undefined, { signal }).catch(() => undefined);
