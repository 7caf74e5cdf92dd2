/**
 * What is in force for a listing, or for an item before any store's gates: the mode, every gate that fails, and the quantity
 * with its arithmetic. The dispatcher, the resolvers and the previews ask here; the view `listing_effective` says the same in
 * SQL for filters, and test/integration/effective-state.test.ts proves that the two agree.
 */
import {
  type ConnectionStatus,
  SkipReason,
  type SyncDecision,
  type SyncMode,
  type SyncScope,
  type SyncSettingMode,
} from "../terms.js";
import { type LevelQuantities, publishableQuantity, type QuantityStep, sumOf } from "./publishable-quantity.js";

/** What one level says. A timed override says `mode` while now < `expiresAt`, and `revertMode` from then on. */
export interface Setting {
  readonly mode: SyncSettingMode;
  readonly expiresAt: Date | null;
  /** Set exactly where `expiresAt` is. */
  readonly revertMode: SyncSettingMode | null;
}

export interface PolicyInput {
  readonly now: Date;
  readonly customerMode: SyncMode;
  readonly item: {
    readonly setting: Setting;
    readonly processOrders: boolean;
    readonly received: boolean;
  };
  /** Null for the item itself, before any store's gates. `setting` null: the listing has none of its own. */
  readonly listing: {
    readonly setting: Setting | null;
    readonly linked: boolean;
    readonly active: boolean;
    readonly stockManaged: boolean;
    /** What the store last acknowledged; null where it never was told anything. */
    readonly lastSyncedQuantity: number | null;
  } | null;
  /** Null exactly where `listing` is. */
  readonly store: {
    readonly connectionStatus: ConnectionStatus;
    readonly syncEnabled: boolean;
    /** The pause holds while now < `pausedUntil`. */
    readonly pausedUntil: Date | null;
    readonly zeroGuardHeld: boolean;
  } | null;
  /** Of the warehouses that the store sells from; of all of them where there is no store. */
  readonly levels: readonly LevelQuantities[];
}

export interface EffectiveSync {
  /** SYNC exactly where `skips` is empty. */
  readonly decision: SyncDecision;
  readonly mode: SyncMode;
  /** The level whose setting supplied `mode`. */
  readonly decidedBy: SyncScope;
  /** Every gate that fails, in the order of SkipReason. */
  readonly skips: readonly SkipReason[];
  /** What would be sent, 0 … MAX_QUANTITY; also told where the decision is SKIP. */
  readonly quantity: number;
  readonly steps: readonly QuantityStep[];
}

/** What a level says now. At `expiresAt` itself an override is over. */
export function settingInForce(setting: Setting, now: Date): SyncSettingMode {
  const inForce = setting.expiresAt === null || now < setting.expiresAt;
  return inForce ? setting.mode : (setting.revertMode ?? "CUSTOMER_DEFAULT");
}

/**
 * Evaluates every gate; never stops at the first. `lift.neverReceived` opens the NEVER_RECEIVED gate for this once
 * (`includeNeverReceived`). Throws nothing.
 */
export function evaluate(input: PolicyInput, lift: { readonly neverReceived?: boolean } = {}): EffectiveSync {
  const { mode, decidedBy } = resolveMode(input);
  const { quantity, steps } = publishableQuantity(input.levels);
  const question: Question = {
    ...input,
    mode,
    quantity,
    liftNeverReceived: lift.neverReceived ?? false,
  };
  const skips = Object.values(SkipReason).filter((reason) => gateFails[reason](question));
  return {
    decision: skips.length === 0 ? "SYNC" : "SKIP",
    mode,
    decidedBy,
    skips,
    quantity,
    steps,
  };
}

function resolveMode({ now, listing, item, customerMode }: PolicyInput): {
  mode: SyncMode;
  decidedBy: SyncScope;
} {
  const ofListing = listing?.setting ? settingInForce(listing.setting, now) : "CUSTOMER_DEFAULT";
  if (ofListing !== "CUSTOMER_DEFAULT") return { mode: ofListing, decidedBy: "LISTING" };
  const ofItem = settingInForce(item.setting, now);
  if (ofItem !== "CUSTOMER_DEFAULT") return { mode: ofItem, decidedBy: "ITEM" };
  return { mode: customerMode, decidedBy: "CUSTOMER" };
}

interface Question extends PolicyInput {
  readonly mode: SyncMode;
  readonly quantity: number;
  readonly liftNeverReceived: boolean;
}

const gateFails: Readonly<Record<SkipReason, (question: Question) => boolean>> = {
  // UNREACHABLE fails no gate: the engine goes on trying.
  STORE_DISCONNECTED: ({ store }) => store?.connectionStatus === "DISCONNECTED",
  CREDENTIALS_INVALID: ({ store }) => store?.connectionStatus === "CREDENTIALS_INVALID",
  STORE_SYNC_DISABLED: ({ store }) => store?.syncEnabled === false,
  STORE_PAUSED: ({ store, now }) => store !== null && store.pausedUntil !== null && now < store.pausedUntil,
  LISTING_UNLINKED: ({ listing }) => listing?.linked === false,
  LISTING_INACTIVE: ({ listing }) => listing?.active === false,
  STOCK_UNMANAGED: ({ listing }) => listing?.stockManaged === false,
  POLICY_NEVER: ({ mode }) => mode === "NEVER",
  PROCESS_ORDERS_OFF: (question) =>
    question.mode === "PROCESS_ORDERS_ONLY" && !question.item.processOrders && !isFinalZero(question),
  NEVER_RECEIVED: ({ item, levels, liftNeverReceived }) =>
    !item.received && !liftNeverReceived && sumOf(levels, "publishedInbound") <= 0,
  // Where the shop was last told 0, another 0 takes nothing away: holding it would only bury, under the listings that sold
  // out long ago, those that the guard is about. Where the shop was told nothing yet, its own stock is at stake: held.
  ZERO_GUARD: ({ store, listing, quantity }) =>
    store?.zeroGuardHeld === true && quantity === 0 && listing?.lastSyncedQuantity !== 0,
};

/** Selling out switches Process Orders off in the same transaction: were its 0 not sent, the shop would go on selling. */
function isFinalZero({ listing, quantity }: Question): boolean {
  return quantity === 0 && listing !== null && listing.lastSyncedQuantity !== null && listing.lastSyncedQuantity > 0;
}
