/**
 * A Shopify shop's Admin GraphQL API 2026-10, inventory part: executes against Shopify's own schema, with its cost bucket,
 * compare-and-set and idempotency keys, as documented. What is not documented, and how it was decided here: a write is all
 * or nothing; a key whose first try had user errors is refused with IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED; an item that is not
 * stocked at a location counts as 0 there.
 */
import { existsSync, readFileSync } from "node:fs";
import {
  buildSchema,
  type DocumentNode,
  executeSync,
  GraphQLError,
  type GraphQLFieldResolver,
  type GraphQLResolveInfo,
  type GraphQLSchema,
  parse,
  validate,
} from "graphql";
import { Bucket } from "./bucket.js";
import { json, type Shop, type ShopAnswer, type ShopOptions, type ShopRequest, startShop } from "./sandbox.js";
import { queryCost } from "./shopify-cost.js";
import { createRoot, type LineFaults, type RequestContext } from "./shopify-resolvers.js";
import { type NewShopifyItem, type ShopifyLocation, ShopifyStock } from "./shopify-stock.js";

export interface ShopifyShopOptions extends ShopOptions {
  readonly accessToken?: string;
  /** Points per second: 100, the Standard plan, where absent. Infinity: never throttles. */
  readonly restoreRate?: number;
  /** Points; 20 seconds of restoring where absent. */
  readonly bucketSize?: number;
  /** One, active, where absent. */
  readonly locations?: readonly { readonly id?: string; readonly name: string; readonly active?: boolean }[];
  /** How a write tells of its lines at fault; `all` where absent. */
  readonly lineFaults?: LineFaults;
}

export interface ShopifyShop extends Shop {
  readonly accessToken: string;
  /** The first location's, at which the functions here count. */
  readonly locationId: string;
  /** Makes a product with one variant; the same SKU again makes another one. Answers the inventory item's gid. */
  readonly add: (item: NewShopifyItem) => string;
  /** Lowers `available`, as an order does. */
  readonly sell: (sku: string, units: number) => void;
  /** Deletes the products with that SKU. */
  readonly remove: (sku: string) => void;
  /** `available` of the first with that SKU; null where there is none or it is not stocked. */
  readonly quantityOf: (sku: string) => number | null;
}

const PATH = "/admin/api/2026-10/graphql.json";
const MAX_COST = 1_000;

export async function startShopifyShop(options: ShopifyShopOptions = {}): Promise<ShopifyShop> {
  const accessToken = options.accessToken ?? "shpat_0123456789abcdef0123456789abcdef";
  const restoreRate = options.restoreRate ?? 100;
  const bucket = new Bucket(options.bucketSize ?? 20 * Math.min(restoreRate, 1_000), restoreRate);
  const locations = (options.locations ?? [{ name: "Warehouse" }]).map(
    ({ id, name, active }, index): ShopifyLocation => ({
      id: id ?? `gid://shopify/Location/${String(index + 1)}`,
      name,
      isActive: active ?? true,
    }),
  );
  const locationId = locations[0]?.id ?? "";
  // Here, and not within the first call.
  shopifySchema();
  const stock = new ShopifyStock(locations);
  const root = createRoot(stock, options.lineFaults ?? "all");

  const answer = (request: ShopRequest): ShopAnswer => {
    if (request.url.pathname !== PATH || request.method !== "POST") return json(404, { errors: "Not Found" });
    if (request.headers["x-shopify-access-token"] !== accessToken)
      return json(401, {
        errors: "[API] Invalid API key or access token (unrecognized login or wrong password)",
      });
    const asked = askedOf(request.body);
    if (!asked) return json(400, { errors: "Required parameter missing or invalid" });
    const prepared = prepare(asked.query);
    if ("errors" in prepared) return json(200, { errors: prepared.errors });
    return run(prepared.document, asked.variables);
  };

  const run = (document: DocumentNode, variables: Readonly<Record<string, unknown>>): ShopAnswer => {
    const schema = shopifySchema();
    const requested = queryCost(schema, document, variables);
    const cost = (actual: number | null): object => ({
      requestedQueryCost: requested,
      actualQueryCost: actual,
      throttleStatus: {
        maximumAvailable: bucket.size,
        currentlyAvailable: Math.floor(bucket.points),
        // JSON has no Infinity.
        restoreRate: restoreRate === Infinity ? bucket.size : restoreRate,
      },
    });
    if (requested > MAX_COST)
      return json(200, {
        errors: [
          fault(
            "MAX_COST_EXCEEDED",
            `Query cost is ${String(requested)}, which exceeds the single query max cost limit (${String(MAX_COST)}).`,
          ),
        ],
        extensions: { cost: cost(null) },
      });
    if (!bucket.take(requested))
      return json(200, { errors: [fault("THROTTLED", "Throttled")], extensions: { cost: cost(null) } });
    const contextValue: RequestContext = { lines: [] };
    const result = executeSync({
      schema,
      document,
      rootValue: root,
      contextValue,
      variableValues: variables,
      fieldResolver,
    });
    const actual = result.data ? queryCost(schema, document, variables, result.data) : 0;
    bucket.giveBack(requested - actual);
    const errors = result.errors?.map(withCode);
    return json(
      200,
      { data: result.data, ...(errors && { errors }), extensions: { cost: cost(actual) } },
      { lines: contextValue.lines },
    );
  };

  const shop = await startShop(answer, options);
  return Object.assign(shop, {
    accessToken,
    locationId,
    add: (item: NewShopifyItem) => stock.add(item),
    sell: (sku: string, units: number) => {
      const [item] = stock.withSku(sku);
      const available = item?.available.get(locationId);
      if (available !== undefined) item?.available.set(locationId, available - units);
    },
    remove: (sku: string) => {
      stock.remove(sku);
    },
    quantityOf: (sku: string) => stock.withSku(sku)[0]?.available.get(locationId) ?? null,
  });
}

let built: GraphQLSchema | null = null;

/** Shopify's schema, built once in a process. */
export function shopifySchema(): GraphQLSchema {
  built ??= buildSchema(readFileSync(schemaFile(), "utf8"), { assumeValidSDL: true });
  return built;
}

/** The compiler copies no .graphql file: from its output folder the source's is read. */
function schemaFile(): URL {
  const beside = new URL("./shopify-schema.graphql", import.meta.url);
  return existsSync(beside) ? beside : new URL("../../sandbox/shopify-schema.graphql", import.meta.url);
}

type Prepared = { readonly document: DocumentNode } | { readonly errors: readonly object[] };

const MAX_PREPARED = 500;
const preparedDocuments = new Map<string, Prepared>();

/** Parsed and validated; the same text only once. */
function prepare(query: string): Prepared {
  const known = preparedDocuments.get(query);
  if (known) return known;
  const prepared = prepareAnew(query);
  if (preparedDocuments.size >= MAX_PREPARED) preparedDocuments.clear();
  preparedDocuments.set(query, prepared);
  return prepared;
}

function prepareAnew(query: string): Prepared {
  try {
    const document = parse(query);
    const errors = validate(shopifySchema(), document);
    return errors.length > 0
      ? { errors: errors.map((error) => fault("INVALID_DOCUMENT", error.message)) }
      : { document };
  } catch (error) {
    return { errors: [fault("PARSE_ERROR", error instanceof Error ? error.message : String(error))] };
  }
}

type FieldFunction = (args: unknown, context: RequestContext, info: GraphQLResolveInfo) => unknown;

/** As graphql-js's own, but loud about what the sandbox does not have. */
const fieldResolver: GraphQLFieldResolver<unknown, RequestContext> = (source, args, context, info) => {
  const value: unknown = (source as Readonly<Record<string, unknown>>)[info.fieldName];
  if (value === undefined)
    throw new GraphQLError(`The sandbox has no ${info.parentType.name}.${info.fieldName}.`, {
      extensions: { code: "NOT_IN_SANDBOX" },
    });
  return typeof value === "function" ? (value as FieldFunction)(args, context, info) : value;
};

function fault(code: string, message: string): object {
  return { message, extensions: { code } };
}

/** What the executor itself refuses are variables of a wrong type. */
function withCode(error: GraphQLError): object {
  return { ...error.toJSON(), extensions: { code: "INVALID_VARIABLE", ...error.extensions } };
}

function askedOf(
  body: string,
): { readonly query: string; readonly variables: Readonly<Record<string, unknown>> } | null {
  try {
    const { query, variables } = JSON.parse(body) as { query?: unknown; variables?: unknown };
    if (typeof query !== "string") return null;
    return { query, variables: (variables ?? {}) as Readonly<Record<string, unknown>> };
  } catch {
    return null;
  }
}
