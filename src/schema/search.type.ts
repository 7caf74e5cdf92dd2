import { Field, ObjectType } from "type-graphql";
import { connectionType } from "./connection.type.js";
import { Json, NodeType } from "./node.type.js";

@ObjectType("Search", {
  implements: NodeType,
  simpleResolvers: true,
  description: "A saved search: select items once, use it in queries and bulk actions.",
})
export class SearchType extends NodeType {
  @Field(() => String, { description: "Unique among the customer's searches, case included." })
  name!: string;

  @Field(() => Json, { description: "The ItemFilter as it was saved: what was absent or null is absent." })
  filter!: Readonly<Record<string, unknown>>;
}

export const SearchConnection = connectionType(() => SearchType, "Search");
