/**
 * What every document meets before it is executed, over HTTP and WebSocket alike: limits on its size, depth and cost, and the
 * form in which errors leave. graphql-ws knows nothing of Apollo's guards, so they stand here once, and both use them.
 */
import { maxDepthRule } from "@escape.tech/graphql-armor-max-depth";
import {
  type DocumentNode,
  GraphQLError,
  type GraphQLFormattedError,
  type GraphQLSchema,
  getOperationAST,
  parse,
  specifiedRules,
  type ValidationRule,
  validate,
} from "graphql";
import { type ComplexityEstimator, getComplexity } from "graphql-query-complexity";
import type { Log } from "../log.js";
import { DEFAULT_PAGE } from "../resolvers/pages.js";

/** Lexical tokens of a document: lists of any length belong into variables. */
const MAX_TOKENS = 4_000;
const MAX_DEPTH = 12;
/** About 250 items with 50 listings each. */
const MAX_COST = 20_000;
const MAX_NODES = 10_000;
const MAX_ERRORS = 10;

interface GuardedOperation {
  readonly document: DocumentNode;
  readonly variables: Readonly<Record<string, unknown>> | null | undefined;
  readonly operationName: string | null | undefined;
}

export interface Guard {
  readonly parseOptions: { readonly maxTokens: number };
  /** Of a document that graphql-js finds valid; null where its depth and cost are within the limits. */
  costError(operation: GuardedOperation): GraphQLError | null;
  /** Parses, validates, finds the operation and weighs. For who has no Apollo to do the first three. */
  check(
    query: string,
    rest: Omit<GuardedOperation, "document">,
  ): { readonly document: DocumentNode } | { readonly errors: readonly GraphQLError[] };
  /** An error as it leaves: ours as it is, anything else without its words, which are logged. */
  format(error: unknown, formatted: GraphQLFormattedError): GraphQLFormattedError;
}

export function createGuard(schema: GraphQLSchema, log: Log): Guard {
  const parseOptions = { maxTokens: MAX_TOKENS };
  const costError = ({ document, variables, operationName }: GuardedOperation): GraphQLError | null => {
    // Not among the rules that Apollo validates by: it gives whatever they say a code of its own.
    const [tooDeep] = validate(schema, document, [depthRule]);
    if (tooDeep) return tooDeep;
    try {
      const cost = getComplexity({
        schema,
        query: document,
        variables: { ...variables },
        ...(operationName && { operationName }),
        estimators: [costOfField],
        maxQueryNodes: MAX_NODES,
      });
      return cost > MAX_COST ? tooCostly(`its cost is ${String(cost)}`) : null;
    } catch (error) {
      // A variable of the wrong type: execution says so in graphql-js's own words.
      if (error instanceof GraphQLError && !/^Query exceeds the maximum allowed number of nodes/.test(error.message))
        return null;
      return tooCostly("it has too many fields");
    }
  };
  return {
    parseOptions,
    costError,
    check: (query, rest) => {
      let document: DocumentNode;
      try {
        document = parse(query, parseOptions);
      } catch (error) {
        return { errors: [withCode(error, "GRAPHQL_PARSE_FAILED")] };
      }
      const errors = validate(schema, document, specifiedRules, { maxErrors: MAX_ERRORS });
      if (errors.length > 0) return { errors: errors.map((error) => withCode(error, "GRAPHQL_VALIDATION_FAILED")) };
      if (!getOperationAST(document, rest.operationName)) return { errors: [unknownOperation(rest.operationName)] };
      const tooMuch = costError({ document, ...rest });
      return tooMuch ? { errors: [tooMuch] } : { document };
    },
    format: (error, formatted) => {
      const cause = error instanceof GraphQLError ? error.originalError : error;
      if (error instanceof GraphQLError && isForSender(error)) {
        // Apollo calls what has no code a failure of ours; `http` is a word to Apollo, not to the sender.
        const { http: _http, ...extensions } = { ...formatted.extensions };
        return { ...formatted, extensions: { ...extensions, code: error.extensions["code"] ?? "BAD_USER_INPUT" } };
      }
      log.error({ err: cause ?? error, path: formatted.path }, "a request failed for a reason of ours");
      return {
        message: "Something went wrong on our side. Trying again is safe where the mutation has an idempotency key.",
        ...(formatted.path && { path: formatted.path }),
        extensions: { code: "INTERNAL_SERVER_ERROR" },
      };
    },
  };
}

/**
 * Whether an error's words are meant for who sent the document: ours are where they carry a code, graphql-js's own where they are
 * about the request. Those about what we answered, such as a word that an enum does not have, are ours to mend.
 */
function isForSender({ extensions, path, originalError }: GraphQLError): boolean {
  if (extensions["code"] !== undefined) return extensions["code"] !== "INTERNAL_SERVER_ERROR";
  // Of no field: a variable's value. Of a field: an argument's, or else what came of it.
  return !path || (originalError instanceof GraphQLError && originalError.message.startsWith('Argument "'));
}

const depthRule: ValidationRule = maxDepthRule({
  n: MAX_DEPTH,
  flattenFragments: true,
  propagateOnRejection: false,
  onReject: [
    (context, error) => {
      context?.reportError(tooCostly(error.message.replace(/^Syntax Error: /, "")));
    },
  ],
});

/** Each field costs 1; what stands below a list counts as often as the list may have entries. */
const costOfField: ComplexityEstimator = ({ args, childComplexity, field }) => {
  const isPaged = field.args.some(({ name }) => name === "first");
  if (!isPaged) return 1 + childComplexity;
  const given: unknown = args["first"] ?? args["last"];
  const size = typeof given === "number" && given > 0 ? given : DEFAULT_PAGE;
  return 1 + size * childComplexity;
};

function tooCostly(why: string): GraphQLError {
  return new GraphQLError(
    `This document asks for too much: ${why}. The limits are a cost of ${String(MAX_COST)}, a depth of ${String(MAX_DEPTH)} and ${String(MAX_TOKENS)} tokens. Ask for smaller pages, or in several requests.`,
    { extensions: { code: "COST_LIMIT_EXCEEDED", http: { status: 400 } } },
  );
}

function unknownOperation(name: string | null | undefined): GraphQLError {
  const message = name
    ? `Unknown operation named ${JSON.stringify(name)}.`
    : "Must provide operation name if query contains multiple operations.";
  return new GraphQLError(message, { extensions: { code: "OPERATION_RESOLUTION_FAILURE" } });
}

function withCode(error: unknown, code: string): GraphQLError {
  if (!(error instanceof GraphQLError)) throw error;
  const { message, nodes, source, positions, path } = error;
  return new GraphQLError(message, {
    nodes: nodes ?? null,
    source: source ?? null,
    positions: positions ?? null,
    path: path ?? null,
    extensions: { code, ...error.extensions },
  });
}
