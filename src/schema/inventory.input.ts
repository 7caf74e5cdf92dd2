import { ValidateNested } from "class-validator";
import { Field, ID, InputType, Int } from "type-graphql";
import { DateTime } from "./node.type.js";
import { Count, IdempotencyKey, Text, Texts } from "./rules.js";

const WAREHOUSE_RULE = "A warehouse's code; the customer's only warehouse where absent.";

@InputType("ReceiveLine")
export class ReceiveLine {
  @Text(1, 255)
  @Field(() => String)
  sku!: string;

  @Field(() => Int, { description: "1 unit or more." })
  quantity!: number;

  @Text(1, 100)
  @Field(() => String, { nullable: true, description: WAREHOUSE_RULE })
  warehouse?: string | null | undefined;
}

@InputType("AdjustLine")
export class AdjustLine {
  @Text(1, 255)
  @Field(() => String)
  sku!: string;

  @Field(() => Int, { nullable: true, defaultValue: 0 })
  onHandDelta?: number | null | undefined;

  @Field(() => Int, { nullable: true, defaultValue: 0 })
  unavailableDelta?: number | null | undefined;

  @Text(1, 100)
  @Field(() => String, { nullable: true, description: WAREHOUSE_RULE })
  warehouse?: string | null | undefined;
}

@InputType("SetLine")
export class SetLine {
  @Text(1, 255)
  @Field(() => String)
  sku!: string;

  @Field(() => Int, { nullable: true })
  onHand?: number | null | undefined;

  @Field(() => Int, { nullable: true })
  unavailable?: number | null | undefined;

  @Field(() => Int, { nullable: true, description: "Refused with STALE_QUANTITY where onHand is no longer this." })
  ifOnHand?: number | null | undefined;

  @Text(1, 100)
  @Field(() => String, { nullable: true, description: WAREHOUSE_RULE })
  warehouse?: string | null | undefined;
}

@InputType("CommitLine")
export class CommitLine {
  @Text(1, 255)
  @Field(() => String)
  sku!: string;

  @Field(() => Int, { description: "Positive promises units, negative releases them." })
  quantity!: number;

  @Text(1, 100)
  @Field(() => String, { nullable: true, description: WAREHOUSE_RULE })
  warehouse?: string | null | undefined;
}

@InputType("ShipLine")
export class ShipLine {
  @Text(1, 255)
  @Field(() => String)
  sku!: string;

  @Field(() => Int, { description: "1 unit or more." })
  quantity!: number;

  @Text(1, 100)
  @Field(() => String, { nullable: true, description: WAREHOUSE_RULE })
  warehouse?: string | null | undefined;
}

@InputType("ReceiveInventoryInput", { description: "At most 1,000 lines; all are applied or none." })
export class ReceiveInventoryInput {
  @Field(() => ID)
  customerId!: string;

  @Count(1, 1_000)
  @ValidateNested({ each: true })
  @Field(() => [ReceiveLine])
  lines!: ReceiveLine[];

  @Text(1, 200)
  @Field(() => String, { nullable: true })
  reference?: string | null | undefined;

  @IdempotencyKey()
  @Field(() => String, { nullable: true })
  idempotencyKey?: string | null | undefined;
}

@InputType("AdjustInventoryInput", { description: "At most 1,000 lines; all are applied or none." })
export class AdjustInventoryInput {
  @Field(() => ID)
  customerId!: string;

  @Count(1, 1_000)
  @ValidateNested({ each: true })
  @Field(() => [AdjustLine])
  lines!: AdjustLine[];

  @Text(1, 200)
  @Field(() => String, { nullable: true })
  reason?: string | null | undefined;

  @Text(1, 200)
  @Field(() => String, { nullable: true })
  reference?: string | null | undefined;

  @IdempotencyKey()
  @Field(() => String, { nullable: true })
  idempotencyKey?: string | null | undefined;
}

@InputType("SetInventoryInput", { description: "At most 1,000 lines; all are applied or none." })
export class SetInventoryInput {
  @Field(() => ID)
  customerId!: string;

  @Count(1, 1_000)
  @ValidateNested({ each: true })
  @Field(() => [SetLine])
  lines!: SetLine[];

  @Text(1, 200)
  @Field(() => String, { nullable: true })
  reference?: string | null | undefined;

  @IdempotencyKey()
  @Field(() => String, { nullable: true })
  idempotencyKey?: string | null | undefined;
}

@InputType("CommitInventoryInput", { description: "At most 1,000 lines; all are applied or none." })
export class CommitInventoryInput {
  @Field(() => ID)
  customerId!: string;

  @Count(1, 1_000)
  @ValidateNested({ each: true })
  @Field(() => [CommitLine])
  lines!: CommitLine[];

  @Text(1, 200)
  @Field(() => String, { nullable: true })
  reference?: string | null | undefined;

  @IdempotencyKey()
  @Field(() => String, { nullable: true })
  idempotencyKey?: string | null | undefined;
}

@InputType("ShipInventoryInput", { description: "At most 1,000 lines; all are applied or none." })
export class ShipInventoryInput {
  @Field(() => ID)
  customerId!: string;

  @Count(1, 1_000)
  @ValidateNested({ each: true })
  @Field(() => [ShipLine])
  lines!: ShipLine[];

  @Text(1, 200)
  @Field(() => String, { nullable: true })
  reference?: string | null | undefined;

  @IdempotencyKey()
  @Field(() => String, { nullable: true })
  idempotencyKey?: string | null | undefined;
}

@InputType("ShipNoticeLineInput")
export class ShipNoticeLineInput {
  @Text(1, 255)
  @Field(() => String)
  sku!: string;

  @Field(() => Int)
  quantity!: number;
}

@InputType("ShipNoticeReceiptLine")
export class ShipNoticeReceiptLine {
  @Text(1, 255)
  @Field(() => String)
  sku!: string;

  @Field(() => Int)
  good!: number;

  @Field(() => Int, { nullable: true, defaultValue: 0 })
  damaged?: number | null | undefined;
}

@InputType("CreateShipNoticeInput")
export class CreateShipNoticeInput {
  @Field(() => ID)
  customerId!: string;

  @Text(1, 200)
  @Field(() => String)
  reference!: string;

  @Text(1, 100)
  @Field(() => String, { nullable: true, description: WAREHOUSE_RULE })
  warehouse?: string | null | undefined;

  @Field(() => DateTime, { nullable: true })
  expectedAt?: Date | null | undefined;

  @Count(1, 1_000)
  @ValidateNested({ each: true })
  @Field(() => [ShipNoticeLineInput])
  lines!: ShipNoticeLineInput[];

  @IdempotencyKey()
  @Field(() => String, { nullable: true })
  idempotencyKey?: string | null | undefined;
}

@InputType("PublishShipNoticeInput", {
  description: "Counts inbound units as available before they arrive. Items whose policy is NEVER are not published.",
})
export class PublishShipNoticeInput {
  @Field(() => ID)
  shipNoticeId!: string;

  @Count(0, 1_000)
  @Texts(1, 255)
  @Field(() => [String], { nullable: true, description: "All lines where absent." })
  skus?: string[] | null | undefined;

  @Field(() => Boolean, { nullable: true, defaultValue: true })
  published?: boolean | null | undefined;

  @IdempotencyKey()
  @Field(() => String, { nullable: true })
  idempotencyKey?: string | null | undefined;
}

@InputType("ReceiveShipNoticeInput")
export class ReceiveShipNoticeInput {
  @Field(() => ID)
  shipNoticeId!: string;

  @Count(1, 1_000)
  @ValidateNested({ each: true })
  @Field(() => [ShipNoticeReceiptLine])
  lines!: ShipNoticeReceiptLine[];

  @IdempotencyKey()
  @Field(() => String, { nullable: true })
  idempotencyKey?: string | null | undefined;
}

@InputType("UpsertItemInput")
export class UpsertItemInput {
  @Text(1, 255)
  @Field(() => String)
  sku!: string;

  @Text(1, 500)
  @Field(() => String)
  title!: string;

  @Text(1, 100)
  @Field(() => String, { nullable: true, description: "Kept as it is where absent, removed where null." })
  barcode?: string | null | undefined;

  @Count(0, 100)
  @Texts(1, 100)
  @Field(() => [String], { nullable: true, description: "Kept as they are where absent." })
  tags?: string[] | null | undefined;
}

@InputType("UpsertItemsInput", { description: "At most 1,000 items; all are written or none." })
export class UpsertItemsInput {
  @Field(() => ID)
  customerId!: string;

  @Count(1, 1_000)
  @ValidateNested({ each: true })
  @Field(() => [UpsertItemInput])
  items!: UpsertItemInput[];

  @IdempotencyKey()
  @Field(() => String, { nullable: true })
  idempotencyKey?: string | null | undefined;
}
