/** What a sandbox Shopify holds: variants with one inventory item each, their levels, and the rules of a write. */
import type { LoggedLine } from "./sandbox.js";

export interface ShopifyLocation {
  readonly id: string;
  readonly name: string;
  readonly isActive: boolean;
}

/** A product with one variant. */
export interface ShopifyItem {
  /** Counts from 1; part of all its gids. */
  readonly number: number;
  /** `gid://shopify/InventoryItem/…` */
  readonly id: string;
  readonly sku: string;
  readonly tracked: boolean;
  readonly status: "ACTIVE" | "ARCHIVED" | "DRAFT" | "UNLISTED";
  /** A bundle's parent: its quantity follows from its parts and cannot be set. */
  readonly bundle: boolean;
  /** `available` by location; a location at which it is not stocked is absent. */
  readonly available: Map<string, number>;
}

export interface NewShopifyItem {
  readonly sku: string;
  readonly quantity: number;
  readonly tracked?: boolean;
  readonly status?: ShopifyItem["status"];
  readonly bundle?: boolean;
  /** The shop's first where absent. Null: stocked nowhere. */
  readonly locationId?: string | null;
}

/** The mutation's input after the schema's coercion: `changeFromQuantity` may be missing. */
export interface SetInput {
  readonly name: string;
  readonly reason: string;
  readonly referenceDocumentUri?: string | null;
  readonly quantities: readonly {
    readonly inventoryItemId: string;
    readonly locationId: string;
    readonly quantity: number;
    readonly changeFromQuantity?: number | null;
  }[];
}

export interface SetFault {
  readonly code: string;
  readonly field: readonly string[] | null;
  readonly message: string;
}

const MOST = 1_000_000_000;
/** shopify.dev, inventory-management-apps: the reasons for setting quantities. */
const REASONS = new Set([
  "correction",
  "cycle_count_available",
  "damaged",
  "movement_canceled",
  "movement_created",
  "movement_received",
  "movement_updated",
  "other",
  "promotion",
  "quality_control",
  "received",
  "reservation_created",
  "reservation_deleted",
  "reservation_updated",
  "restock",
  "safety_stock",
  "shrinkage",
]);

export class ShopifyStock {
  readonly #items = new Map<string, ShopifyItem>();
  /** By the SKU in lower case, as the search looks. */
  readonly #bySku = new Map<string, ShopifyItem[]>();
  #count = 0;

  constructor(readonly locations: readonly ShopifyLocation[]) {}

  add(item: NewShopifyItem): string {
    this.#count += 1;
    const id = `gid://shopify/InventoryItem/${String(this.#count)}`;
    const locationId = item.locationId === undefined ? (this.locations[0]?.id ?? null) : item.locationId;
    const made: ShopifyItem = {
      number: this.#count,
      id,
      sku: item.sku,
      tracked: item.tracked ?? true,
      status: item.status ?? "ACTIVE",
      bundle: item.bundle ?? false,
      available: new Map(locationId === null ? [] : [[locationId, item.quantity]]),
    };
    this.#items.set(id, made);
    this.#bySku.set(item.sku.toLowerCase(), [...this.withSkuInAnyCase(item.sku), made]);
    return id;
  }

  byId(id: string): ShopifyItem | null {
    return this.#items.get(id) ?? null;
  }

  withSku(sku: string): readonly ShopifyItem[] {
    return this.withSkuInAnyCase(sku).filter((item) => item.sku === sku);
  }

  withSkuInAnyCase(sku: string): readonly ShopifyItem[] {
    return this.#bySku.get(sku.toLowerCase()) ?? [];
  }

  /** In the order in which they were added. */
  all(): Iterable<ShopifyItem> {
    return this.#items.values();
  }

  remove(sku: string): void {
    for (const { id } of this.withSku(sku)) this.#items.delete(id);
    const others = this.withSkuInAnyCase(sku).filter((item) => item.sku !== sku);
    this.#bySku.set(sku.toLowerCase(), others);
  }

  /** Sets all quantities, or none of them where there is any fault. */
  set(input: SetInput): { readonly faults: readonly SetFault[]; readonly lines: readonly LoggedLine[] } {
    const faults = [...faultsOfInput(input), ...this.#faultsOfLines(input)];
    const applied = faults.length === 0;
    const lines = input.quantities.map(({ inventoryItemId, locationId, quantity }): LoggedLine => {
      const item = this.byId(inventoryItemId);
      const before = item?.available.get(locationId) ?? null;
      // A location at which it was not stocked stocks it by that (2026-10).
      if (applied) item?.available.set(locationId, quantity);
      return { externalId: inventoryItemId, before, after: applied ? quantity : before, applied };
    });
    return { faults, lines };
  }

  #faultsOfLines({ quantities }: SetInput): readonly SetFault[] {
    const faults: SetFault[] = [];
    const pairs = new Set<string>();
    const locations = new Set(this.locations.filter(({ isActive }) => isActive).map(({ id }) => id));
    for (const [index, line] of quantities.entries()) {
      const fault = (code: string, message: string, field?: string): void => {
        faults.push({ code, message, field: ["input", "quantities", String(index), ...(field ? [field] : [])] });
      };
      const pair = `${line.inventoryItemId} ${line.locationId}`;
      const item = this.byId(line.inventoryItemId);
      if (pairs.has(pair))
        fault(
          "NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR",
          "The combination of inventoryItemId and locationId must be unique.",
        );
      else if (!item)
        fault("INVALID_INVENTORY_ITEM", "The specified inventory item could not be found.", "inventoryItemId");
      else if (!locations.has(line.locationId))
        fault("INVALID_LOCATION", "The specified location could not be found.", "locationId");
      else if (item.bundle)
        fault(
          "NON_MUTABLE_INVENTORY_ITEM",
          "The specified inventory item is not allowed to be adjusted via API.",
          "inventoryItemId",
        );
      else if (line.quantity < 0) fault("INVALID_QUANTITY_NEGATIVE", "The quantity can't be negative.", "quantity");
      else if (line.quantity > MOST)
        fault("INVALID_QUANTITY_TOO_HIGH", "The total quantity can't be higher than 1,000,000,000.", "quantity");
      else if (isStale(line.changeFromQuantity, item.available.get(line.locationId) ?? 0))
        fault(
          "CHANGE_FROM_QUANTITY_STALE",
          "The changeFromQuantity value does not match persisted value.",
          "changeFromQuantity",
        );
      pairs.add(pair);
    }
    return faults;
  }
}

function isStale(changeFrom: number | null | undefined, available: number): boolean {
  return changeFrom !== null && changeFrom !== undefined && changeFrom !== available;
}

function faultsOfInput({ name, reason, referenceDocumentUri }: SetInput): readonly SetFault[] {
  const faults: SetFault[] = [];
  const fault = (code: string, field: string, message: string): void => {
    faults.push({ code, message, field: ["input", field] });
  };
  if (name !== "available" && name !== "on_hand")
    fault("INVALID_NAME", "name", "The quantity name must be either 'available' or 'on_hand'.");
  if (!REASONS.has(reason)) fault("INVALID_REASON", "reason", "The specified reason is invalid.");
  if (referenceDocumentUri !== undefined && referenceDocumentUri !== null && !isReference(referenceDocumentUri))
    fault("INVALID_REFERENCE_DOCUMENT", "referenceDocumentUri", "The specified reference document is invalid.");
  return faults;
}

/** A scheme and content; a gid's content is app, entity and id. */
function isReference(uri: string): boolean {
  return uri.startsWith("gid:") ? /^gid:\/\/[^/]+\/[^/]+\/.+$/.test(uri) : /^[a-z][a-z0-9+.-]*:.+$/i.test(uri);
}
