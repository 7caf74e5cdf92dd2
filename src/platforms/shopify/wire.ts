/**
 * Shopify's answers as they come over the wire, Admin API 2026-10. Codes and statuses are read as plain strings, so that a
 * word added by a later version is not taken for a broken answer.
 */
import { z } from "zod";

/**
 * The bucket after the call: `{"requestedQueryCost":10,"actualQueryCost":10,"throttleStatus":{"maximumAvailable":2000,
 * "currentlyAvailable":1990,"restoreRate":100}}`, in points and points per second; the actual cost is null where throttled.
 */
const QueryCost = z.object({
  requestedQueryCost: z.number().nonnegative(),
  throttleStatus: z.object({
    maximumAvailable: z.number(),
    currentlyAvailable: z.number(),
    restoreRate: z.number().positive(),
  }),
});
export type QueryCost = z.infer<typeof QueryCost>;

const GraphQLFault = z.object({
  message: z.string(),
  extensions: z.object({ code: z.string().optional().catch(undefined) }).optional(),
});
export type GraphQLFault = z.infer<typeof GraphQLFault>;

/** Around every answer with status 200, and most with 429; other statuses carry `errors` as plain words. */
export const Envelope = z.object({
  data: z.unknown().optional(),
  errors: z.array(GraphQLFault).optional(),
  // An answer stays an answer where its cost cannot be read.
  extensions: z
    .object({ cost: QueryCost.optional().catch(undefined) })
    .optional()
    .catch(undefined),
});
export type Envelope = z.infer<typeof Envelope>;

/** `{"code":"CHANGE_FROM_QUANTITY_STALE","field":["input","quantities","3","changeFromQuantity"],"message":"…"}` */
const UserFault = z.object({
  code: z.string().nullable(),
  field: z.array(z.string()).nullable(),
  message: z.string(),
});
export type UserFault = z.infer<typeof UserFault>;

/** The group is null where there is a user error, and may be where nothing changed. */
export const SetQuantitiesData = z.object({
  inventorySetQuantities: z.object({
    inventoryAdjustmentGroup: z.object({ id: z.string() }).nullable(),
    userErrors: z.array(UserFault),
  }),
});
export type SetQuantitiesData = z.infer<typeof SetQuantitiesData>;

/** Null where the item has no level at the location. */
const Level = z.object({ quantities: z.array(z.object({ name: z.string(), quantity: z.number().int() })) }).nullable();
export type Level = z.infer<typeof Level>;

const PageInfo = z.object({ hasNextPage: z.boolean(), endCursor: z.string().nullable() });

const FoundVariant = z.object({
  sku: z.string().nullable(),
  product: z.object({ status: z.string() }),
  inventoryItem: z.object({ id: z.string(), tracked: z.boolean(), inventoryLevel: Level }),
});
export type FoundVariant = z.infer<typeof FoundVariant>;

export const FindBySkuData = z.object({
  productVariants: z.object({ nodes: z.array(FoundVariant), pageInfo: PageInfo }),
});

/** A node is null where there is none of that id, and has no fields where it is no inventory item. */
export const ReadLevelsData = z.object({
  nodes: z.array(z.object({ id: z.string().optional(), inventoryLevel: Level.optional() }).nullable()),
});

export const LocationsData = z.object({
  locations: z.object({
    nodes: z.array(z.object({ id: z.string(), name: z.string(), isActive: z.boolean() })),
    pageInfo: PageInfo,
  }),
});
