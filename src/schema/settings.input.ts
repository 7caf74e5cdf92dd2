import { ValidateNested } from "class-validator";
import { Field, ID, InputType } from "type-graphql";
import { ProcessOrdersManagement, SyncMode, SyncSettingMode } from "../terms.js";
import { ItemSelection } from "./filters.input.js";
import { DateTime } from "./node.type.js";
import { Count, IdempotencyKey, Text } from "./rules.js";

const DRY_RUN = {
  nullable: true,
  defaultValue: false,
  description: "Report what would happen, as `preview`, and change nothing.",
};

@InputType("SyncInventoryInput")
export class SyncInventoryInput {
  @Field(() => ID)
  customerId!: string;

  @ValidateNested()
  @Field(() => ItemSelection)
  selection!: ItemSelection;

  @Count(1, 250)
  @Field(() => [ID], { nullable: true, description: "Only these stores; all of the customer's where absent." })
  storeIds?: string[] | null | undefined;

  @Field(() => Boolean, {
    nullable: true,
    defaultValue: false,
    description: "Lifts the NEVER_RECEIVED gate for this one operation.",
  })
  includeNeverReceived?: boolean | null | undefined;

  @Field(() => Boolean, DRY_RUN)
  dryRun?: boolean | null | undefined;

  @IdempotencyKey()
  @Field(() => String, { nullable: true })
  idempotencyKey?: string | null | undefined;
}

@InputType("SetSyncInventoryBulkInput")
export class SetSyncInventoryBulkInput {
  @Field(() => ID)
  customerId!: string;

  @ValidateNested()
  @Field(() => ItemSelection)
  selection!: ItemSelection;

  @Field(() => SyncSettingMode)
  mode!: SyncSettingMode;

  @Field(() => DateTime, { nullable: true })
  expiresAt?: Date | null | undefined;

  @Text(1, 1_000)
  @Field(() => String, { nullable: true })
  note?: string | null | undefined;

  @Field(() => Boolean, DRY_RUN)
  dryRun?: boolean | null | undefined;

  @IdempotencyKey()
  @Field(() => String, { nullable: true })
  idempotencyKey?: string | null | undefined;
}

@InputType("SetCustomerSyncInventoryInput")
export class SetCustomerSyncInventoryInput {
  @Field(() => ID)
  customerId!: string;

  @Field(() => SyncMode)
  mode!: SyncMode;

  @Text(1, 1_000)
  @Field(() => String, { nullable: true })
  note?: string | null | undefined;

  @IdempotencyKey()
  @Field(() => String, { nullable: true })
  idempotencyKey?: string | null | undefined;
}

@InputType("SetProcessOrdersManagementInput")
export class SetProcessOrdersManagementInput {
  @Field(() => ID)
  customerId!: string;

  @Field(() => ProcessOrdersManagement)
  management!: ProcessOrdersManagement;

  @IdempotencyKey()
  @Field(() => String, { nullable: true })
  idempotencyKey?: string | null | undefined;
}

@InputType("SetItemSyncInventoryInput")
export class SetItemSyncInventoryInput {
  @Field(() => ID)
  itemId!: string;

  @Field(() => SyncSettingMode)
  mode!: SyncSettingMode;

  @Field(() => DateTime, { nullable: true })
  expiresAt?: Date | null | undefined;

  @Text(1, 1_000)
  @Field(() => String, { nullable: true })
  note?: string | null | undefined;

  @IdempotencyKey()
  @Field(() => String, { nullable: true })
  idempotencyKey?: string | null | undefined;
}

@InputType("SetListingSyncInventoryInput")
export class SetListingSyncInventoryInput {
  @Field(() => ID)
  listingId!: string;

  @Field(() => SyncSettingMode, { description: "CUSTOMER_DEFAULT removes the listing's own setting." })
  mode!: SyncSettingMode;

  @Field(() => DateTime, { nullable: true })
  expiresAt?: Date | null | undefined;

  @Text(1, 1_000)
  @Field(() => String, { nullable: true })
  note?: string | null | undefined;

  @IdempotencyKey()
  @Field(() => String, { nullable: true })
  idempotencyKey?: string | null | undefined;
}

@InputType("SetStoreSyncEnabledInput")
export class SetStoreSyncEnabledInput {
  @Field(() => ID)
  storeId!: string;

  @Field(() => Boolean)
  enabled!: boolean;

  @IdempotencyKey()
  @Field(() => String, { nullable: true })
  idempotencyKey?: string | null | undefined;
}

@InputType("SetProcessOrdersInput")
export class SetProcessOrdersInput {
  @Field(() => ID)
  customerId!: string;

  @ValidateNested()
  @Field(() => ItemSelection)
  selection!: ItemSelection;

  @Field(() => Boolean)
  processOrders!: boolean;

  @IdempotencyKey()
  @Field(() => String, { nullable: true })
  idempotencyKey?: string | null | undefined;
}

@InputType("ReleaseZeroGuardInput")
export class ReleaseZeroGuardInput {
  @Field(() => ID)
  storeId!: string;

  @IdempotencyKey()
  @Field(() => String, { nullable: true })
  idempotencyKey?: string | null | undefined;
}

@InputType("RetryFailedInput", {
  description: "What was refused in one store, within one operation, or of all the customer's where both are absent.",
})
export class RetryFailedInput {
  @Field(() => ID)
  customerId!: string;

  @Field(() => ID, { nullable: true })
  storeId?: string | null | undefined;

  @Field(() => ID, { nullable: true })
  operationId?: string | null | undefined;

  @IdempotencyKey()
  @Field(() => String, { nullable: true })
  idempotencyKey?: string | null | undefined;
}

@InputType("CancelOperationInput")
export class CancelOperationInput {
  @Field(() => ID)
  operationId!: string;

  @IdempotencyKey()
  @Field(() => String, { nullable: true })
  idempotencyKey?: string | null | undefined;
}
