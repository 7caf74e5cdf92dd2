/** What mutations answer: the thing, or null, beside what was wrong. Where there is a userError, nothing was changed. */
import { type ClassType, Field, Int, ObjectType } from "type-graphql";
import { UserErrorCode } from "../terms.js";
import { CustomerType } from "./customer.type.js";
import { ItemType } from "./item.type.js";
import { ListingType } from "./listing.type.js";
import { SyncOperationType } from "./operation.type.js";
import { SyncPreviewType } from "./preview.type.js";
import { SearchType } from "./search.type.js";
import { ShipNoticeType } from "./ship-notice.type.js";
import { StoreType } from "./store.type.js";
import { ApiTokenType } from "./viewer.type.js";
import { WarehouseType } from "./warehouse.type.js";

@ObjectType("UserError", {
  simpleResolvers: true,
  description: "A problem with the request that its sender can mend. Where there is one, nothing was changed.",
})
export class UserErrorType {
  @Field(() => UserErrorCode)
  code!: UserErrorCode;

  @Field(() => String)
  message!: string;

  @Field(() => [String], {
    nullable: true,
    description:
      'Path within the input, indexes included: `["lines", "3", "quantity"]`. Null where it is of no one field.',
  })
  field!: readonly string[] | null;
}

@ObjectType()
abstract class Payload {
  @Field(() => [UserErrorType])
  userErrors!: readonly UserErrorType[];
}

@ObjectType("CustomerPayload", { simpleResolvers: true })
export class CustomerPayload extends Payload {
  @Field(() => CustomerType, { nullable: true })
  customer!: unknown;
}

@ObjectType("WarehousePayload", { simpleResolvers: true })
export class WarehousePayload extends Payload {
  @Field(() => WarehouseType, { nullable: true })
  warehouse!: unknown;
}

@ObjectType("ItemPayload", { simpleResolvers: true })
export class ItemPayload extends Payload {
  @Field(() => ItemType, { nullable: true })
  item!: unknown;
}

@ObjectType("ItemsPayload", {
  simpleResolvers: true,
  description: "At most the first 250 of the items changed, in the order given.",
})
export class ItemsPayload extends Payload {
  @Field(() => [ItemType])
  items!: readonly unknown[];

  @Field(() => Int)
  changedCount!: number;
}

@ObjectType("ListingPayload", { simpleResolvers: true })
export class ListingPayload extends Payload {
  @Field(() => ListingType, { nullable: true })
  listing!: unknown;
}

@ObjectType("StorePayload", { simpleResolvers: true })
export class StorePayload extends Payload {
  @Field(() => StoreType, { nullable: true })
  store!: unknown;
}

@ObjectType("ShipNoticePayload", { simpleResolvers: true })
export class ShipNoticePayload extends Payload {
  @Field(() => ShipNoticeType, { nullable: true })
  shipNotice!: unknown;
}

@ObjectType("ApiTokenPayload", { simpleResolvers: true })
export class ApiTokenPayload extends Payload {
  @Field(() => ApiTokenType, { nullable: true })
  apiToken!: unknown;
}

@ObjectType("CreateApiTokenPayload", {
  simpleResolvers: true,
  description: "The only time that the token itself is shown.",
})
export class CreateApiTokenPayload extends Payload {
  @Field(() => ApiTokenType, { nullable: true })
  apiToken!: unknown;

  @Field(() => String, { nullable: true })
  token!: string | null;
}

@ObjectType("SearchPayload", { simpleResolvers: true })
export class SearchPayload extends Payload {
  @Field(() => SearchType, { nullable: true })
  search!: unknown;
}

/** Payloads that hold an accepted operation. */
function operationPayload(name: string): ClassType<{ operation: unknown; userErrors: readonly UserErrorType[] }> {
  @ObjectType(name, { simpleResolvers: true })
  class OperationPayloadOf extends Payload {
    @Field(() => SyncOperationType, { nullable: true })
    operation!: unknown;
  }
  return OperationPayloadOf;
}
export const OperationPayload = operationPayload("OperationPayload");

/** Payloads of bulk actions that can be tried before they are done. */
function bulkPayload(
  name: string,
): ClassType<{ operation: unknown; preview: unknown; userErrors: readonly UserErrorType[] }> {
  @ObjectType(name, { simpleResolvers: true })
  class BulkPayloadOf extends Payload {
    @Field(() => SyncOperationType, { nullable: true, description: "What was accepted; null with `dryRun`." })
    operation!: unknown;

    @Field(() => SyncPreviewType, { nullable: true, description: "What would happen; null without `dryRun`." })
    preview!: unknown;
  }
  return BulkPayloadOf;
}
export const SyncInventoryPayload = bulkPayload("SyncInventoryPayload");
export const SetSyncInventoryBulkPayload = bulkPayload("SetSyncInventoryBulkPayload");
