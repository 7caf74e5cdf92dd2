/**
 * HTTP as connectors speak it: a deadline on every call, no redirects, bounded answers, and no reach into private networks
 * unless that is allowed. What a network or shop may do comes back as a value; nothing here rejects for it.
 */

import { lookup as dnsLookup } from "node:dns";
import { isIP, type LookupFunction } from "node:net";
import ipaddr from "ipaddr.js";
import { Agent, errors, request } from "undici";
import type { z } from "zod";
import type { CallFailure, LineResult, SendResult } from "./platform.js";

interface HttpCall {
  readonly method: "GET" | "POST" | "PATCH" | "PUT";
  /** Absolute. */
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as it is; a connector sets the content type. */
  readonly body?: string;
  readonly signal: AbortSignal;
  /** From the first byte sent to the last received, connecting included. 30 s where absent. */
  readonly deadlineMs?: number;
}

export interface HttpAnswer {
  readonly status: number;
  /** Lower-case names; a repeated header's first value. */
  header(name: string): string | null;
  readonly text: string;
}

export type HttpResult =
  | { readonly ok: true; readonly answer: HttpAnswer }
  | { readonly ok: false; readonly failure: CallFailure };

export interface Http {
  /** Whatever the status: only a call without an answer is a failure. Never rejects. */
  call(call: HttpCall): Promise<HttpResult>;
  /** Ends idle connections; calls under way fail. */
  close(): Promise<void>;
}

const DEADLINE_MS = 30_000;
const CONNECT_MS = 10_000;
/** WooCommerce answers 100 rows with about 200 kB (measured on 10.6.2, 2026-11); nothing asked for is near this. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;

export function createHttp(options: { readonly allowPrivateStores: boolean }): Http {
  // Checked once more where the connection is made: a name may point elsewhere by then.
  const lookup = options.allowPrivateStores ? {} : { lookup: lookupPublic };
  const agent = new Agent({
    connect: { timeout: CONNECT_MS, ...lookup },
    keepAliveTimeout: 4_000,
    connections: 64,
    pipelining: 1,
  });
  return {
    call: async (call) => {
      const forbidden = forbiddenStoreUrl(call.url, options);
      if (forbidden !== null) return fail({ kind: "rejected", code: "VALIDATION_REJECTED", message: forbidden });
      const deadline = AbortSignal.timeout(call.deadlineMs ?? DEADLINE_MS);
      try {
        const response = await request(call.url, {
          method: call.method,
          headers: { "user-agent": "Evenkeel", accept: "application/json", ...call.headers },
          ...(call.body !== undefined && { body: call.body }),
          signal: AbortSignal.any([call.signal, deadline]),
          dispatcher: agent,
        });
        const text = await readBounded(response.body);
        if (text === null)
          return fail({ kind: "unavailable", code: "UNKNOWN", message: "The answer is too large.", scope: "store" });
        const { headers } = response;
        const header = (name: string): string | null => {
          const value = headers[name];
          return (Array.isArray(value) ? value[0] : value) ?? null;
        };
        return { ok: true, answer: { status: response.statusCode, header, text } };
      } catch (error) {
        return fail(failureOfError(error, deadline.aborted));
      }
    },
    close: () => agent.destroy(),
  };
}

function fail(failure: CallFailure): HttpResult {
  return { ok: false, failure };
}

async function readBounded(body: AsyncIterable<Buffer>): Promise<string | null> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of body) {
    size += part.length;
    if (size > MAX_ANSWER_BYTES) return null;
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8");
}

function failureOfError(error: unknown, late: boolean): CallFailure {
  if (late || error instanceof errors.ConnectTimeoutError)
    return { kind: "unavailable", code: "TIMEOUT", message: "The store did not answer in time.", scope: "store" };
  const code = codeOf(error);
  if (code === FORBIDDEN_ADDRESS)
    return {
      kind: "rejected",
      code: "VALIDATION_REJECTED",
      message: "The store's name points at an address that may not be a store's.",
    };
  return {
    kind: "unavailable",
    code: "PLATFORM_UNAVAILABLE",
    message: `The store could not be reached (${code ?? "connection failed"}).`,
    scope: "store",
  };
}

function codeOf(error: unknown): string | null {
  if (!(error instanceof Error)) return null;
  if ("code" in error && typeof error.code === "string") return error.code;
  return codeOf(error.cause);
}

// ───────────── addresses that may be a store's ─────────────

const FORBIDDEN_ADDRESS = "EVENKEEL_FORBIDDEN_ADDRESS";

/**
 * Why this may not be a store's URL, in words for its sender; null where it may. Private stores allowed: any http or https
 * URL. Otherwise https only, and no address of a private, local or reserved network, however it is spelt; where the host is a
 * name, what it resolves to is checked when connecting.
 */
export function forbiddenStoreUrl(text: string, options: { readonly allowPrivateStores: boolean }): string | null {
  if (!URL.canParse(text)) return "This is not an absolute URL.";
  const url = new URL(text);
  if (url.username !== "" || url.password !== "") return "A store's URL holds no user name or password.";
  if (options.allowPrivateStores)
    return url.protocol === "https:" || url.protocol === "http:"
      ? null
      : "A store's URL begins with https:// or http://.";
  if (url.protocol !== "https:") return "A store's URL begins with https://.";
  // The parser has already turned spellings like 0x7f.1 into dotted decimal.
  const host = url.hostname
    .replace(/^\[|\]$/g, "")
    .replace(/\.$/, "")
    .toLowerCase();
  const forbidden = isIP(host) !== 0 ? !isPublicAddress(host) : isLocalName(host);
  return forbidden ? "A store's URL points at a public address." : null;
}

function isLocalName(host: string): boolean {
  return !host.includes(".") || /\.(localhost|local|internal|lan|home|corp|intranet|home\.arpa)$/.test(host);
}

/** Public by its range, but the cloud's own on every machine of Azure. */
const CLOUD_INTERNAL = new Set(["168.63.129.16"]);

/** Whether an IP address is one of the public internet; IPv6 ones that carry an IPv4 one (mapped, NAT64, 6to4 …) are not. */
export function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address) || CLOUD_INTERNAL.has(address)) return false;
  const parsed = ipaddr.parse(address);
  if (parsed.range() !== "unicast") return false;
  // Of IPv6 only 2000::/3 is given out — IANA, IPv6 Address Space, read 2026-11.
  return parsed instanceof ipaddr.IPv4 || ((parsed.parts[0] ?? 0) & 0xe000) === 0x2000;
}

const lookupPublic: LookupFunction = (hostname, options, callback) => {
  dnsLookup(hostname, { ...options, all: true }, (error, found) => {
    if (error) {
      callback(error, []);
      return;
    }
    if (found.some(({ address }) => !isPublicAddress(address))) {
      callback(Object.assign(new Error("not a public address"), { code: FORBIDDEN_ADDRESS }), []);
      return;
    }
    if (options.all) callback(null, found);
    else callback(null, found[0]?.address ?? "", found[0]?.family);
  });
};

// ───────────── what answers mean ─────────────

const RETRY_AFTER_DEFAULT_MS = 2_000;
/** Nobody is believed who asks to wait longer. */
const RETRY_AFTER_MOST_MS = 10 * 60_000;

/**
 * What a status outside 2xx means where the platform says nothing more exact. `words` are the platform's own, already
 * scrubbed. 3xx may heal (a maintenance page); it is not followed, so that no shop can
 * send us elsewhere.
 */
export function failureOfStatus(answer: HttpAnswer, words: string): CallFailure {
  const { status } = answer;
  const message = `HTTP ${String(status)}${words === "" ? "" : `: ${words}`}`;
  if (status === 429) return { kind: "throttled", retryAfterMs: retryAfterMs(answer) };
  if (status === 410) return { kind: "gone", message };
  if (status === 401 || status === 403) return { kind: "rejected", code: "CREDENTIALS_INVALID", message };
  if (status === 408) return { kind: "unavailable", code: "TIMEOUT", message, scope: "store" };
  if (status >= 500 || status < 400)
    return { kind: "unavailable", code: "PLATFORM_UNAVAILABLE", message, scope: "store" };
  return { kind: "rejected", code: "VALIDATION_REJECTED", message };
}

/** Of Retry-After in seconds or as a date; 2 s where it is absent or unreadable; never more than 10 minutes. */
export function retryAfterMs(answer: HttpAnswer, now = Date.now()): number {
  const header = answer.header("retry-after")?.trim() ?? "";
  const ms = /^\d+(\.\d+)?$/.test(header) ? Number(header) * 1_000 : Date.parse(header) - now;
  return Number.isFinite(ms) ? Math.min(Math.max(0, ms), RETRY_AFTER_MOST_MS) : RETRY_AFTER_DEFAULT_MS;
}

/** The parsed body, or null where it is no JSON or of another shape. */
export function parseJson<T>(shape: z.ZodType<T>, text: string): T | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  const parsed = shape.safeParse(value);
  return parsed.success ? parsed.data : null;
}

/** "The body was not what was expected": may heal (a proxy's page, a plugin's warning), so it is tried again. */
export function unexpectedBody(answer: HttpAnswer, secrets: readonly string[]): CallFailure {
  return {
    kind: "unavailable",
    code: "UNKNOWN",
    message: `HTTP ${String(answer.status)} with a body that was not expected: ${scrub(answer.text, secrets)}`,
    scope: "store",
  };
}

const MAX_WORDS = 300;

/** A platform's words for people: one line, no markup, no secret, at most 300 characters. */
export function scrub(text: string, secrets: readonly string[]): string {
  let words = text;
  // Before anything is cut, or a part of a secret could stay.
  for (const secret of secrets) for (const spelling of spellings(secret)) words = words.replaceAll(spelling, "…");
  words = words
    .slice(0, 10_000)
    .replace(/<[^>]*>/g, " ")
    .replace(/[\p{Cc}\p{Zl}\p{Zp}]/gu, " ")
    .replace(/\s+/g, " ")
    .trim();
  return words.length > MAX_WORDS ? `${words.slice(0, MAX_WORDS - 1)}…` : words;
}

/** A secret as it is, in a URL, in base64, and in JSON as JavaScript and as PHP write it. */
function spellings(secret: string): readonly string[] {
  if (secret.length < 4) return [];
  const inJson = JSON.stringify(secret).slice(1, -1);
  const base64 = Buffer.from(secret).toString("base64");
  return [secret, encodeURIComponent(secret), base64, inJson, inJson.replaceAll("/", "\\/")];
}

/** The result of a send whose call failed as a whole: every line says so. */
export function failedSend(lineCount: number, failure: LineResult): SendResult {
  return { lines: Array.from({ length: lineCount }, () => failure), nextCallInMs: 0 };
}
