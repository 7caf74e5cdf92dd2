import { Field, ObjectType } from "type-graphql";
import { ConnectionStatus, Platform } from "../terms.js";
import { connectionType } from "./connection.type.js";
import { NodeType } from "./node.type.js";

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

export const StoreConnection = connectionType(() => StoreType, "Store");
