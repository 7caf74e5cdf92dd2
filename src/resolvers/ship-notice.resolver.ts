import { Ctx, FieldResolver, ID, Resolver, Root } from "type-graphql";
import type { CustomerEntity } from "../entities/customer.entity.js";
import type { ItemEntity } from "../entities/item.entity.js";
import type { ShipNoticeEntity, ShipNoticeLineEntity } from "../entities/ship-notice.entity.js";
import type { WarehouseEntity } from "../entities/warehouse.entity.js";
import { CustomerType } from "../schema/customer.type.js";
import { ItemType } from "../schema/item.type.js";
import { ShipNoticeLineType, ShipNoticeType } from "../schema/ship-notice.type.js";
import { WarehouseType } from "../schema/warehouse.type.js";
import { toGlobalId } from "../terms.js";
import type { Context } from "./context.js";
import { present } from "./effective-view.js";

@Resolver(() => ShipNoticeType)
export class ShipNoticeResolver {
  @FieldResolver(() => ID)
  id(@Root() notice: ShipNoticeEntity): string {
    return toGlobalId("notice", notice.id);
  }

  @FieldResolver(() => CustomerType)
  customer(@Root() notice: ShipNoticeEntity, @Ctx() ctx: Context): Promise<CustomerEntity> {
    return present(ctx.loaders.customer.load(notice.customerId));
  }

  @FieldResolver(() => WarehouseType)
  warehouse(@Root() notice: ShipNoticeEntity, @Ctx() ctx: Context): Promise<WarehouseEntity> {
    return present(ctx.loaders.warehouse.load(notice.warehouseId));
  }

  @FieldResolver(() => Boolean, { description: "Whether at least one line is published." })
  async published(@Root() notice: ShipNoticeEntity, @Ctx() ctx: Context): Promise<boolean> {
    return (await ctx.loaders.linesOfShipNotice.load(notice.id)).some((line) => line.published);
  }

  @FieldResolver(() => [ShipNoticeLineType])
  lines(@Root() notice: ShipNoticeEntity, @Ctx() ctx: Context): Promise<readonly ShipNoticeLineEntity[]> {
    return ctx.loaders.linesOfShipNotice.load(notice.id);
  }
}

@Resolver(() => ShipNoticeLineType)
export class ShipNoticeLineResolver {
  @FieldResolver(() => ItemType)
  item(@Root() line: ShipNoticeLineEntity, @Ctx() ctx: Context): Promise<ItemEntity> {
    return present(ctx.loaders.item.load(line.itemId));
  }
}
