import { Arg, Args, Ctx, Extensions, FieldResolver, ID, Int, Query, Resolver, Root } from "type-graphql";
import type { OperationEntity } from "../entities/operation.entity.js";
import type { Connection } from "../schema/connection.type.js";
import { OutcomeCountType, SyncOperationConnection, SyncOperationType } from "../schema/operation.type.js";
import { SyncOutcomeConnection } from "../schema/outcome.type.js";
import { OutcomeStatus, toGlobalId } from "../terms.js";
import type { Context } from "./context.js";
import { present } from "./effective-view.js";
import { loadAll } from "./loaders.js";
import { outcomePage } from "./outcome-pages.js";
import type { OutcomeView } from "./outcome-view.js";
import { readPage } from "./pages.js";
import { ForwardArgs } from "./paging.args.js";
import { customerOf, find } from "./targets.js";

@Resolver(() => SyncOperationType)
export class OperationResolver {
  @Extensions({ scope: "READ" })
  @Query(() => SyncOperationType, { nullable: true })
  operation(@Arg("id", () => ID) id: string, @Ctx() ctx: Context): Promise<OperationEntity | null> {
    return find(ctx, "operation", id);
  }

  @Extensions({ scope: "READ" })
  @Query(() => SyncOperationConnection, { description: "The newest first." })
  async operations(
    @Arg("customerId", () => ID) customerId: string,
    @Args(() => ForwardArgs) args: ForwardArgs,
    @Ctx() ctx: Context,
  ): Promise<Connection<OperationEntity>> {
    const customer = await customerOf(ctx, customerId);
    return readPage<{ id: string }, OperationEntity>(
      ctx.loaders.atOnce,
      {
        columns: "o.id",
        from: "from operation o where o.customer_id = $1",
        params: [customer.id],
        order: [{ expression: "o.id", type: "uuid" }],
        direction: "DESC",
      },
      args,
      (rows) => loadAll(ctx.loaders.operation, rows),
    );
  }

  @FieldResolver(() => ID)
  id(@Root() operation: OperationEntity): string {
    return toGlobalId("operation", operation.id);
  }

  @FieldResolver(() => Int, { description: "How many of `total` are done." })
  async processed(@Root() operation: OperationEntity, @Ctx() ctx: Context): Promise<number> {
    return (await present(ctx.loaders.progressOfOperation.load(operation.id))).processed;
  }

  @FieldResolver(() => [OutcomeCountType], { description: "Of the listings that have their final outcome." })
  async counts(@Root() operation: OperationEntity, @Ctx() ctx: Context): Promise<readonly OutcomeCountType[]> {
    return (await present(ctx.loaders.progressOfOperation.load(operation.id))).counts;
  }

  @FieldResolver(() => SyncOutcomeConnection, {
    description: "The final outcome of each listing, in the order of the feed. `status`: only these.",
  })
  outcomes(
    @Root() operation: OperationEntity,
    @Args(() => ForwardArgs) args: ForwardArgs,
    @Arg("status", () => [OutcomeStatus], { nullable: true }) status: OutcomeStatus[] | null,
    @Ctx() ctx: Context,
  ): Promise<Connection<OutcomeView>> {
    const where = (param: (value: unknown) => string): string[] => [
      `o.seq in (select outcome_seq from operation_listing w where w.operation_id = ${param(operation.id)}
                  and w.outcome_seq is not null and (${param(status)}::text[] is null or w.status = any(${param(status)}::text[])))`,
    ];
    return outcomePage(ctx, { customerId: operation.customerId, where, newestFirst: false }, args);
  }
}
