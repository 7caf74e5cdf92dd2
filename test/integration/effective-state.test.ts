import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { evaluate } from "../../src/policy/effective-sync.js";
import { listingState } from "../../src/policy/listing-state.js";
import { sumOf } from "../../src/policy/publishable-quantity.js";
import { type ItemFilterValues, itemFilterSql } from "../../src/sync/item-filter.js";
import { type PolicyRows, policyInputOf } from "../../src/sync/policy-input.js";
import { sql } from "../../src/sync/sql.js";
import { ListingState, SkipReason, SyncMode, SyncSettingMode } from "../../src/terms.js";
import { createTestDatabase, type TestDatabase } from "../support/database.js";
import { tags, testSeed, texts, writeRandomCustomers } from "../support/random-rows.js";

const CUSTOMERS = 20;
const seedNote = `TEST_SEED=${String(testSeed)} repeats this run's states`;

let db: TestDatabase;
let rows: Rows;
let customerIds: readonly string[];
beforeAll(async () => {
  db = await createTestDatabase();
  customerIds = await writeRandomCustomers(db.dataSource, CUSTOMERS, testSeed);
  await sql(db.dataSource, "analyze");
  rows = await readRows();
});
afterAll(async () => {
  await db[Symbol.asyncDispose]();
});

// ───────────── the rows as TypeScript sees them ─────────────

type StoreRow = NonNullable<PolicyRows["store"]> & {
  readonly id: string;
  readonly hasOwnWarehouses: boolean;
  readonly warehouseIds: readonly string[];
};
type ItemRow = PolicyRows["item"] & {
  readonly id: string;
  readonly customerId: string;
  readonly sku: string;
  readonly title: string;
  readonly barcode: string | null;
  readonly tags: readonly string[];
};
type ListingRow = NonNullable<PolicyRows["listing"]> &
  Parameters<typeof listingState>[0] & {
    readonly id: string;
    readonly storeId: string;
    readonly itemId: string;
  };
type LevelRow = PolicyRows["levels"][number] & { readonly itemId: string; readonly warehouseId: string };

interface Rows {
  readonly customers: ReadonlyMap<string, PolicyRows["customer"]>;
  readonly stores: ReadonlyMap<string, StoreRow>;
  readonly items: ReadonlyMap<string, ItemRow>;
  readonly listings: ReadonlyMap<string, ListingRow>;
  readonly listingsOf: ReadonlyMap<string, readonly ListingRow[]>;
  readonly levelsOf: ReadonlyMap<string, readonly LevelRow[]>;
}

const SETTING = `sync_mode as "syncMode", sync_expires_at as "syncExpiresAt", sync_revert_mode as "syncRevertMode"`;

async function readRows(): Promise<Rows> {
  const all = <T>(text: string) => sql<T>(db.dataSource, text);
  const byId = <T extends { readonly id: string }>(list: readonly T[]) => new Map(list.map((row) => [row.id, row]));
  const levels = await all<LevelRow>(
    `select item_id as "itemId", warehouse_id as "warehouseId", on_hand as "onHand", committed, unavailable,
            published_inbound as "publishedInbound" from inventory_level`,
  );
  const listings = await all<ListingRow>(
    `select id, store_id as "storeId", item_id as "itemId", active, linked, stock_managed as "stockManaged", ${SETTING},
            revision, synced_revision as "syncedRevision", in_flight_since is not null as "inFlight", attempts,
            parked_code is not null as parked, held, last_synced_quantity as "lastSyncedQuantity",
            last_synced_at as "lastSyncedAt", observed_quantity as "observedQuantity", observed_at as "observedAt"
       from listing`,
  );
  return {
    customers: byId(
      await all<PolicyRows["customer"] & { id: string }>(`select id, sync_mode as "syncMode" from customer`),
    ),
    stores: byId(
      await all<StoreRow>(
        `select id, connection_status as "connectionStatus", sync_enabled as "syncEnabled", paused_until as "pausedUntil",
                zero_guard_since as "zeroGuardSince", has_own_warehouses as "hasOwnWarehouses",
                array(select warehouse_id::text from store_warehouse where store_id = id) as "warehouseIds" from store`,
      ),
    ),
    items: byId(
      await all<ItemRow>(
        `select id, customer_id as "customerId", sku, title, barcode, tags, process_orders as "processOrders",
                first_received_at as "firstReceivedAt", ${SETTING} from item`,
      ),
    ),
    listings: byId(listings),
    listingsOf: groupBy(listings, (listing) => listing.itemId),
    levelsOf: groupBy(levels, (level) => level.itemId),
  };
}

function groupBy<T>(list: readonly T[], keyOf: (row: T) => string): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const row of list) groups.set(keyOf(row), [...(groups.get(keyOf(row)) ?? []), row]);
  return groups;
}

function found<T>(map: ReadonlyMap<string, T>, id: string): T {
  const row = map.get(id);
  if (row === undefined) throw new Error(`There is no row ${id}.`);
  return row;
}

function itemNow(item: ItemRow) {
  const levels = rows.levelsOf.get(item.id) ?? [];
  const customer = found(rows.customers, item.customerId);
  return evaluate(policyInputOf({ customer, item, listing: null, store: null, levels, now: new Date() }));
}

function listingNow(listing: ListingRow) {
  const store = found(rows.stores, listing.storeId);
  const item = found(rows.items, listing.itemId);
  const levels = (rows.levelsOf.get(item.id) ?? []).filter(
    (level) => !store.hasOwnWarehouses || store.warehouseIds.includes(level.warehouseId),
  );
  const customer = found(rows.customers, item.customerId);
  const effective = evaluate(policyInputOf({ customer, item, listing, store, levels, now: new Date() }));
  return { ...effective, state: listingState(listing) };
}

// ───────────── the views ─────────────

describe("what is in force, in SQL", () => {
  test(`agrees with the policy for each of ${String(CUSTOMERS * 120)} random listings`, async () => {
    const said = await sql<{ listing_id: string }>(
      db.dataSource,
      `select listing_id, customer_id, item_id, store_id, mode, quantity, skips, decision, state from listing_effective`,
    );
    const expected = [...rows.listings.values()].map((listing) => {
      const { mode, quantity, skips, decision, state } = listingNow(listing);
      return {
        listing_id: listing.id,
        customer_id: found(rows.items, listing.itemId).customerId,
        item_id: listing.itemId,
        store_id: listing.storeId,
        mode,
        quantity,
        skips,
        decision,
        state,
      };
    });
    expect(new Map(said.map((row) => [row.listing_id, row])), seedNote).toEqual(
      new Map(expected.map((row) => [row.listing_id, row])),
    );
    // Were a gate or a state never met, this would prove nothing of it.
    expect(new Set(expected.flatMap((row) => row.skips)), seedNote).toEqual(new Set(Object.values(SkipReason)));
    expect(new Set(expected.map((row) => row.state)), seedNote).toEqual(new Set(Object.values(ListingState)));
    expect(new Set(expected.map((row) => row.decision)), seedNote).toEqual(new Set(["SYNC", "SKIP"]));
  });

  test("agrees with the policy for each item, before any store's gates", async () => {
    const said = await sql<{ item_id: string }>(db.dataSource, `select item_id, customer_id, mode from item_effective`);
    const expected = [...rows.items.values()].map((item) => ({
      item_id: item.id,
      customer_id: item.customerId,
      mode: itemNow(item).mode,
    }));
    expect(new Map(said.map((row) => [row.item_id, row])), seedNote).toEqual(
      new Map(expected.map((row) => [row.item_id, row])),
    );
    expect(new Set(expected.map((row) => row.mode)), seedNote).toEqual(new Set(Object.values(SyncMode)));
  });
});

// ───────────── the filter ─────────────

/** The customer's items that the filter matches, said once more and without SQL. */
function matches(item: ItemRow, filter: ItemFilterValues): boolean {
  const asks = <T>(value: T | null | undefined, holds: (value: T) => boolean): boolean => value == null || holds(value);
  const levels = rows.levelsOf.get(item.id) ?? [];
  const available = sumOf(levels, "onHand") - sumOf(levels, "committed") - sumOf(levels, "unavailable");
  const words = [item.sku, item.title, item.barcode ?? ""].map((text) => text.toLowerCase());
  const setting = item.syncExpiresAt !== null && item.syncExpiresAt < new Date() ? item.syncRevertMode : item.syncMode;
  const ofListing = (listing: ListingRow): boolean => {
    const { skips, state } = listingNow(listing);
    return (
      asks(filter.storeIds, (ids) => ids.includes(listing.storeId)) &&
      asks(filter.skipReason, (reasons) => reasons.some((reason) => skips.includes(reason))) &&
      asks(filter.listingState, (states) => states.includes(state))
    );
  };
  const asksForListings = [filter.storeIds, filter.skipReason, filter.listingState].some((value) => value != null);
  return (
    asks(filter.query, (query) =>
      query
        .split(/\s+/u)
        .filter((word) => word !== "")
        .every((word) => words.some((text) => text.includes(word.toLowerCase()))),
    ) &&
    asks(filter.skus, (skus) => skus.includes(item.sku)) &&
    asks(filter.skuPrefix, (prefix) => item.sku.startsWith(prefix)) &&
    asks(filter.tags, (wanted) => wanted.some((tag) => item.tags.includes(tag))) &&
    asks(filter.processOrders, (on) => item.processOrders === on) &&
    asks(filter.received, (received) => (item.firstReceivedAt !== null) === received) &&
    asks(filter.availableMin, (least) => available >= least) &&
    asks(filter.availableMax, (most) => available <= most) &&
    asks(filter.syncSettingMode, (modes) => modes.some((mode) => mode === setting)) &&
    asks(filter.effectiveMode, (modes) => modes.includes(itemNow(item).mode)) &&
    (!asksForListings || (rows.listingsOf.get(item.id) ?? []).some(ofListing))
  );
}

const someOf = <T>(...from: readonly T[]) => fc.uniqueArray(fc.constantFrom(...from), { maxLength: 2 });
/** As people may send them; \0 can stand in no row. */
const askedTexts = fc
  .tuple(texts, fc.constantFrom("", "", "", "\0"), fc.constantFrom("", "", "\u3000", "\t"))
  .map(([text, nul, blank]) => `${Array.from(text).slice(0, 2).join("")}${blank}${nul}`);

function fields() {
  const skus = [...rows.items.values()].map((item) => item.sku);
  const quantities = fc.integer({ min: -8, max: 8 });
  return {
    query: fc.array(askedTexts, { maxLength: 2 }).map((words) => words.join(" ")),
    skus: fc.array(fc.oneof(fc.constantFrom(...skus), askedTexts), { maxLength: 60 }),
    skuPrefix: fc.oneof(
      askedTexts,
      fc
        .tuple(fc.constantFrom(...skus), fc.integer({ min: 0, max: 3 }))
        .map(([sku, end]) => Array.from(sku).slice(0, end).join("")),
    ),
    tags: fc.oneof(tags, fc.constant(["\0"])),
    processOrders: fc.boolean(),
    received: fc.boolean(),
    availableMin: quantities,
    availableMax: quantities,
    syncSettingMode: someOf(...Object.values(SyncSettingMode)),
    effectiveMode: someOf(...Object.values(SyncMode)),
    // Other customers' stores too.
    storeIds: fc.uniqueArray(fc.constantFrom(...rows.stores.keys()), { maxLength: 40 }),
    skipReason: someOf(...Object.values(SkipReason)),
    listingState: someOf(...Object.values(ListingState)),
  } satisfies { [K in keyof Required<ItemFilterValues>]: fc.Arbitrary<NonNullable<ItemFilterValues[K]>> };
}

/** The ids, in order, of the items that SQL finds for a customer, with no condition but the filter's. */
async function select(customerId: string, filter: ItemFilterValues): Promise<readonly string[]> {
  const params: unknown[] = [];
  const condition = itemFilterSql(customerId, filter, params);
  const chosen = await sql<{ id: string }>(db.dataSource, `select i.id from item i where ${condition}`, params);
  return chosen.map((row) => row.id).toSorted();
}

async function compare(filters: readonly ItemFilterValues[]): Promise<{ matched: number; unmatched: number }> {
  const seen = { matched: 0, unmatched: 0 };
  for (const [index, filter] of filters.entries()) {
    const customerId = customerIds[index % customerIds.length] ?? "";
    const own = [...rows.items.values()].filter((item) => item.customerId === customerId);
    const expected = own.filter((item) => matches(item, filter)).map((item) => item.id);
    expect(await select(customerId, filter), `${JSON.stringify(filter)}, ${seedNote}`).toEqual(expected.toSorted());
    seen.matched += expected.length;
    seen.unmatched += own.length - expected.length;
  }
  return seen;
}

describe("a filter of items, in SQL", () => {
  const names = [
    "query",
    "skus",
    "skuPrefix",
    "tags",
    "processOrders",
    "received",
    "availableMin",
    "availableMax",
    "syncSettingMode",
    "effectiveMode",
    "storeIds",
    "skipReason",
    "listingState",
  ] as const satisfies readonly (keyof ItemFilterValues)[];

  test.each(names)("by %s finds the customer's items that it describes", async (name) => {
    const values: fc.Arbitrary<unknown> = fields()[name];
    const filters = fc.sample(values, { numRuns: 100, seed: testSeed }).map((value) => ({ [name]: value }));
    const { matched, unmatched } = await compare(filters);
    expect(matched, seedNote).toBeGreaterThan(0);
    expect(unmatched, seedNote).toBeGreaterThan(0);
  });

  test("finds what fits all of its fields at once", async () => {
    const values: Readonly<Record<string, fc.Arbitrary<unknown>>> = fields();
    const combinations = fc
      .uniqueArray(fc.constantFrom(...names), { minLength: 2, maxLength: 5 })
      .chain((chosen) =>
        fc.record(Object.fromEntries(chosen.map((name) => [name, values[name] ?? fc.constant(null)]))),
      );
    const { matched } = await compare(fc.sample(combinations, { numRuns: 500, seed: testSeed }));
    expect(matched, seedNote).toBeGreaterThan(0);
  });

  test("demands of one and the same listing what it says of listings", async () => {
    const { storeIds, skipReason, listingState: states } = fields();
    const pairs = fc.oneof(
      fc.record({ storeIds, skipReason }),
      fc.record({ storeIds, listingState: states }),
      fc.record({ skipReason, listingState: states }),
    );
    const { matched } = await compare(fc.sample(pairs, { numRuns: 300, seed: testSeed }));
    expect(matched, seedNote).toBeGreaterThan(0);
  });

  test("without a field, or with every field null, asks nothing", async () => {
    const nothing = Object.fromEntries(names.map((name) => [name, null]));
    const { unmatched } = await compare([{}, nothing, { query: " \u3000\t" }]);
    expect(unmatched).toBe(0);
  });
});
