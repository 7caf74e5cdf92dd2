import type { LineResult } from "../platforms/platform.js";
import type { FailureCode } from "../terms.js";

/** A refused listing waits so long before a newer change is tried (design §3). */
const PARK_MS = 60 * 60_000;

const BACKOFF_BASE_MS = 1_000;
const BACKOFF_CAP_MS = 5 * 60_000;
/** Jitter may come out as nothing at all; a failure is never repeated in the same breath. */
const BACKOFF_LEAST_MS = 100;

/** What to do with a listing after its change was sent. */
export type NextStep =
  /** The store has it: settle at the revision that was read. */
  | { readonly do: "settle" }
  /** A counted failure that may heal: again at `at`, for ever. */
  | {
      readonly do: "retry";
      readonly at: Date;
      readonly code: FailureCode;
      readonly message: string;
    }
  /** Not counted: the store asked to wait so long, 0 or more. */
  | { readonly do: "defer"; readonly retryAfterMs: number }
  /**
   * Compare-and-set lost: decide anew (`resolveConflict`) from what the store said, null where it would not say. Where
   * MAX_LOST_RACES were lost in a row it ends CONFLICT and waits until `backOffUntil`.
   */
  | {
      readonly do: "conflict";
      readonly observedQuantity: number | null;
      readonly backOffUntil: Date;
    }
  /** A refusal that will not heal: FAILED. A newer change is tried once, not before `until`. */
  | {
      readonly do: "park";
      readonly until: Date;
      readonly code: FailureCode;
      readonly message: string;
    }
  /** Nothing more can be sent to this store until a person connects it again: its gate closes, its listings are held. */
  | {
      readonly do: "stopStore";
      readonly status: "CREDENTIALS_INVALID" | "DISCONNECTED";
      readonly code: FailureCode;
      readonly message: string;
    };

/**
 * The step that answers a line's result. `attempts` counts the failures in a row before this one; `random` answers in [0, 1).
 *
 * "Accepted, not applied yet" settles as well: the platform has taken the quantity and would be asked for nothing else by a
 * repetition; if it loses it after all, the read-back finds the difference and reports it as drift.
 */
export function nextStep(result: LineResult, attempts: number, now: Date, random: () => number): NextStep {
  switch (result.kind) {
    case "accepted":
      return { do: "settle" };
    case "throttled":
      return { do: "defer", retryAfterMs: Math.max(0, result.retryAfterMs) };
    case "conflict":
      return {
        do: "conflict",
        observedQuantity: result.observedQuantity,
        backOffUntil: addMs(now, backoffMs(attempts, random)),
      };
    case "unavailable":
      return {
        do: "retry",
        at: addMs(now, backoffMs(attempts, random)),
        code: result.code,
        message: result.message,
      };
    case "rejected":
      return result.code === "CREDENTIALS_INVALID"
        ? {
            do: "stopStore",
            status: "CREDENTIALS_INVALID",
            code: result.code,
            message: result.message,
          }
        : {
            do: "park",
            until: addMs(now, PARK_MS),
            code: result.code,
            message: result.message,
          };
    case "gone":
      // The contract's codes have no word for a store that is no more; this is the nearest.
      return {
        do: "stopStore",
        status: "DISCONNECTED",
        code: "PLATFORM_UNAVAILABLE",
        message: result.message,
      };
  }
}

/**
 * Full jitter: a wait in [0, min(5 min, 1 s · 2^attempt)), but at least 100 ms, in whole milliseconds, so that what failed
 * together does not come back together. `attempt` counts from 0, the first failure.
 */
export function backoffMs(attempt: number, random: () => number): number {
  const ceiling = Math.min(BACKOFF_CAP_MS, BACKOFF_BASE_MS * 2 ** attempt);
  return Math.max(BACKOFF_LEAST_MS, Math.floor(random() * ceiling));
}

/** A store that does not answer is asked at least so often, so that its backlog starts soon after it is back. */
const PROBE_CAP_MS = 30_000;

/**
 * When to ask a store again that did not answer `failures` times in a row (1 or more): a wait in whole milliseconds that
 * doubles from 1 s to 30 s, of which half is random, so that stores that went down together are not asked together.
 */
export function probeMs(failures: number, random: () => number): number {
  const ceiling = Math.min(PROBE_CAP_MS, BACKOFF_BASE_MS * 2 ** (failures - 1));
  return Math.floor((ceiling * (1 + random())) / 2);
}

function addMs(at: Date, ms: number): Date {
  return new Date(at.getTime() + ms);
}
