import { ValidateNested } from "class-validator";
import { Field, ID, InputType, Int } from "type-graphql";
import { ListingState, OutcomeStatus, SkipReason, SyncMode, SyncSettingMode, SyncTrigger } from "../terms.js";
import { ItemOrderField, OrderDirection } from "./enums.js";
import { Count, Text, Texts } from "./rules.js";

@InputType("ItemFilter", {
  description: "What is absent asks nothing; what is given must all hold. A list means one of these.",
})
export class ItemFilter {
  @Text(0, 500)
  @Field(() => String, { nullable: true, description: "Words in SKU, title or barcode; each must occur." })
  query?: string | null | undefined;

  @Count(0, 10_000)
  @Texts(1, 255)
  @Field(() => [String], { nullable: true })
  skus?: string[] | null | undefined;

  @Text(0, 255)
  @Field(() => String, { nullable: true })
  skuPrefix?: string | null | undefined;

  @Count(0, 250)
  @Texts(1, 100)
  @Field(() => [String], { nullable: true, description: "Items with at least one of these." })
  tags?: string[] | null | undefined;

  @Field(() => Boolean, { nullable: true })
  processOrders?: boolean | null | undefined;

  @Field(() => Boolean, { nullable: true, description: "Whether the item was ever received." })
  received?: boolean | null | undefined;

  @Field(() => Int, { nullable: true })
  availableMin?: number | null | undefined;

  @Field(() => Int, { nullable: true })
  availableMax?: number | null | undefined;

  @Count(0, 10)
  @Field(() => [SyncSettingMode], { nullable: true, description: "What the item itself says." })
  syncSettingMode?: SyncSettingMode[] | null | undefined;

  @Count(0, 10)
  @Field(() => [SyncMode], { nullable: true, description: "What is in force for it." })
  effectiveMode?: SyncMode[] | null | undefined;

  @Count(0, 250)
  @Field(() => [ID], {
    nullable: true,
    description:
      "Items with a listing in one of these. Together with skipReason and listingState it is one and the same listing that fits.",
  })
  storeIds?: string[] | null | undefined;

  @Count(0, 20)
  @Field(() => [SkipReason], {
    nullable: true,
    description: "Effective state is filterable, so that the filter that answers a question also feeds a bulk action.",
  })
  skipReason?: SkipReason[] | null | undefined;

  @Count(0, 20)
  @Field(() => [ListingState], { nullable: true })
  listingState?: ListingState[] | null | undefined;
}

@InputType("ItemOrder")
export class ItemOrder {
  @Field(() => ItemOrderField, { defaultValue: ItemOrderField.SKU })
  field!: ItemOrderField;

  @Field(() => OrderDirection, { defaultValue: OrderDirection.ASC })
  direction!: OrderDirection;
}

@InputType("ItemSelection", {
  description:
    "Exactly one of these. A filter or a search is frozen to the items it matches when the mutation is accepted.",
})
export class ItemSelection {
  @Count(0, 100_000)
  @Field(() => [ID], { nullable: true })
  ids?: string[] | null | undefined;

  @Count(0, 100_000)
  @Texts(1, 255)
  @Field(() => [String], { nullable: true })
  skus?: string[] | null | undefined;

  @ValidateNested()
  @Field(() => ItemFilter, { nullable: true })
  filter?: ItemFilter | null | undefined;

  @Field(() => ID, { nullable: true, description: "A saved search of the customer's." })
  searchId?: string | null | undefined;
}

@InputType("ListingFilter")
export class ListingFilter {
  @Field(() => [ListingState], { nullable: true })
  states?: ListingState[] | null | undefined;

  @Field(() => [SkipReason], { nullable: true })
  skipReason?: SkipReason[] | null | undefined;

  @Field(() => Boolean, { nullable: true })
  active?: boolean | null | undefined;
}

@InputType("OutcomeFilter")
export class OutcomeFilter {
  @Field(() => [ID], { nullable: true })
  storeIds?: string[] | null | undefined;

  @Field(() => [ID], { nullable: true })
  itemIds?: string[] | null | undefined;

  @Field(() => ID, { nullable: true })
  operationId?: string | null | undefined;

  @Field(() => [OutcomeStatus], { nullable: true })
  status?: OutcomeStatus[] | null | undefined;

  @Field(() => [SyncTrigger], { nullable: true })
  trigger?: SyncTrigger[] | null | undefined;
}
