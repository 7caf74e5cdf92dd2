/**
 * WooCommerce over wp-json/wc/v3. Quantities are set absolutely, the last writer wins: the platform has neither compare-and-set
 * nor idempotency keys. HTTP 200 says nothing of a batch's rows; each is compared with what was asked.
 *
 * Credentials: `consumerKey` and `consumerSecret` of a key that may read and write.
 */
import PQueue from "p-queue";
import { z } from "zod";
import { type Http, type HttpAnswer, unexpectedBody } from "../http.js";
import type {
  Answer,
  Call,
  CallFailure,
  Change,
  Connector,
  FoundListing,
  LineResult,
  ListingAddress,
  Location,
  Pace,
  PlatformDriver,
  SendOptions,
  SendResult,
  StoreConnection,
} from "../platform.js";
import {
  batchBody,
  callFailure,
  foundListing,
  groupByPath,
  lineResult,
  partition,
  pathOf,
  quantityOf,
  ROWS_MOST,
  skuQueries,
} from "./mapping.js";
import { type Keys, signed } from "./sign.js";
import { BatchAnswer, FoundRow, parseBody, StockRow } from "./wire.js";

/** 100 SKUs fill one page, or a few where a site allows duplicates; beyond this it lists something else. */
const PAGES_MOST = 50;

export function woocommerceDriver(http: Http): PlatformDriver {
  return {
    platform: "WOOCOMMERCE",
    hasCatalogue: true,
    open: (connection) => new WooCommerceConnector(http, connection),
  };
}

class WooCommerceConnector implements Connector {
  /** No limit in the core (platforms.md); a row costs the shop some 30 ms of PHP, so two calls at once keep it usable. */
  readonly pace: Pace = { concurrency: 2, intervalMs: 1_000, callsPerInterval: 40 };
  readonly maxChangesPerCall = ROWS_MOST;
  readonly mayWriteLate = true;
  readonly partition = partition;

  readonly #http: Http;
  readonly #base: string;
  readonly #keys: Keys;
  readonly #secrets: readonly string[];
  /** Sites may lower the limit of 100 (filter woocommerce_rest_batch_items_limit): learned from 413. */
  #rowsPerBatch = ROWS_MOST;

  constructor(http: Http, { url, credentials }: StoreConnection) {
    this.#http = http;
    const root = (URL.canParse(url) ? new URL(url).href : url).replace(/[?#].*$/, "").replace(/\/+$/, "");
    this.#base = `${root}/wp-json/wc/v3`;
    const consumerKey = credentials["consumerKey"] ?? "";
    const consumerSecret = credentials["consumerSecret"] ?? "";
    this.#keys = { consumerKey, consumerSecret };
    this.#secrets = [consumerKey, consumerSecret, `${consumerKey}:${consumerSecret}`];
  }

  /** Reads, then writes nothing: an empty batch is refused where the key may only read (`{}` → 200 `[]`; measured). */
  async check(signal: AbortSignal): Promise<Answer<readonly Location[]>> {
    const read = await this.#list("products", { per_page: "1", _fields: "id" }, z.object({ id: z.int() }), signal);
    if (!read.ok) return read;
    const write = await this.#call("POST", "products/batch", {}, signal, "{}");
    if (!write.ok) return write;
    if (!isSuccess(write.value)) return failed(callFailure(write.value, this.#secrets));
    return parseBody(z.json(), write.value.text) === null ? this.#unexpected(write.value) : { ok: true, value: [] };
  }

  async findBySku(skus: readonly string[], signal: AbortSignal): Promise<Answer<readonly FoundListing[]>> {
    // The shop's database compares without regard to case, and a comma in a SKU finds its parts too.
    const wanted = new Set(skus);
    const found = new Map<number, FoundListing>();
    for (const sku of skuQueries(skus)) {
      let pages = 1;
      for (let page = 1; page <= pages; page += 1) {
        const query = {
          sku,
          page: String(page),
          per_page: String(ROWS_MOST),
          orderby: "id",
          order: "asc",
          _fields: Object.keys(FoundRow.shape).join(","),
        };
        const answer = await this.#list("products", query, FoundRow, signal);
        if (!answer.ok) return answer;
        pages = answer.value.pages;
        if (pages > PAGES_MOST) return failed(tooManyPages(pages));
        for (const row of answer.value.rows) if (wanted.has(row.sku)) found.set(row.id, foundListing(row));
      }
    }
    return { ok: true, value: [...found.values()] };
  }

  async send({ changes }: Call, { signal }: SendOptions): Promise<SendResult> {
    const lines: LineResult[] = [];
    while (lines.length < changes.length) {
      const part = changes.slice(lines.length, lines.length + this.#rowsPerBatch);
      const sent = await this.#sendBatch(part, signal);
      if (sent.ok) lines.push(...sent.value);
      else if (sent.failure === "tooLarge")
        this.#rowsPerBatch = Math.min(this.#rowsPerBatch, Math.ceil(part.length / 2));
      else while (lines.length < changes.length) lines.push(sent.failure);
    }
    return { lines, nextCallInMs: 0 };
  }

  async #sendBatch(
    changes: readonly Change[],
    signal: AbortSignal,
  ): Promise<{ ok: true; value: readonly LineResult[] } | { ok: false; failure: CallFailure | "tooLarge" }> {
    const [first] = changes;
    if (first === undefined) return { ok: true, value: [] };
    const result = await this.#call("POST", `${pathOf(first)}/batch`, {}, signal, batchBody(changes));
    if (!result.ok) return result;
    const answer = result.value;
    if (answer.status === 413 && changes.length > 1) return { ok: false, failure: "tooLarge" };
    if (!isSuccess(answer)) return failed(callFailure(answer, this.#secrets));
    const rows = parseBody(BatchAnswer, answer.text)?.update;
    if (rows?.length !== changes.length) return this.#unexpected(answer);
    return { ok: true, value: changes.map((change, index) => lineResult(change, rows[index], this.#secrets)) };
  }

  async readBack(
    listings: readonly ListingAddress[],
    signal: AbortSignal,
  ): Promise<Answer<readonly (number | null)[]>> {
    // Each parent's variations are a call of their own.
    const queue = new PQueue({ concurrency: this.pace.concurrency });
    const answers = await queue.addAll(groupByPath(listings).map((group) => () => this.#readGroup(group, signal)));
    const quantities = new Map<string, number | null>();
    for (const answer of answers) {
      if (!answer.ok) return answer;
      for (const row of answer.value) quantities.set(String(row.id), quantityOf(row));
    }
    return { ok: true, value: listings.map(({ externalId }) => quantities.get(externalId) ?? null) };
  }

  async #readGroup(group: readonly ListingAddress[], signal: AbortSignal): Promise<Answer<readonly StockRow[]>> {
    const [first] = group;
    if (first === undefined) return { ok: true, value: [] };
    const query = {
      include: group.map(({ externalId }) => externalId).join(","),
      per_page: String(ROWS_MOST),
      _fields: Object.keys(StockRow.shape).join(","),
    };
    const answer = await this.#list(pathOf(first), query, StockRow, signal);
    if (answer.ok) return { ok: true, value: answer.value.rows };
    const { failure } = answer;
    const parentIsGone = failure.kind === "rejected" && failure.code === "LISTING_NOT_FOUND";
    return parentIsGone ? { ok: true, value: [] } : answer;
  }

  /** One page. A list without its count of pages did not come from WooCommerce: an empty one would say that all is gone. */
  async #list<T>(
    path: string,
    query: Readonly<Record<string, string>>,
    row: z.ZodType<T>,
    signal: AbortSignal,
  ): Promise<Answer<{ readonly rows: readonly T[]; readonly pages: number }>> {
    const result = await this.#call("GET", path, query, signal);
    if (!result.ok) return result;
    const answer = result.value;
    if (!isSuccess(answer)) return failed(callFailure(answer, this.#secrets));
    const rows = parseBody(z.array(row), answer.text);
    const pages = /^\d+$/.exec(answer.header("x-wp-totalpages") ?? "")?.[0];
    if (rows === null || pages === undefined) return this.#unexpected(answer);
    return { ok: true, value: { rows, pages: Number(pages) } };
  }

  /** Signed anew each time. Whatever the status: only a call without an answer is a failure. */
  async #call(
    method: "GET" | "POST",
    path: string,
    query: Readonly<Record<string, string>>,
    signal: AbortSignal,
    body?: string,
  ): Promise<Answer<HttpAnswer>> {
    const { url, headers } = signed(method, `${this.#base}/${path}`, query, this.#keys);
    const content = body === undefined ? {} : { body, headers: { ...headers, "content-type": "application/json" } };
    const result = await this.#http.call({ method, url, headers, signal, ...content });
    return result.ok ? { ok: true, value: result.answer } : result;
  }

  #unexpected(answer: HttpAnswer): { ok: false; failure: CallFailure } {
    return failed(unexpectedBody(answer, this.#secrets));
  }
}

function isSuccess({ status }: HttpAnswer): boolean {
  return status >= 200 && status < 300;
}

function failed(failure: CallFailure): { ok: false; failure: CallFailure } {
  return { ok: false, failure };
}

function tooManyPages(pages: number): CallFailure {
  const message = `The store found ${String(pages)} pages of listings for so few SKUs.`;
  return { kind: "unavailable", code: "UNKNOWN", message, scope: "store" };
}
