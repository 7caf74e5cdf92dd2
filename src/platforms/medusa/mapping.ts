/**
 * From changes to Medusa's level rows and back: pure. Medusa keeps what is *stocked* at a location; what its shop sells is
 * that minus what is reserved for orders. So the reserved units, read just before, are added to a publishable quantity.
 */
import type { Change, LineResult } from "../platform.js";
import type { InventoryItem, LevelBatchAnswer, LevelRow } from "./wire.js";

/** One change as it is to be written. */
export interface Write {
  readonly change: Change;
  /** `update` demands that the level exists, `create` that it does not (measured: 404 and 400, each for the whole batch). */
  readonly by: "create" | "update";
  readonly stocked: number;
}

interface Plan {
  readonly writes: readonly Write[];
  /** What needs no write to be answered, by listing. */
  readonly answered: ReadonlyMap<string, LineResult>;
}

/**
 * What to write, by how the items are now. Medusa has no compare-and-set; this is as near as reading first comes. A quantity is
 * written unless that would raise the shop's available units although they have fallen below what we expected: then the shop
 * has sold what we may not have heard of, and that is a conflict. Reserved units count as sold, since an order holds them; so
 * does what was taken off the stock by hand. Lowering, or confirming what the shop says itself, overwrites no sale and is
 * written at once, so a sale that both sides know of costs no second round. A sale between the reading and the write is kept
 * as well: it reserves, and the write does not touch what is reserved.
 */
export function plan(
  changes: readonly Change[],
  itemById: ReadonlyMap<string, InventoryItem>,
  locationId: string,
): Plan {
  const writes: Write[] = [];
  const answered = new Map<string, LineResult>();
  for (const change of changes) {
    const item = itemById.get(change.externalId);
    if (!item) {
      answered.set(change.listingId, itemGone);
      continue;
    }
    const level = levelAt(item, locationId);
    // Without a level nothing can be reserved there, so a new one overwrites no sale.
    if (!level) {
      writes.push({ change, by: "create", stocked: change.quantity });
      continue;
    }
    const available = Math.floor(level.stocked_quantity - level.reserved_quantity);
    const { expectedQuantity, quantity } = change;
    if (expectedQuantity !== null && available < expectedQuantity && available < quantity)
      answered.set(change.listingId, { kind: "conflict", observedQuantity: available });
    else writes.push({ change, by: "update", stocked: quantity + level.reserved_quantity });
  }
  return { writes, answered };
}

const itemGone: LineResult = {
  kind: "rejected",
  code: "LISTING_NOT_FOUND",
  message: "The store has no inventory item with this id any longer.",
};

function levelAt(item: InventoryItem, locationId: string | null): InventoryItem["location_levels"][number] | undefined {
  return item.location_levels.find((level) => level.location_id === locationId);
}

/** Whole units that the shop can sell from the location, reserved ones off; null where the item has no level there. */
export function availableAt(item: InventoryItem, locationId: string | null): number | null {
  const level = levelAt(item, locationId);
  return level ? Math.floor(level.stocked_quantity - level.reserved_quantity) : null;
}

export function batchBody(writes: readonly Write[], locationId: string): string {
  const rows = (by: Write["by"]): readonly LevelRow[] =>
    writes
      .filter((write) => write.by === by)
      .map(({ change, stocked }) => ({
        inventory_item_id: change.externalId,
        location_id: locationId,
        stocked_quantity: stocked,
      }));
  return JSON.stringify({ create: rows("create"), update: rows("update") });
}

/** Whether a 200 says of this write that it was done as it was asked. */
export function isConfirmed({ change, stocked }: Write, answer: LevelBatchAnswer, locationId: string): boolean {
  return [...answer.created, ...answer.updated].some(
    (row) =>
      row.inventory_item_id === change.externalId && row.location_id === locationId && row.stocked_quantity === stocked,
  );
}

/**
 * The item ids that a 404 of a batch names. It names every bad row at once, whether its item, location or level is missing
 * (measured): "Item iitem_1 is not stocked at location sloc_1, Item iitem_2 is not stocked at location sloc_1".
 */
export function namedItems(message: string): ReadonlySet<string> {
  return new Set(Array.from(message.matchAll(/Item (\S+) is not stocked at location /g), ([, id]) => id ?? ""));
}
