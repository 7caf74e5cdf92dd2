import { Arg, Args, Ctx, Extensions, FieldResolver, ID, Mutation, Query, Resolver, Root } from "type-graphql";
import type { ItemEntity } from "../entities/item.entity.js";
import type { SearchEntity } from "../entities/search.entity.js";
import type { Connection, CountedConnection } from "../schema/connection.type.js";
import { ItemConnection } from "../schema/item.type.js";
import { SearchPayload } from "../schema/payloads.js";
import { DeleteSearchInput, SaveSearchInput } from "../schema/search.input.js";
import { SearchConnection, SearchType } from "../schema/search.type.js";
import { deleteSearch, type SavedSearch, saveSearch } from "../sync/searches.js";
import { toGlobalId } from "../terms.js";
import type { Context } from "./context.js";
import { itemPage } from "./item-pages.js";
import { loadAll } from "./loaders.js";
import { mistake, mutate } from "./mutate.js";
import { readPage } from "./pages.js";
import { ForwardArgs } from "./paging.args.js";
import { customerOf, find, storesOf, target, targetCustomer } from "./targets.js";

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

  @Extensions({ scope: "SETTINGS" })
  @Mutation(() => SearchPayload, { description: "Saves a filter under a name, or changes a saved search." })
  async saveSearch(@Arg("input", () => SaveSearchInput) input: SaveSearchInput, @Ctx() ctx: Context) {
    const { answer, userErrors } = await mutate(ctx, {
      name: "saveSearch",
      input,
      target: async () => {
        const { customerId } = await targetCustomer(ctx, input.customerId);
        const changed = input.searchId == null ? null : await target(ctx, "search", "searchId", input.searchId);
        if (changed && changed.customerId !== customerId)
          throw mistake("NOT_FOUND", "It is another customer's.", ["searchId"]);
        if (input.filter.storeIds != null)
          await storesOf(ctx, customerId, input.filter.storeIds, ["filter", "storeIds"]);
        return { customerId, id: changed?.id ?? null };
      },
      act: async (tx, { customerId, id }) => ({
        searchId: await saveSearch(tx, { id, customerId, name: input.name, filter: withoutNulls(input.filter) }),
      }),
    });
    return { search: answer && (await ctx.loaders.search.load(answer.searchId)), userErrors };
  }

  @Extensions({ scope: "SETTINGS" })
  @Mutation(() => SearchPayload, { description: "Answers the search as it was." })
  async deleteSearch(@Arg("input", () => DeleteSearchInput) input: DeleteSearchInput, @Ctx() ctx: Context) {
    const { answer, userErrors } = await mutate(ctx, {
      name: "deleteSearch",
      input,
      // What was deleted under this key is no longer there to be found.
      target: async () => ({ customerId: ctx.viewer.customerId, search: await find(ctx, "search", input.searchId) }),
      act: async (tx, { search }): Promise<SavedSearch> => {
        const deleted = search && (await deleteSearch(tx, search.id));
        if (!deleted) throw mistake("NOT_FOUND", "There is no such thing, or you may not see it.", ["searchId"]);
        return deleted;
      },
    });
    return { search: answer && { ...answer, __typename: "Search" }, userErrors };
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

/** What asks nothing is not kept. */
function withoutNulls(filter: object): object {
  return Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== null && value !== undefined));
}
