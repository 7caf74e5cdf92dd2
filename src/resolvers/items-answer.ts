import type { ItemEntity } from "../entities/item.entity.js";
import type { UserErrorValue } from "../sync/user-mistake.js";
import type { Context } from "./context.js";
import type { Mutated } from "./mutate.js";

/** How many of the changed items a payload shows. */
const SHOWN = 250;

/** What a mutation of items keeps as its answer. */
export interface ItemsAnswer {
  /** The first 250 of the items changed, in the order given. */
  readonly itemIds: readonly string[];
  readonly changedCount: number;
}

export function itemsAnswer(itemIds: readonly string[]): ItemsAnswer {
  return { itemIds: itemIds.slice(0, SHOWN), changedCount: itemIds.length };
}

export async function itemsPayload(
  ctx: Context,
  { answer, userErrors }: Mutated<ItemsAnswer>,
): Promise<{ items: readonly ItemEntity[]; changedCount: number; userErrors: readonly UserErrorValue[] }> {
  const rows = await Promise.all((answer?.itemIds ?? []).map((id) => ctx.loaders.item.load(id)));
  return { items: rows.flatMap((row) => row ?? []), changedCount: answer?.changedCount ?? 0, userErrors };
}
