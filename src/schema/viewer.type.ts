import { Field, ObjectType } from "type-graphql";
import { Scope } from "../terms.js";
import { connectionType } from "./connection.type.js";
import { CustomerType } from "./customer.type.js";
import { DateTime, NodeType } from "./node.type.js";

@ObjectType("Viewer", {
  simpleResolvers: true,
  description: "Who is asking. `customer` is null for an operator, who sees every customer.",
})
export class ViewerType {
  @Field(() => String)
  name!: string;

  @Field(() => CustomerType, { nullable: true })
  customer!: unknown;

  @Field(() => [Scope])
  scopes!: readonly Scope[];
}

@ObjectType("ApiToken", {
  implements: NodeType,
  simpleResolvers: true,
  description: "A bearer token; the token itself is shown once, when it is made.",
})
export class ApiTokenType extends NodeType {
  @Field(() => String)
  name!: string;

  @Field(() => [Scope])
  scopes!: readonly Scope[];

  @Field(() => DateTime)
  createdAt!: Date;

  @Field(() => DateTime, { nullable: true, description: "To the minute." })
  lastUsedAt!: Date | null;

  @Field(() => DateTime, { nullable: true })
  expiresAt!: Date | null;

  @Field(() => DateTime, { nullable: true })
  revokedAt!: Date | null;
}

export const ApiTokenConnection = connectionType(() => ApiTokenType, "ApiToken");
