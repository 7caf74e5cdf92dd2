import { Arg, Ctx, Extensions, ID, Query, Resolver } from "type-graphql";
import { NodeType } from "../schema/node.type.js";
import { parseGlobalId } from "../terms.js";
import type { Context } from "./context.js";
import { outcomeView } from "./outcome-view.js";
import { customerSetting, itemSetting, listingSetting } from "./settings-view.js";

/** How each kind of id is looked up; null where there is no such thing or the viewer may not see it. */
const LOOK_UP: Readonly<Record<string, (ctx: Context, uuid: string) => Promise<object | null>>> = {
  customer: ({ loaders }, id) => loaders.customer.load(id),
  item: ({ loaders }, id) => loaders.item.load(id),
  warehouse: ({ loaders }, id) => loaders.warehouse.load(id),
  store: ({ loaders }, id) => loaders.store.load(id),
  listing: ({ loaders }, id) => loaders.listing.load(id),
  operation: ({ loaders }, id) => loaders.operation.load(id),
  search: ({ loaders }, id) => loaders.search.load(id),
  notice: ({ loaders }, id) => loaders.shipNotice.load(id),
  token: async ({ loaders, viewer }, id) => (viewer.scopes.has("ADMIN") ? loaders.apiToken.load(id) : null),
  outcome: async ({ loaders }, id) => {
    const row = await loaders.outcome.load(id);
    return row && outcomeView(row);
  },
  setting_customer: async ({ loaders }, id) => {
    const customer = await loaders.customer.load(id);
    return customer && customerSetting(customer);
  },
  setting_item: async ({ loaders }, id) => {
    const item = await loaders.item.load(id);
    return item && itemSetting(item, new Date());
  },
  setting_listing: async ({ loaders }, id) => {
    const listing = await loaders.listing.load(id);
    return listing && listingSetting(listing, new Date());
  },
};

@Resolver()
export class NodeResolver {
  @Extensions({ scope: "READ" })
  @Query(() => NodeType, {
    nullable: true,
    description: "Anything by its global id; null where there is no such thing.",
  })
  async node(@Arg("id", () => ID) id: string, @Ctx() ctx: Context): Promise<object | null> {
    const named = parseGlobalId(id);
    const lookUp = named && Object.hasOwn(LOOK_UP, named.kind) ? LOOK_UP[named.kind] : undefined;
    return lookUp && named ? lookUp(ctx, named.uuid) : null;
  }
}
