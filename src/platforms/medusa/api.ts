/**
 * Calls to one shop's Admin REST: authentication, deadlines, what a status means, and whole lists from pages.
 *
 * A 401 is not what it seems: with its database down Medusa hangs for 60 s and then answers 401 to a good key (measured on
 * 2.21.2, 2026-11). So a call is given up long before that, and only two quick 401s in a row are refused credentials.
 */
import type { z } from "zod";
import {
  failureOfStatus,
  type Http,
  type HttpAnswer,
  type HttpResult,
  parseJson,
  scrub,
  unexpectedBody,
} from "../http.js";
import type { Answer, CallFailure, StoreConnection } from "../platform.js";
import { ErrorBody, type InventoryItem, ItemPage, LocationPage } from "./wire.js";

/** All in milliseconds. */
export interface Patience {
  /** For one answer. */
  readonly answerMs: number;
  /** Within which a refusal of the key comes from a shop that works: a good key's answer takes 20 to 300 (measured). */
  readonly refusalMs: number;
  /** For all calls of one task. */
  readonly taskMs: number;
}

export const PATIENCE: Patience = { answerMs: 15_000, refusalMs: 5_000, taskMs: 30_000 };

/** One task for a caller: its calls share a signal and a deadline. */
export interface Task {
  readonly signal: AbortSignal;
  /** In `performance.now()` milliseconds. */
  readonly until: number;
}

/** Rows asked for at a time, by id or SKU: the shop's parser silently drops what follows 1,000 parameters (measured). */
const PAGE = 100;
/** Long SKUs make fewer a call: Node's parser takes 16 kB of request line and headers together. */
const MAX_QUERY_LENGTH = 6_000;

export class MedusaApi {
  readonly #root: string;
  readonly #key: string;
  readonly #basic: string;

  constructor(
    private readonly http: Http,
    connection: StoreConnection,
    private readonly patience: Patience,
  ) {
    this.#root = connection.url.replace(/\/+$/, "");
    this.#key = connection.credentials["secretApiKey"] ?? "";
    this.#basic = Buffer.from(`${this.#key}:`).toString("base64");
  }

  task(signal: AbortSignal): Task {
    return { signal, until: performance.now() + this.patience.taskMs };
  }

  /** Whatever the status but 401. */
  async call(task: Task, method: "GET" | "POST", path: string, body?: string): Promise<HttpResult> {
    if (this.#key === "") return { ok: false, failure: refused("There is no secretApiKey.") };
    const first = await this.#once(task, method, path, body);
    if (!first.isRefusal) return first.result;
    const again = first.isQuick ? await this.#once(task, "GET", "/admin/stock-locations?limit=1&fields=id") : first;
    if (again.isRefusal && again.isQuick)
      return { ok: false, failure: refused("The store refuses the secret API key.") };
    if (!again.result.ok) return again.result;
    return {
      ok: false,
      failure: {
        kind: "unavailable",
        code: "PLATFORM_UNAVAILABLE",
        message: "The store answered 401 as it does while its database is down.",
        scope: "store",
      },
    };
  }

  async #once(task: Task, method: "GET" | "POST", path: string, body?: string): Promise<Once> {
    const startedAt = performance.now();
    const deadlineMs = Math.min(this.patience.answerMs, Math.max(1, Math.ceil(task.until - startedAt)));
    const result = await this.http.call({
      method,
      url: this.#root + path,
      headers: {
        authorization: `Basic ${this.#basic}`,
        ...(body !== undefined && { "content-type": "application/json" }),
      },
      ...(body !== undefined && { body }),
      signal: task.signal,
      deadlineMs,
    });
    return {
      result,
      isRefusal: result.ok && result.answer.status === 401,
      isQuick: performance.now() - startedAt < this.patience.refusalMs,
    };
  }

  /** What an answer outside 2xx means for the call as a whole. */
  failureOf(answer: HttpAnswer): CallFailure {
    const error = parseJson(ErrorBody, answer.text);
    const words = this.scrub(error?.message ?? answer.text);
    // Without a type it is not Medusa's own word (an unknown route is answered with HTML): the shop is being updated, or a
    // proxy answers in its place. That says nothing of the key or the rows.
    if ((answer.status === 403 || answer.status === 404) && error?.type === undefined)
      return {
        kind: "unavailable",
        code: "PLATFORM_UNAVAILABLE",
        message: `HTTP ${String(answer.status)}: ${words}`,
        scope: "store",
      };
    // "May retry", says Medusa of its 409s (its error handler, 2.21.2).
    if (answer.status === 409)
      return { kind: "unavailable", code: "CONFLICT", message: `HTTP 409: ${words}`, scope: "line" };
    return failureOfStatus(answer, words);
  }

  unexpected(answer: HttpAnswer): CallFailure {
    return unexpectedBody(answer, [this.#key, this.#basic]);
  }

  scrub(words: string): string {
    return scrub(words, [this.#key, this.#basic]);
  }

  async get<T>(task: Task, path: string, shape: z.ZodType<T>): Promise<Answer<T>> {
    const result = await this.call(task, "GET", path);
    if (!result.ok) return result;
    const { answer } = result;
    if (!isDone(answer)) return { ok: false, failure: this.failureOf(answer) };
    const value = parseJson(shape, answer.text);
    return value === null ? { ok: false, failure: this.unexpected(answer) } : { ok: true, value };
  }

  /** Every inventory item that has one of these ids or SKUs, with its levels; in no order. */
  async items(task: Task, by: "id" | "sku", values: readonly string[]): Promise<Answer<readonly InventoryItem[]>> {
    const found: InventoryItem[] = [];
    for (const filter of chunks(by, values)) {
      const answer = await this.#all(async (offset) => {
        const query = `fields=id,sku,*location_levels&order=id&limit=${String(PAGE)}&offset=${String(offset)}&${filter}`;
        const page = await this.get(task, `/admin/inventory-items?${query}`, ItemPage);
        return page.ok ? { ok: true, value: { rows: page.value.inventory_items, count: page.value.count } } : page;
      });
      if (!answer.ok) return answer;
      found.push(...answer.value);
    }
    return { ok: true, value: found };
  }

  async locations(task: Task): Promise<Answer<readonly { readonly id: string; readonly name: string }[]>> {
    return this.#all(async (offset) => {
      const query = `fields=id,name&order=id&limit=${String(PAGE)}&offset=${String(offset)}`;
      const page = await this.get(task, `/admin/stock-locations?${query}`, LocationPage);
      return page.ok ? { ok: true, value: { rows: page.value.stock_locations, count: page.value.count } } : page;
    });
  }

  /** All pages of a list; a list that is shorter than its own count is a failure, never taken for the whole. */
  async #all<T>(
    page: (offset: number) => Promise<Answer<{ readonly rows: readonly T[]; readonly count: number }>>,
  ): Promise<Answer<readonly T[]>> {
    const all: T[] = [];
    for (;;) {
      const answer = await page(all.length);
      if (!answer.ok) return answer;
      const { rows, count } = answer.value;
      all.push(...rows);
      if (all.length >= count) return { ok: true, value: all };
      if (rows.length === 0)
        return {
          ok: false,
          failure: {
            kind: "unavailable",
            code: "UNKNOWN",
            message: `The store lists ${String(all.length)} of ${String(count)} rows.`,
            scope: "store",
          },
        };
    }
  }
}

export const isDone = ({ status }: HttpAnswer): boolean => status >= 200 && status < 300;

interface Once {
  readonly result: HttpResult;
  readonly isRefusal: boolean;
  readonly isQuick: boolean;
}

function refused(message: string): CallFailure {
  return { kind: "rejected", code: "CREDENTIALS_INVALID", message };
}

/** Query strings `sku[]=A&sku[]=B`, each of at most PAGE values. */
function chunks(by: "id" | "sku", values: readonly string[]): readonly string[] {
  const all: string[][] = [];
  let length = 0;
  for (const value of values) {
    const term = `${by}[]=${encodeURIComponent(value)}`;
    const last = all.at(-1);
    if (last && last.length < PAGE && length + term.length < MAX_QUERY_LENGTH) {
      last.push(term);
      length += term.length + 1;
    } else {
      all.push([term]);
      length = term.length;
    }
  }
  return all.map((terms) => terms.join("&"));
}
