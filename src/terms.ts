/**
 * The contract's closed lists and ids: the words that every layer shares.
 *
 * Each list is a const object whose keys equal its values, because type-graphql puts an enum's *keys* on the wire.
 */
import { TypeID } from "typeid-js";
import { v7 as uuidv7 } from "uuid";

function closedList<const T extends string>(...words: readonly T[]): { readonly [K in T]: K } {
  return Object.freeze(Object.fromEntries(words.map((word) => [word, word]))) as { readonly [K in T]: K };
}

export const SyncMode = closedList("NEVER", "ALWAYS", "PROCESS_ORDERS_ONLY");
export type SyncMode = keyof typeof SyncMode;

/** What a level says; `CUSTOMER_DEFAULT` (items and listings only) hands the decision up. */
export const SyncSettingMode = closedList("CUSTOMER_DEFAULT", "NEVER", "ALWAYS", "PROCESS_ORDERS_ONLY");
export type SyncSettingMode = keyof typeof SyncSettingMode;

export const SyncScope = closedList("CUSTOMER", "ITEM", "LISTING");
export type SyncScope = keyof typeof SyncScope;

export const ProcessOrdersManagement = closedList(
  "MANUAL",
  "RECEIPT_AND_SELLOUT",
  "FIRST_RECEIPT",
  "RECEIPT_ADJUSTMENT_AND_SELLOUT",
);
export type ProcessOrdersManagement = keyof typeof ProcessOrdersManagement;

export const SyncDecision = closedList("SYNC", "SKIP");
export type SyncDecision = keyof typeof SyncDecision;

/** In the order in which the gates stand in design §2, which is the order in which failures are reported. */
export const SkipReason = closedList(
  "STORE_DISCONNECTED",
  "CREDENTIALS_INVALID",
  "STORE_SYNC_DISABLED",
  "STORE_PAUSED",
  "LISTING_UNLINKED",
  "LISTING_INACTIVE",
  "STOCK_UNMANAGED",
  "POLICY_NEVER",
  "PROCESS_ORDERS_OFF",
  "NEVER_RECEIVED",
  "ZERO_GUARD",
);
export type SkipReason = keyof typeof SkipReason;

export const Platform = closedList("SHOPIFY", "WOOCOMMERCE", "MEDUSA", "WEBHOOK");
export type Platform = keyof typeof Platform;

export const ConnectionStatus = closedList("CONNECTED", "UNREACHABLE", "CREDENTIALS_INVALID", "DISCONNECTED");
export type ConnectionStatus = keyof typeof ConnectionStatus;

export const ListingState = closedList(
  "IN_SYNC",
  "PENDING",
  "IN_FLIGHT",
  "RETRYING",
  "FAILED",
  "SKIPPED",
  "NEVER_SYNCED",
  "DRIFTED",
);
export type ListingState = keyof typeof ListingState;

export const OutcomeStatus = closedList(
  "SUCCEEDED",
  "UNCHANGED",
  "SKIPPED",
  "SUPERSEDED",
  "CONFLICT",
  "RETRYING",
  "FAILED",
  "DRIFT_DETECTED",
);
export type OutcomeStatus = keyof typeof OutcomeStatus;

export const SyncTrigger = closedList(
  "STOCK_CHANGE",
  "SETTING_CHANGE",
  "PROCESS_ORDERS",
  "SHIP_NOTICE",
  "MANUAL",
  "BULK",
  "CATCH_UP",
  "RETRY",
  "DRIFT_REPAIR",
  "LISTING_LINKED",
);
export type SyncTrigger = keyof typeof SyncTrigger;

export const FailureCode = closedList(
  "RATE_LIMITED",
  "PLATFORM_UNAVAILABLE",
  "TIMEOUT",
  "CONFLICT",
  "LISTING_NOT_FOUND",
  "LOCATION_NOT_STOCKED",
  "STOCK_UNMANAGED",
  "CREDENTIALS_INVALID",
  "VALIDATION_REJECTED",
  "UNKNOWN",
);
export type FailureCode = keyof typeof FailureCode;

export const OperationKind = closedList("SYNC_INVENTORY", "SET_SYNC_INVENTORY", "IMPORT_LISTINGS");
export type OperationKind = keyof typeof OperationKind;

export const OperationStatus = closedList(
  "QUEUED",
  "RUNNING",
  "COMPLETED",
  "COMPLETED_WITH_FAILURES",
  "CANCELED",
  "FAILED",
);
export type OperationStatus = keyof typeof OperationStatus;

/** READ: queries and subscriptions. SYNC: syncInventory, imports. SETTINGS: every sync setting. INVENTORY: stock and items. ADMIN: stores, customers, tokens. */
export const Scope = closedList("READ", "SYNC", "SETTINGS", "INVENTORY", "ADMIN");
export type Scope = keyof typeof Scope;

export const UserErrorCode = closedList(
  "NOT_FOUND",
  "UNKNOWN_SKU",
  "UNKNOWN_WAREHOUSE",
  "AMBIGUOUS_WAREHOUSE",
  "DUPLICATE_LINE",
  "INVALID_QUANTITY",
  "TOO_MANY_LINES",
  "EMPTY_SELECTION",
  "STALE_QUANTITY",
  "CUSTOMER_DEFAULT_NOT_ALLOWED",
  "EXPIRY_IN_PAST",
  "ALREADY_EXISTS",
  "STORE_URL_FORBIDDEN",
  "STORE_UNREACHABLE",
  "CREDENTIALS_REJECTED",
  "CREDENTIALS_MISMATCH",
  "LOCATION_REQUIRED",
  "LOCATION_NOT_FOUND",
  "STORE_DISCONNECTED",
  "IDEMPOTENCY_KEY_REUSED",
  "IDEMPOTENCY_IN_PROGRESS",
  "INVALID_INPUT",
);
export type UserErrorCode = keyof typeof UserErrorCode;

/** The largest quantity that is kept or sent: what every platform's schema takes (design, contract.graphql). */
export const MAX_QUANTITY = 1_000_000_000;

/** What an id of the API is of. A setting's id names the level it belongs to, so that it needs no row of its own. */
export type IdKind =
  | "customer"
  | "item"
  | "warehouse"
  | "store"
  | "listing"
  | "operation"
  | "outcome"
  | "search"
  | "notice"
  | "token"
  | "setting_customer"
  | "setting_item"
  | "setting_listing";

/** A new row's key: UUIDv7, so that rows made together lie together in an index. */
export const newUuid = (): string => uuidv7();

/** The API's id of a row, e.g. `item_01h455vb4pex5vsknk084sn02q` (a TypeID). */
export const toGlobalId = (kind: IdKind, uuid: string): string => TypeID.fromUUID(kind, uuid).toString();

/** What a global id names, or null where it is no id of ours: callers answer that as "not found", never as a fault. */
export function parseGlobalId(id: string): { readonly kind: string; readonly uuid: string } | null {
  if (id.length > 100) return null;
  try {
    const parsed = TypeID.fromString(id);
    return { kind: parsed.getType(), uuid: parsed.toUUID() };
  } catch {
    return null;
  }
}

/** The row's key where `id` names a row of this kind, otherwise null. */
export function uuidOf(kind: IdKind, id: string): string | null {
  const parsed = parseGlobalId(id);
  return parsed?.kind === kind ? parsed.uuid : null;
}
