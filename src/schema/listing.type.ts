import { Field, Int, ObjectType } from "type-graphql";
import { countedConnectionType } from "./connection.type.js";
import { DateTime, NodeType } from "./node.type.js";

@ObjectType("Listing", { implements: NodeType, simpleResolvers: true, description: "An item in a store." })
export class ListingType extends NodeType {
  @Field(() => String, { description: "The platform's own id of it." })
  externalId!: string;

  @Field(() => String, { nullable: true })
  externalSku!: string | null;

  @Field(() => Boolean, { description: "Whether the platform has it on sale." })
  active!: boolean;

  @Field(() => Int, {
    nullable: true,
    description: "What the store last acknowledged; null where it never was told anything.",
  })
  lastSyncedQuantity!: number | null;

  @Field(() => DateTime, { nullable: true })
  lastSyncedAt!: Date | null;

  @Field(() => Int, { nullable: true, description: "What the platform said at the last read-back." })
  observedQuantity!: number | null;

  @Field(() => DateTime, { nullable: true })
  observedAt!: Date | null;

  @Field(() => DateTime, {
    nullable: true,
    description: "When it is tried again; null where nothing waits for a time.",
  })
  nextAttemptAt!: Date | null;

  @Field(() => Int, { description: "Failed attempts in a row." })
  attempts!: number;
}

export const ListingConnection = countedConnectionType(() => ListingType, "Listing");
