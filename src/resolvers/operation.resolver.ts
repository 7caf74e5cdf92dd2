import { Arg, Args, Ctx, Extensions, FieldResolver, ID, Int, Query, Resolver, Root, Subscription } from "type-graphql";
import type { OperationEntity } from "../entities/operation.entity.js";
import type { Connection } from "../schema/connection.type.js";
import { OutcomeCountType, SyncOperationConnection, SyncOperationType } from "../schema/operation.type.js";
import { SyncOutcomeConnection } from "../schema/outcome.type.js";
import type { OperationProgress } from "../sync/operations.js";
import { OutcomeStatus, toGlobalId } from "../terms.js";
import { badInput } from "./bad-input.js";
import type { Context } from "./context.js";
import { withEarlyReturn } from "./early-return.js";
import { present } from "./effective-view.js";
import { liveStates, type OperationView } from "./live-states.js";
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

  @Extensions({ scope: "READ" })
  @Subscription(() => SyncOperationType, {
    subscribe: ({ args, context }: { args: { id: string }; context: Context }) => followOperation(context, args.id),
    description:
      "An operation's progress, at once and then at most four times a second until it ends; the stream then completes.",
  })
  operationProgress(@Arg("id", () => ID) _id: string, @Root() operation: OperationView): OperationView {
    return operation;
  }

  @FieldResolver(() => ID)
  id(@Root() operation: OperationEntity): string {
    return toGlobalId("operation", operation.id);
  }

  @FieldResolver(() => Int, { description: "How many of `total` are done." })
  async processed(@Root() operation: OperationView, @Ctx() ctx: Context): Promise<number> {
    return (await progressOf(ctx, operation)).processed;
  }

  @FieldResolver(() => [OutcomeCountType], { description: "Of the listings that have their final outcome." })
  async counts(@Root() operation: OperationView, @Ctx() ctx: Context): Promise<readonly OutcomeCountType[]> {
    return (await progressOf(ctx, operation)).counts;
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

function progressOf(ctx: Context, { id, progress }: OperationView): Promise<OperationProgress> {
  return progress ? Promise.resolve(progress) : present(ctx.loaders.progressOfOperation.load(id));
}

/** Refuses what cannot be followed before the stream begins. */
async function followOperation(ctx: Context, id: string): Promise<AsyncIterable<OperationView>> {
  const operation = await find(ctx, "operation", id);
  if (operation === null) throw badInput("id", "there is no such operation, or you may not see it");
  const left = new AbortController();
  const follow = async function* (): AsyncGenerator<OperationView, undefined> {
    for await (const state of liveStates(ctx.db).operation.watch(operation.id, left.signal)) {
      yield state;
      if (state.finishedAt !== null) break;
    }
    return undefined;
  };
  return withEarlyReturn(follow(), () => {
    left.abort();
  });
}
