import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { aState, NOW, says, settings, states } from "../../test/support/policy-states.js";
import { SkipReason, SyncMode, SyncScope, type SyncSettingMode } from "../terms.js";
import { evaluate, type PolicyInput, settingInForce } from "./effective-sync.js";

const before = new Date(NOW.getTime() - 1);
const after = new Date(NOW.getTime() + 1);
const until = (expiresAt: Date, mode: SyncSettingMode, revertMode: SyncSettingMode) => ({
  mode,
  expiresAt,
  revertMode,
});
const none = { onHand: 0, committed: 0, unavailable: 0, publishedInbound: 0 };

type Change = (state: typeof aState) => PolicyInput;
const store =
  (change: Partial<(typeof aState)["store"]>): Change =>
  (state) => ({ ...state, store: { ...state.store, ...change } });
const listing =
  (change: Partial<(typeof aState)["listing"]>): Change =>
  (state) => ({ ...state, listing: { ...state.listing, ...change } });
const item =
  (change: Partial<PolicyInput["item"]>): Change =>
  (state) => ({ ...state, item: { ...state.item, ...change } });
const stock =
  (change: Partial<typeof none>, lastSyncedQuantity: number | null = 3): Change =>
  (state) => ({
    ...state,
    levels: [{ ...none, ...change }],
    listing: { ...state.listing, lastSyncedQuantity },
  });
const all =
  (...changes: readonly Change[]): Change =>
  (state) =>
    changes.reduce<PolicyInput>((changed, change) => change(changed as typeof aState), state);
const customer =
  (customerMode: SyncMode): Change =>
  (state) => ({ ...state, customerMode });

describe("the gates of design §2", () => {
  test.each<readonly [string, Change, readonly SkipReason[]]>([
    ["every gate open", (state) => state, []],
    // store connected
    ["disconnected", store({ connectionStatus: "DISCONNECTED" }), ["STORE_DISCONNECTED"]],
    ["credentials refused", store({ connectionStatus: "CREDENTIALS_INVALID" }), ["CREDENTIALS_INVALID"]],
    ["not reachable just now: the engine goes on trying", store({ connectionStatus: "UNREACHABLE" }), []],
    // store switch
    ["syncing to the store is off", store({ syncEnabled: false }), ["STORE_SYNC_DISABLED"]],
    ["paused for one more millisecond", store({ pausedUntil: after }), ["STORE_PAUSED"]],
    ["paused until now: the pause is over", store({ pausedUntil: NOW }), []],
    ["paused until a moment ago", store({ pausedUntil: before }), []],
    // listing
    ["not linked", listing({ linked: false }), ["LISTING_UNLINKED"]],
    ["inactive", listing({ active: false }), ["LISTING_INACTIVE"]],
    ["stock not managed on the platform", listing({ stockManaged: false }), ["STOCK_UNMANAGED"]],
    // mode NEVER
    ["the customer says NEVER", customer("NEVER"), ["POLICY_NEVER"]],
    ["the item says NEVER", item({ setting: says("NEVER") }), ["POLICY_NEVER"]],
    ["the listing says NEVER", listing({ setting: says("NEVER") }), ["POLICY_NEVER"]],
    ["NEVER holds back a final zero too", all(customer("NEVER"), stock({ onHand: 0 })), ["POLICY_NEVER"]],
    // mode PROCESS_ORDERS_ONLY
    ["Process Orders off", item({ processOrders: false }), ["PROCESS_ORDERS_OFF"]],
    ["Process Orders off, ALWAYS", all(item({ processOrders: false }), customer("ALWAYS")), []],
    ["the final zero", all(item({ processOrders: false }), stock({ onHand: 0 }, 1)), []],
    ["the final zero of what is oversold", all(item({ processOrders: false }), stock({ committed: 2 }, 1)), []],
    [
      "no final zero: told 0 already",
      all(item({ processOrders: false }), stock({ onHand: 0 }, 0)),
      ["PROCESS_ORDERS_OFF"],
    ],
    [
      "no final zero: told nothing yet",
      all(item({ processOrders: false }), stock({ onHand: 0 }, null)),
      ["PROCESS_ORDERS_OFF"],
    ],
    [
      "no final zero: still units",
      all(item({ processOrders: false }), stock({ onHand: 1 }, 3)),
      ["PROCESS_ORDERS_OFF"],
    ],
    // received
    ["never received", item({ received: false }), ["NEVER_RECEIVED"]],
    ["never received, even if ALWAYS", all(item({ received: false }), customer("ALWAYS")), ["NEVER_RECEIVED"]],
    ["never received, but inbound is published", all(item({ received: false }), stock({ publishedInbound: 1 })), []],
    [
      "never received, Process Orders off: a final zero opens one gate only",
      all(item({ received: false, processOrders: false }), stock({ onHand: 0 }, 1)),
      ["NEVER_RECEIVED"],
    ],
    // zero guard
    ["held by the guard, a drop to zero", all(store({ zeroGuardHeld: true }), stock({ onHand: 0 }, 3)), ["ZERO_GUARD"]],
    ["held by the guard, more than zero", store({ zeroGuardHeld: true }), []],
    [
      "held by the guard, a first zero",
      all(store({ zeroGuardHeld: true }), stock({ onHand: 0 }, null)),
      ["ZERO_GUARD"],
    ],
    ["held by the guard, the shop has 0 already", all(store({ zeroGuardHeld: true }), stock({ onHand: 0 }, 0)), []],
    [
      "held by the guard, a final zero",
      all(store({ zeroGuardHeld: true }), item({ processOrders: false }), stock({ onHand: 0 }, 3)),
      ["ZERO_GUARD"],
    ],
    [
      "everything at once, in the order of the table",
      all(
        store({
          connectionStatus: "DISCONNECTED",
          syncEnabled: false,
          pausedUntil: after,
          zeroGuardHeld: true,
        }),
        item({ processOrders: false, received: false }),
        stock({ onHand: 0 }, null),
        listing({
          linked: false,
          active: false,
          stockManaged: false,
          lastSyncedQuantity: null,
        }),
      ),
      [
        "STORE_DISCONNECTED",
        "STORE_SYNC_DISABLED",
        "STORE_PAUSED",
        "LISTING_UNLINKED",
        "LISTING_INACTIVE",
        "STOCK_UNMANAGED",
        "PROCESS_ORDERS_OFF",
        "NEVER_RECEIVED",
        "ZERO_GUARD",
      ],
    ],
  ])("%s", (_title, change, skips) => {
    const effective = evaluate(change(aState));
    expect(effective.skips).toEqual(skips);
    expect(effective.decision).toBe(skips.length === 0 ? "SYNC" : "SKIP");
  });

  test("of the item itself, only the gates that need no store are asked, and no final zero exists", () => {
    const itself = {
      ...aState,
      listing: null,
      store: null,
      levels: [none],
      item: {
        setting: says("CUSTOMER_DEFAULT"),
        processOrders: false,
        received: false,
      },
    };
    expect(evaluate(itself).skips).toEqual(["PROCESS_ORDERS_OFF", "NEVER_RECEIVED"]);
    expect(evaluate({ ...itself, customerMode: "NEVER" }).skips).toEqual(["POLICY_NEVER", "NEVER_RECEIVED"]);
  });

  test("a lift opens the gate NEVER_RECEIVED and no other", () => {
    const neverReceived = item({ received: false, processOrders: false })(aState);
    expect(evaluate(neverReceived, { neverReceived: true }).skips).toEqual(["PROCESS_ORDERS_OFF"]);
    expect(evaluate(neverReceived, { neverReceived: false }).skips).toEqual(["PROCESS_ORDERS_OFF", "NEVER_RECEIVED"]);
  });
});

describe("the truth table of domain.md 1.9", () => {
  const always = customer("ALWAYS");
  const orders = (processOrders: boolean) => item({ processOrders });
  test.each<readonly [string, Change, readonly SkipReason[]]>([
    ["1: store off, ALWAYS", all(store({ syncEnabled: false }), always), ["STORE_SYNC_DISABLED"]],
    ["1: store off, Process Orders on", store({ syncEnabled: false }), ["STORE_SYNC_DISABLED"]],
    [
      "1: store off, the final zero",
      all(store({ syncEnabled: false }), orders(false), stock({})),
      ["STORE_SYNC_DISABLED"],
    ],
    ["2: NEVER, Process Orders on", all(customer("NEVER"), orders(true)), ["POLICY_NEVER"]],
    ["2: NEVER, Process Orders off", all(customer("NEVER"), orders(false)), ["POLICY_NEVER"]],
    ["3: ALWAYS, Process Orders on", all(always, orders(true)), []],
    ["3: ALWAYS, Process Orders off", all(always, orders(false)), []],
    ["4: ALWAYS, never received", all(always, item({ received: false })), ["NEVER_RECEIVED"]],
    [
      "4: ALWAYS, never received, published",
      all(always, item({ received: false }), stock({ publishedInbound: 2 })),
      [],
    ],
    ["5: PROCESS_ORDERS_ONLY, on, received", orders(true), []],
    ["6: PROCESS_ORDERS_ONLY, off", orders(false), ["PROCESS_ORDERS_OFF"]],
    [
      "6: PROCESS_ORDERS_ONLY, off, published",
      all(orders(false), stock({ publishedInbound: 2 })),
      ["PROCESS_ORDERS_OFF"],
    ],
    ["6: PROCESS_ORDERS_ONLY, off, the final zero", all(orders(false), stock({})), []],
    ["7: PROCESS_ORDERS_ONLY, on, never received", item({ received: false }), ["NEVER_RECEIVED"]],
    ["7: … published", all(item({ received: false }), stock({ publishedInbound: 2 })), []],
  ])("row %s", (_title, change, skips) => {
    expect(evaluate(change(aState)).skips).toEqual(skips);
  });
});

describe("the mode in force", () => {
  test.each<readonly [string, Change, SyncMode, SyncScope]>([
    ["of the customer where nothing else is set", (state) => state, "PROCESS_ORDERS_ONLY", "CUSTOMER"],
    ["of the item before the customer", item({ setting: says("ALWAYS") }), "ALWAYS", "ITEM"],
    [
      "of the listing before the item",
      all(item({ setting: says("ALWAYS") }), listing({ setting: says("NEVER") })),
      "NEVER",
      "LISTING",
    ],
    [
      "handed up by CUSTOMER_DEFAULT, one level at a time",
      all(item({ setting: says("ALWAYS") }), listing({ setting: says("CUSTOMER_DEFAULT") })),
      "ALWAYS",
      "ITEM",
    ],
    ["of an override until its time", listing({ setting: until(after, "NEVER", "ALWAYS") }), "NEVER", "LISTING"],
    ["what stood before it at its time", listing({ setting: until(NOW, "NEVER", "ALWAYS") }), "ALWAYS", "LISTING"],
    [
      "handed up again once an override has ended",
      item({ setting: until(before, "NEVER", "CUSTOMER_DEFAULT") }),
      "PROCESS_ORDERS_ONLY",
      "CUSTOMER",
    ],
    [
      "handed up for a while by an override of CUSTOMER_DEFAULT",
      listing({ setting: until(after, "CUSTOMER_DEFAULT", "NEVER") }),
      "PROCESS_ORDERS_ONLY",
      "CUSTOMER",
    ],
  ])("is %s", (_title, change, mode, decidedBy) => {
    expect(evaluate(change(aState))).toMatchObject({ mode, decidedBy });
  });

  test("an override and what it gives way to share the time without a gap", () => {
    fc.assert(
      fc.property(settings(NOW), (setting) => {
        const over = setting.expiresAt !== null && setting.expiresAt.getTime() <= NOW.getTime();
        expect(settingInForce(setting, NOW)).toBe(over ? setting.revertMode : setting.mode);
      }),
    );
  });
});

describe("in any state", () => {
  /** Opens one gate and touches nothing else. */
  const open: Readonly<Record<SkipReason, (state: PolicyInput) => PolicyInput>> = {
    STORE_DISCONNECTED: (s) => ({
      ...s,
      store: s.store && { ...s.store, connectionStatus: "CONNECTED" },
    }),
    CREDENTIALS_INVALID: (s) => ({
      ...s,
      store: s.store && { ...s.store, connectionStatus: "CONNECTED" },
    }),
    STORE_SYNC_DISABLED: (s) => ({
      ...s,
      store: s.store && { ...s.store, syncEnabled: true },
    }),
    STORE_PAUSED: (s) => ({
      ...s,
      store: s.store && { ...s.store, pausedUntil: null },
    }),
    LISTING_UNLINKED: (s) => ({
      ...s,
      listing: s.listing && { ...s.listing, linked: true },
    }),
    LISTING_INACTIVE: (s) => ({
      ...s,
      listing: s.listing && { ...s.listing, active: true },
    }),
    STOCK_UNMANAGED: (s) => ({
      ...s,
      listing: s.listing && { ...s.listing, stockManaged: true },
    }),
    POLICY_NEVER: (s) => ({
      ...s,
      customerMode: "ALWAYS",
      item: { ...s.item, setting: says("ALWAYS") },
      listing: s.listing && { ...s.listing, setting: says("ALWAYS") },
    }),
    PROCESS_ORDERS_OFF: (s) => ({
      ...s,
      item: { ...s.item, processOrders: true },
    }),
    NEVER_RECEIVED: (s) => ({ ...s, item: { ...s.item, received: true } }),
    ZERO_GUARD: (s) => ({
      ...s,
      store: s.store && { ...s.store, zeroGuardHeld: false },
    }),
  };
  const openAll = (state: PolicyInput, reasons: readonly SkipReason[]) =>
    reasons.reduce((opened, reason) => open[reason](opened), state);

  test("there is exactly one answer, made of known words, and SYNC means that no gate fails", () => {
    fc.assert(
      fc.property(states, fc.boolean(), (state, neverReceived) => {
        const effective = evaluate(state, { neverReceived });
        expect(Object.values(SyncMode)).toContain(effective.mode);
        expect(Object.values(SyncScope)).toContain(effective.decidedBy);
        expect(effective.decision).toBe(effective.skips.length === 0 ? "SYNC" : "SKIP");
        expect(effective.skips).toEqual(Object.values(SkipReason).filter((reason) => effective.skips.includes(reason)));
        expect(effective.steps.at(-1)?.result).toBe(effective.quantity);
      }),
      { numRuns: 1_000 },
    );
  });

  test("opening the named gates makes the decision SYNC; opening all but one leaves exactly that one", () => {
    const seen = new Set<SkipReason>();
    fc.assert(
      fc.property(states, (state) => {
        const { skips } = evaluate(state);
        expect(evaluate(openAll(state, skips)).decision).toBe("SYNC");
        for (const shut of skips) {
          seen.add(shut);
          const others = skips.filter((reason) => reason !== shut);
          expect(evaluate(openAll(state, others)).skips).toEqual([shut]);
        }
      }),
      { numRuns: 2_000, seed: 1 },
    );
    expect(seen.size).toBe(Object.keys(SkipReason).length);
  });

  test("opening a gate that is not named changes no other", () => {
    fc.assert(
      fc.property(states, fc.constantFrom(...Object.values(SkipReason)), (state, reason) => {
        const { skips, mode } = evaluate(state);
        // Another mode asks other gates: that one is a change of policy, not of a gate.
        if (skips.includes(reason) || (reason === "POLICY_NEVER" && mode !== "NEVER")) return;
        // The two words of a connection are one gate.
        const connection: readonly SkipReason[] = ["STORE_DISCONNECTED", "CREDENTIALS_INVALID"];
        if (connection.includes(reason) && connection.some((one) => skips.includes(one))) return;
        expect(evaluate(open[reason](state)).skips).toEqual(skips);
      }),
      { numRuns: 1_000 },
    );
  });

  test("a shop that was last told more than 0 is told a 0, whatever Process Orders says", () => {
    fc.assert(
      fc.property(states, fc.integer({ min: 1, max: 9 }), fc.boolean(), (state, told, processOrders) => {
        if (!state.listing) return;
        const soldOut = {
          ...state,
          levels: [none],
          item: { ...state.item, processOrders },
          listing: { ...state.listing, lastSyncedQuantity: told },
        };
        expect(evaluate(soldOut).skips).not.toContain("PROCESS_ORDERS_OFF");
      }),
    );
  });
});
