/** Judges what a chaos run has recorded: pure, of the shops' own logs, the subscribers' feeds, what was acknowledged, and the end. */
import { grouped, outOfOrder, publishedValues } from "./check-order.js";
import type { FinalListing, History, ItemRole, ShopWrite, Span, Switch, Violation } from "./history.js";

/** How long after a gate has closed a send that was decided before may still reach the shop; a frozen sender adds its freeze. */
const GATE_GRACE_MS = 6_000;
const ENDED = new Set(["COMPLETED", "COMPLETED_WITH_FAILURES"]);

/** All promises that were broken; empty where none was. */
export function violationsOf(history: History): readonly Violation[] {
  return [
    ...notConverged(history),
    ...outOfOrder(history),
    ...brokenFeeds(history),
    ...brokenGates(history),
    ...falseZeros(history),
    ...lost(history),
    ...history.surprises.map((what): Violation => ({ promise: "nothing lost", what })),
  ];
}

// ───────────── converged ─────────────

function notConverged(history: History): readonly Violation[] {
  const { final } = history;
  const quantities = modelOf(history);
  const roles = rolesOf(history);
  const violations: Violation[] = Object.entries(final.waiting)
    .filter(([, count]) => count > 0)
    .map(([kind, count]) => ({ promise: "converged", what: `${count} ${kind} at the end` }));
  const told = new Set(final.listings.map(({ sku }) => sku));
  for (const { sku } of history.items)
    if (!told.has(sku)) violations.push({ promise: "converged", what: `${sku} has no listing` });
  for (const listing of final.listings) {
    const quantity = quantities.get(listing.sku) ?? 0;
    const wrong = wrongEnd(listing, quantity, isOpen(history.switches, listing, roles.get(listing.sku)));
    if (wrong !== null) violations.push({ promise: "converged", what: `${nameOf(listing)} ${wrong}` });
  }
  return violations;
}

function wrongEnd({ state, publishable, atShop }: FinalListing, quantity: number, open: boolean): string | null {
  if (publishable !== quantity) return `is ${publishable} by the API and ${quantity} by what was acknowledged`;
  if (!open) return state === "SKIPPED" ? null : `is ${state} behind a closed gate`;
  if (atShop !== quantity) return `is ${String(atShop)} at the shop and ${quantity} by what was acknowledged`;
  // Sold out switches Process Orders off: asked for once more, its 0 is held, and the shop has it already.
  return state === "IN_SYNC" || (state === "SKIPPED" && quantity === 0) ? null : `is ${state}`;
}

/** What each item has to sell after all acknowledged changes. */
function modelOf({ changes }: History): ReadonlyMap<string, number> {
  const sums = new Map<string, number>();
  for (const { lines } of changes)
    for (const { sku, onHand, committed } of lines) sums.set(sku, (sums.get(sku) ?? 0) + onHand - committed);
  return new Map([...sums].map(([sku, sum]) => [sku, Math.max(0, sum)]));
}

// ───────────── feed ─────────────

function brokenFeeds({ feeds }: History): readonly Violation[] {
  return feeds.flatMap(({ customer, last, subscribers }) =>
    subscribers.flatMap(({ name, cursors, errors }): Violation[] => {
      const who = `${customer}: ${name}`;
      const wrong = cursors.findIndex((cursor, index) => cursor !== String(index + 1));
      const violations: Violation[] = errors.map((code) => ({ promise: "feed", what: `${who} was told ${code}` }));
      if (wrong !== -1)
        violations.push({ promise: "feed", what: `${who} saw ${String(cursors[wrong])} where ${wrong + 1} was due` });
      else if (cursors.length !== last)
        violations.push({ promise: "feed", what: `${who} saw ${cursors.length} outcomes of ${last}` });
      return violations;
    }),
  );
}

// ───────────── gates ─────────────

function brokenGates(history: History): readonly Violation[] {
  const roles = rolesOf(history);
  return history.writes
    .filter(({ applied }) => applied)
    .flatMap((write): Violation[] => {
      const role = roles.get(write.sku);
      if (role === "never" || role === "unreceived")
        return [{ promise: "gates", what: `${nameOf(write)}, ${role}, was sent ${String(write.after)}` }];
      const lateMs = Math.max(...closures(history.switches, write).map((closure) => lateness(write, closure, history)));
      const what = `${nameOf(write)} was sent ${String(write.after)} ${Math.round(lateMs)} ms after its gate had closed`;
      return lateMs > GATE_GRACE_MS ? [{ promise: "gates", what }] : [];
    });
}

/** How late the latest write came after its gate had closed, freezes taken off, in milliseconds; 0 where none was late. */
export function latestBehindGate(history: History): number {
  const applied = history.writes.filter((write) => write.applied);
  const all = applied.flatMap((write) => closures(history.switches, write).map((c) => lateness(write, c, history)));
  return all.reduce((most, ms) => Math.max(most, ms), 0);
}

/** From when a gate's closing was acknowledged until its opening was asked for. */
function closures(
  switches: readonly Switch[],
  listing: { readonly store: string; readonly sku: string },
): readonly Span[] {
  const bySubject = grouped(
    switches.filter((one) => concerns(one, listing)),
    subjectOf,
  );
  return [...bySubject.values()].flatMap((ofSubject) =>
    ofSubject.flatMap(({ closed, acknowledgedMs }, index): Span[] =>
      closed
        ? [{ fromMs: acknowledgedMs, toMs: ofSubject.slice(index + 1).find((s) => !s.closed)?.requestedMs ?? Infinity }]
        : [],
    ),
  );
}

function lateness({ receivedMs }: ShopWrite, { fromMs, toMs }: Span, { freezes }: History): number {
  if (receivedMs <= fromMs || receivedMs >= toMs) return 0;
  const frozenMs = freezes
    .filter((freeze) => freeze.fromMs < receivedMs && freeze.toMs > fromMs)
    .reduce((sum, freeze) => sum + freeze.toMs - freeze.fromMs, 0);
  return Math.max(0, receivedMs - fromMs - frozenMs);
}

function isOpen(
  switches: readonly Switch[],
  listing: { readonly store: string; readonly sku: string },
  role: ItemRole | undefined,
): boolean {
  if (role === "never" || role === "unreceived") return false;
  const last = new Map(switches.filter((one) => concerns(one, listing)).map((one) => [subjectOf(one), one.closed]));
  return ![...last.values()].includes(true);
}

const concerns = (
  one: Pick<Switch, "sku" | "store">,
  { sku, store }: { readonly store: string; readonly sku: string },
) => (one.sku === null || one.sku === sku) && (one.store === null || one.store === store);
const subjectOf = ({ sku, store }: Pick<Switch, "sku" | "store">): string => `${store ?? "*"} ${sku ?? "*"}`;

// ───────────── zeros ─────────────

function falseZeros(history: History): readonly Violation[] {
  const values = publishedValues(history);
  const wasZero = ({ sku, receivedMs }: ShopWrite): boolean =>
    (values.get(sku) ?? []).some(({ quantity, sinceMs }) => quantity === 0 && sinceMs <= receivedMs);
  return history.writes
    .filter((write) => write.applied && write.after === 0 && !wasZero(write))
    .map((write) => ({ promise: "no false zero", what: `${nameOf(write)} was sent 0, which it had never been` }));
}

// ───────────── nothing lost ─────────────

function lost({ changes, switches, acknowledgedOperations, final }: History): readonly Violation[] {
  const broken = (what: string): Violation => ({ promise: "nothing lost", what });
  const acknowledged = grouped(
    changes.flatMap(({ reference, lines }) => lines.map((line) => ({ ...line, reference }))),
    ({ sku }) => sku,
  );
  const made = grouped(final.movements, ({ sku }) => sku);
  const violations = [...new Set([...acknowledged.keys(), ...made.keys()])].flatMap((sku): Violation[] => {
    const told = (acknowledged.get(sku) ?? []).map(deltaText);
    const done = (made.get(sku) ?? []).map(deltaText);
    const at = told.findIndex((text, index) => text !== done[index]);
    if (at === -1 && told.length === done.length) return [];
    const place = at === -1 ? told.length : at;
    return [broken(`${sku}: change ${place + 1} was ${told[place] ?? "none"}, and ${done[place] ?? "none"} was made`)];
  });
  const said = new Map(switches.map((one) => [subjectOf(one), one.closed]));
  const says = new Set(final.closed.map(subjectOf));
  for (const subject of new Set([...said.keys(), ...says]))
    if ((said.get(subject) ?? false) !== says.has(subject))
      violations.push(
        broken(`gate of ${subject}: ${says.has(subject) ? "closed" : "open"}, not as it was last switched`),
      );
  const asked = new Set(acknowledgedOperations);
  for (const { id, status } of final.operations) {
    if (!asked.has(id)) violations.push(broken(`operation ${id} was started without an acknowledgement`));
    if (!ENDED.has(status)) violations.push(broken(`operation ${id} is ${status}`));
  }
  const there = new Set(final.operations.map(({ id }) => id));
  for (const id of asked) if (!there.has(id)) violations.push(broken(`operation ${id} is gone`));
  return violations;
}

const deltaText = (delta: { reference: string | null; onHand: number; committed: number }): string =>
  `${String(delta.reference)} (${delta.onHand}, ${delta.committed})`;

const rolesOf = ({ items }: History): ReadonlyMap<string, ItemRole> =>
  new Map(items.map(({ sku, role }) => [sku, role]));
const nameOf = ({ store, sku }: { readonly store: string; readonly sku: string }): string => `${sku} in ${store}`;
