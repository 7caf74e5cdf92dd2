import type { ListingState, SkipReason, SyncMode, SyncSettingMode } from "../terms.js";

/**
 * Which items; the contract's ItemFilter with ids as row keys. What is absent or null asks nothing, and what is given must all
 * hold. A list means "one of these", so an empty list matches nothing.
 */
export interface ItemFilterValues {
  /** Words, each of which occurs somewhere in SKU, title or barcode, in any case. None but white space asks nothing. */
  readonly query?: string | null | undefined;
  readonly skus?: readonly string[] | null | undefined;
  /** In exactly this case, as SKUs are compared everywhere. */
  readonly skuPrefix?: string | null | undefined;
  /** Items with at least one of these tags. */
  readonly tags?: readonly string[] | null | undefined;
  readonly processOrders?: boolean | null | undefined;
  readonly received?: boolean | null | undefined;
  /** Both bounds belong to the range. */
  readonly availableMin?: number | null | undefined;
  readonly availableMax?: number | null | undefined;
  /** What the item itself says now: an expired override no longer counts. */
  readonly syncSettingMode?: readonly SyncSettingMode[] | null | undefined;
  /** What is in force for the item itself, before any store's gates. */
  readonly effectiveMode?: readonly SyncMode[] | null | undefined;
  /**
   * Items with at least one listing in these stores; together with the next two, it is one and the same listing that is in
   * one of the stores, fails one of the gates, and has one of the states.
   */
  readonly storeIds?: readonly string[] | null | undefined;
  readonly skipReason?: readonly SkipReason[] | null | undefined;
  readonly listingState?: readonly ListingState[] | null | undefined;
}

/**
 * The condition for `where` over `own_item i`: the customer's items that the filter matches, another customer's never. Appends its
 * values to `params` and refers to them by their place there. Every word of `query` is a parameter: callers bound its length.
 * Store ids must be UUIDs.
 */
export function itemFilterSql(customerId: string, filter: ItemFilterValues, params: unknown[]): string {
  const $ = (value: unknown): string => `$${String(params.push(value))}`;
  const customer = $(customerId);
  const conditions = [`i.customer_id = ${customer}::uuid`];
  const add = <T>(value: T | null | undefined, condition: (value: T) => string): void => {
    if (value !== null && value !== undefined) conditions.push(condition(value));
  };

  for (const word of (filter.query ?? "").split(/\s+/u).filter((part) => part !== ""))
    conditions.push(canBeStored(word) ? `i.search_text like lower(${$(`%${escapeLike(word)}%`)})` : "false");
  add(filter.skus, (skus) => `i.sku = any(${$(skus.filter(canBeStored))}::text[])`);
  add(filter.skuPrefix, (prefix) => (canBeStored(prefix) ? `i.sku like ${$(`${escapeLike(prefix)}%`)}` : "false"));
  add(filter.tags, (tags) => `i.tags && ${$(tags.filter(canBeStored))}::text[]`);
  add(filter.processOrders, (on) => `i.process_orders = ${$(on)}::boolean`);
  add(filter.received, (received) => `i.first_received_at is ${received ? "not null" : "null"}`);
  add(filter.availableMin, (least) => `i.available >= ${$(least)}::integer`);
  add(filter.availableMax, (most) => `i.available <= ${$(most)}::integer`);
  add(
    filter.syncSettingMode,
    (modes) => `setting_in_force(i.sync_mode, i.sync_expires_at, i.sync_revert_mode) = any(${$(modes)}::text[])`,
  );
  add(
    filter.effectiveMode,
    (modes) =>
      `exists (select from item_effective e where e.item_id = i.id and e.customer_id = ${customer}::uuid and e.mode = any(${$(modes)}::text[]))`,
  );
  conditions.push(...listingConditions(filter, customer, $));
  return conditions.join(" and ");
}

function listingConditions(filter: ItemFilterValues, customer: string, $: (value: unknown) => string): string[] {
  const { storeIds, skipReason, listingState } = filter;
  if (!storeIds && !skipReason && !listingState) return [];
  const ofStores = storeIds ? ` and l.store_id = any(${$(storeIds)}::uuid[])` : "";
  // The view evaluates every gate, so it is read only where a gate is asked for.
  if (!skipReason) {
    const ofStates = listingState ? ` and listing_state(l) = any(${$(listingState)}::text[])` : "";
    return [
      `exists (select from listing l where l.item_id = i.id and l.customer_id = ${customer}::uuid${ofStores}${ofStates})`,
    ];
  }
  const ofStates = listingState ? ` and l.state = any(${$(listingState)}::text[])` : "";
  return [
    `exists (select from listing_effective l where l.item_id = i.id and l.customer_id = ${customer}::uuid${ofStores}${ofStates} and l.skips && ${$(skipReason)}::text[])`,
  ];
}

/** PostgreSQL refuses a text with NUL: no row has one, so nothing matches it. */
function canBeStored(text: string): boolean {
  return !text.includes("\0");
}

function escapeLike(text: string): string {
  return text.replace(/[\\%_]/g, "\\$&");
}
