import fc from "fast-check";
import { expect, test } from "vitest";
import { aState, states } from "../../test/support/policy-states.js";
import { decide } from "./decide.js";
import { evaluate } from "./effective-sync.js";

const asked = { force: false, liftNeverReceived: false };

test("a quantity that the store acknowledged last is not sent again, unless forced", () => {
  const level = {
    ...aState,
    listing: { ...aState.listing, lastSyncedQuantity: 5 },
  };
  expect(decide(level, asked)).toMatchObject({ do: "unchanged" });
  expect(decide(level, { ...asked, force: true })).toMatchObject({
    do: "send",
    quantity: 5,
  });
});

test("a store that was told nothing yet is told, also a zero", () => {
  const empty = {
    ...aState,
    levels: [],
    listing: { ...aState.listing, lastSyncedQuantity: null },
  };
  expect(decide(empty, asked)).toMatchObject({ do: "send", quantity: 0 });
});

test("a forced send obeys the gates", () => {
  const off = { ...aState, store: { ...aState.store, syncEnabled: false } };
  expect(decide(off, { ...asked, force: true })).toMatchObject({
    do: "skip",
    effective: { skips: ["STORE_SYNC_DISABLED"] },
  });
});

test("a lift lets what was never received through", () => {
  const neverReceived = {
    ...aState,
    item: { ...aState.item, received: false },
  };
  expect(decide(neverReceived, asked).do).toBe("skip");
  expect(decide(neverReceived, { ...asked, liftNeverReceived: true })).toMatchObject({ do: "send", quantity: 5 });
});

test("in any state, what is sent is the publishable quantity, the gates are open, and it is news or forced", () => {
  fc.assert(
    fc.property(states, fc.boolean(), fc.boolean(), (state, force, liftNeverReceived) => {
      const decision = decide(state, { force, liftNeverReceived });
      const effective = evaluate(state, { neverReceived: liftNeverReceived });
      expect(decision.effective).toEqual(effective);
      const isNews = state.listing?.lastSyncedQuantity !== effective.quantity;
      expect(decision.do).toBe(effective.skips.length > 0 ? "skip" : isNews || force ? "send" : "unchanged");
      if (decision.do === "send") expect(decision.quantity).toBe(effective.quantity);
    }),
  );
});
