/**
 * What goes over the wire to a WEBHOOK store (design §5), signed after Standard Webhooks
 * (standard-webhooks.md, commit b2fa7b8, 2026-08-17), and what its receiver may answer.
 *
 * ```
 * POST …
 * webhook-id: msg_5f2c…                 webhook-timestamp: 1795492800      webhook-signature: v1,K5oZ…=
 * {"type":"inventory.levels.set","timestamp":"2026-11-24T04:00:00.000Z","data":{"storeId":"store_…",
 *  "levels":[{"listingId":"listing_…","sku":"MUG-1","externalId":"MUG-1","quantity":7,"revision":12}]}}
 * ```
 */
import { createHash } from "node:crypto";
import { Webhook } from "standardwebhooks";
import { z } from "zod";
import { toGlobalId } from "../../terms.js";
import type { Change } from "../platform.js";

/** Design §5; it also keeps a body near the 20 kB that Standard Webhooks advises. */
export const MAX_LEVELS = 100;

/** `whsec_` and base64 of 24 to 64 bytes, as Standard Webhooks has it. */
export function isSecret(text: string): boolean {
  const encoded = /^whsec_((?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?)$/.exec(text)?.[1];
  if (encoded === undefined) return false;
  const { length } = Buffer.from(encoded, "base64");
  return length >= 24 && length <= 64;
}

/** The same for the same key. Hashed, because an id may hold no dot (the signed content is joined by dots). */
export function webhookIdOf(idempotencyKey: string): string {
  return `msg_${createHash("sha256").update(idempotencyKey).digest("hex").slice(0, 32)}`;
}

/** `secret` must be one (`isSecret`). `attemptAt` is when this attempt starts, not when the first did. */
export function signedHeaders(
  secret: string,
  webhookId: string,
  attemptAt: Date,
  body: string,
): Readonly<Record<string, string>> {
  return {
    "webhook-id": webhookId,
    "webhook-timestamp": String(Math.floor(attemptAt.getTime() / 1_000)),
    "webhook-signature": new Webhook(secret).sign(webhookId, attemptAt, body),
  };
}

/** `at` is when these quantities were what the store should show. Ids are the API's, so that a receiver can ask for them. */
export function levelsBody(storeId: string, changes: readonly Change[], at: Date): string {
  return JSON.stringify({
    type: "inventory.levels.set",
    timestamp: at.toISOString(),
    data: {
      storeId: toGlobalId("store", storeId),
      levels: changes.map(({ listingId, sku, externalId, quantity, revision }) => ({
        listingId: toGlobalId("listing", listingId),
        sku,
        externalId,
        quantity,
        revision,
      })),
    },
  });
}

/** The part of a 2xx body that answers per line, e.g. `{"results":[{"externalId":"MUG-1","status":"rejected","message":"…"}]}`. */
export const Results = z.object({
  results: z.array(
    z.discriminatedUnion("status", [
      z.object({ externalId: z.string(), status: z.literal("accepted") }),
      z.object({ externalId: z.string(), status: z.literal("rejected"), message: z.string().optional() }),
    ]),
  ),
});

/** Any JSON object that speaks of `results`, well-formed or not. */
export const ClaimsResults = z.looseObject({ results: z.unknown().refine((results) => results !== undefined) });
