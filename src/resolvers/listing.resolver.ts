import { Arg, Ctx, Extensions, FieldResolver, ID, Query, Resolver, Root } from "type-graphql";
import type { ItemEntity } from "../entities/item.entity.js";
import type { ListingEntity } from "../entities/listing.entity.js";
import type { StoreEntity } from "../entities/store.entity.js";
import { listingState } from "../policy/listing-state.js";
import { ItemType } from "../schema/item.type.js";
import { ListingType } from "../schema/listing.type.js";
import { DateTime } from "../schema/node.type.js";
import { SyncOutcomeType } from "../schema/outcome.type.js";
import { EffectiveSyncType, SyncSettingType } from "../schema/setting.type.js";
import { StoreType } from "../schema/store.type.js";
import { ListingState, toGlobalId } from "../terms.js";
import type { Context } from "./context.js";
import { type EffectiveView, effectiveOfListing, present } from "./effective-view.js";
import { type OutcomeView, outcomeView } from "./outcome-view.js";
import { listingSetting, type SettingView } from "./settings-view.js";
import { find } from "./targets.js";

@Resolver(() => ListingType)
export class ListingResolver {
  @Extensions({ scope: "READ" })
  @Query(() => ListingType, { nullable: true })
  listing(@Arg("id", () => ID) id: string, @Ctx() ctx: Context): Promise<ListingEntity | null> {
    return find(ctx, "listing", id);
  }

  @FieldResolver(() => ID)
  id(@Root() listing: ListingEntity): string {
    return toGlobalId("listing", listing.id);
  }

  @FieldResolver(() => ItemType)
  item(@Root() listing: ListingEntity, @Ctx() ctx: Context): Promise<ItemEntity> {
    return present(ctx.loaders.item.load(listing.itemId));
  }

  @FieldResolver(() => StoreType)
  store(@Root() listing: ListingEntity, @Ctx() ctx: Context): Promise<StoreEntity> {
    return present(ctx.loaders.store.load(listing.storeId));
  }

  @FieldResolver(() => SyncSettingType, { nullable: true, description: "Null: the listing has no setting of its own." })
  syncSetting(@Root() listing: ListingEntity): SettingView | null {
    return listingSetting(listing, new Date());
  }

  @FieldResolver(() => EffectiveSyncType)
  effectiveSync(@Root() listing: ListingEntity, @Ctx() ctx: Context): Promise<EffectiveView> {
    return effectiveOfListing(ctx, listing);
  }

  @FieldResolver(() => ListingState)
  state(@Root() listing: ListingEntity): ListingState {
    const { parkedCode, inFlightSince, ...progress } = listing;
    return listingState({ ...progress, parked: parkedCode !== null, inFlight: inFlightSince !== null });
  }

  @FieldResolver(() => DateTime, {
    nullable: true,
    description: "Since when a change waits to reach the store; null where none does.",
  })
  pendingSince(@Root() listing: ListingEntity): Date | null {
    return listing.revision > listing.syncedRevision ? listing.dirtySince : null;
  }

  @FieldResolver(() => SyncOutcomeType, { nullable: true })
  async lastOutcome(@Root() listing: ListingEntity, @Ctx() ctx: Context): Promise<OutcomeView | null> {
    const row = await ctx.loaders.lastOutcomeOfListing.load(listing.id);
    return row && outcomeView(row);
  }
}
