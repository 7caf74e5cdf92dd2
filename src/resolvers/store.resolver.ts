import { Arg, Args, Ctx, Extensions, FieldResolver, ID, Query, Resolver, Root, Subscription } from "type-graphql";
import type { CustomerEntity } from "../entities/customer.entity.js";
import type { ListingEntity } from "../entities/listing.entity.js";
import type { StoreEntity } from "../entities/store.entity.js";
import { WarehouseEntity } from "../entities/warehouse.entity.js";
import type { CountedConnection } from "../schema/connection.type.js";
import { CustomerType } from "../schema/customer.type.js";
import { ListingFilter } from "../schema/filters.input.js";
import { ListingConnection } from "../schema/listing.type.js";
import { SyncOutcomeType } from "../schema/outcome.type.js";
import { StoreHealthType, StoreType } from "../schema/store.type.js";
import { WarehouseType } from "../schema/warehouse.type.js";
import type { StoreHealth } from "../sync/store-health.js";
import { toGlobalId } from "../terms.js";
import type { Context } from "./context.js";
import { withEarlyReturn } from "./early-return.js";
import { present } from "./effective-view.js";
import { listingPage } from "./listing-pages.js";
import { liveStates, type StoreView } from "./live-states.js";
import { type OutcomeView, outcomeView } from "./outcome-view.js";
import { ForwardArgs } from "./paging.args.js";
import { customerOf, find } from "./targets.js";

@Resolver(() => StoreType)
export class StoreResolver {
  @Extensions({ scope: "READ" })
  @Query(() => StoreType, { nullable: true })
  store(@Arg("id", () => ID) id: string, @Ctx() ctx: Context): Promise<StoreEntity | null> {
    return find(ctx, "store", id);
  }

  @Extensions({ scope: "READ" })
  @Subscription(() => StoreType, {
    subscribe: ({ args, context }: { args: { customerId: string }; context: Context }) =>
      followStores(context, args.customerId),
    description:
      "A store's health: every store of the customer at once, then each whenever it changes, at most once a second.",
  })
  storeHealth(@Arg("customerId", () => ID) _customerId: string, @Root() store: StoreView): StoreView {
    return store;
  }

  @FieldResolver(() => ID)
  id(@Root() store: StoreEntity): string {
    return toGlobalId("store", store.id);
  }

  @FieldResolver(() => CustomerType)
  customer(@Root() store: StoreEntity, @Ctx() ctx: Context): Promise<CustomerEntity> {
    return present(ctx.loaders.customer.load(store.customerId));
  }

  @FieldResolver(() => StoreHealthType, { description: "As of now: computed when it is asked for." })
  health(@Root() store: StoreView, @Ctx() ctx: Context): StoreHealth | Promise<StoreHealth> {
    return store.health ?? present(ctx.loaders.healthOfStore.load(store.id));
  }

  @FieldResolver(() => [WarehouseType], { description: "Empty means: every warehouse of the customer." })
  warehouses(@Root() store: StoreEntity, @Ctx() ctx: Context): Promise<readonly WarehouseEntity[]> {
    return ctx.loaders.warehousesOfStore.load(store.id);
  }

  @FieldResolver(() => ListingConnection)
  listings(
    @Root() store: StoreEntity,
    @Args(() => ForwardArgs) args: ForwardArgs,
    @Arg("filter", () => ListingFilter, { nullable: true }) filter: ListingFilter | null,
    @Ctx() ctx: Context,
  ): Promise<CountedConnection<ListingEntity>> {
    return listingPage(ctx, { storeId: store.id }, filter, args);
  }
}

/** Refuses what cannot be followed before the stream begins. */
async function followStores(ctx: Context, customerId: string): Promise<AsyncIterable<StoreView>> {
  const customer = await customerOf(ctx, customerId);
  const left = new AbortController();
  const follow = async function* (): AsyncGenerator<StoreView, undefined> {
    const told = new Map<string, string>();
    for await (const stores of liveStates(ctx.db).stores.watch(customer.id, left.signal))
      for (const store of stores) {
        const text = JSON.stringify(store);
        if (told.get(store.id) === text) continue;
        told.set(store.id, text);
        yield store;
      }
    return undefined;
  };
  return withEarlyReturn(follow(), () => {
    left.abort();
  });
}

@Resolver(() => StoreHealthType)
export class StoreHealthResolver {
  @FieldResolver(() => SyncOutcomeType, {
    nullable: true,
    description: "The newest FAILED or RETRYING outcome of the last 15 minutes.",
  })
  async lastFailure(@Root() health: StoreHealth, @Ctx() ctx: Context): Promise<OutcomeView | null> {
    if (health.lastFailureId === null) return null;
    return outcomeView(await present(ctx.loaders.outcome.load(health.lastFailureId)));
  }
}

@Resolver(() => WarehouseType)
export class WarehouseResolver {
  @Extensions({ scope: "READ" })
  @Query(() => [WarehouseType], { description: "All of the customer's, by code." })
  async warehouses(
    @Arg("customerId", () => ID) customerId: string,
    @Ctx() ctx: Context,
  ): Promise<readonly WarehouseEntity[]> {
    const customer = await customerOf(ctx, customerId);
    return ctx.db.read((manager) =>
      manager.getRepository(WarehouseEntity).find({ where: { customerId: customer.id }, order: { code: "ASC" } }),
    );
  }

  @FieldResolver(() => ID)
  id(@Root() warehouse: WarehouseEntity): string {
    return toGlobalId("warehouse", warehouse.id);
  }
}
