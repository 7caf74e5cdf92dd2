import { Field, ObjectType } from "type-graphql";
import { ProcessOrdersManagement } from "../terms.js";
import { connectionType } from "./connection.type.js";
import { NodeType } from "./node.type.js";

@ObjectType("Customer", { implements: NodeType, simpleResolvers: true, description: "A merchant." })
export class CustomerType extends NodeType {
  @Field(() => String)
  name!: string;

  @Field(() => String, { nullable: true, description: "Your own key of the customer; unique." })
  externalRef!: string | null;

  @Field(() => ProcessOrdersManagement)
  processOrdersManagement!: ProcessOrdersManagement;
}

export const CustomerConnection = connectionType(() => CustomerType, "Customer");
