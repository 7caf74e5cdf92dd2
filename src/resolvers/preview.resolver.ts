import { Args, Ctx, FieldResolver, Resolver, Root } from "type-graphql";
import type { ListingEntity } from "../entities/listing.entity.js";
import type { CountedConnection } from "../schema/connection.type.js";
import { ListingConnection } from "../schema/listing.type.js";
import { SyncPreviewType } from "../schema/preview.type.js";
import { type PreviewedAction, type SyncPreview, wouldZeroSql } from "../sync/preview.js";
import type { Context } from "./context.js";
import { listingsOf } from "./listing-pages.js";
import { ForwardArgs } from "./paging.args.js";

/** A preview with what it is of. */
export interface PreviewView extends SyncPreview {
  readonly action: PreviewedAction;
}

@Resolver(() => SyncPreviewType)
export class PreviewResolver {
  @FieldResolver(() => ListingConnection, {
    description: "Listings whose store would go from a positive quantity to 0.",
  })
  async wouldZero(
    @Root() { action }: PreviewView,
    @Args(() => ForwardArgs) args: ForwardArgs,
    @Ctx() ctx: Context,
  ): Promise<CountedConnection<ListingEntity>> {
    const params: unknown[] = [];
    return listingsOf(ctx, await wouldZeroSql(ctx.db, action, params), params, args);
  }
}
