/** Listings counted by what holds them back or what they wait for: previews of bulk actions, and a customer's summary. */
import { Field, Int, ObjectType } from "type-graphql";
import { ListingState, SkipReason } from "../terms.js";

@ObjectType("SkipCount", { simpleResolvers: true })
export class SkipCountType {
  @Field(() => SkipReason)
  reason!: SkipReason;

  @Field(() => Int, { description: "Listings whose gate of this reason fails; one that fails several counts in each." })
  count!: number;
}

@ObjectType("ListingStateCount", { simpleResolvers: true })
export class ListingStateCountType {
  @Field(() => ListingState)
  state!: ListingState;

  @Field(() => Int)
  count!: number;
}

@ObjectType("SyncSummary", {
  simpleResolvers: true,
  description: "Facets for dashboards, counted when they are asked for. What no listing has is absent.",
})
export class SyncSummaryType {
  @Field(() => Int, { description: "The customer's listings in all." })
  listings!: number;

  @Field(() => [ListingStateCountType])
  states!: readonly ListingStateCountType[];

  @Field(() => [SkipCountType])
  skips!: readonly SkipCountType[];
}

@ObjectType("SyncPreview", {
  simpleResolvers: true,
  description: "What a bulk action would do, before it does it: as of now, without an operation.",
})
export class SyncPreviewType {
  @Field(() => Int)
  matchedItems!: number;

  @Field(() => Int, { description: "Listings of these items, in the stores asked for." })
  matchedListings!: number;

  @Field(() => Int, { description: "Listings whose every gate would be open." })
  willSync!: number;

  @Field(() => Int, { description: "Listings that a gate would hold back: matchedListings less willSync." })
  willSkip!: number;

  @Field(() => [SkipCountType], { description: "Why, of those that would be held back." })
  skips!: readonly SkipCountType[];

  @Field(() => Int, {
    description: "Listings that would start being synced: a gate holds them now, and none would any more.",
  })
  wouldStart!: number;

  @Field(() => Int, { description: "Listings that would stop being synced: no gate holds them now, and one would." })
  wouldStop!: number;
}
