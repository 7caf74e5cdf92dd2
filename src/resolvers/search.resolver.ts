import { Arg, Args, Ctx, Extensions, FieldResolver, ID, Query, Resolver, Root } from "type-graphql";
import type { ItemEntity } from "../entities/item.entity.js";
import type { SearchEntity } from "../entities/search.entity.js";
import type { Connection, CountedConnection } from "../schema/connection.type.js";
import { ItemConnection } from "../schema/item.type.js";
import { SearchConnection, SearchType } from "../schema/search.type.js";
import { toGlobalId } from "../terms.js";
import type { Context } from "./context.js";
import { itemPage } from "./item-pages.js";
import { loadAll } from "./loaders.js";
import { readPage } from "./pages.js";
import { ForwardArgs } from "./paging.args.js";
import { customerOf, find } from "./targets.js";

@Resolver(() => SearchType)
export class SearchResolver {
  @Extensions({ scope: "READ" })
  @Query(() => SearchType, { nullable: true })
  search(@Arg("id", () => ID) id: string, @Ctx() ctx: Context): Promise<SearchEntity | null> {
    return find(ctx, "search", id);
  }

  @Extensions({ scope: "READ" })
  @Query(() => SearchConnection, { description: "The customer's saved searches, by name." })
  async searches(
    @Arg("customerId", () => ID) customerId: string,
    @Args(() => ForwardArgs) args: ForwardArgs,
    @Ctx() ctx: Context,
  ): Promise<Connection<SearchEntity>> {
    const customer = await customerOf(ctx, customerId);
    return readPage<{ id: string }, SearchEntity>(
      ctx.loaders.atOnce,
      {
        columns: "s.id",
        from: "from search s where s.customer_id = $1",
        params: [customer.id],
        order: [
          { expression: "s.name", type: "text" },
          { expression: "s.id", type: "uuid" },
        ],
        direction: "ASC",
      },
      args,
      (rows) => loadAll(ctx.loaders.search, rows),
    );
  }

  @FieldResolver(() => ID)
  id(@Root() search: SearchEntity): string {
    return toGlobalId("search", search.id);
  }

  @FieldResolver(() => ItemConnection, { description: "What it matches now, by SKU." })
  items(
    @Root() search: SearchEntity,
    @Args(() => ForwardArgs) args: ForwardArgs,
    @Ctx() ctx: Context,
  ): Promise<CountedConnection<ItemEntity>> {
    return itemPage(ctx, search.customerId, { filter: search.filter, orderBy: null }, args);
  }
}
