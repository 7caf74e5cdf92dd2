/** The chaos suite's checker on small histories made by hand: a good one it takes, each spoiled one it must refuse. */
import { expect, test } from "vitest";
import { violationsOf } from "../chaos/check.js";
import type { FinalListing, History, ShopWrite, Switch } from "../chaos/history.js";

const write = (store: string, sku: string, receivedMs: number, before: number, after: number): ShopWrite => ({
  store,
  sku,
  receivedMs,
  answeredMs: receivedMs + 10,
  before,
  after,
  applied: true,
});
const listing = (store: string, sku: string, quantity: number, more: Partial<FinalListing> = {}): FinalListing => ({
  store,
  sku,
  state: "IN_SYNC",
  publishable: quantity,
  atShop: quantity,
  ...more,
});
const change = (reference: string, requestedMs: number, sku: string, onHand: number, committed = 0) => ({
  reference,
  requestedMs,
  lines: [{ sku, onHand, committed }],
});
const closing = (sku: string, requestedMs: number, more: Partial<Switch> = {}): Switch => ({
  sku,
  store: null,
  closed: true,
  requestedMs,
  acknowledgedMs: requestedMs + 100,
  ...more,
});

const changes = [
  change("1", 0, "P", 10),
  change("2", 1, "N", 7),
  change("3", 2, "U", 7),
  change("4", 3, "S", 50),
  change("5", 1_000, "P", -2),
  change("6", 2_000, "P", 0, 3),
  change("7", 3_000, "P", 7),
  change("8", 4_000, "S", -1),
];
const storeOff = [
  closing("", 20_500, { sku: null, store: "Own" }),
  closing("", 50_000, { sku: null, store: "Own", closed: false }),
];
const gated = [
  closing("N", 5),
  closing("P", 5_000, { store: "Own" }),
  closing("P", 20_000, { store: "Own", closed: false }),
];

/** One item (10, 8, 5, 12) in a shop that compares and in one that does not, and one of each of the other roles. */
const good: History = {
  stores: [
    { store: "Comparing", compares: true },
    { store: "Own", compares: false },
  ],
  items: [
    { sku: "P", role: "plain" },
    { sku: "N", role: "never" },
    { sku: "U", role: "unreceived" },
    { sku: "S", role: "shared" },
  ],
  changes,
  switches: gated,
  acknowledgedOperations: ["one"],
  writes: [
    write("Comparing", "P", 100, 0, 10),
    write("Comparing", "P", 1_100, 10, 8),
    write("Comparing", "P", 3_100, 8, 12),
    write("Own", "P", 100, 0, 10),
    write("Own", "P", 2_100, 10, 5),
    write("Own", "P", 3_100, 5, 12),
    // Decided before the gate closed.
    write("Own", "P", 9_000, 12, 12),
    write("Own", "S", 100, 0, 50),
    write("Own", "S", 4_100, 47, 49),
    { ...write("Own", "U", 4_200, 0, 0), applied: false },
  ],
  freezes: [],
  feeds: [{ customer: "A", last: 2, subscribers: [{ name: "one", cursors: ["1", "2"], errors: [] }] }],
  final: {
    listings: [
      listing("Comparing", "P", 12),
      listing("Own", "P", 12),
      listing("Own", "N", 7, { state: "SKIPPED", atShop: 0 }),
      listing("Own", "U", 7, { state: "SKIPPED", atShop: null }),
      listing("Own", "S", 49),
    ],
    movements: changes.flatMap(({ reference, lines }) => lines.map((line) => ({ ...line, reference }))),
    operations: [{ id: "one", status: "COMPLETED" }],
    closed: [{ sku: "N", store: null }],
    waiting: { "due listings": 0 },
  },
  surprises: [],
};

const promisesBroken = (history: History): readonly string[] => violationsOf(history).map(({ promise }) => promise);
const ending = (more: Partial<History["final"]>): History => ({ ...good, final: { ...good.final, ...more } });
/** With this listing of the end in place of the one like it. */
const endingWith = (one: FinalListing): History =>
  ending({
    listings: good.final.listings.map((other) => (other.store === one.store && other.sku === one.sku ? one : other)),
  });
const alsoWritten = (...more: readonly ShopWrite[]): History => ({ ...good, writes: [...good.writes, ...more] });
const followed = (cursors: readonly string[], errors: readonly string[] = []): History => ({
  ...good,
  feeds: [{ customer: "A", last: 2, subscribers: [{ name: "one", cursors, errors }] }],
});

test("a history in which every promise was kept is taken", () => {
  expect(violationsOf(good)).toEqual([]);
});

test.each<readonly [string, History]>([
  ["a shop that holds another quantity", endingWith(listing("Own", "P", 12, { atShop: 11 }))],
  ["a shop that still sells what is sold out", endingWith(listing("Own", "P", 12, { state: "SKIPPED", atShop: 5 }))],
  ["an API that tells another quantity", endingWith(listing("Own", "S", 50))],
  ["a listing that waits for a retry", endingWith(listing("Own", "P", 12, { state: "RETRYING" }))],
  ["a gate that is closed and does not hold", endingWith(listing("Own", "N", 7, { atShop: 0 }))],
  ["an item without a listing", ending({ listings: good.final.listings.filter(({ sku }) => sku !== "S") })],
  ["something that is still due", ending({ waiting: { "due listings": 1 } })],
])("not converged: %s", (_, history) => {
  expect(promisesBroken(history)).toEqual(["converged"]);
});

test.each<readonly [string, History]>([
  ["an older quantity after a newer one", alsoWritten(write("Own", "P", 4_000, 12, 8))],
  ["an older quantity in a shop that compares", alsoWritten(write("Comparing", "P", 4_000, 12, 10))],
  ["a quantity that the item never had", alsoWritten(write("Own", "P", 4_000, 12, 9))],
  [
    "a quantity before the item had it",
    {
      ...good,
      writes: good.writes.map((one) => (one.after === 12 && one.store === "Own" ? { ...one, receivedMs: 2_500 } : one)),
    },
  ],
  ["less than the newest, with no sale to account for it", alsoWritten(write("Comparing", "P", 4_000, 12, 11))],
])("out of order: %s", (_, history) => {
  expect(new Set(promisesBroken(history))).toEqual(new Set(["in order"]));
});

test("a shop that compares may be told less for as long as it seems to have sold", () => {
  const unheard = [
    write("Comparing", "P", 100, 0, 10),
    write("Comparing", "P", 2_100, 10, 5),
    // 10 was acknowledged, 5 was not: 2 came in since.
    write("Comparing", "P", 3_100, 5, 7),
    write("Comparing", "P", 9_100, 7, 12),
  ];
  const others = good.writes.filter(({ store, sku }) => store !== "Comparing" && sku !== "P");
  expect(violationsOf({ ...good, writes: [...others, ...unheard] })).toEqual([]);
  const elsewhere = unheard.map((one) => ({ ...one, store: "Own" })).slice(0, 3);
  expect(promisesBroken({ ...good, writes: [...others, ...elsewhere] })).toEqual(["in order"]);
  const invented = unheard.with(2, write("Comparing", "P", 3_100, 5, 6)).with(3, write("Comparing", "P", 9_100, 6, 12));
  expect(promisesBroken({ ...good, writes: [...others, ...invented] })).toEqual(["in order"]);
});

test.each<readonly [string, History]>([
  ["a hole", followed(["1", "3"])],
  ["a repeat", followed(["1", "1"])],
  ["a wrong order", followed(["2", "1"])],
  ["an end too soon", followed(["1"])],
  ["more than there is", followed(["1", "2", "3"])],
  ["an error", followed(["1", "2"], ["INTERNAL_SERVER_ERROR"])],
])("a subscriber's feed with %s", (_, history) => {
  expect(promisesBroken(history)).toEqual(["feed"]);
});

test.each<readonly [string, History]>([
  ["of an item that was NEVER from the start", alsoWritten(write("Own", "N", 4_000, 0, 7))],
  ["of an item that was never received", alsoWritten(write("Own", "U", 4_000, 0, 7))],
  ["long after its gate had closed", alsoWritten(write("Own", "P", 11_200, 12, 12))],
  [
    "long after its store was switched off",
    { ...alsoWritten(write("Own", "S", 40_000, 49, 49)), switches: [...gated, ...storeOff] },
  ],
  [
    "later than a freeze explains",
    { ...alsoWritten(write("Own", "P", 13_200, 12, 12)), freezes: [{ fromMs: 6_000, toMs: 8_000 }] },
  ],
])("a write through a closed gate: %s", (_, history) => {
  expect(promisesBroken(history)).toEqual(["gates"]);
});

test("a sender that was frozen may be late by its freeze, and what was sent after the opening is no matter", () => {
  const late = alsoWritten(write("Own", "P", 12_900, 12, 12), write("Own", "P", 20_001, 12, 12));
  expect(promisesBroken(late)).toEqual(["gates"]);
  expect(violationsOf({ ...late, freezes: [{ fromMs: 6_000, toMs: 8_000 }] })).toEqual([]);
});

test("a 0 that the item never had, also in a shop that sells of it", () => {
  expect(promisesBroken(alsoWritten(write("Own", "S", 4_500, 49, 0)))).toEqual(["no false zero"]);
});

test.each<readonly [string, History]>([
  [
    "an acknowledged change that was not made",
    ending({ movements: good.final.movements.filter(({ sku }) => sku !== "N") }),
  ],
  ["a change that was made twice", ending({ movements: [...good.final.movements, ...good.final.movements.slice(-1)] })],
  [
    "a change that nobody asked for",
    ending({ movements: [...good.final.movements, { sku: "N", reference: null, onHand: 1, committed: -1 }] }),
  ],
  ["a switch that was not made", ending({ closed: [] })],
  ["a switch that nobody asked for", ending({ closed: [...good.final.closed, { sku: null, store: "Own" }] })],
  ["an operation that failed", ending({ operations: [{ id: "one", status: "FAILED" }] })],
  ["an operation that goes on for ever", ending({ operations: [{ id: "one", status: "RUNNING" }] })],
  ["an acknowledged operation that is gone", ending({ operations: [] })],
  [
    "an operation that was started twice",
    ending({ operations: [...good.final.operations, { id: "two", status: "COMPLETED" }] }),
  ],
  ["a process that ended by itself", { ...good, surprises: ["worker 1 ended by itself"] }],
])("lost: %s", (_, history) => {
  expect(promisesBroken(history)).toEqual(["nothing lost"]);
});
