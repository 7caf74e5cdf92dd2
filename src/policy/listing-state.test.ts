import { expect, test } from "vitest";
import { NOW } from "../../test/support/policy-states.js";
import { type ListingProgress, listingState } from "./listing-state.js";

const earlier = new Date(NOW.getTime() - 1);
const settled: ListingProgress = {
  revision: 4,
  syncedRevision: 4,
  inFlight: false,
  attempts: 0,
  parked: false,
  held: false,
  lastSyncedQuantity: 5,
  lastSyncedAt: earlier,
  observedQuantity: null,
  observedAt: null,
};
const due = { revision: 5 };

test.each<readonly [string, Partial<ListingProgress>, string]>([
  ["settled at what the store acknowledged", {}, "IN_SYNC"],
  ["parked", { parked: true }, "FAILED"],
  ["parked, due and in flight", { ...due, parked: true, inFlight: true, attempts: 1, held: true }, "FAILED"],
  ["due and in flight, after failures", { ...due, inFlight: true, attempts: 2, held: true }, "IN_FLIGHT"],
  ["due after a failure", { ...due, attempts: 2, held: true }, "RETRYING"],
  ["due", { ...due, held: true }, "PENDING"],
  ["due, never synced", { ...due, lastSyncedQuantity: null, lastSyncedAt: null }, "PENDING"],
  ["settled, but still claimed", { inFlight: true }, "IN_SYNC"],
  ["held back by a gate", { held: true, observedQuantity: 9, observedAt: NOW }, "SKIPPED"],
  ["held back, never synced", { held: true, lastSyncedQuantity: null, lastSyncedAt: null }, "SKIPPED"],
  ["seen since with another quantity", { observedQuantity: 9, observedAt: NOW }, "DRIFTED"],
  ["seen since with none left", { observedQuantity: 0, observedAt: NOW }, "DRIFTED"],
  ["seen since with the same quantity", { observedQuantity: 5, observedAt: NOW }, "IN_SYNC"],
  ["seen at the moment of the acknowledgement", { observedQuantity: 9, observedAt: earlier }, "IN_SYNC"],
  ["seen before it", { observedQuantity: 9, observedAt: new Date(0) }, "IN_SYNC"],
  ["looked at since, but the store would not say", { observedQuantity: null, observedAt: NOW }, "IN_SYNC"],
  ["never synced", { lastSyncedQuantity: null, lastSyncedAt: null }, "NEVER_SYNCED"],
  [
    "never synced, but seen",
    {
      lastSyncedQuantity: null,
      lastSyncedAt: null,
      observedQuantity: 9,
      observedAt: NOW,
    },
    "NEVER_SYNCED",
  ],
])("%s", (_title, change, state) => {
  expect(listingState({ ...settled, ...change })).toBe(state);
});
