/**
 * ⑤ From claims to endings: the pure part of a drain. Decides each claim by the policy, and says what the store's answer to a
 * change means for its listing. No I/O: the dispatcher sends and settles.
 */
import { createHash } from "node:crypto";
import type { Call, Change, LineResult } from "../platforms/platform.js";
import { MAX_LOST_RACES, resolveConflict, SETTLE_AGAIN_MS } from "../policy/conflict.js";
import { decide } from "../policy/decide.js";
import { nextStep } from "../policy/next-step.js";
import type { Claim } from "./claim.js";
import { policyInputOf } from "./policy-input.js";
import type { Ending } from "./settle.js";

/** A claim on its way to the store. */
export interface Sending {
  readonly claim: Claim;
  readonly change: Change;
  /** What the policy wants there; the change may ask for less after a conflict. */
  readonly own: number;
  /** Races lost in a row, earlier drains included. */
  readonly lostRaces: number;
  /** What the store said in the race that was lost last; null where none was. */
  readonly seen: number | null;
  /** Whether what is sent is less than `own` until the store's unheard sale has been heard of. */
  readonly settleAgain: boolean;
}

export interface Decided {
  readonly endings: readonly Ending[];
  readonly sendings: readonly Sending[];
}

export function decideAll(claims: readonly Claim[], now: Date): Decided {
  const endings: Ending[] = [];
  const sendings: Sending[] = [];
  for (const claim of claims) {
    const decision = decide(policyInputOf({ ...claim.policy, now }), {
      force: claim.forced,
      liftNeverReceived: claim.liftNeverReceived,
    });
    if (decision.do === "skip") {
      endings.push({ ...end(claim, "SKIPPED"), held: true, skips: decision.effective.skips });
    } else if (decision.do === "unchanged") {
      endings.push(end(claim, "UNCHANGED"));
    } else {
      sendings.push({
        claim,
        change: changeOf(claim, decision.quantity, claim.lastSyncedQuantity ?? claim.observedQuantity),
        own: decision.quantity,
        lostRaces: claim.conflicts,
        seen: null,
        settleAgain: false,
      });
    }
  }
  return { endings, sendings };
}

function changeOf(claim: Claim, quantity: number, expectedQuantity: number | null): Change {
  return {
    listingId: claim.id,
    sku: claim.sku,
    externalId: claim.externalId,
    externalRef: claim.externalRef,
    quantity,
    expectedQuantity,
    revision: claim.revision,
  };
}

/** A settled ending without anything special: the base of all others. */
function end(claim: Claim, status: Ending["status"]): Ending {
  return {
    claim,
    status,
    settled: true,
    attempts: 0,
    conflicts: 0,
    nextAttemptAt: null,
    parkedCode: null,
    held: false,
    skips: [],
    quantitySent: null,
    quantityAcknowledged: null,
    observedQuantity: null,
    recheckAt: null,
    failureCode: null,
    platformMessage: null,
    durationMs: null,
  };
}

/** What to do with one sent change. */
export type AfterSend =
  | { readonly do: "end"; readonly ending: Ending }
  /** The race was lost: decide anew from what the store said and send that. */
  | { readonly do: "sendAgain"; readonly sending: Sending }
  /** The platform asked to wait: the claim goes back as it was, without an outcome. */
  | { readonly do: "giveBack"; readonly retryAfterMs: number };

/** Longer than any call lasts: what an abandoned one may still write, it has written by then. */
const LATE_WRITE_MS = 60_000;

export function afterSend(
  sending: Sending,
  result: LineResult,
  {
    durationMs,
    now,
    random,
    mayWriteLate,
  }: {
    readonly durationMs: number;
    readonly now: Date;
    readonly random: () => number;
    readonly mayWriteLate: boolean;
  },
): AfterSend {
  const { claim, change } = sending;
  const sent = { quantitySent: change.quantity, durationMs };
  const step = nextStep(result, claim.attempts, now, random);
  switch (step.do) {
    case "settle":
      return {
        do: "end",
        ending: {
          ...end(claim, "SUCCEEDED"),
          ...sent,
          quantityAcknowledged: change.quantity,
          observedQuantity: sending.seen,
          recheckAt: recheckAt(sending, now, mayWriteLate),
        },
      };
    case "defer":
      return { do: "giveBack", retryAfterMs: step.retryAfterMs };
    case "retry":
      return {
        do: "end",
        ending: {
          ...end(claim, "RETRYING"),
          ...sent,
          settled: false,
          attempts: claim.attempts + 1,
          conflicts: sending.lostRaces,
          nextAttemptAt: step.at,
          failureCode: step.code,
          platformMessage: step.message,
        },
      };
    case "park":
      return {
        do: "end",
        ending: {
          ...end(claim, "FAILED"),
          ...sent,
          nextAttemptAt: step.until,
          parkedCode: step.code,
          failureCode: step.code,
          platformMessage: step.message,
        },
      };
    case "stopStore":
      // The gate closes with this: the listing is held back and catches up when the store is connected again.
      return {
        do: "end",
        ending: { ...end(claim, "FAILED"), ...sent, held: true, failureCode: step.code, platformMessage: step.message },
      };
    case "conflict":
      return afterConflict(sending, step.observedQuantity, step.backOffUntil, sent);
  }
}

/** When to send it once more although the store has accepted it; null where that is the last word. */
function recheckAt({ settleAgain, claim }: Sending, now: Date, mayWriteLate: boolean): Date | null {
  if (settleAgain) return new Date(now.getTime() + SETTLE_AGAIN_MS);
  return claim.uncertain && mayWriteLate ? new Date(now.getTime() + LATE_WRITE_MS) : null;
}

function afterConflict(
  sending: Sending,
  seen: number | null,
  backOffUntil: Date,
  sent: { readonly quantitySent: number; readonly durationMs: number },
): AfterSend {
  const { claim, own } = sending;
  const lostRaces = sending.lostRaces + 1;
  if (seen === null || lostRaces >= MAX_LOST_RACES)
    return {
      do: "end",
      ending: {
        ...end(claim, "CONFLICT"),
        ...sent,
        settled: false,
        attempts: claim.attempts + 1,
        // The next try starts a new series.
        conflicts: 0,
        nextAttemptAt: backOffUntil,
        observedQuantity: seen,
        failureCode: "CONFLICT",
        platformMessage: "The store's quantity changed each time before it could be set.",
      },
    };
  const { quantity, settleAgain } = resolveConflict({ own, acked: claim.lastSyncedQuantity, seen });
  return {
    do: "sendAgain",
    sending: { claim, own, lostRaces, seen, settleAgain, change: changeOf(claim, quantity, seen) },
  };
}

/** The same for the same lines, so that a repeated call acts once: listing, revision, quantity and expectation of each. */
export function idempotencyKeyOf(call: Call): string {
  const lines = call.changes.map((change) =>
    [change.listingId, change.revision, change.quantity, change.expectedQuantity ?? ""].join(":"),
  );
  return createHash("sha256").update(lines.join("\n")).digest("hex").slice(0, 32);
}
