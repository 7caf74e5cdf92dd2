/** Shopify's words in the port's, and back. Pure. */
import { v5 as uuidv5 } from "uuid";
import { failureOfStatus, type HttpAnswer, retryAfterMs, scrub } from "../http.js";
import type { CallFailure, Change, FoundListing, LineResult } from "../platform.js";
import type { Envelope, FoundVariant, GraphQLFault, Level, QueryCost, SetQuantitiesData, UserFault } from "./wire.js";

// ───────────── out ─────────────

/** One line of `inventorySetQuantities`. `changeFromQuantity` is sent also where it is null: left out, the call fails. */
interface QuantityLine {
  readonly inventoryItemId: string;
  readonly locationId: string;
  readonly quantity: number;
  readonly changeFromQuantity: number | null;
}

export function lineOf(change: Change, locationId: string): QuantityLine {
  return {
    inventoryItemId: change.externalId,
    locationId,
    quantity: change.quantity,
    changeFromQuantity: change.expectedQuantity,
  };
}

const KEY_NAMESPACE = "6f2c1f0e-5b0d-4d0f-9a57-0c9c5d1d7a51";

/**
 * The key of one request, a UUID as Shopify advises: the same for the same seed and lines, so that a repeat acts once, and
 * another where lines were taken out, which a key must not be used again for. `salt` makes a new key for the same lines.
 */
export function idempotencyKey(seed: string, salt: string, lines: readonly QuantityLine[]): string {
  return uuidv5(JSON.stringify([seed, salt, lines]), KEY_NAMESPACE);
}

const ITEM_ID = /^gid:\/\/shopify\/InventoryItem\/\d+$/;

/** A malformed id fails a whole call (`INVALID_VARIABLE`), so it is not sent. */
export function isItemId(externalId: string): boolean {
  return ITEM_ID.test(externalId);
}

/** Finds each SKU, and maybe others: the search ignores case, so its hits are compared exactly afterwards. */
export function searchForSkus(skus: readonly string[]): string {
  return skus.map((sku) => `sku:'${sku.replace(/[\\']/g, "\\$&")}'`).join(" OR ");
}

// ───────────── in ─────────────

/** A draft's or archived product's variants cannot be sold; an unlisted one's can, by link (schema, ProductStatus). */
const SELLABLE = new Set(["ACTIVE", "UNLISTED"]);

export function foundListing(variant: FoundVariant, sku: string): FoundListing {
  const { inventoryItem, product } = variant;
  return {
    externalId: inventoryItem.id,
    externalRef: {},
    sku,
    active: SELLABLE.has(product.status),
    stockManaged: inventoryItem.tracked,
    quantity: availableOf(inventoryItem.inventoryLevel),
  };
}

/** Null where the item is not stocked at the location. */
export function availableOf(level: Level | undefined): number | null {
  return level?.quantities.find(({ name }) => name === "available")?.quantity ?? null;
}

/** What came of a line whose request went through or named it: "stale" becomes a conflict once the quantity is known. */
export type LineEnd = LineResult | { readonly kind: "stale" };

/** What an all-or-nothing write came to. Nothing was written but where it is "written". */
export type SetAnswer =
  | { readonly is: "written" }
  /** These lines, by index, are at fault; the others may go. Never empty. */
  | { readonly is: "badLines"; readonly ends: ReadonlyMap<number, LineEnd> }
  /** Some line is at fault, and the answer does not say which; `orNone`: maybe it is no line at all. */
  | { readonly is: "badUnnamed"; readonly end: LineEnd; readonly orNone: boolean }
  /** The key was used up by an earlier try; another one may do. */
  | { readonly is: "badKey"; readonly failure: CallFailure }
  /** All lines fail for the same reason, which is none of theirs. */
  | { readonly is: "failed"; readonly failure: CallFailure };

export function setAnswer(
  { inventorySetQuantities: { userErrors } }: SetQuantitiesData,
  lineCount: number,
  secrets: readonly string[],
): SetAnswer {
  const [first] = userErrors;
  if (!first) return { is: "written" };
  const whole = userErrors.map((fault) => wholeAnswer(fault, wordsOf(fault, secrets))).find((one) => one !== null);
  if (whole) return whole;
  const ends = new Map<number, LineEnd>();
  for (const fault of userErrors) {
    const index = lineIndexOf(fault);
    if (index === null || index >= lineCount) continue;
    const end = endOf(fault, wordsOf(fault, secrets));
    // Of several faults of one line the one that cannot heal counts.
    if (ends.get(index)?.kind !== "rejected") ends.set(index, end);
  }
  return ends.size > 0
    ? { is: "badLines", ends }
    : { is: "badUnnamed", end: endOf(first, wordsOf(first, secrets)), orNone: false };
}

/** Of a fault that is the call's, not a line's; null where it is a line's. */
function wholeAnswer(fault: UserFault, message: string): SetAnswer | null {
  switch (fault.code) {
    case "IDEMPOTENCY_CONCURRENT_REQUEST":
      return {
        is: "failed",
        failure: { kind: "unavailable", code: "PLATFORM_UNAVAILABLE", message, scope: "line" },
      };
    case "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED":
    case "IDEMPOTENCY_KEY_PARAMETER_MISMATCH":
      return { is: "badKey", failure: { kind: "unavailable", code: "UNKNOWN", message, scope: "line" } };
    case "SERVICE_UNAVAILABLE":
    case "ADJUST_QUANTITIES_FAILED":
      return {
        is: "failed",
        failure: { kind: "unavailable", code: "PLATFORM_UNAVAILABLE", message, scope: "store" },
      };
    case "INVALID_LOCATION":
      // Every line has the same location; only where lines are named is it something about those.
      return lineIndexOf(fault) === null
        ? { is: "failed", failure: { kind: "rejected", code: "LOCATION_NOT_STOCKED", message } }
        : null;
    case "INVALID_NAME":
    case "INVALID_REASON":
    case "INVALID_REFERENCE_DOCUMENT":
      return { is: "failed", failure: { kind: "rejected", code: "VALIDATION_REJECTED", message } };
    default:
      return null;
  }
}

function endOf(fault: UserFault, message: string): LineEnd {
  switch (fault.code) {
    case "CHANGE_FROM_QUANTITY_STALE":
    case "COMPARE_QUANTITY_STALE":
      return { kind: "stale" };
    case "INVALID_INVENTORY_ITEM":
      return { kind: "rejected", code: "LISTING_NOT_FOUND", message };
    case "INVALID_LOCATION":
    // Not emitted since 2026-10: a write stocks the item (shopify.dev/changelog/removal-of-itemnotstockedatlocation-error).
    case "ITEM_NOT_STOCKED_AT_LOCATION":
      return { kind: "rejected", code: "LOCATION_NOT_STOCKED", message };
    default:
      return { kind: "rejected", code: "VALIDATION_REJECTED", message };
  }
}

function lineIndexOf({ field }: UserFault): number | null {
  const index = /(?:^|\.)quantities\.(\d+)(?:\.|$)/.exec(field?.join(".") ?? "")?.[1];
  return index === undefined ? null : Number(index);
}

function wordsOf({ code, message }: UserFault, secrets: readonly string[]): string {
  return scrub(code === null ? message : `${code}: ${message}`, secrets);
}

// ───────────── failures of a call as a whole ─────────────

/** Why a document was not carried out. `mayBeOneLine`: it was refused for what it said, which one line of many may have done. */
export interface Refusal {
  readonly failure: CallFailure;
  readonly mayBeOneLine: boolean;
}

/** Of an answer with status 200 and `errors`. */
export function refusalOfFaults(
  faults: readonly GraphQLFault[],
  cost: QueryCost | undefined,
  answer: HttpAnswer,
  secrets: readonly string[],
): Refusal {
  const codes = new Set(faults.map((fault) => fault.extensions?.code));
  const message = scrub(
    faults.map((fault) => `${fault.extensions?.code ?? "error"}: ${fault.message}`).join(" "),
    secrets,
  );
  const whole = (failure: CallFailure): Refusal => ({ failure, mayBeOneLine: false });
  if (codes.has("THROTTLED")) return whole({ kind: "throttled", retryAfterMs: throttledForMs(cost, answer) });
  if (codes.has("ACCESS_DENIED")) return whole({ kind: "rejected", code: "CREDENTIALS_INVALID", message });
  if (["INTERNAL_SERVER_ERROR", "SERVICE_UNAVAILABLE", "SHOP_INACTIVE"].some((code) => codes.has(code)))
    return whole({ kind: "unavailable", code: "PLATFORM_UNAVAILABLE", message, scope: "store" });
  // Without a code nobody knows whether it heals.
  if (codes.has(undefined)) return whole({ kind: "unavailable", code: "UNKNOWN", message, scope: "store" });
  return { failure: { kind: "rejected", code: "VALIDATION_REJECTED", message }, mayBeOneLine: true };
}

/** Of an answer with another status than 200. 402: frozen; 404: no such shop; 423: locked; 430: security rejection. */
export function failureOfHttp(answer: HttpAnswer, envelope: Envelope | null, secrets: readonly string[]): CallFailure {
  const words = scrub(envelope?.errors?.map(({ message }) => message).join(" ") ?? answer.text, secrets);
  switch (answer.status) {
    case 429:
    case 430:
      return { kind: "throttled", retryAfterMs: throttledForMs(envelope?.extensions?.cost, answer) };
    case 402:
    case 404:
    case 423: {
      const message = `HTTP ${String(answer.status)}: ${words}`;
      return { kind: "unavailable", code: "PLATFORM_UNAVAILABLE", message, scope: "store" };
    }
    default:
      return failureOfStatus(answer, words);
  }
}

/** Even where the bucket says that there is enough: it has just refused. */
const LEAST_WAIT_MS = 100;

/** Until the bucket holds what was asked for; by Retry-After where that is longer, or where the cost is not told. */
function throttledForMs(cost: QueryCost | undefined, answer: HttpAnswer): number {
  if (!cost) return retryAfterMs(answer);
  const { requestedQueryCost, throttleStatus } = cost;
  const bucketMs = ((requestedQueryCost - throttleStatus.currentlyAvailable) / throttleStatus.restoreRate) * 1_000;
  const headerMs = answer.header("retry-after") === null ? 0 : retryAfterMs(answer);
  return Math.max(Math.ceil(bucketMs), headerMs, LEAST_WAIT_MS);
}
