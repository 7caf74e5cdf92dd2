import { ArrayUnique, ValidateNested } from "class-validator";
import { Field, ID, InputType } from "type-graphql";
import { Platform, ProcessOrdersManagement, Scope, SyncMode } from "../terms.js";
import { DateTime } from "./node.type.js";
import { Count, IdempotencyKey, Text, Texts } from "./rules.js";

@InputType("CreateCustomerInput")
export class CreateCustomerInput {
  @Text(1, 200)
  @Field(() => String)
  name!: string;

  @Text(1, 200)
  @Field(() => String, { nullable: true })
  externalRef?: string | null | undefined;

  @Field(() => SyncMode, { nullable: true, defaultValue: SyncMode.PROCESS_ORDERS_ONLY })
  syncMode?: SyncMode | null | undefined;

  @Field(() => ProcessOrdersManagement, {
    nullable: true,
    defaultValue: ProcessOrdersManagement.RECEIPT_ADJUSTMENT_AND_SELLOUT,
  })
  processOrdersManagement?: ProcessOrdersManagement | null | undefined;

  @IdempotencyKey()
  @Field(() => String, { nullable: true })
  idempotencyKey?: string | null | undefined;
}

@InputType("CreateWarehouseInput")
export class CreateWarehouseInput {
  @Field(() => ID)
  customerId!: string;

  @Text(1, 100)
  @Field(() => String)
  code!: string;

  @Text(1, 200)
  @Field(() => String)
  name!: string;

  @IdempotencyKey()
  @Field(() => String, { nullable: true })
  idempotencyKey?: string | null | undefined;
}

@InputType("ShopifyCredentials")
export class ShopifyCredentials {
  @Text(1, 500)
  @Field(() => String)
  accessToken!: string;
}

@InputType("WooCommerceCredentials")
export class WooCommerceCredentials {
  @Text(1, 500)
  @Field(() => String)
  consumerKey!: string;

  @Text(1, 500)
  @Field(() => String)
  consumerSecret!: string;
}

@InputType("MedusaCredentials")
export class MedusaCredentials {
  @Text(1, 500)
  @Field(() => String)
  secretApiKey!: string;
}

@InputType("WebhookCredentials", { description: "A Standard Webhooks secret, `whsec_…`." })
export class WebhookCredentials {
  @Text(1, 500)
  @Field(() => String)
  secret!: string;
}

@InputType("StoreCredentials", {
  description: "Exactly the one of the store's platform. Write-only: never returned, logged, or stored unencrypted.",
})
export class StoreCredentials {
  @ValidateNested()
  @Field(() => ShopifyCredentials, { nullable: true })
  shopify?: ShopifyCredentials | null | undefined;

  @ValidateNested()
  @Field(() => WooCommerceCredentials, { nullable: true })
  woocommerce?: WooCommerceCredentials | null | undefined;

  @ValidateNested()
  @Field(() => MedusaCredentials, { nullable: true })
  medusa?: MedusaCredentials | null | undefined;

  @ValidateNested()
  @Field(() => WebhookCredentials, { nullable: true })
  webhook?: WebhookCredentials | null | undefined;
}

@InputType("ConnectStoreInput")
export class ConnectStoreInput {
  @Field(() => ID)
  customerId!: string;

  @Text(1, 200)
  @Field(() => String)
  name!: string;

  @Field(() => Platform)
  platform!: Platform;

  @Text(1, 2_000)
  @Field(() => String)
  url!: string;

  @ValidateNested()
  @Field(() => StoreCredentials)
  credentials!: StoreCredentials;

  @Text(1, 255)
  @Field(() => String, {
    nullable: true,
    description:
      "The platform's own location to write to, where it has locations. Never guessed: an ambiguous one is an error that lists the choices.",
  })
  locationId?: string | null | undefined;

  @Count(0, 250)
  @Texts(1, 100)
  @Field(() => [String], {
    nullable: true,
    description: "Codes; every warehouse of the customer's where absent or empty.",
  })
  warehouses?: string[] | null | undefined;

  @Field(() => Boolean, { nullable: true, defaultValue: true })
  syncEnabled?: boolean | null | undefined;

  @IdempotencyKey()
  @Field(() => String, { nullable: true })
  idempotencyKey?: string | null | undefined;
}

@InputType("UpdateStoreInput", {
  description: "What is absent or null stays as it is; an empty list of warehouses means all of them.",
})
export class UpdateStoreInput {
  @Field(() => ID)
  storeId!: string;

  @Text(1, 200)
  @Field(() => String, { nullable: true })
  name?: string | null | undefined;

  @ValidateNested()
  @Field(() => StoreCredentials, { nullable: true })
  credentials?: StoreCredentials | null | undefined;

  @Text(1, 255)
  @Field(() => String, {
    nullable: true,
    description:
      "The platform's own location to write to, where it has locations. Never guessed: an ambiguous one is an error that lists the choices.",
  })
  locationId?: string | null | undefined;

  @Count(0, 250)
  @Texts(1, 100)
  @Field(() => [String], {
    nullable: true,
    description: "Codes; every warehouse of the customer's where absent or empty.",
  })
  warehouses?: string[] | null | undefined;

  @IdempotencyKey()
  @Field(() => String, { nullable: true })
  idempotencyKey?: string | null | undefined;
}

@InputType("DisconnectStoreInput")
export class DisconnectStoreInput {
  @Field(() => ID)
  storeId!: string;

  @IdempotencyKey()
  @Field(() => String, { nullable: true })
  idempotencyKey?: string | null | undefined;
}

@InputType("ImportListingsInput", {
  description:
    "A webhook store has no catalogue to import: its listings are the given SKUs, or all of the customer's items.",
})
export class ImportListingsInput {
  @Field(() => ID)
  storeId!: string;

  @Count(0, 100_000)
  @Texts(1, 255)
  @Field(() => [String], { nullable: true })
  skus?: string[] | null | undefined;

  @IdempotencyKey()
  @Field(() => String, { nullable: true })
  idempotencyKey?: string | null | undefined;
}

@InputType("CreateApiTokenInput")
export class CreateApiTokenInput {
  @Text(1, 200)
  @Field(() => String)
  name!: string;

  @Field(() => ID, { nullable: true, description: "Absent: for every customer, which only an operator may make." })
  customerId?: string | null | undefined;

  @Count(1, 5)
  @ArrayUnique({ message: "names each scope once" })
  @Field(() => [Scope])
  scopes!: Scope[];

  @Field(() => DateTime, { nullable: true })
  expiresAt?: Date | null | undefined;

  @IdempotencyKey()
  @Field(() => String, { nullable: true, description: "A repetition within 24 hours is shown the same token." })
  idempotencyKey?: string | null | undefined;
}

@InputType("RevokeApiTokenInput")
export class RevokeApiTokenInput {
  @Field(() => ID)
  tokenId!: string;

  @IdempotencyKey()
  @Field(() => String, { nullable: true })
  idempotencyKey?: string | null | undefined;
}
