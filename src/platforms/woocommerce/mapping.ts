/** What WooCommerce's words mean to the engine, and the engine's to WooCommerce. Pure. */
import { failureOfStatus, type HttpAnswer, scrub } from "../http.js";
import type { Call, CallFailure, Change, FoundListing, LineResult, ListingAddress } from "../platform.js";
import { BatchRow, ErrorBody, type FoundRow, parseBody, type RowError, type StockRow } from "./wire.js";

/** The most rows of one batch, and of one page (413 and 400 beyond; measured on 7.9.0 and 10.6.2, 2026-11). */
export const ROWS_MOST = 100;
/** Web servers refuse request lines from 8 kB on (Apache's and nginx's defaults); a signature takes some 300 of it. */
const SKU_CHARACTERS_MOST = 4_000;

/** A variation is addressed through its parent product. */
export function pathOf({ externalRef }: ListingAddress): string {
  const parentId = externalRef["parentId"];
  return parentId === undefined ? "products" : `products/${encodeURIComponent(parentId)}/variations`;
}

/** Listings by the path that they are addressed through, at most ROWS_MOST in a group; in the order of each group's first. */
export function groupByPath<T extends ListingAddress>(listings: readonly T[]): readonly (readonly T[])[] {
  const groups: T[][] = [];
  const open = new Map<string, T[]>();
  for (const listing of listings) {
    const path = pathOf(listing);
    const group = open.get(path);
    if (group !== undefined && group.length < ROWS_MOST) {
      group.push(listing);
      continue;
    }
    const next = [listing];
    open.set(path, next);
    groups.push(next);
  }
  return groups;
}

/** One batch takes simple products, or variations of one parent. */
export function partition(changes: readonly Change[]): readonly Call[] {
  return groupByPath(changes).map((group) => ({ changes: group }));
}

/** `manage_stock` goes with every row: where stock is not managed, a quantity alone is ignored with 200 (measured). */
export function batchBody(changes: readonly Change[]): string {
  return JSON.stringify({
    update: changes.map(({ externalId, quantity }) => ({
      id: Number(externalId),
      manage_stock: true,
      stock_quantity: quantity,
    })),
  });
}

/**
 * Values of the `sku` parameter that together find every one of `skus`, each short enough for a request line. WooCommerce
 * splits the value at its commas and also looks for it as it stands (class-wc-rest-products-controller.php), so that a SKU
 * with commas is found when it is asked for alone. An empty value would list the whole catalogue, and "0" is empty to PHP.
 */
export function skuQueries(skus: readonly string[]): readonly string[] {
  const queries: string[] = [];
  let group: string[] = [];
  let length = 0;
  const close = (): void => {
    if (group.length > 0) queries.push(group.length === 1 && group[0] === "0" ? "0,0" : group.join(","));
    group = [];
    length = 0;
  };
  for (const sku of new Set(skus)) {
    if (sku.trim() === "") continue;
    if (sku.includes(",")) {
      queries.push(sku);
      continue;
    }
    const added = encodeURIComponent(sku).length + "%2C".length;
    if (group.length === ROWS_MOST || length + added > SKU_CHARACTERS_MOST) close();
    group.push(sku);
    length += added;
  }
  close();
  return queries;
}

export function foundListing(row: FoundRow): FoundListing {
  return {
    externalId: String(row.id),
    externalRef: row.type === "variation" ? { parentId: String(row.parent_id) } : {},
    sku: row.sku,
    active: row.status === "publish",
    stockManaged: row.manage_stock === true,
    quantity: quantityOf(row),
  };
}

/** Null where the stock is not this listing's own, or no whole number. May be negative (back-orders). */
export function quantityOf({ manage_stock: managed, stock_quantity: quantity }: StockRow): number | null {
  return managed === true && typeof quantity === "number" && Number.isSafeInteger(quantity) ? quantity : null;
}

/**
 * What came of a change, by its row of the answer. A row that does not say what was asked for is no success: WooCommerce
 * coerces and ignores silently, and reads the product again after saving, so that another quantity may also be a sale in
 * between. Hence that is tried again rather than parked.
 */
export function lineResult(change: Change, row: unknown, secrets: readonly string[]): LineResult {
  const parsed = BatchRow.safeParse(row);
  if (!parsed.success || parsed.data.id !== Number(change.externalId))
    return notAsAsked("The store answered this line with something else than this listing.");
  const { data } = parsed;
  if (data.error !== undefined) return lineFailure(data.error, secrets);
  if (data.manage_stock !== true)
    return {
      kind: "rejected",
      code: "STOCK_UNMANAGED",
      message: "The store does not manage this listing's stock, even when asked to.",
    };
  if (data.stock_quantity !== change.quantity)
    return notAsAsked(
      `The store answered ${asked(data.stock_quantity)} where ${asked(change.quantity)} was to be set.`,
    );
  return { kind: "accepted", applied: true };
}

function asked(quantity: unknown): string {
  return typeof quantity === "number" ? String(quantity) : "no number";
}

function notAsAsked(message: string): LineResult {
  return { kind: "unavailable", code: "UNKNOWN", message, scope: "line" };
}

/** A missing variation is 400 in 7.9 and 404 in 10.6; a variation in a batch of products is woocommerce_rest_invalid_product_id, 404. */
function lineFailure(error: RowError, secrets: readonly string[]): LineResult {
  const message = scrub(`${error.message} (${error.code})`, secrets);
  const status = error.data?.status ?? 0;
  if (status === 404 || namesNoListing(error.code)) return { kind: "rejected", code: "LISTING_NOT_FOUND", message };
  if (status >= 500) return { kind: "unavailable", code: "PLATFORM_UNAVAILABLE", message, scope: "line" };
  return { kind: "rejected", code: "VALIDATION_REJECTED", message };
}

/** woocommerce_rest_product_invalid_id, …_product_variation_invalid_id, …_invalid_product_id, …_invalid_parent. */
function namesNoListing(code: string): boolean {
  return /^woocommerce_rest_.*invalid_((product|variation)_)?(id|parent)$/.test(code);
}

/** What a status outside 2xx says of the store. Never LISTING_NOT_FOUND unless WooCommerce itself names a product. */
export function callFailure(answer: HttpAnswer, secrets: readonly string[]): CallFailure {
  const error = parseBody(ErrorBody, answer.text);
  const words = scrub(error === null ? answer.text : `${error.message} (${error.code})`, secrets);
  const message = `HTTP ${String(answer.status)}: ${words}`;
  // A signature that came twice or late (a proxy that repeats calls, a clock that is off) says nothing of the key.
  if (answer.status === 401 && error !== null && /\b(nonce|timestamp)\b/i.test(error.message))
    return { kind: "unavailable", code: "UNKNOWN", message, scope: "store" };
  // Hosts, Cloudflare and security plugins refuse with a page of their own when they are pushed (platforms.md).
  if (answer.status === 403 && error === null)
    return { kind: "unavailable", code: "PLATFORM_UNAVAILABLE", message, scope: "store" };
  if (answer.status === 404)
    return error !== null && namesNoListing(error.code)
      ? { kind: "rejected", code: "LISTING_NOT_FOUND", message }
      : // rest_no_route, or a page: the plugin or the permalinks are off, or the URL is another site's. No listing's fault.
        { kind: "unavailable", code: "PLATFORM_UNAVAILABLE", message, scope: "store" };
  return failureOfStatus(answer, words);
}
