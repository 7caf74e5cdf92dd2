import { Arg, Ctx, Extensions, Mutation, Resolver } from "type-graphql";
import { SearchPayload } from "../schema/payloads.js";
import { DeleteSearchInput, SaveSearchInput } from "../schema/search.input.js";
import { deleteSearch, type SavedSearch, saveSearch } from "../sync/searches.js";
import type { Context } from "./context.js";
import { mistake, mutate } from "./mutate.js";
import { find, storesOf, target, targetCustomer } from "./targets.js";

@Resolver()
export class SearchMutations {
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
}

/** What asks nothing is not kept. */
function withoutNulls(filter: object): object {
  return Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== null && value !== undefined));
}
