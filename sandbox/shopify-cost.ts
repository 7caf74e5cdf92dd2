/**
 * Shopify's calculated query cost, as documented (shopify.dev/docs/apps/build/graphql/rate-limits): object 1, scalar and
 * enum 0, a connection as often as its page is large, a mutation 10.
 */
import {
  type DocumentNode,
  type FieldNode,
  type GraphQLField,
  type GraphQLNamedType,
  type GraphQLSchema,
  getArgumentValues,
  getNamedType,
  getNullableType,
  isCompositeType,
  isInterfaceType,
  isListType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  OperationTypeNode,
  type SelectionSetNode,
} from "graphql";

const MUTATION = 10;

/** What a document may cost at most, and with `data` what it did cost. Of its operations the first; fragments inline only. */
export function queryCost(schema: GraphQLSchema, document: DocumentNode, variables: Variables, data?: unknown): number {
  const operation = document.definitions.find(
    (definition): definition is OperationDefinitionNode => definition.kind === Kind.OPERATION_DEFINITION,
  );
  const root = operation && schema.getRootType(operation.operation);
  if (!operation || !root) return 0;
  if (operation.operation === OperationTypeNode.MUTATION) return MUTATION * operation.selectionSet.selections.length;
  return costOf({ schema, variables, listSize: 1 }, root, operation.selectionSet, data);
}

type Variables = Readonly<Record<string, unknown>>;

interface Counting {
  readonly schema: GraphQLSchema;
  readonly variables: Variables;
  /** How many entries a list has whose arguments do not tell: the page's size within a connection. */
  readonly listSize: number;
}

/** `value` is what the selection came to; undefined where that is not known yet. */
function costOf(counting: Counting, type: GraphQLNamedType, { selections }: SelectionSetNode, value: unknown): number {
  let cost = 0;
  let dearest = 0;
  for (const selection of selections) {
    if (selection.kind === Kind.FIELD) {
      const field = isObjectType(type) || isInterfaceType(type) ? type.getFields()[selection.name.value] : undefined;
      if (field) cost += costOfField(counting, field, selection, value);
    } else if (selection.kind === Kind.INLINE_FRAGMENT) {
      const on = selection.typeCondition ? counting.schema.getType(selection.typeCondition.name.value) : type;
      // Of an interface's or union's possible selections the dearest counts.
      if (on) dearest = Math.max(dearest, costOf(counting, on, selection.selectionSet, value));
    }
  }
  return cost + dearest;
}

function costOfField(
  counting: Counting,
  field: GraphQLField<unknown, unknown>,
  node: FieldNode,
  parent: unknown,
): number {
  const type = getNamedType(field.type);
  const { selectionSet } = node;
  if (!selectionSet || !isCompositeType(type)) return 0;
  const args = getArgumentValues(field, node, counting.variables);
  const within = { ...counting, listSize: pageSize(args) ?? 1 };
  const own = /Connection$|Edge$/.test(type.name) ? 0 : 1;
  const costOfOne = (value: unknown): number => own + costOf(within, type, selectionSet, value);
  if (parent === undefined) {
    const isList = isListType(getNullableType(field.type));
    return (isList ? (lengthOfList(args) ?? counting.listSize) : 1) * costOfOne(undefined);
  }
  const value = propertyOf(parent, (node.alias ?? node.name).value);
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  return values.reduce((sum: number, one) => sum + (one === null || one === undefined ? 0 : costOfOne(one)), 0);
}

function pageSize(args: Variables): number | null {
  const size = args["first"] ?? args["last"];
  return typeof size === "number" ? size : null;
}

function lengthOfList(args: Variables): number | null {
  const list: unknown = Object.values(args).find((argument) => Array.isArray(argument));
  return Array.isArray(list) ? list.length : null;
}

function propertyOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? (value as Variables)[name] : undefined;
}
