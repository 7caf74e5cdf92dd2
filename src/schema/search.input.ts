import { ValidateNested } from "class-validator";
import { Field, ID, InputType } from "type-graphql";
import { ItemFilter } from "./filters.input.js";
import { IdempotencyKey, Text } from "./rules.js";

@InputType("SaveSearchInput")
export class SaveSearchInput {
  @Field(() => ID)
  customerId!: string;

  @Text(1, 200)
  @Field(() => String, {
    description: "1 to 200 characters. Another search of the customer that has it: ALREADY_EXISTS.",
  })
  name!: string;

  @ValidateNested()
  @Field(() => ItemFilter)
  filter!: ItemFilter;

  @Field(() => ID, { nullable: true, description: "The search to change; absent or null: a new one." })
  searchId?: string | null | undefined;

  @IdempotencyKey()
  @Field(() => String, { nullable: true })
  idempotencyKey?: string | null | undefined;
}

@InputType("DeleteSearchInput")
export class DeleteSearchInput {
  @Field(() => ID)
  searchId!: string;

  @IdempotencyKey()
  @Field(() => String, { nullable: true })
  idempotencyKey?: string | null | undefined;
}
