/** What a chaos run has recorded, and all that its checker may know. Times are `performance.now()` of the process that recorded. */

export interface History {
  readonly stores: readonly StoreFact[];
  readonly items: readonly ItemFact[];
  /** Stock changes that were acknowledged; those of one item in the order in which they were made. */
  readonly changes: readonly StockChange[];
  /** Switches of gates that were acknowledged; those of one subject in the order in which they were made. */
  readonly switches: readonly Switch[];
  /** Ids of operations as they were acknowledged. */
  readonly acknowledgedOperations: readonly string[];
  /** Lines of writes as the shops did them, a store's in the order in which they were applied. */
  readonly writes: readonly ShopWrite[];
  /** When worker processes stood still. */
  readonly freezes: readonly Span[];
  readonly feeds: readonly Feed[];
  readonly final: FinalState;
  /** What no fault explains, such as a process that ended by itself. */
  readonly surprises: readonly string[];
}

interface StoreFact {
  readonly store: string;
  /** Whether it refuses a write that does not name what it holds (compare-and-set). */
  readonly compares: boolean;
}

/**
 * `plain`: no quantity above 0 ever comes back. `sellsOut`: so, down to 0 and up again. `swings`: between two quantities.
 * `shared`: its shops sell of it too, or else only the merchant changes it.
 * `never`: its setting is NEVER from before it was listed. `unreceived`: it has stock that was never received.
 */
export type ItemRole = "plain" | "sellsOut" | "swings" | "shared" | "never" | "unreceived";

export interface ItemFact {
  /** Unique in the run, over all customers. */
  readonly sku: string;
  readonly role: ItemRole;
}

export interface StockChange {
  /** Unique; stands on the movements that it made. */
  readonly reference: string;
  /** When it was asked for first: nobody can have known of it before. */
  readonly requestedMs: number;
  readonly lines: readonly Delta[];
}

export interface Delta {
  readonly sku: string;
  readonly onHand: number;
  readonly committed: number;
}

/** A gate closed or opened, of the listings that `sku` and `store` leave: null stands for all of them. */
export interface Switch {
  readonly sku: string | null;
  readonly store: string | null;
  readonly closed: boolean;
  /** When it was asked for first, and when it was acknowledged. */
  readonly requestedMs: number;
  readonly acknowledgedMs: number;
}

export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

export interface ShopWrite {
  readonly store: string;
  readonly sku: string;
  readonly receivedMs: number;
  readonly answeredMs: number;
  readonly before: number | null;
  readonly after: number | null;
  readonly applied: boolean;
}

export interface Feed {
  readonly customer: string;
  /** The number of its newest outcome. */
  readonly last: number;
  readonly subscribers: readonly FollowedFeed[];
}

interface FollowedFeed {
  readonly name: string;
  /** In the order in which they came. */
  readonly cursors: readonly string[];
  /** Codes of the errors that came instead. */
  readonly errors: readonly string[];
}

export interface FinalState {
  readonly listings: readonly FinalListing[];
  /** Each customer's in the order in which they were committed. */
  readonly movements: readonly (Delta & { readonly reference: string | null })[];
  readonly operations: readonly { readonly id: string; readonly status: string }[];
  /** What says that a gate is closed. */
  readonly closed: readonly Pick<Switch, "sku" | "store">[];
  /** What still waits, counted by its kind. */
  readonly waiting: Readonly<Record<string, number>>;
}

export interface FinalListing {
  readonly store: string;
  readonly sku: string;
  /** As the API tells. */
  readonly state: string;
  readonly publishable: number;
  /** As the shop tells. */
  readonly atShop: number | null;
}

export interface Violation {
  readonly promise: "converged" | "in order" | "feed" | "gates" | "no false zero" | "nothing lost";
  readonly what: string;
}
