/**
 * ③ The seam between the engine and what hands out stores (design §4). A store is worked by one holder at a time; whoever
 * stands behind this must keep that promise through crashes, and must never lose a wake that was committed.
 */
import type { Tx } from "../sql.js";

/** What a drain tells the queue when it gives the store back. */
export type DrainEnd =
  /** Nothing is due: forget the store until it is woken. */
  | { readonly is: "drained" }
  /** More is due at once: back to the end of the line, so that other stores get their turn. */
  | { readonly is: "yielded" }
  /** The next work is due at this time. `firm`: not sooner, whatever is woken meanwhile (the platform asked to wait). */
  | { readonly is: "later"; readonly at: Date; readonly firm: boolean };

export interface StoreHold {
  readonly storeId: string;
  /** Grows with every hand-over of any store. What settles must prove that it is still the store's. */
  readonly token: number;
  /** Aborted as soon as this process knows that it no longer holds the store: what is in flight is abandoned. */
  readonly alive: AbortSignal;
  /**
   * Whether a call may start now. False once the lease may have ended, by this machine's monotonic clock: a process that was
   * frozen finds out here before its timers run.
   */
  mayStart(): boolean;
  /** Whether other stores may be waiting for this one's slot. */
  shouldYield(): boolean;
}

/** Drains one store for a while. A rejection is a bug or a broken machine: the store is tried again after a backoff. */
export type DrainHandler = (hold: StoreHold) => Promise<DrainEnd>;

export interface StoreQueue {
  /** Appends a wake for a store in the transaction of the change that caused it. Marks do this themselves in their statement. */
  wake(tx: Tx, storeId: string): Promise<void>;
  /** Starts working; call once. */
  run(handler: DrainHandler): void;
  /** A hint that a wake was committed just now, so that it need not wait for the next poll. Free to call often. */
  hint(): void;
  stats(): Promise<{ readonly queued: number; readonly held: number; readonly oldestDueAt: Date | null }>;
  /** Stops claiming, waits until what runs has ended (at most `graceMs`, then aborts it), and hands everything back. */
  close(graceMs: number): Promise<void>;
}
