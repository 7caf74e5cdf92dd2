/** Documents made by chance from the schema: valid ones, with values that senders get wrong. */
import {
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLOutputType,
  getNamedType,
  isCompositeType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isListType,
  isNonNullType,
  isObjectType,
} from "graphql";

export interface RandomDocument {
  readonly text: string;
  readonly variables: Readonly<Record<string, unknown>>;
}

export interface Pools {
  /** Ids that exist, ids that don't, and what is none. */
  readonly ids: readonly string[];
  /** SKUs, cursors, URLs and whatever else could stand in a text. */
  readonly texts: readonly string[];
}

const INTEGERS = [-2_147_483_648, -1, 0, 1, 2, 10, 250, 251, 1_000_000_000, 1_000_000_001, 2_147_483_647];
const INSTANTS = [
  "2020-01-01T00:00:00Z",
  "2100-12-31T23:59:60Z",
  "0000-01-01T00:00:00Z",
  "0001-01-01T00:00:00+14:00",
  "9999-12-31T23:59:59.999Z",
  "2024-02-30T00:00:00Z",
  "tomorrow",
];
const MOST_DEPTH = 3;

/** One operation with this root field. `below(n)` answers 0 … n − 1. */
export function randomDocument(
  kind: "query" | "mutation",
  root: GraphQLField<unknown, unknown>,
  pools: Pools,
  below: (n: number) => number,
): RandomDocument {
  const variables: Record<string, unknown> = {};
  const declared: string[] = [];
  const oneOf = <T>(values: readonly T[]): T => {
    const value = values[below(values.length)];
    if (value === undefined) throw new Error("There is nothing to choose from.");
    return value;
  };

  const valueOf = (type: GraphQLInputType, depth: number): unknown => {
    if (isNonNullType(type)) return valueOf(type.ofType, depth) ?? valueOf(type, depth);
    if (below(12) === 0) return null;
    if (isListType(type)) return Array.from({ length: oneOf([0, 1, 1, 2, 3]) }, () => valueOf(type.ofType, depth + 1));
    if (isEnumType(type)) return oneOf(type.getValues()).name;
    if (isInputObjectType(type)) {
      const fields = Object.values(type.getFields());
      if (type.isOneOf) {
        const field = oneOf(fields);
        return { [field.name]: valueOf(field.type, depth + 1) ?? [] };
      }
      const given = fields.filter((field) => isNonNullType(field.type) || below(depth + 2) === 0);
      return Object.fromEntries(given.map((field) => [field.name, valueOf(field.type, depth + 1)]));
    }
    switch (type.name) {
      case "ID":
        return oneOf(pools.ids);
      case "Int":
        return oneOf(INTEGERS);
      case "Boolean":
        return below(2) === 0;
      case "DateTime":
        return oneOf(INSTANTS);
      default:
        return oneOf(pools.texts);
    }
  };

  const argumentsOf = (args: readonly GraphQLArgument[], inner: boolean): string => {
    const given = args
      .filter((arg) => isNonNullType(arg.type) || below(3) === 0)
      .map((arg) => {
        const name = `v${String(declared.length)}`;
        declared.push(`$${name}: ${String(arg.type)}`);
        // Large pages within pages only cost too much.
        variables[name] = inner && /^(first|last)$/.test(arg.name) ? 1 + below(3) : valueOf(arg.type, 0);
        return `${arg.name}: $${name}`;
      });
    return given.length > 0 ? `(${given.join(", ")})` : "";
  };

  const selectionOf = (type: GraphQLOutputType, depth: number): string => {
    const named = getNamedType(type);
    if (!isCompositeType(named)) return "";
    const fields = isObjectType(named) || isInterfaceType(named) ? Object.values(named.getFields()) : [];
    const chosen = fields.filter(
      (field) => !isCompositeType(getNamedType(field.type)) || (depth < MOST_DEPTH && below(depth + 2) === 0),
    );
    const parts = chosen.map((field, index) => {
      const alias = `f${String(index)}`;
      return `${alias}: ${field.name}${argumentsOf(field.args, true)}${selectionOf(field.type, depth + 1)}`;
    });
    return ` { __typename ${parts.join(" ")} }`;
  };

  const field = `${root.name}${argumentsOf(root.args, false)}${selectionOf(root.type, 0)}`;
  const heading = declared.length > 0 ? `${kind} (${declared.join(", ")})` : kind;
  return { text: `${heading} { ${field} }`, variables };
}
