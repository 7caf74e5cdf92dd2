/** Builders and random states of the policy, for its own tests and for those that hold the SQL against it. */
import fc from "fast-check";
import type { PolicyInput, Setting } from "../../src/policy/effective-sync.js";
import type { LevelQuantities } from "../../src/policy/publishable-quantity.js";
import { ConnectionStatus, SyncMode, SyncSettingMode } from "../../src/terms.js";

export type ListingInput = NonNullable<PolicyInput["listing"]>;
export type StoreInput = NonNullable<PolicyInput["store"]>;

export const NOW = new Date("2026-11-20T12:00:00.000Z");

export const says = (mode: SyncSettingMode): Setting => ({
  mode,
  expiresAt: null,
  revertMode: null,
});

/** Every gate open, 5 units, the shop last told 3: what is to be tested is changed. */
export const aState = {
  now: NOW,
  customerMode: "PROCESS_ORDERS_ONLY" as SyncMode,
  item: {
    setting: says("CUSTOMER_DEFAULT"),
    processOrders: true,
    received: true,
  },
  listing: {
    setting: null,
    linked: true,
    active: true,
    stockManaged: true,
    lastSyncedQuantity: 3,
  } as ListingInput,
  store: {
    connectionStatus: "CONNECTED",
    syncEnabled: true,
    pausedUntil: null,
    zeroGuardHeld: false,
  } as StoreInput,
  levels: [{ onHand: 5, committed: 0, unavailable: 0, publishedInbound: 0 }] as readonly LevelQuantities[],
} satisfies PolicyInput;

const modes = Object.values(SyncMode);
const settingModes = Object.values(SyncSettingMode);

/** Times around now, now itself and its neighbouring milliseconds included. */
function instantsAround(now: Date): fc.Arbitrary<Date> {
  return fc
    .oneof(fc.constantFrom(-1, 0, 1), fc.integer({ min: -86_400_000, max: 86_400_000 }))
    .map((offset) => new Date(now.getTime() + offset));
}

export function settings(now: Date): fc.Arbitrary<Setting> {
  return fc.oneof(
    fc.constantFrom(...settingModes).map(says),
    fc.record({
      mode: fc.constantFrom(...settingModes),
      expiresAt: instantsAround(now),
      revertMode: fc.constantFrom(...settingModes),
    }),
  );
}

/** Small numbers, so that sums around 0 are frequent; now and then as large as a level may be. */
const units = fc.oneof(
  { weight: 9, arbitrary: fc.integer({ min: 0, max: 6 }) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 300_000_000 }) },
);
const inbound = fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: units });

/** At most three levels with parts of at most 300 million, so that an item's sums stay within MAX_QUANTITY. */
export const levels: fc.Arbitrary<LevelQuantities> = fc.record({
  onHand: units,
  committed: units,
  unavailable: inbound,
  publishedInbound: inbound,
});

export function items(now: Date): fc.Arbitrary<PolicyInput["item"]> {
  return fc.record({
    setting: settings(now),
    processOrders: fc.boolean(),
    received: fc.boolean(),
  });
}

const mostly = fc.oneof({ weight: 4, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) });

export function listings(now: Date): fc.Arbitrary<ListingInput> {
  return fc.record({
    setting: fc.option(settings(now)),
    linked: mostly,
    active: mostly,
    stockManaged: mostly,
    lastSyncedQuantity: fc.option(fc.integer({ min: 0, max: 4 })),
  });
}

export function stores(now: Date): fc.Arbitrary<StoreInput> {
  return fc.record({
    connectionStatus: fc.oneof(
      { weight: 2, arbitrary: fc.constant(ConnectionStatus.CONNECTED) },
      {
        weight: 1,
        arbitrary: fc.constantFrom(...Object.values(ConnectionStatus)),
      },
    ),
    syncEnabled: mostly,
    pausedUntil: fc.option(instantsAround(now)),
    zeroGuardHeld: fc.boolean(),
  });
}

export const customerModes = fc.constantFrom(...modes);

/** States of listings and, one in five, of items before any store's gates. */
export const states: fc.Arbitrary<PolicyInput> = fc
  .record({
    now: fc.constant(NOW),
    customerMode: customerModes,
    item: items(NOW),
    listing: listings(NOW),
    store: stores(NOW),
    levels: fc.array(levels, { maxLength: 3 }),
    itself: fc.integer({ min: 0, max: 4 }).map((n) => n === 0),
  })
  .map(({ itself, ...state }) => (itself ? { ...state, listing: null, store: null } : state));
