import { Arg, Args, Ctx, Extensions, FieldResolver, ID, Query, Resolver, Root } from "type-graphql";
import type { CustomerEntity } from "../entities/customer.entity.js";
import type { InventoryLevelEntity } from "../entities/inventory-level.entity.js";
import type { ItemEntity } from "../entities/item.entity.js";
import type { ListingEntity } from "../entities/listing.entity.js";
import type { WarehouseEntity } from "../entities/warehouse.entity.js";
import type { Connection, CountedConnection } from "../schema/connection.type.js";
import { CustomerType } from "../schema/customer.type.js";
import { ItemFilter, ItemOrder } from "../schema/filters.input.js";
import { ItemConnection, ItemType } from "../schema/item.type.js";
import { ListingConnection } from "../schema/listing.type.js";
import { SyncOutcomeConnection } from "../schema/outcome.type.js";
import { EffectiveSyncType, SyncSettingType } from "../schema/setting.type.js";
import { InventoryLevelType, WarehouseType } from "../schema/warehouse.type.js";
import { sql } from "../sync/sql.js";
import { toGlobalId } from "../terms.js";
import type { Context } from "./context.js";
import { type EffectiveView, effectiveOfItem, present } from "./effective-view.js";
import { itemPage } from "./item-pages.js";
import { listingPage } from "./listing-pages.js";
import { outcomePage } from "./outcome-pages.js";
import type { OutcomeView } from "./outcome-view.js";
import { ForwardArgs, PagingArgs } from "./paging.args.js";
import { itemSetting, type SettingView } from "./settings-view.js";
import { customerOf, find } from "./targets.js";

@Resolver(() => ItemType)
export class ItemResolver {
  @Extensions({ scope: "READ" })
  @Query(() => ItemType, { nullable: true })
  item(@Arg("id", () => ID) id: string, @Ctx() ctx: Context): Promise<ItemEntity | null> {
    return find(ctx, "item", id);
  }

  @Extensions({ scope: "READ" })
  @Query(() => ItemType, { nullable: true, description: "The SKU is compared exactly, case included." })
  async itemBySku(
    @Arg("customerId", () => ID) customerId: string,
    @Arg("sku", () => String) sku: string,
    @Ctx() ctx: Context,
  ): Promise<ItemEntity | null> {
    const customer = await find(ctx, "customer", customerId);
    if (customer === null || sku.includes("\0")) return null;
    const [row] = await sql<{ id: string }>(ctx.db, `select id from item where customer_id = $1 and sku = $2`, [
      customer.id,
      sku,
    ]);
    return row ? ctx.loaders.item.load(row.id) : null;
  }

  @Extensions({ scope: "READ" })
  @Query(() => ItemConnection)
  async items(
    @Arg("customerId", () => ID) customerId: string,
    @Args(() => PagingArgs) args: PagingArgs,
    @Arg("filter", () => ItemFilter, { nullable: true }) filter: ItemFilter | null,
    @Arg("orderBy", () => ItemOrder, { nullable: true }) orderBy: ItemOrder | null,
    @Ctx() ctx: Context,
  ): Promise<CountedConnection<ItemEntity>> {
    const customer = await customerOf(ctx, customerId);
    return itemPage(ctx, customer.id, { filter, orderBy }, args);
  }

  @FieldResolver(() => ID)
  id(@Root() item: ItemEntity): string {
    return toGlobalId("item", item.id);
  }

  @FieldResolver(() => CustomerType)
  customer(@Root() item: ItemEntity, @Ctx() ctx: Context): Promise<CustomerEntity> {
    return present(ctx.loaders.customer.load(item.customerId));
  }

  @FieldResolver(() => SyncSettingType)
  syncSetting(@Root() item: ItemEntity): SettingView {
    return itemSetting(item, new Date());
  }

  @FieldResolver(() => EffectiveSyncType, {
    description: "Resolved for the item itself, before any store's own gates.",
  })
  effectiveSync(@Root() item: ItemEntity, @Ctx() ctx: Context): Promise<EffectiveView> {
    return effectiveOfItem(ctx, item);
  }

  @FieldResolver(() => [InventoryLevelType], { description: "Per warehouse; where the item never was, there is none." })
  inventoryLevels(@Root() item: ItemEntity, @Ctx() ctx: Context): Promise<readonly InventoryLevelEntity[]> {
    return ctx.loaders.levelsOfItem.load(item.id);
  }

  @FieldResolver(() => ListingConnection)
  listings(
    @Root() item: ItemEntity,
    @Args(() => ForwardArgs) args: ForwardArgs,
    @Ctx() ctx: Context,
  ): Promise<CountedConnection<ListingEntity>> {
    return listingPage(ctx, { itemId: item.id }, null, args);
  }

  @FieldResolver(() => SyncOutcomeConnection, { description: "The newest first." })
  outcomes(
    @Root() item: ItemEntity,
    @Args(() => ForwardArgs) args: ForwardArgs,
    @Ctx() ctx: Context,
  ): Promise<Connection<OutcomeView>> {
    const where = (param: (value: unknown) => string): string[] => [`o.item_id = ${param(item.id)}`];
    return outcomePage(ctx, { customerId: item.customerId, where, newestFirst: true }, args);
  }
}

@Resolver(() => InventoryLevelType)
export class InventoryLevelResolver {
  @FieldResolver(() => WarehouseType)
  warehouse(@Root() level: InventoryLevelEntity, @Ctx() ctx: Context): Promise<WarehouseEntity> {
    return present(ctx.loaders.warehouse.load(level.warehouseId));
  }
}
