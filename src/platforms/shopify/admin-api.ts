/** One store's Admin API: a document goes out at the rate of the store's bucket, `data` of the shape asked for comes back. */
import { setTimeout as delay } from "node:timers/promises";
import type { z } from "zod";
import { type Http, type HttpAnswer, parseJson, unexpectedBody } from "../http.js";
import type { CallFailure, StoreConnection } from "../platform.js";
import { Budget } from "./budget.js";
import { API_VERSION } from "./documents.js";
import { failureOfHttp, type Refusal, refusalOfFaults } from "./mapping.js";
import { Envelope, type QueryCost } from "./wire.js";

/** How long a call waits for the bucket rather than being refused. */
const PATIENCE_MS = 1_000;
/** The same in the middle of a look-up. Longer than the largest document (1,000 points) takes on the smallest plan. */
const PATIENCE_MIDWAY_MS = 30_000;

export interface Asking {
  readonly signal: AbortSignal;
  /** What the call costs, as far as is known. */
  readonly points: number;
  /** In the middle of a look-up, whose beginning would be lost: waits for the bucket and repeats what was throttled. */
  readonly midway?: boolean;
  /** When it has to end, in `performance.now()` milliseconds; 30 s after its start where absent. */
  readonly deadlineAt?: number;
  /** Called with what the answer says that it cost. */
  readonly onCost?: (cost: QueryCost) => void;
}

export type Asked<T> = { readonly ok: true; readonly data: T } | ({ readonly ok: false } & Refusal);

export class AdminApi {
  /** What no message may repeat. */
  readonly secrets: readonly string[];
  readonly #endpoint: string;
  readonly #token: string;
  readonly #budget = new Budget();

  constructor(
    private readonly http: Http,
    { url, credentials }: StoreConnection,
  ) {
    this.#endpoint = `${url.replace(/\/+$/, "")}/admin/api/${API_VERSION}/graphql.json`;
    this.#token = (credentials["accessToken"] ?? "").trim();
    this.secrets = [this.#token];
  }

  /** How long until the bucket can pay so many points, beside what is under way. */
  waitMs(points: number): number {
    return this.#budget.waitMs(points);
  }

  async ask<T>(
    document: string,
    variables: Readonly<Record<string, unknown>>,
    shape: z.ZodType<T>,
    asking: Asking,
  ): Promise<Asked<T>> {
    // Anything else cannot stand in a header.
    if (!/^[\x21-\x7e]+$/.test(this.#token)) return refused(NO_TOKEN);
    const patientUntil = performance.now() + (asking.midway ? PATIENCE_MIDWAY_MS : PATIENCE_MS);
    for (;;) {
      const asked = await this.#askOnce(document, variables, shape, asking, patientUntil);
      if (asked.ok || asked.failure.kind !== "throttled" || !asking.midway) return asked;
      const { retryAfterMs } = asked.failure;
      if (performance.now() + retryAfterMs > patientUntil) return asked;
      await pause(retryAfterMs, asking.signal);
    }
  }

  async #askOnce<T>(
    document: string,
    variables: Readonly<Record<string, unknown>>,
    shape: z.ZodType<T>,
    { signal, points, deadlineAt, onCost }: Asking,
    patientUntil: number,
  ): Promise<Asked<T>> {
    // Announced before it waits, so that calls side by side wait one after another.
    const waitMs = this.#budget.waitMs(points);
    const reservation = this.#budget.reserve(points);
    // Where the wait is too long the shop is asked all the same: it may know better, and its refusal says how long.
    if (waitMs > 0 && performance.now() + waitMs <= patientUntil) await pause(waitMs, signal);
    const leftMs = deadlineAt === undefined ? null : Math.floor(deadlineAt - performance.now());
    if (leftMs !== null && leftMs <= 0) {
      this.#budget.settle(reservation, undefined);
      return refused(TOO_LATE);
    }
    const result = await this.http.call({
      method: "POST",
      url: this.#endpoint,
      headers: { "content-type": "application/json", "x-shopify-access-token": this.#token },
      body: JSON.stringify({ query: document, variables }),
      signal,
      ...(leftMs !== null && { deadlineMs: leftMs }),
    });
    const envelope = result.ok ? parseJson(Envelope, result.answer.text) : null;
    const cost = envelope?.extensions?.cost;
    this.#budget.settle(reservation, cost);
    if (cost) onCost?.(cost);
    return result.ok ? this.#read(result.answer, envelope, shape) : refused(result.failure);
  }

  #read<T>(answer: HttpAnswer, envelope: Envelope | null, shape: z.ZodType<T>): Asked<T> {
    if (answer.status !== 200) return refused(failureOfHttp(answer, envelope, this.secrets));
    if (envelope?.errors && envelope.errors.length > 0)
      return { ok: false, ...refusalOfFaults(envelope.errors, envelope.extensions?.cost, answer, this.secrets) };
    const parsed = shape.safeParse(envelope?.data);
    return parsed.success ? { ok: true, data: parsed.data } : refused(unexpectedBody(answer, this.secrets));
  }
}

const NO_TOKEN: CallFailure = {
  kind: "rejected",
  code: "CREDENTIALS_INVALID",
  message: "The store was connected without a usable access token.",
};
const TOO_LATE: CallFailure = {
  kind: "unavailable",
  code: "TIMEOUT",
  message: "The store did not answer in time.",
  scope: "store",
};

function refused(failure: CallFailure): { readonly ok: false } & Refusal {
  return { ok: false, failure, mayBeOneLine: false };
}

/** Ends early where the signal says so; the call that follows fails by it. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => undefined);
}
