/**
 * The state of a listing as people see it. What the listing waits for comes before what it is like:
 *
 * FAILED        refused and parked, also while a newer change waits for its one try
 * IN_FLIGHT     due, and claimed by a worker
 * RETRYING      due, and the last try failed
 * PENDING       due
 * SKIPPED       settled, but a gate holds something back
 * DRIFTED       settled, and the store was later seen with another quantity than it acknowledged
 * NEVER_SYNCED  settled without the store ever having acknowledged a quantity
 * IN_SYNC       the rest
 *
 * Due means that `revision` is past `syncedRevision`. The function `listing_state` says the same in SQL.
 */
import type { ListingState } from "../terms.js";

export interface ListingProgress {
  readonly revision: number;
  readonly syncedRevision: number;
  readonly inFlight: boolean;
  readonly attempts: number;
  readonly parked: boolean;
  readonly held: boolean;
  /** Both null until the store first acknowledges a quantity. */
  readonly lastSyncedQuantity: number | null;
  readonly lastSyncedAt: Date | null;
  /** Both null until the store is first read back. */
  readonly observedQuantity: number | null;
  readonly observedAt: Date | null;
}

/** Instants are compared in whole milliseconds. A half-known pair (a quantity without its time) counts as not known. */
export function listingState(listing: ListingProgress): ListingState {
  if (listing.parked) return "FAILED";
  if (listing.revision > listing.syncedRevision) {
    if (listing.inFlight) return "IN_FLIGHT";
    return listing.attempts > 0 ? "RETRYING" : "PENDING";
  }
  if (listing.held) return "SKIPPED";
  if (listing.lastSyncedQuantity === null || listing.lastSyncedAt === null) return "NEVER_SYNCED";
  // What was seen before the last acknowledgement says nothing of what the store has now.
  const seenSince = listing.observedAt !== null && listing.observedAt > listing.lastSyncedAt;
  if (seenSince && listing.observedQuantity !== null && listing.observedQuantity !== listing.lastSyncedQuantity)
    return "DRIFTED";
  return "IN_SYNC";
}
