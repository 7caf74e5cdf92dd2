/**
 * A merchant's own receiver of Standard Webhooks, as a careful one would write it: it verifies the signature by itself, does a
 * message once however often it arrives, drops levels that are older than what it holds, and answers per line.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import {
  json,
  type LoggedLine,
  type Shop,
  type ShopAnswer,
  type ShopOptions,
  type ShopRequest,
  startShop,
} from "./sandbox.js";

interface WebhookShopOptions extends ShopOptions {
  /** `whsec_…`; one of its own where absent. */
  readonly secret?: string;
}

export interface WebhookShop extends Shop {
  readonly secret: string;
  /** Holds this quantity, as if it had been told. */
  readonly add: (sku: string, quantity: number) => void;
  /** Lowers its own quantity, as an order does. */
  readonly sell: (sku: string, units: number) => void;
  /** Does not know the SKU any longer: levels for it are refused. */
  readonly remove: (sku: string) => void;
  /** Null where it has never been told of the SKU. */
  readonly quantityOf: (sku: string) => number | null;
  /** Refuses levels of this SKU from now on, with these words. */
  readonly reject: (sku: string, message: string) => void;
  /** Answers 410 to everything from now on. */
  readonly retire: () => void;
  /** Headers of all calls whose signature was right, oldest first. */
  readonly verified: readonly Readonly<Record<string, string>>[];
}

interface Level {
  readonly sku: string;
  readonly externalId: string;
  readonly quantity: number;
  readonly revision: number;
}

const TOLERANCE_S = 5 * 60;
/** Ids, the newest: more than come within the tolerance. */
const REMEMBERED = 10_000;
const ANY_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

export async function startWebhookShop(options: WebhookShopOptions = {}): Promise<WebhookShop> {
  const secret = options.secret ?? ANY_SECRET;
  const held = new Map<string, { quantity: number; revision: number }>();
  const refusals = new Map<string, string>();
  const done = new Map<string, ShopAnswer>();
  const verified: Readonly<Record<string, string>>[] = [];
  let retired = false;

  const quantityOf = (sku: string): number | null => held.get(sku)?.quantity ?? null;
  const apply = (level: Level): { readonly line: LoggedLine; readonly result: object } => {
    const { externalId } = level;
    const before = quantityOf(externalId);
    const refusal = refusals.get(externalId);
    if (refusal !== undefined)
      return {
        line: { externalId, before, after: before, applied: false },
        result: { externalId, status: "rejected", message: refusal },
      };
    // Stale: something newer is held already, which is what the sender wants. Taken, without an effect.
    const applied = level.revision >= (held.get(externalId)?.revision ?? 0);
    if (applied) held.set(externalId, { quantity: level.quantity, revision: level.revision });
    return {
      line: { externalId, before, after: applied ? level.quantity : before, applied },
      result: { externalId, status: "accepted" },
    };
  };
  const answer = (request: ShopRequest): ShopAnswer => {
    if (retired) return json(410, { message: "This endpoint is gone." });
    if (request.method !== "POST") return json(405, { message: "POST only" });
    const headers = signatureHeaders(request);
    const wrong = whyNot(secret, headers, request.body);
    if (wrong !== null) return json(401, { message: wrong });
    verified.push(headers);
    const repeated = done.get(headers["webhook-id"]);
    if (repeated) return { ...repeated, lines: (repeated.lines ?? []).map(untouched(quantityOf)) };
    const levels = levelsOf(request.body);
    if (levels === null) return json(422, { message: "not an inventory.levels.set of at most 100 levels" });
    const applied = levels.map(apply);
    const first = json(
      200,
      { results: applied.map(({ result }) => result) },
      { lines: applied.map(({ line }) => line) },
    );
    done.set(headers["webhook-id"], first);
    const [oldest] = done.keys();
    if (done.size > REMEMBERED && oldest !== undefined) done.delete(oldest);
    return first;
  };
  const shop = await startShop(answer, options);
  return Object.assign(shop, {
    secret,
    verified,
    add: (sku: string, quantity: number) => {
      refusals.delete(sku);
      held.set(sku, { quantity, revision: held.get(sku)?.revision ?? 0 });
    },
    sell: (sku: string, units: number) => {
      const level = held.get(sku);
      if (level) level.quantity -= units;
    },
    remove: (sku: string) => {
      held.delete(sku);
      refusals.set(sku, "There is no such SKU here.");
    },
    quantityOf,
    reject: (sku: string, message: string) => {
      refusals.set(sku, message);
    },
    retire: () => {
      retired = true;
    },
  });
}

const untouched =
  (quantityOf: (sku: string) => number | null) =>
  ({ externalId }: LoggedLine): LoggedLine => {
    const quantity = quantityOf(externalId);
    return { externalId, before: quantity, after: quantity, applied: false };
  };

interface SignatureHeaders extends Readonly<Record<string, string>> {
  readonly "webhook-id": string;
  readonly "webhook-timestamp": string;
  readonly "webhook-signature": string;
}

function signatureHeaders(request: ShopRequest): SignatureHeaders {
  const header = (name: string): string => String(request.headers[name] ?? "");
  return {
    "webhook-id": header("webhook-id"),
    "webhook-timestamp": header("webhook-timestamp"),
    "webhook-signature": header("webhook-signature"),
  };
}

/**
 * Why a message is not from whom holds the secret, or null where it is. Written after the specification and not with the
 * package that signs, so that one mistake cannot hide in both.
 */
export function whyNot(secret: string, headers: SignatureHeaders, body: string, nowMs = Date.now()): string | null {
  const id = headers["webhook-id"];
  const timestamp = headers["webhook-timestamp"];
  if (id === "" || id.includes(".")) return "no webhook-id, or one with a dot";
  if (!/^\d{1,12}$/.test(timestamp)) return "no webhook-timestamp";
  if (Math.abs(Math.floor(nowMs / 1_000) - Number(timestamp)) > TOLERANCE_S)
    return "webhook-timestamp out of tolerance";
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  const expected = createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest();
  const matches = headers["webhook-signature"].split(" ").some((entry) => {
    const given = Buffer.from(entry.startsWith("v1,") ? entry.slice(3) : "", "base64");
    return given.length === expected.length && timingSafeEqual(given, expected);
  });
  return matches ? null : "webhook-signature does not match";
}

function levelsOf(body: string): readonly Level[] | null {
  const parsed = parse(body);
  if (!isRecord(parsed) || parsed["type"] !== "inventory.levels.set" || !isRecord(parsed["data"])) return null;
  if (!isText(parsed["timestamp"]) || Number.isNaN(Date.parse(parsed["timestamp"]))) return null;
  const { storeId, levels } = parsed["data"];
  if (!isText(storeId) || !storeId.startsWith("store_")) return null;
  return Array.isArray(levels) && levels.length <= 100 && levels.every(isLevel) ? levels : null;
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return null;
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;
const isText = (value: unknown): value is string => typeof value === "string" && value !== "";
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;
const isLevel = (value: unknown): value is Level =>
  isRecord(value) &&
  isText(value["listingId"]) &&
  value["listingId"].startsWith("listing_") &&
  isText(value["sku"]) &&
  isText(value["externalId"]) &&
  isCount(value["quantity"]) &&
  isCount(value["revision"]);
