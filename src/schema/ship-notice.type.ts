import { Field, Int, ObjectType } from "type-graphql";
import { DateTime, NodeType } from "./node.type.js";

@ObjectType("ShipNoticeLine", { simpleResolvers: true })
export class ShipNoticeLineType {
  @Field(() => Int)
  expected!: number;

  @Field(() => Int, { description: "Good units that arrived." })
  received!: number;

  @Field(() => Int)
  damaged!: number;

  @Field(() => Boolean, { description: "Whether what has not arrived counts as available already." })
  published!: boolean;
}

@ObjectType("ShipNotice", {
  implements: NodeType,
  simpleResolvers: true,
  description: "Goods on their way to a warehouse.",
})
export class ShipNoticeType extends NodeType {
  @Field(() => String)
  reference!: string;

  @Field(() => DateTime, { nullable: true })
  expectedAt!: Date | null;
}
