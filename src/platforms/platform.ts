/**
 * The port ⑥ between the engine and the shops. The engine knows these types and no platform; a connector maps, signs and
 * translates answers, and holds no policy. `test/conformance/platform.ts` says what every connector must do.
 */
import type { FailureCode, Platform } from "../terms.js";

/** A store as its connector needs it. `credentials` is what `connectStore` was given, decrypted. */
export interface StoreConnection {
  readonly storeId: string;
  readonly url: string;
  /** The platform's own location to write to; null where the platform has none. */
  readonly locationId: string | null;
  readonly credentials: Readonly<Record<string, string>>;
}

/** A listing as the platform names it. `externalRef` is what else the connector needs to address it (a parent's id …). */
export interface ListingAddress {
  readonly externalId: string;
  readonly externalRef: Readonly<Record<string, string>>;
}

/** One listing's absolute quantity to be set. */
export interface Change extends ListingAddress {
  readonly listingId: string;
  readonly sku: string;
  /** Whole units, 0 … MAX_QUANTITY. */
  readonly quantity: number;
  /** What the store should still say, for platforms that compare-and-set; null where nothing is known of it yet. */
  readonly expectedQuantity: number | null;
  /** Grows with each change of the listing. */
  readonly revision: number;
}

/** One request to the platform. The connector alone decides what goes together. Never empty; no listing twice. */
export interface Call {
  readonly changes: readonly Change[];
}

/** What came of one change. Expected outcomes are values: a connector throws only for a bug of its own. */
export type LineResult =
  /** `applied: false`: taken, but finished later. */
  | { readonly kind: "accepted"; readonly applied: boolean }
  /** The platform's wish to wait; does not count as an attempt. */
  | { readonly kind: "throttled"; readonly retryAfterMs: number }
  /** Compare-and-set lost: nothing was written; `observedQuantity` is what the store said, null where it would not say. */
  | { readonly kind: "conflict"; readonly observedQuantity: number | null }
  /** May heal by itself: back off. `scope: "store"` where the whole store failed, not this line. */
  | {
      readonly kind: "unavailable";
      readonly code: FailureCode;
      readonly message: string;
      readonly scope: "store" | "line";
    }
  /** Will not heal by itself: park. `CREDENTIALS_INVALID` stops the store, any other code only the line. */
  | { readonly kind: "rejected"; readonly code: FailureCode; readonly message: string }
  /** The endpoint is gone for good (410): the store is disconnected. */
  | { readonly kind: "gone"; readonly message: string };

export interface SendOptions {
  /** The same for the same call repeated (same listings, revisions, quantities, expectations), so that a retry acts once. */
  readonly idempotencyKey: string;
  readonly signal: AbortSignal;
}

export interface SendResult {
  /** One for each change of the call, in its order. */
  readonly lines: readonly LineResult[];
  /** How long to wait before the next call of this size, by the platform's own budget signal; 0 where it may go at once. */
  readonly nextCallInMs: number;
}

/** A listing found in the store for one SKU. */
export interface FoundListing extends ListingAddress {
  readonly sku: string;
  readonly active: boolean;
  readonly stockManaged: boolean;
  /** What the store holds now, where the platform tells with the look-up; otherwise null. */
  readonly quantity: number | null;
}

/** Why a store could not be asked; the same words as a failed line, for a call as a whole. */
export type CallFailure = Exclude<LineResult, { kind: "accepted" } | { kind: "conflict" }>;

export type Answer<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly failure: CallFailure };

export interface Location {
  readonly id: string;
  readonly name: string;
}

/** How many calls may run, beside what the answers say: at most `callsPerInterval` in any `intervalMs`, `concurrency` at once. */
export interface Pace {
  readonly concurrency: number;
  readonly intervalMs: number;
  readonly callsPerInterval: number;
}

/** One store's connector. Holds what it has learned of the store's budget, nothing else; may be dropped at any time. */
export interface Connector {
  readonly pace: Pace;
  /** The most changes that one call takes, for sizing claims. */
  readonly maxChangesPerCall: number;
  /**
   * Whether a call whose answer never came may still be carried out, after newer ones: false where the platform compares and
   * sets, or is told revisions. Where true, what was sent after such a call is sent once more, later.
   */
  readonly mayWriteLate: boolean;
  /** Whether the credentials work; answers the locations that can be written to (empty where the platform has none). */
  check(signal: AbortSignal): Promise<Answer<readonly Location[]>>;
  /**
   * Every listing whose SKU is exactly one of `skus` (at most 250). A SKU that the store does not have is absent; one that
   * it has several times is there several times.
   */
  findBySku(skus: readonly string[], signal: AbortSignal): Promise<Answer<readonly FoundListing[]>>;
  /** Splits changes into calls, keeping their order where it can. Every change is in exactly one call. Pure. */
  partition(changes: readonly Change[]): readonly Call[];
  /** Sends one call. Never rejects for what a store or network may do; a deadline of its own ends it. */
  send(call: Call, options: SendOptions): Promise<SendResult>;
  /**
   * What the store says now, one entry for each listing asked, in their order; null where the store no longer has it or
   * cannot say. At most 250 listings.
   */
  readBack(listings: readonly ListingAddress[], signal: AbortSignal): Promise<Answer<readonly (number | null)[]>>;
}

/** Opens connectors of one platform. Opens no socket and throws nothing: what is wrong shows at the first call. */
export interface PlatformDriver {
  readonly platform: Platform;
  /** False where the store has no catalogue to search: its listings are the SKUs themselves. */
  readonly hasCatalogue: boolean;
  open(connection: StoreConnection): Connector;
}
