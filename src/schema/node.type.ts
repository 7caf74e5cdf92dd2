import { GraphQLScalarType } from "graphql";
import { GraphQLDateTimeISO, GraphQLJSON } from "graphql-scalars";
import { Field, ID, InterfaceType } from "type-graphql";

/** RFC 3339 in UTC, parsed strictly; `DateTime` in the contract. */
export const DateTime = new GraphQLScalarType({
  ...GraphQLDateTimeISO.toConfig(),
  name: "DateTime",
  description: "An instant as RFC 3339 text, always in UTC on the way out, e.g. `2026-11-20T12:00:00.000Z`.",
  specifiedByURL: "https://www.rfc-editor.org/rfc/rfc3339",
});

/** `JSON` in the contract: any value that JSON has. */
export const Json = new GraphQLScalarType({
  ...GraphQLJSON.toConfig(),
  name: "JSON",
  description: "Any value that JSON has: an object, a list, text, a number, true, false or null.",
  specifiedByURL: "https://www.rfc-editor.org/rfc/rfc8259",
});

@InterfaceType("Node", {
  description: "Anything with a global id. Ids are opaque and name their type: `item_01h455vb4pex5vsknk084sn02q`.",
  resolveType: (value: { readonly __typename: string }) => value.__typename,
})
export abstract class NodeType {
  @Field(() => ID)
  id!: string;
}
