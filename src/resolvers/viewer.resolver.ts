import { Args, Ctx, Extensions, FieldResolver, ID, Query, Resolver, Root } from "type-graphql";
import type { ApiTokenEntity } from "../entities/api-token.entity.js";
import type { CustomerEntity } from "../entities/customer.entity.js";
import type { Connection } from "../schema/connection.type.js";
import { CustomerType } from "../schema/customer.type.js";
import { ApiTokenConnection, ApiTokenType, ViewerType } from "../schema/viewer.type.js";
import { toGlobalId } from "../terms.js";
import type { Context } from "./context.js";
import { loadAll } from "./loaders.js";
import { readPage } from "./pages.js";
import { ForwardArgs } from "./paging.args.js";

@Resolver()
export class ViewerResolver {
  @Extensions({ scope: null })
  @Query(() => ViewerType)
  async viewer(@Ctx() { viewer, loaders }: Context): Promise<ViewerType> {
    const customer = viewer.customerId === null ? null : await loaders.customer.load(viewer.customerId);
    return { name: viewer.name, customer, scopes: [...viewer.scopes] };
  }
}

@Resolver(() => ApiTokenType)
export class ApiTokenResolver {
  @Extensions({ scope: "ADMIN" })
  @Query(() => ApiTokenConnection, { description: "The newest first; ended ones too." })
  apiTokens(@Args(() => ForwardArgs) args: ForwardArgs, @Ctx() ctx: Context): Promise<Connection<ApiTokenEntity>> {
    return readPage<{ id: string }, ApiTokenEntity>(
      ctx.loaders.atOnce,
      {
        columns: "t.id",
        from: "from api_token t where ($1::uuid is null or t.customer_id = $1)",
        params: [ctx.onlyCustomerId],
        order: [{ expression: "t.id", type: "uuid" }],
        direction: "DESC",
      },
      args,
      (rows) => loadAll(ctx.loaders.apiToken, rows),
    );
  }

  @FieldResolver(() => ID)
  id(@Root() token: ApiTokenEntity): string {
    return toGlobalId("token", token.id);
  }

  @FieldResolver(() => CustomerType, { nullable: true, description: "Null: for every customer." })
  customer(@Root() token: ApiTokenEntity, @Ctx() ctx: Context): Promise<CustomerEntity | null> | null {
    return token.customerId === null ? null : ctx.loaders.customer.load(token.customerId);
  }
}
