/** Where an input holds texts: in a value, and by the schema. */
import {
  type GraphQLInputType,
  GraphQLString,
  getNamedType,
  isInputObjectType,
  isListType,
  isNonNullType,
} from "graphql";
import { buildSchema } from "../../src/resolvers/build-schema.js";

export interface FoundText {
  /** As a userError names it: the entries of a list of texts are the list itself. */
  readonly path: readonly string[];
  /** The whole input with this text there instead. */
  readonly replace: (text: string) => object;
}

/** Every `"x"` within, and every list of them. */
export function textsOf(input: object): readonly FoundText[] {
  const find = (value: unknown, path: readonly string[], put: (changed: unknown) => object): FoundText[] => {
    if (value === "x") return [{ path, replace: put }];
    if (Array.isArray(value) && value.every((entry) => entry === "x"))
      return [{ path, replace: (text) => put([text]) }];
    if (typeof value !== "object" || value === null) return [];
    return Object.entries(value).flatMap(([key, held]: [string, unknown]) =>
      find(held, [...path, key], (changed) =>
        put(Array.isArray(value) ? value.with(Number(key), changed) : { ...value, [key]: changed }),
      ),
    );
  };
  return find(input, [], (changed) => changed as object);
}

/** `<mutation> <path>` of every text that some mutation's input takes; the first entry stands for a list. */
export function textsOfSchema(): readonly string[] {
  const walk = (type: GraphQLInputType, path: readonly string[]): string[] => {
    const named = getNamedType(type);
    if (named === GraphQLString) return [path.join(".")];
    if (!isInputObjectType(named)) return [];
    const isList = isListType(isNonNullType(type) ? type.ofType : type);
    const inner = isList ? [...path, "0"] : path;
    return Object.values(named.getFields()).flatMap((field) => walk(field.type, [...inner, field.name]));
  };
  const mutations = buildSchema().getMutationType()?.getFields() ?? {};
  return Object.values(mutations).flatMap((mutation) =>
    mutation.args.flatMap((input) => walk(input.type, []).map((path) => `${mutation.name} ${path}`)),
  );
}
