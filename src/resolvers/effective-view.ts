/** The effective policy of an item or listing, computed when it is asked for. */
import type { CustomerEntity } from "../entities/customer.entity.js";
import type { ItemEntity } from "../entities/item.entity.js";
import type { ListingEntity } from "../entities/listing.entity.js";
import { evaluate } from "../policy/effective-sync.js";
import { explainSkip, type SkipExplanation } from "../policy/explain.js";
import type { LevelQuantities, QuantityStep } from "../policy/publishable-quantity.js";
import { policyInputOf } from "../sync/policy-input.js";
import type { SyncDecision, SyncMode } from "../terms.js";
import type { Context } from "./context.js";
import { customerSetting, itemSetting, listingSetting, type SettingView } from "./settings-view.js";

export interface EffectiveView {
  readonly decision: SyncDecision;
  readonly mode: SyncMode;
  readonly decidedBy: SettingView;
  readonly skips: readonly SkipExplanation[];
  readonly quantitySteps: readonly QuantityStep[];
  readonly publishableQuantity: number;
}

/** Of the item itself, before any store's gates, over all of its warehouses. */
export async function effectiveOfItem(ctx: Context, item: ItemEntity): Promise<EffectiveView> {
  const now = new Date();
  const customer = await present(ctx.loaders.customer.load(item.customerId));
  return view(now, { customer, item, listing: null }, { store: null, levels: [item] });
}

export async function effectiveOfListing(ctx: Context, listing: ListingEntity): Promise<EffectiveView> {
  const now = new Date();
  const [customer, item, store] = await Promise.all([
    present(ctx.loaders.customer.load(listing.customerId)),
    present(ctx.loaders.item.load(listing.itemId)),
    present(ctx.loaders.store.load(listing.storeId)),
  ]);
  const levels = store.hasOwnWarehouses ? await levelsInStore(ctx, item.id, store.id) : [item];
  return view(now, { customer, item, listing }, { store, levels });
}

async function levelsInStore(ctx: Context, itemId: string, storeId: string): Promise<readonly LevelQuantities[]> {
  const [levels, warehouses] = await Promise.all([
    ctx.loaders.levelsOfItem.load(itemId),
    ctx.loaders.warehousesOfStore.load(storeId),
  ]);
  const own = new Set(warehouses.map((warehouse) => warehouse.id));
  return levels.filter((level) => own.has(level.warehouseId));
}

interface Rows {
  readonly customer: CustomerEntity;
  readonly item: ItemEntity;
  readonly listing: ListingEntity | null;
}

function view(
  now: Date,
  rows: Rows,
  rest: Pick<Parameters<typeof policyInputOf>[0], "store" | "levels">,
): EffectiveView {
  const effective = evaluate(policyInputOf({ now, ...rows, ...rest }));
  const decidedBy = {
    CUSTOMER: () => null,
    ITEM: () => itemSetting(rows.item, now),
    LISTING: () => rows.listing && listingSetting(rows.listing, now),
  }[effective.decidedBy]();
  return {
    decision: effective.decision,
    mode: effective.mode,
    decidedBy: decidedBy ?? customerSetting(rows.customer),
    skips: effective.skips.map(explainSkip),
    quantitySteps: effective.steps,
    publishableQuantity: effective.quantity,
  };
}

/** A row that a foreign key says is there. */
export async function present<Row>(row: Promise<Row | null>): Promise<Row> {
  const found = await row;
  if (found === null) throw new Error("A row that another one refers to is missing.");
  return found;
}
