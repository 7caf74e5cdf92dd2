import { GraphQLError } from "graphql";

/** A query's argument breaks a rule. Mutations answer such things as userErrors instead. */
export function badInput(argument: string, rule: string): GraphQLError {
  return new GraphQLError(`${argument}: ${rule}`, { extensions: { code: "BAD_USER_INPUT", argument } });
}
