import { Arg, Args, Ctx, Extensions, FieldResolver, ID, Query, Resolver, Root } from "type-graphql";
import type { CustomerEntity } from "../entities/customer.entity.js";
import type { ItemEntity } from "../entities/item.entity.js";
import type { StoreEntity } from "../entities/store.entity.js";
import type { Connection, CountedConnection } from "../schema/connection.type.js";
import { CustomerConnection, CustomerType } from "../schema/customer.type.js";
import { ItemFilter, ItemOrder } from "../schema/filters.input.js";
import { ItemConnection } from "../schema/item.type.js";
import { SyncSummaryType } from "../schema/preview.type.js";
import { SyncSettingType } from "../schema/setting.type.js";
import { StoreConnection } from "../schema/store.type.js";
import type { SyncSummary } from "../sync/sync-summary.js";
import { toGlobalId } from "../terms.js";
import type { Context } from "./context.js";
import { present } from "./effective-view.js";
import { itemPage } from "./item-pages.js";
import { loadAll } from "./loaders.js";
import { readPage } from "./pages.js";
import { ForwardArgs, PagingArgs } from "./paging.args.js";
import { customerSetting, type SettingView } from "./settings-view.js";
import { find } from "./targets.js";

@Resolver(() => CustomerType)
export class CustomerResolver {
  @Extensions({ scope: "READ" })
  @Query(() => CustomerType, { nullable: true })
  customer(@Arg("id", () => ID) id: string, @Ctx() ctx: Context): Promise<CustomerEntity | null> {
    return find(ctx, "customer", id);
  }

  @Extensions({ scope: "READ" })
  @Query(() => CustomerConnection, { description: "By name. `query`: text that the name or externalRef contains." })
  customers(
    @Args(() => ForwardArgs) args: ForwardArgs,
    @Arg("query", () => String, { nullable: true }) query: string | null,
    @Ctx() ctx: Context,
  ): Promise<Connection<CustomerEntity>> {
    return readPage<{ id: string }, CustomerEntity>(
      ctx.loaders.atOnce,
      {
        columns: "c.id",
        from: `from customer c where ($1::uuid is null or c.id = $1)
                 and ($2::text is null or strpos(lower(c.name), lower($2)) > 0 or strpos(lower(c.external_ref), lower($2)) > 0)`,
        params: [ctx.onlyCustomerId, query?.replaceAll("\0", "") ?? null],
        order: [
          { expression: "c.name", type: "text" },
          { expression: "c.id", type: "uuid" },
        ],
        direction: "ASC",
      },
      args,
      (rows) => loadAll(ctx.loaders.customer, rows),
    );
  }

  @FieldResolver(() => ID)
  id(@Root() customer: CustomerEntity): string {
    return toGlobalId("customer", customer.id);
  }

  @FieldResolver(() => SyncSettingType)
  syncSetting(@Root() customer: CustomerEntity): SettingView {
    return customerSetting(customer);
  }

  @FieldResolver(() => SyncSummaryType, {
    description: "Facets for dashboards: how many listings are in each state, and per skip reason.",
  })
  syncSummary(@Root() customer: CustomerEntity, @Ctx() ctx: Context): Promise<SyncSummary> {
    return present(ctx.loaders.summaryOfCustomer.load(customer.id));
  }

  @FieldResolver(() => StoreConnection)
  stores(
    @Root() customer: CustomerEntity,
    @Args(() => ForwardArgs) args: ForwardArgs,
    @Ctx() ctx: Context,
  ): Promise<Connection<StoreEntity>> {
    return readPage<{ id: string }, StoreEntity>(
      ctx.loaders.atOnce,
      {
        columns: "s.id",
        from: "from store s where s.customer_id = $1",
        params: [customer.id],
        order: [{ expression: "s.id", type: "uuid" }],
        direction: "ASC",
      },
      args,
      (rows) => loadAll(ctx.loaders.store, rows),
    );
  }

  @FieldResolver(() => ItemConnection)
  items(
    @Root() customer: CustomerEntity,
    @Args(() => PagingArgs) args: PagingArgs,
    @Arg("filter", () => ItemFilter, { nullable: true }) filter: ItemFilter | null,
    @Arg("orderBy", () => ItemOrder, { nullable: true }) orderBy: ItemOrder | null,
    @Ctx() ctx: Context,
  ): Promise<CountedConnection<ItemEntity>> {
    return itemPage(ctx, customer.id, { filter, orderBy }, args);
  }
}
