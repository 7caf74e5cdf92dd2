/**
 * The shapes of Medusa's Admin REST that this connector asks for (@medusajs/types 2.21.2; measured on Medusa 2.21.2, 2026-11).
 * Quantities are numbers without an upper bound, and may be fractions.
 */
import { z } from "zod";

const Level = z.object({ location_id: z.string(), stocked_quantity: z.number(), reserved_quantity: z.number() });

/** `{"inventory_items":[{"id":"iitem_1","sku":"MUG-1","location_levels":[{"location_id":"sloc_1","stocked_quantity":12,"reserved_quantity":2,…}]}],"count":1,"offset":0,"limit":100}` */
export const ItemPage = z.object({
  inventory_items: z.array(z.object({ id: z.string(), sku: z.string().nullable(), location_levels: z.array(Level) })),
  count: z.number(),
});
export type InventoryItem = z.infer<typeof ItemPage>["inventory_items"][number];

export const LocationPage = z.object({
  stock_locations: z.array(z.object({ id: z.string(), name: z.string() })),
  count: z.number(),
});

/** One row of a level batch, as it is sent. */
export interface LevelRow {
  readonly inventory_item_id: string;
  readonly location_id: string;
  readonly stocked_quantity: number;
}

/** The answer's rows are in no order, and their `available_quantity` is that from before the write: it is not read. */
export const LevelBatchAnswer = z.object({
  created: z.array(z.object({ inventory_item_id: z.string(), location_id: z.string(), stocked_quantity: z.number() })),
  updated: z.array(z.object({ inventory_item_id: z.string(), location_id: z.string(), stocked_quantity: z.number() })),
});
export type LevelBatchAnswer = z.infer<typeof LevelBatchAnswer>;

/** `{"type":"not_found","message":"Item iitem_1 is not stocked at location sloc_1, Item …"}`; a 401 has no `type`. */
export const ErrorBody = z.object({ type: z.string().optional(), message: z.string() });
