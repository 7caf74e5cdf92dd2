import { Field, Int, ObjectType } from "type-graphql";
import { countedConnectionType } from "./connection.type.js";
import { DateTime, NodeType } from "./node.type.js";

@ObjectType("Item", {
  implements: NodeType,
  simpleResolvers: true,
  description: "One SKU of a customer. Quantities are whole units.",
})
export class ItemType extends NodeType {
  @Field(() => String, { description: "Unique among the customer's items; compared exactly." })
  sku!: string;

  @Field(() => String)
  title!: string;

  @Field(() => String, { nullable: true })
  barcode!: string | null;

  @Field(() => [String])
  tags!: readonly string[];

  @Field(() => Int, { description: "Units on the shelves of all warehouses." })
  onHand!: number;

  @Field(() => Int, { description: "Units promised to open orders." })
  committed!: number;

  @Field(() => Int, { description: "Units on hand that may not be sold." })
  unavailable!: number;

  @Field(() => Int, { description: "Inbound units on published ship notices." })
  publishedInbound!: number;

  @Field(() => Int, { description: "onHand − committed − unavailable; may be negative." })
  available!: number;

  @Field(() => Boolean)
  processOrders!: boolean;

  @Field(() => DateTime, { nullable: true, description: "Null: never received." })
  firstReceivedAt!: Date | null;
}

export const ItemConnection = countedConnectionType(() => ItemType, "Item");
