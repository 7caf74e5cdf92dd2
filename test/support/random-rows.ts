/**
 * Random customers with stores, items, levels and listings in every state, written in bulk past the engine: what it would
 * never write (half a pair of times, a parked listing that is settled) is there too.
 *
 * Settings and pauses end at least an hour from now, either way, so that a slow run changes no answer.
 */
import fc from "fast-check";
import type { DataSource } from "typeorm";
import type { Setting } from "../../src/policy/effective-sync.js";
import { sql } from "../../src/sync/sql.js";
import { newUuid } from "../../src/terms.js";
import { customerModes, items, levels, listings, stores } from "./policy-states.js";

const HOUR_MS = 3_600_000;
const STORES = 8;
const ITEMS = 40;
const LISTINGS = 120;
const WAREHOUSES = [0, 1, 2] as const;

/** A seed of its own for each run, told in every failure; TEST_SEED repeats one. */
export const testSeed = Number(process.env["TEST_SEED"] ?? Math.floor(Math.random() * 2 ** 31));

const awayFromNow = (instant: Date | null): Date | null =>
  instant && new Date(instant.getTime() + (instant.getTime() >= Date.now() ? HOUR_MS : -HOUR_MS));
const away = (setting: Setting): Setting => ({ ...setting, expiresAt: awayFromNow(setting.expiresAt) });

/** Letters of one to four bytes in both cases, blanks, and all that means something to LIKE, SQL or JSON. */
const letters = fc.constantFrom(...Array.from("aaBbéÉßж€𝄞🧦%_\\'\"-0 "));
export const texts = fc.array(letters, { maxLength: 5 }).map((parts) => parts.join(""));
export const tags = fc.array(fc.constantFrom("red", "Red", "a%", "a_b", "\\", "🧦"), { maxLength: 3 });

/** Moments a few microseconds and milliseconds apart, as PostgreSQL reads them. */
const moments = fc
  .tuple(fc.integer({ min: 0, max: 2 }), fc.constantFrom(0, 1, 499, 500, 999))
  .map(([ms, us]) => `2026-11-20 12:00:00.${String(ms).padStart(3, "0")}${String(us).padStart(3, "0")}+00`);

const progress = fc.record({
  revision: fc.integer({ min: 0, max: 2 }),
  unsettled: fc.integer({ min: 0, max: 1 }),
  inFlightSince: fc.option(moments),
  attempts: fc.integer({ min: 0, max: 2 }),
  parkedCode: fc.constantFrom(null, null, null, "UNKNOWN"),
  held: fc.boolean(),
  lastSyncedAt: fc.option(moments),
  observedAt: fc.option(moments),
  observedQuantity: fc.option(fc.integer({ min: 0, max: 4 })),
});

const exactly = <T>(length: number, of: fc.Arbitrary<T>): fc.Arbitrary<T[]> =>
  fc.array(of, { minLength: length, maxLength: length });

function worlds(now: Date) {
  return fc.record({
    mode: customerModes,
    stores: exactly(
      STORES,
      fc.record({ state: stores(now), own: fc.option(fc.uniqueArray(fc.constantFrom(...WAREHOUSES))) }),
    ),
    items: exactly(
      ITEMS,
      fc.record({
        state: items(now),
        sku: texts,
        title: texts,
        barcode: fc.option(texts),
        tags,
        // In the order of the warehouses; null where the item never was in one.
        levels: fc.tuple(fc.option(levels), fc.option(levels), fc.option(levels)),
      }),
    ),
    listings: exactly(
      LISTINGS,
      fc.record({
        store: fc.nat({ max: STORES - 1 }),
        item: fc.nat({ max: ITEMS - 1 }),
        state: listings(now),
        progress,
      }),
    ),
  });
}

type RandomWorld = ReturnType<typeof worlds> extends fc.Arbitrary<infer T> ? T : never;

/** Writes so many customers with 120 listings of 40 items each. Answers their ids. */
export async function writeRandomCustomers(
  dataSource: DataSource,
  howMany: number,
  seed: number,
): Promise<readonly string[]> {
  const ids: string[] = [];
  for (const world of fc.sample(worlds(new Date()), { numRuns: howMany, seed }))
    ids.push(await writeWorld(dataSource, world));
  return ids;
}

async function writeWorld(dataSource: DataSource, world: RandomWorld): Promise<string> {
  const customerId = newUuid();
  const warehouseIds = WAREHOUSES.map(newUuid);
  const storeIds = world.stores.map(newUuid);
  const itemIds = world.items.map(newUuid);
  const insert = async (table: string, columns: string, rows: readonly object[]): Promise<void> => {
    const names = columns.replaceAll(/ [a-z[\]]+(?=,|$)/g, "");
    await sql(
      dataSource,
      `insert into ${table} (customer_id, ${names}) select $1, ${names} from jsonb_to_recordset($2::jsonb) as r(${columns})`,
      [customerId, JSON.stringify(rows)],
    );
  };
  await sql(dataSource, `insert into customer (id, name, sync_mode, sync_updated_by) values ($1, '', $2, '')`, [
    customerId,
    world.mode,
  ]);
  await insert(
    "warehouse",
    "id uuid, code text, name text",
    warehouseIds.map((id) => ({ id, code: id, name: id })),
  );
  await insert(
    "store",
    "id uuid, name text, platform text, url text, credentials text, sync_enabled boolean, connection_status text, paused_until timestamptz, zero_guard_since timestamptz, has_own_warehouses boolean",
    world.stores.map(({ state, own }, at) => ({
      id: storeIds[at],
      name: "",
      platform: "WEBHOOK",
      url: "",
      credentials: "",
      sync_enabled: state.syncEnabled,
      connection_status: state.connectionStatus,
      paused_until: awayFromNow(state.pausedUntil),
      zero_guard_since: state.zeroGuardHeld ? new Date() : null,
      has_own_warehouses: own !== null,
    })),
  );
  await insert(
    "store_warehouse",
    "store_id uuid, warehouse_id uuid",
    world.stores.flatMap(({ own }, at) =>
      (own ?? []).map((place) => ({ store_id: storeIds[at], warehouse_id: warehouseIds[place] })),
    ),
  );
  await insert(
    "item",
    "id uuid, sku text, title text, barcode text, tags text[], on_hand integer, committed integer, unavailable integer, published_inbound integer, process_orders boolean, first_received_at timestamptz, sync_mode text, sync_expires_at timestamptz, sync_revert_mode text, sync_updated_by text",
    world.items.map((item, at) => ({
      id: itemIds[at],
      sku: `${item.sku}${String(at)}`,
      title: item.title,
      barcode: item.barcode,
      tags: item.tags,
      on_hand: sumOf(item.levels, "onHand"),
      committed: sumOf(item.levels, "committed"),
      unavailable: sumOf(item.levels, "unavailable"),
      published_inbound: sumOf(item.levels, "publishedInbound"),
      process_orders: item.state.processOrders,
      first_received_at: item.state.received ? new Date() : null,
      ...settingColumns(away(item.state.setting)),
      sync_updated_by: "",
    })),
  );
  await insert(
    "inventory_level",
    "item_id uuid, warehouse_id uuid, on_hand integer, committed integer, unavailable integer, published_inbound integer",
    world.items.flatMap((item, at) =>
      item.levels.flatMap((level, place) =>
        level === null
          ? []
          : {
              item_id: itemIds[at],
              warehouse_id: warehouseIds[place],
              on_hand: level.onHand,
              committed: level.committed,
              unavailable: level.unavailable,
              published_inbound: level.publishedInbound,
            },
      ),
    ),
  );
  await insert(
    "listing",
    "id uuid, store_id uuid, item_id uuid, external_id text, active boolean, linked boolean, stock_managed boolean, sync_mode text, sync_expires_at timestamptz, sync_revert_mode text, revision bigint, synced_revision bigint, in_flight_since timestamptz, attempts integer, parked_code text, held boolean, last_synced_quantity integer, last_synced_at timestamptz, observed_quantity integer, observed_at timestamptz",
    world.listings.map(({ store, item, state, progress: at }, index) => {
      const { sync_mode, ...override } = settingColumns(
        state.setting ? away(state.setting) : { mode: "CUSTOMER_DEFAULT", expiresAt: null, revertMode: null },
      );
      return {
        id: newUuid(),
        store_id: storeIds[store],
        item_id: itemIds[item],
        external_id: String(index),
        active: state.active,
        linked: state.linked,
        stock_managed: state.stockManaged,
        // A listing has no row value for "as the level above".
        sync_mode: sync_mode === "CUSTOMER_DEFAULT" ? null : sync_mode,
        ...override,
        revision: at.revision + at.unsettled,
        synced_revision: at.revision,
        in_flight_since: at.inFlightSince,
        attempts: at.attempts,
        parked_code: at.parkedCode,
        held: at.held,
        last_synced_quantity: state.lastSyncedQuantity,
        last_synced_at: at.lastSyncedAt,
        observed_quantity: at.observedQuantity,
        observed_at: at.observedAt,
      };
    }),
  );
  return customerId;
}

function settingColumns(setting: Setting) {
  return { sync_mode: setting.mode, sync_expires_at: setting.expiresAt, sync_revert_mode: setting.revertMode };
}

function sumOf<K extends string>(all: readonly (Readonly<Record<K, number>> | null)[], part: K): number {
  return all.reduce((sum, level) => sum + (level?.[part] ?? 0), 0);
}
