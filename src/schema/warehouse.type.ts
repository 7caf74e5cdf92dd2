import { Field, Int, ObjectType } from "type-graphql";
import { NodeType } from "./node.type.js";

@ObjectType("Warehouse", { implements: NodeType, simpleResolvers: true })
export class WarehouseType extends NodeType {
  @Field(() => String, { description: "Unique among the customer's; lines of stock mutations name it." })
  code!: string;

  @Field(() => String)
  name!: string;
}

@ObjectType("InventoryLevel", { simpleResolvers: true, description: "An item in a warehouse now." })
export class InventoryLevelType {
  @Field(() => Int)
  onHand!: number;

  @Field(() => Int)
  committed!: number;

  @Field(() => Int)
  unavailable!: number;
}
