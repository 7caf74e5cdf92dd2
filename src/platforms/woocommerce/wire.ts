/** What WooCommerce (wp-json/wc/v3) puts on the wire, so far as it is read. */
import { z } from "zod";
import { parseJson } from "../http.js";

/**
 * One row of `GET products?sku=…`, variations among them:
 * `{"id":795,"sku":"TEE-M","type":"variation","parent_id":794,"status":"publish","manage_stock":true,"stock_quantity":12}`
 */
export const FoundRow = z.object({
  id: z.int(),
  sku: z.string(),
  type: z.string(),
  parent_id: z.int(),
  status: z.string(),
  /** On a variation "parent" where the parent product holds the stock. */
  manage_stock: z.union([z.boolean(), z.literal("parent")]),
  /** Null where unmanaged; a fraction where a plugin allows decimals. */
  stock_quantity: z.unknown(),
});
export type FoundRow = z.infer<typeof FoundRow>;

/** One row of a read-back: `{"id":794,"manage_stock":true,"stock_quantity":-2}`. */
export const StockRow = FoundRow.pick({ id: true, manage_stock: true, stock_quantity: true });
export type StockRow = z.infer<typeof StockRow>;

/** The answer to a batch, HTTP 200 whatever became of its rows, which come in the order sent and are parsed one by one. */
export const BatchAnswer = z.object({ update: z.array(z.unknown()) });

/** `status` is absent where a plugin made the error. */
const RowError = z.object({
  code: z.string(),
  message: z.string(),
  data: z.object({ status: z.number().optional() }).nullish().catch(null),
});
export type RowError = z.infer<typeof RowError>;

/**
 * A row of a batch: the whole product (about 2 kB), or
 * `{"id":9,"error":{"code":"woocommerce_rest_product_invalid_id","message":"Invalid ID.","data":{"status":400}}}`.
 */
export const BatchRow = z.union([
  z.object({ id: z.int(), error: RowError }),
  StockRow.extend({ error: z.undefined().optional() }),
]);

/** The body of a refusal: `{"code":"woocommerce_rest_cannot_view","message":"…","data":{"status":401}}`. */
export const ErrorBody = z.object({ code: z.string(), message: z.string() });

/**
 * The parsed body, or null where it is not what was expected. PHP prints its warnings before the JSON where a site shows them:
 * what stands before the first `{` or `[` is cut off, provided that all the rest is one JSON value of the shape.
 */
export function parseBody<T>(shape: z.ZodType<T>, text: string): T | null {
  const start = text.search(/[[{]/);
  return parseJson(shape, start > 0 ? text.slice(start) : text);
}
