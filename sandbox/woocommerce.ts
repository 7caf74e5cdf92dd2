/**
 * A WooCommerce shop (wp-json/wc/v3) as 10.6.2 was measured to behave over plain http (2026-11), with its traps: errors among
 * the rows of a 200, quantities that are coerced or ignored, a variation only through its parent. Where the measurement is
 * silent, as its PHP does (class-wc-rest-authentication.php, class-wc-rest-products-controller.php).
 */
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import {
  json,
  type LoggedLine,
  type Shop,
  type ShopAnswer,
  type ShopOptions,
  type ShopRequest,
  startShop,
} from "./sandbox.js";

export interface WooCommerceOptions extends ShopOptions {
  readonly consumerKey?: string;
  readonly consumerSecret?: string;
  /** What the key may do. */
  readonly permissions?: "read" | "read_write";
  /** Filter woocommerce_rest_batch_items_limit; 100 where absent. */
  readonly batchItemsLimit?: number;
}

interface WooCommerceProduct {
  readonly id: number;
  readonly sku: string;
  /** `external` and `grouped` products have no stock, whatever they are told. */
  readonly type: "simple" | "variable" | "variation" | "external" | "grouped";
  /** 0 unless this is a variation. */
  readonly parentId: number;
  readonly status: string;
  /** "parent": a variation whose stock is its parent's. */
  readonly manageStock: boolean | "parent";
  /** Null where stock is not managed. */
  readonly stockQuantity: number | null;
}

export interface WooCommerceShop extends Shop {
  readonly credentials: { readonly consumerKey: string; readonly consumerSecret: string };
  readonly products: ReadonlyMap<number, WooCommerceProduct>;
  /** Answers the id. What is absent: simple, published, its stock managed where a quantity is given. */
  readonly add: (product: Partial<Omit<WooCommerceProduct, "id">>) => number;
  /** As an order does: down to 0 at most. The first product of that SKU, here and below. */
  readonly sell: (sku: string, units: number) => void;
  /** With its variations. */
  readonly remove: (sku: string) => void;
  /** Null where there is no such product, or its stock is not managed. */
  readonly quantityOf: (sku: string) => number | null;
}

/** Rows and fields of the products. Searches by SKU know no case, as MySQL's collation. */
class Catalogue {
  readonly products = new Map<number, WooCommerceProduct>();
  readonly #bySku = new Map<string, Set<number>>();
  readonly #byParent = new Map<number, Set<number>>();
  #nextId = 1;

  add(given: Partial<Omit<WooCommerceProduct, "id">>): number {
    const id = this.#nextId++;
    const stockQuantity = given.stockQuantity ?? null;
    const product: WooCommerceProduct = {
      sku: "",
      type: "simple",
      parentId: 0,
      status: "publish",
      manageStock: stockQuantity !== null,
      ...given,
      stockQuantity,
      id,
    };
    this.products.set(id, product);
    remember(this.#bySku, product.sku.toLowerCase(), id);
    if (product.parentId !== 0) remember(this.#byParent, product.parentId, id);
    return id;
  }

  put(product: WooCommerceProduct): void {
    this.products.set(product.id, product);
  }

  remove(product: WooCommerceProduct): void {
    for (const child of this.variationsOf(product.id)) this.remove(child);
    this.products.delete(product.id);
    this.#bySku.get(product.sku.toLowerCase())?.delete(product.id);
    this.#byParent.get(product.parentId)?.delete(product.id);
  }

  withSku(sku: string): readonly WooCommerceProduct[] {
    return this.#known(this.#bySku.get(sku.toLowerCase()));
  }

  /** The first with exactly this SKU. */
  first(sku: string): WooCommerceProduct | undefined {
    return this.withSku(sku).find((product) => product.sku === sku);
  }

  variationsOf(parentId: number): readonly WooCommerceProduct[] {
    return this.#known(this.#byParent.get(parentId));
  }

  #known(ids: Iterable<number> = []): readonly WooCommerceProduct[] {
    return [...ids].flatMap((id) => this.products.get(id) ?? []);
  }
}

function remember<K>(index: Map<K, Set<number>>, key: K, id: number): void {
  const ids = index.get(key);
  if (ids === undefined) index.set(key, new Set([id]));
  else ids.add(id);
}

/** Starts a shop that speaks plain http, so that calls are signed by OAuth 1.0a; Basic counts as no credentials, as measured. */
export async function startWooCommerceShop(options: WooCommerceOptions = {}): Promise<WooCommerceShop> {
  const credentials = {
    consumerKey: options.consumerKey ?? `ck_${randomBytes(20).toString("hex")}`,
    consumerSecret: options.consumerSecret ?? `cs_${randomBytes(20).toString("hex")}`,
  };
  const catalogue = new Catalogue();
  const authenticate = oauthGate(credentials, options.permissions ?? "read_write");
  const rowsMost = options.batchItemsLimit ?? 100;
  const shop = await startShop((request) => {
    const refusal = authenticate(request);
    if (refusal !== null) return refusal;
    const path = request.url.pathname.replace(/^.*\/wp-json\/wc\/v3\//, "");
    const variations = /^products\/(\d+)\/variations(\/batch)?$/.exec(path);
    const parentId = variations === null ? 0 : Number(variations[1]);
    if (request.method === "GET" && path === "products") return list(request.url, searched(catalogue, request.url));
    if (request.method === "GET" && variations !== null && variations[2] === undefined)
      return list(request.url, catalogue.variationsOf(parentId));
    if (request.method === "POST" && (path === "products/batch" || variations?.[2] !== undefined))
      return batch(catalogue, request, parentId, rowsMost);
    return refused(404, "rest_no_route", "No route was found matching the URL and request method.");
  }, options);
  return Object.assign(shop, {
    credentials,
    products: catalogue.products,
    add: (product: Partial<Omit<WooCommerceProduct, "id">>) => catalogue.add(product),
    sell: (sku: string, units: number) => {
      const product = catalogue.first(sku);
      if (product?.stockQuantity == null) return;
      catalogue.put({ ...product, stockQuantity: Math.max(0, product.stockQuantity - units) });
    },
    remove: (sku: string) => {
      const product = catalogue.first(sku);
      if (product !== undefined) catalogue.remove(product);
    },
    quantityOf: (sku: string) => catalogue.first(sku)?.stockQuantity ?? null,
  });
}

function refused(status: number, code: string, message: string): ShopAnswer {
  return json(status, { code, message, data: { status } });
}

// Who calls

const NONCES_LAST_SECONDS = 15 * 60;

/** OAuth 1.0a of one leg, checked as WC_REST_Authentication does: key, then signature, then time and nonce. */
function oauthGate(
  { consumerKey, consumerSecret }: { readonly consumerKey: string; readonly consumerSecret: string },
  permissions: "read" | "read_write",
): (request: ShopRequest) => ShopAnswer | null {
  const nonces = new Map<string, number>();
  const denied = (message: string): ShopAnswer => refused(401, "woocommerce_rest_authentication_error", message);
  return (request) => {
    const query = request.url.searchParams;
    if (query.get("oauth_consumer_key") !== consumerKey)
      return request.method === "GET"
        ? refused(401, "woocommerce_rest_cannot_view", "Sorry, you cannot list resources.")
        : refused(
            401,
            "woocommerce_rest_cannot_batch",
            "Sorry, you are not allowed to batch manipulate this resource.",
          );
    if (query.get("oauth_signature_method") !== "HMAC-SHA256")
      return denied("Invalid signature - signature method is invalid.");
    const given = Buffer.from(query.get("oauth_signature") ?? "", "base64");
    const right = createHmac("sha256", `${consumerSecret}&`).update(signatureBase(request)).digest();
    if (given.length !== right.length || !timingSafeEqual(given, right))
      return denied("Invalid signature - provided signature does not match.");
    const now = Date.now() / 1_000;
    const timestamp = Number(query.get("oauth_timestamp"));
    if (!(Math.abs(now - timestamp) <= NONCES_LAST_SECONDS)) return denied("Invalid timestamp.");
    const nonce = query.get("oauth_nonce") ?? "";
    if (nonces.has(nonce)) return denied("Invalid nonce - nonce has already been used.");
    nonces.set(nonce, timestamp);
    // The oldest come first: forgetting a few with each call keeps the map as small as the window.
    for (const [old, usedAt] of nonces) {
      if (usedAt >= now - NONCES_LAST_SECONDS) break;
      nonces.delete(old);
    }
    if (request.method !== "GET" && permissions === "read")
      return denied("The API key provided does not have write permissions.");
    return null;
  };
}

/** RFC 5849, 3.4.1: method, URL without its query, and the sorted parameters, each escaped. */
function signatureBase({ method, url, headers }: ShopRequest): string {
  const parameters = [...url.searchParams]
    .filter(([name]) => name !== "oauth_signature")
    .map(([name, value]) => [escaped(name), escaped(value)] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`);
  const uri = `http://${headers.host ?? ""}${url.pathname}`;
  return [method, escaped(uri), escaped(parameters.join("&"))].join("&");
}

function escaped(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`);
}

// Reading

/** `sku` finds variations too, by each part between commas and by the whole; what PHP calls empty ("", "0") filters nothing. */
function searched(catalogue: Catalogue, url: URL): readonly WooCommerceProduct[] {
  const sku = (url.searchParams.get("sku") ?? "").trim();
  if (sku !== "" && sku !== "0") return [...new Set([...sku.split(","), sku].flatMap((one) => catalogue.withSku(one)))];
  // Asking by id is what read-backs do: no walk through the whole catalogue for it.
  const include = idsOf(url);
  const some =
    include === null ? catalogue.products.values() : [...include].flatMap((id) => catalogue.products.get(id) ?? []);
  return [...some].filter(({ type }) => type !== "variation");
}

function idsOf(url: URL): ReadonlySet<number> | null {
  const include = url.searchParams.get("include");
  return include === null ? null : new Set(include.split(",").map(Number));
}

function list(url: URL, found: readonly WooCommerceProduct[]): ShopAnswer {
  const perPage = Number(url.searchParams.get("per_page") ?? 10);
  const page = Number(url.searchParams.get("page") ?? 1);
  if (!(perPage >= 1 && perPage <= 100)) return refused(400, "rest_invalid_param", "Invalid parameter(s): per_page");
  const include = idsOf(url);
  const all = found.filter(({ id }) => include === null || include.has(id)).sort((a, b) => a.id - b.id);
  const fields = url.searchParams.get("_fields")?.split(",");
  const rows = all.slice((page - 1) * perPage, page * perPage).map((product) => {
    const row = rowOf(product);
    return fields === undefined
      ? row
      : Object.fromEntries(Object.entries(row).filter(([name]) => fields.includes(name)));
  });
  const headers = { "x-wp-total": String(all.length), "x-wp-totalpages": String(Math.ceil(all.length / perPage)) };
  return json(200, rows, { headers });
}

/** The fields that say something of stock, and enough of the others for about the size of a real row. */
function rowOf({
  id,
  sku,
  type,
  parentId,
  status,
  manageStock,
  stockQuantity,
}: WooCommerceProduct): Readonly<Record<string, unknown>> {
  const inStock = manageStock === false || (stockQuantity ?? 0) > 0;
  return {
    id,
    name: `Product ${String(id)}`,
    slug: `product-${String(id)}`,
    permalink: `http://sandbox/product/product-${String(id)}/`,
    date_created: "2026-11-01T09:00:00",
    date_modified: "2026-11-01T09:00:00",
    type,
    status,
    featured: false,
    catalog_visibility: "visible",
    description: "",
    short_description: "",
    sku,
    price: "19.90",
    regular_price: "19.90",
    sale_price: "",
    purchasable: true,
    total_sales: 0,
    tax_status: "taxable",
    manage_stock: manageStock,
    stock_quantity: stockQuantity,
    stock_status: inStock ? "instock" : "outofstock",
    backorders: "no",
    backorders_allowed: false,
    low_stock_amount: null,
    weight: "",
    dimensions: { length: "", width: "", height: "" },
    reviews_allowed: true,
    average_rating: "0.00",
    parent_id: parentId,
    categories: [],
    tags: [],
    images: [],
    attributes: [],
    variations: [],
    meta_data: [],
  };
}

// Writing

/** Row by row, in order, without a way back: what went before a bad row stays written. `parentId` 0: a batch of products. */
function batch(catalogue: Catalogue, { url, body }: ShopRequest, parentId: number, rowsMost: number): ShopAnswer {
  const parsed = parsedJson(body);
  if (!isRecord(parsed)) return refused(400, "rest_invalid_json", "Invalid JSON body passed.");
  const update = Array.isArray(parsed["update"]) ? (parsed["update"] as readonly unknown[]) : [];
  if (update.length > rowsMost)
    return refused(
      413,
      "woocommerce_rest_request_entity_too_large",
      `Unable to accept more than ${String(rowsMost)} items for this request.`,
    );
  const lines: LoggedLine[] = [];
  const rows = update.map((item) => {
    const { row, line } = updated(catalogue, isRecord(item) ? item : {}, parentId);
    lines.push(line);
    return row;
  });
  // Neither an empty batch nor one with _fields answers its rows (measured).
  return json(200, update.length === 0 || url.searchParams.has("_fields") ? [] : { update: rows }, { lines });
}

function updated(
  catalogue: Catalogue,
  item: Readonly<Record<string, unknown>>,
  parentId: number,
): { readonly row: unknown; readonly line: LoggedLine } {
  const id = phpInteger(item["id"]);
  const product = catalogue.products.get(id);
  const before = product?.stockQuantity ?? null;
  const error = addressError(product, parentId);
  if (product === undefined || error !== null)
    return {
      row: { id: item["id"] ?? 0, error },
      line: { externalId: String(id), before, after: before, applied: false },
    };
  const stockless = product.type === "external" || product.type === "grouped";
  const manageStock = stockless
    ? false
    : typeof item["manage_stock"] === "boolean"
      ? item["manage_stock"]
      : product.manageStock;
  const asked = "stock_quantity" in item ? phpInteger(item["stock_quantity"]) : (before ?? 0);
  const stockQuantity = manageStock === true ? asked : null;
  const saved = { ...product, manageStock, stockQuantity };
  catalogue.put(saved);
  const line = { externalId: String(id), before, after: stockQuantity, applied: manageStock === true };
  return { row: rowOf(saved), line };
}

function addressError(product: WooCommerceProduct | undefined, parentId: number): unknown {
  const error = (code: string, message: string, status: number): unknown => ({ code, message, data: { status } });
  if (product === undefined)
    return parentId === 0
      ? error("woocommerce_rest_product_invalid_id", "Invalid ID.", 400)
      : error("woocommerce_rest_product_variation_invalid_id", "Invalid ID.", 404);
  if (product.parentId === parentId) return null;
  return parentId === 0
    ? error(
        "woocommerce_rest_invalid_product_id",
        "To manipulate product variations you should use the /products/<product_id>/variations/<id> endpoint.",
        404,
      )
    : error(
        "woocommerce_rest_product_variation_invalid_parent",
        "Parent product does not match current variation.",
        404,
      );
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** PHP's intval: "12abc" is 12, "abc" and null are 0, 1.5 is 1. */
function phpInteger(value: unknown): number {
  const number = typeof value === "string" ? Number.parseInt(value, 10) : Number(value ?? 0);
  return Number.isFinite(number) ? Math.trunc(number) : 0;
}
