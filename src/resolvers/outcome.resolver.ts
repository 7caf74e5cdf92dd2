import { GraphQLError } from "graphql";
import { Arg, Args, Ctx, Extensions, FieldResolver, ID, Query, Resolver, Root, Subscription } from "type-graphql";
import type { ItemEntity } from "../entities/item.entity.js";
import type { ListingEntity } from "../entities/listing.entity.js";
import type { OperationEntity } from "../entities/operation.entity.js";
import type { StoreEntity } from "../entities/store.entity.js";
import type { Connection } from "../schema/connection.type.js";
import { OutcomeFilter } from "../schema/filters.input.js";
import { ItemType } from "../schema/item.type.js";
import { ListingType } from "../schema/listing.type.js";
import { SyncOperationType } from "../schema/operation.type.js";
import { SyncOutcomeConnection, SyncOutcomeType } from "../schema/outcome.type.js";
import { StoreType } from "../schema/store.type.js";
import { CursorExpired, feedPosition, type OutcomeRow } from "../sync/outcome-feed.js";
import type { Context } from "./context.js";
import { present } from "./effective-view.js";
import { outlastingRestarts } from "./loaders.js";
import { outcomeConditions, outcomeFits, outcomePage } from "./outcome-pages.js";
import { type OutcomeView, outcomeView } from "./outcome-view.js";
import { PagingArgs } from "./paging.args.js";
import { customerOf } from "./targets.js";

/** What the subscription's source yields: an outcome, or why it cannot go on. */
type FeedEvent = { readonly outcome: OutcomeRow } | { readonly error: CursorExpired };

@Resolver(() => SyncOutcomeType)
export class OutcomeResolver {
  @Extensions({ scope: "READ" })
  @Query(() => SyncOutcomeConnection, {
    description:
      "In the order of the feed, oldest first; `last: 50` gives the newest. Its cursors are the feed's: `endCursor` continues in `syncOutcomes(after:)`.",
  })
  async outcomes(
    @Arg("customerId", () => ID) customerId: string,
    @Args(() => PagingArgs) args: PagingArgs,
    @Arg("filter", () => OutcomeFilter, { nullable: true }) filter: OutcomeFilter | null,
    @Ctx() ctx: Context,
  ): Promise<Connection<OutcomeView>> {
    const customer = await customerOf(ctx, customerId);
    const where = outcomeConditions(filter ?? {});
    return outcomePage(ctx, { customerId: customer.id, where, newestFirst: false }, args);
  }

  @Extensions({ scope: "READ" })
  @Subscription(() => SyncOutcomeType, {
    subscribe: ({ args, context }: { args: FeedArgs; context: Context }) => subscribeToFeed(context, args),
    description:
      'Every sync outcome of a customer, live. With `after`, first everything past that cursor, then live: nothing missed, nothing twice, in cursor order; `after: "0"` begins with the oldest. A cursor that is unknown or no longer kept is the error CURSOR_EXPIRED, never a silent skip.',
  })
  syncOutcomes(
    @Arg("customerId", () => ID) _customerId: string,
    @Arg("filter", () => OutcomeFilter, { nullable: true }) _filter: OutcomeFilter | null,
    @Arg("after", () => String, { nullable: true }) _after: string | null,
    @Root() event: FeedEvent,
  ): OutcomeView {
    if ("error" in event) throw cursorExpired(event.error);
    return outcomeView(event.outcome);
  }

  @FieldResolver(() => StoreType)
  store(@Root() outcome: OutcomeView, @Ctx() ctx: Context): Promise<StoreEntity> {
    return present(ctx.loaders.store.load(outcome.storeId));
  }

  @FieldResolver(() => ItemType)
  item(@Root() outcome: OutcomeView, @Ctx() ctx: Context): Promise<ItemEntity> {
    return present(ctx.loaders.item.load(outcome.itemId));
  }

  @FieldResolver(() => ListingType)
  listing(@Root() outcome: OutcomeView, @Ctx() ctx: Context): Promise<ListingEntity> {
    return present(ctx.loaders.listing.load(outcome.listingId));
  }

  @FieldResolver(() => SyncOperationType, {
    nullable: true,
    description: "The newest operation that this answers for.",
  })
  operation(@Root() outcome: OutcomeView, @Ctx() ctx: Context): Promise<OperationEntity> | null {
    return outcome.operationId === null ? null : present(ctx.loaders.operation.load(outcome.operationId));
  }
}

interface FeedArgs {
  readonly customerId: string;
  readonly filter?: OutcomeFilter | null;
  readonly after?: string | null;
}

/** Refuses what cannot be followed before the stream begins, so that the client gets an error and no empty stream. */
async function subscribeToFeed(ctx: Context, args: FeedArgs): Promise<AsyncIterable<FeedEvent>> {
  const customer = await customerOf(ctx, args.customerId);
  const after = args.after ?? null;
  if (after !== null) {
    const isExpired = (error: unknown): boolean => error instanceof CursorExpired;
    await outlastingRestarts(() => feedPosition(ctx.db, customer.id, after), isExpired).catch((error: unknown) => {
      throw error instanceof CursorExpired ? cursorExpired(error) : error;
    });
  }
  const fits = outcomeFits(args.filter);
  const left = new AbortController();
  const outcomes = ctx.feed.read(customer.id, { after, signal: left.signal });
  return withEarlyReturn(followed(outcomes, fits), () => {
    left.abort();
  });
}

async function* followed(
  outcomes: AsyncIterableIterator<OutcomeRow>,
  fits: (row: OutcomeRow) => boolean,
): AsyncGenerator<FeedEvent, undefined> {
  try {
    for await (const outcome of outcomes) if (fits(outcome)) yield { outcome };
  } catch (error) {
    // A reader who fell behind what is kept: told as the stream's last message.
    if (!(error instanceof CursorExpired)) throw error;
    yield { error };
  }
  return undefined;
}

/** A generator that waits for news does not hear its own return(): who leaves ends the wait first. */
function withEarlyReturn<T>(source: AsyncGenerator<T, undefined>, leave: () => void): AsyncIterableIterator<T> {
  return {
    next: () => source.next(),
    return: () => {
      leave();
      return source.return(undefined);
    },
    throw: (error) => {
      leave();
      return source.throw(error);
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

function cursorExpired(error: CursorExpired): GraphQLError {
  return new GraphQLError(error.message, { extensions: { code: "CURSOR_EXPIRED" } });
}
