import { Field, Float, Int, ObjectType } from "type-graphql";
import { ConnectionStatus, Platform } from "../terms.js";
import { connectionType } from "./connection.type.js";
import { CircuitState } from "./enums.js";
import { DateTime, NodeType } from "./node.type.js";

@ObjectType("Store", {
  implements: NodeType,
  simpleResolvers: true,
  description: "An account on a platform: one web shop.",
})
export class StoreType extends NodeType {
  @Field(() => String)
  name!: string;

  @Field(() => Platform)
  platform!: Platform;

  @Field(() => String)
  url!: string;

  @Field(() => Boolean, { description: "The integration's own switch: Sync inventory levels to this store." })
  syncEnabled!: boolean;

  @Field(() => ConnectionStatus)
  connectionStatus!: ConnectionStatus;
}

@ObjectType("StoreHealth", { simpleResolvers: true })
export class StoreHealthType {
  @Field(() => Int, { description: "Listings that wait for something to be sent, those in flight included." })
  pending!: number;

  @Field(() => Int)
  inFlight!: number;

  @Field(() => DateTime, { nullable: true })
  oldestPendingSince!: Date | null;

  @Field(() => DateTime, {
    nullable: true,
    description: "No call starts before: the platform asked for it, or the store does not answer.",
  })
  throttledUntil!: Date | null;

  @Field(() => CircuitState, {
    description: "OPEN: the store does not answer and is left alone for a while. HALF_OPEN: it is being tried.",
  })
  circuit!: CircuitState;

  @Field(() => Float, {
    nullable: true,
    description: "Over the last 15 minutes, 0 to 1; null when nothing was attempted.",
  })
  successRate!: number | null;

  @Field(() => Int, {
    nullable: true,
    description: "Stock change committed → platform acknowledged, milliseconds, over the last 15 minutes.",
  })
  lagP50Ms!: number | null;

  @Field(() => Int, { nullable: true })
  lagP95Ms!: number | null;

  @Field(() => DateTime, { nullable: true, description: "Within the last 15 minutes." })
  lastSuccessAt!: Date | null;
}

export const StoreConnection = connectionType(() => StoreType, "Store");
