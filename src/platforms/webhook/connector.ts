/**
 * WEBHOOK stores: a receiver that a merchant wrote, to which levels are posted as signed Standard Webhooks (design §5). There
 * is nothing to ask it: no catalogue, no read-back, no compare-and-set. The revision of each level lets it drop stale ones.
 */
import { failedSend, failureOfStatus, type Http, type HttpAnswer, parseJson, scrub, unexpectedBody } from "../http.js";
import type {
  Call,
  CallFailure,
  Change,
  Connector,
  LineResult,
  PlatformDriver,
  SendOptions,
  SendResult,
  StoreConnection,
} from "../platform.js";
import { ClaimsResults, isSecret, levelsBody, MAX_LEVELS, Results, signedHeaders, webhookIdOf } from "./wire.js";

/** Standard Webhooks advises 15 to 30 s. */
const DEADLINE_MS = 20_000;

export function webhookDriver(http: Http): PlatformDriver {
  return {
    platform: "WEBHOOK",
    hasCatalogue: false,
    open: (connection) => webhookConnector(http, connection),
  };
}

function webhookConnector(http: Http, connection: StoreConnection): Connector {
  const secret = connection.credentials["secret"] ?? "";
  const badSecret: CallFailure | null = isSecret(secret)
    ? null
    : {
        kind: "rejected",
        code: "CREDENTIALS_INVALID",
        message: "The secret is not whsec_ followed by base64 of 24 to 64 bytes.",
      };
  return {
    // Nobody says what a receiver takes; two at a time keeps one waiting for the other's answer, and 429 corrects it.
    pace: { concurrency: 2, intervalMs: 1_000, callsPerInterval: 20 },
    maxChangesPerCall: MAX_LEVELS,
    mayWriteLate: false,
    /**
     * Only the secret's form: Standard Webhooks has no question that changes nothing, and a receiver that was sent a made-up
     * event could act on it. A wrong secret of the right form shows at the first send (401).
     */
    check: () => Promise.resolve(badSecret ? { ok: false, failure: badSecret } : { ok: true, value: [] }),
    findBySku: (skus) =>
      Promise.resolve({
        ok: true,
        value: skus.map((sku) => ({
          externalId: sku,
          externalRef: {},
          sku,
          active: true,
          stockManaged: true,
          quantity: null,
        })),
      }),
    partition: (changes) =>
      Array.from({ length: Math.ceil(changes.length / MAX_LEVELS) }, (_, index) => ({
        changes: changes.slice(index * MAX_LEVELS, (index + 1) * MAX_LEVELS),
      })),
    send: (call, options) =>
      badSecret
        ? Promise.resolve(failedSend(call.changes.length, badSecret))
        : post(http, connection, secret, call, options),
    readBack: (listings) => Promise.resolve({ ok: true, value: listings.map(() => null) }),
  };
}

async function post(
  http: Http,
  connection: StoreConnection,
  secret: string,
  { changes }: Call,
  { idempotencyKey, signal }: SendOptions,
): Promise<SendResult> {
  const attemptAt = new Date();
  const body = levelsBody(connection.storeId, changes, attemptAt);
  const result = await http.call({
    method: "POST",
    url: connection.url,
    headers: {
      "content-type": "application/json",
      ...signedHeaders(secret, webhookIdOf(idempotencyKey), attemptAt, body),
    },
    body,
    signal,
    deadlineMs: DEADLINE_MS,
  });
  if (!result.ok) return failedSend(changes.length, result.failure);
  const { answer } = result;
  if (answer.status < 200 || answer.status > 299) return failedSend(changes.length, failureOf(answer, secret));
  return { lines: linesOf(answer, changes, secret), nextCallInMs: 0 };
}

function failureOf(answer: HttpAnswer, secret: string): CallFailure {
  const failure = failureOfStatus(answer, scrub(answer.text, spellings(secret)));
  // A missing route says nothing of the levels: a receiver being deployed heals, and its listings should not be parked.
  if (answer.status === 404 && failure.kind === "rejected")
    return { kind: "unavailable", code: "PLATFORM_UNAVAILABLE", message: failure.message, scope: "store" };
  return failure;
}

/** Receivers know the key with and without its prefix. */
const spellings = (secret: string): readonly string[] => [secret, secret.replace(/^whsec_/, "")];

/**
 * What a 2xx says of each line. Without `results` (an empty body, a text, any other JSON) it accepts all. With `results` it
 * answers per line, and only the lines that it names: one it does not name is unknown and is tried again. Malformed `results`
 * say nothing of any line.
 */
function linesOf(answer: HttpAnswer, changes: readonly Change[], secret: string): readonly LineResult[] {
  if (parseJson(ClaimsResults, answer.text) === null) return changes.map(() => ({ kind: "accepted", applied: true }));
  const parsed = parseJson(Results, answer.text);
  if (parsed === null) return changes.map(() => unexpectedBody(answer, spellings(secret)));
  const byExternalId = new Map<string, LineResult>();
  for (const result of parsed.results) {
    // Named twice with different answers: the refusal stands, since a person should look at it.
    if (byExternalId.get(result.externalId)?.kind === "rejected") continue;
    byExternalId.set(
      result.externalId,
      result.status === "accepted"
        ? { kind: "accepted", applied: true }
        : {
            kind: "rejected",
            code: "VALIDATION_REJECTED",
            message:
              scrub(result.message ?? "", spellings(secret)) || "The receiver refused this level without a reason.",
          },
    );
  }
  return changes.map(
    ({ externalId }) =>
      byExternalId.get(externalId) ?? {
        kind: "unavailable",
        code: "UNKNOWN",
        message: "The receiver's results do not name this level.",
        scope: "line",
      },
  );
}
