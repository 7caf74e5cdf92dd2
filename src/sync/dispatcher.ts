/**
 * ④–⑦ Drains one held store: claims what is due, decides, sends through the store's valve, settles each call by itself.
 *
 * A call's settling overlaps the next call's sending, and no more is claimed than can be sent now. A drain ends when nothing
 * is due, when other stores wait for the slot, when the platform asks to wait longer than a moment, or when the hold is lost.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { DataSource } from "typeorm";
import type { Log } from "../log.js";
import type { Call, LineResult, SendResult } from "../platforms/platform.js";
import { probeMs } from "../policy/next-step.js";
import type { ConnectionStatus } from "../terms.js";
import { type Claim, claimDue, nextDueAt, unclaim } from "./claim.js";
import type { DrainEnd, StoreHold } from "./queue/queue.js";
import { afterSend, type Decided, decideAll, idempotencyKeyOf, type Sending } from "./reconcile.js";
import { type Ending, settle } from "./settle.js";
import { sql } from "./sql.js";
import { type OpenStore, type StoreConnections, waitOf } from "./store-connections.js";
import { holdMassZeros, isDropToZero, underZeroGuard } from "./zero-guard.js";

/** Calls after which a drain lets waiting stores go first. */
const CALLS_BEFORE_YIELD = 3;
/** The store's row (credentials, status) is read anew after this. */
const MAX_DRAIN_MS = 5_000;
/** A longer wait for the platform's budget gives the slot back. */
const MAX_WAIT_IN_SLOT_MS = 1_000;
const MIN_CLAIM = 100;
const MARKED_MEANWHILE_MS = 20;
/** Where all that was due is on its way: how long calls may last before it is looked for more. */
const LOOK_AGAIN_MS = 200;

export interface DispatcherDeps {
  readonly dataSource: DataSource;
  readonly connections: StoreConnections;
  readonly log: Log;
  readonly random: () => number;
  /** Called after each commit that wrote outcomes. */
  onSettled(customerId: string, answered: boolean): void;
}

export class Dispatcher {
  constructor(private readonly deps: DispatcherDeps) {}

  async drain(hold: StoreHold): Promise<DrainEnd> {
    const store = await this.deps.connections.open(hold.storeId);
    if (!store) return { is: "drained" };
    return new Drain(this.deps, store, hold).run();
  }
}

class Drain {
  /** What this drain holds: claims that are being sent or settled. */
  readonly #busy = new Set<string>();
  readonly #active = new Set<Promise<void>>();
  readonly #startedAt = performance.now();
  #calls = 0;
  /** What the last claim has left: as it filled up, perhaps more; else nothing, or nothing that could be claimed. */
  #left: "more" | "nothing" | "locked" = "more";
  #end: DrainEnd | null = null;
  #bug: unknown = null;

  constructor(
    private readonly deps: DispatcherDeps,
    private readonly store: OpenStore,
    private readonly hold: StoreHold,
  ) {}

  async run(): Promise<DrainEnd> {
    while (this.#end === null) {
      if (!this.hold.mayStart() || this.#hasHadItsTurn()) this.#end = { is: "yielded" };
      else if (this.#left !== "more") await this.#waitForMore();
      else if (await this.#waitForBudget()) await this.#claimAndStart();
    }
    await Promise.all(this.#active);
    // eslint-disable-next-line @typescript-eslint/only-throw-error -- handed on as it was caught
    if (this.#bug !== null) throw this.#bug;
    // Where the process ends, another is next; and most often it is this one, also after its turn is over.
    const waitMs = waitOf(this.store, { byAnother: !this.hold.mayStart() });
    const isFirm = this.#end.is === "later" && this.#end.firm;
    return waitMs > 0 && !isFirm ? later(waitMs) : this.#end;
  }

  /** The store did not answer last time: one call finds out whether it is back. */
  get #isProbing(): boolean {
    return this.store.connectionStatus === "UNREACHABLE";
  }

  #hasHadItsTurn(): boolean {
    return (
      (this.#calls >= CALLS_BEFORE_YIELD && this.hold.shouldYield()) ||
      performance.now() - this.#startedAt > MAX_DRAIN_MS
    );
  }

  /** False where the wait is too long to keep the slot. */
  async #waitForBudget(): Promise<boolean> {
    const waitMs = this.store.nextCallAt - performance.now();
    if (waitMs <= 0) return true;
    if (waitMs > MAX_WAIT_IN_SLOT_MS) {
      this.#end = later(waitMs);
      return false;
    }
    await delay(waitMs, undefined, { signal: this.hold.alive }).catch(() => undefined);
    return this.hold.mayStart();
  }

  async #claimAndStart(): Promise<void> {
    const { connector } = this.store;
    const probing = this.#isProbing;
    const room = connector.pace.concurrency + 1 - this.#active.size;
    const limit = probing ? 1 : sizeOfClaim(connector.maxChangesPerCall, room);
    const claims = await claimDue(this.deps.dataSource, this.store.storeId, limit, [...this.#busy]);
    if (claims.length < limit) this.#left = claims.length > 0 ? "nothing" : "locked";
    if (claims.length === 0) return;
    const { endings, sendings } = await this.#decide(claims);
    if (endings.length > 0) this.#track(endings, () => this.#settle(endings));
    const byListing = new Map(sendings.map((sending) => [sending.claim.id, sending]));
    for (const call of connector.partition(sendings.map((sending) => sending.change))) {
      this.#calls += 1;
      const lines = call.changes.flatMap((change) => byListing.get(change.listingId) ?? []);
      this.#track(lines, () => this.#sendAndSettle(lines, call));
    }
    if (probing) await Promise.all(this.#active);
    while (this.#active.size > connector.pace.concurrency && this.#end === null) await Promise.race(this.#active);
  }

  /** Ends the drain when all has ended and nothing new is due. */
  async #waitForMore(): Promise<void> {
    if (this.#active.size > 0) {
      const looked = new AbortController();
      const soon = delay(LOOK_AGAIN_MS, "soon", { signal: looked.signal }).catch(() => "soon");
      // A slow call must not keep from the other slot what has come since.
      if ((await Promise.race([...this.#active, soon])) === "soon") this.#left = "more";
      looked.abort();
      return;
    }
    const at = await nextDueAt(this.deps.dataSource, this.store.storeId);
    if (at === null) this.#end = { is: "drained" };
    else if (at.getTime() > Date.now()) this.#end = { is: "later", at, firm: false };
    else if (this.#left === "nothing") this.#left = "more";
    // Being marked just now: that transaction's own wake comes after its commit.
    else this.#end = { is: "later", at: new Date(Date.now() + MARKED_MEANWHILE_MS), firm: false };
  }

  /** By the policy; where this would be a mass zeroing, the guard falls now and the zeros among these are held already. */
  async #decide(claims: readonly Claim[]): Promise<Decided> {
    const now = new Date();
    const decided = decideAll(claims, now);
    if (!decided.sendings.some(isDropToZero)) return decided;
    if (!(await holdMassZeros(this.deps.dataSource, this.store.storeId))) return decided;
    this.deps.log.warn({ storeId: this.store.storeId }, "mass-zero guard holds the store's zeros");
    return decideAll(claims.map(underZeroGuard(now)), now);
  }

  #track(about: readonly { readonly claim: { readonly id: string } }[], work: () => Promise<void>): void {
    for (const { claim } of about) this.#busy.add(claim.id);
    const running = work()
      .catch((error: unknown) => {
        this.#bug ??= error;
        this.#end ??= { is: "yielded" };
      })
      .finally(() => {
        this.#active.delete(running);
        for (const { claim } of about) this.#busy.delete(claim.id);
      });
    this.#active.add(running);
  }

  async #settle(endings: readonly Ending[]): Promise<void> {
    const { held, answered } = await settle(this.deps.dataSource, this.hold, this.store.customerId, endings);
    if (held) this.deps.onSettled(this.store.customerId, answered);
    else this.#end ??= { is: "yielded" };
  }

  /** Sends one call, and again what lost a race, until each line has its end or goes back. */
  async #sendAndSettle(lines: readonly Sending[], call: Call): Promise<void> {
    const endings: Ending[] = [];
    const givenBack: string[] = [];
    const rounds: { lines: readonly Sending[]; call: Call }[] = [{ lines, call }];
    for (const round of rounds) {
      const startedAt = performance.now();
      const result = await this.#send(round.call);
      if (result === null) {
        givenBack.push(...round.lines.map(({ claim }) => claim.id));
        continue;
      }
      await this.#heed(result.lines, result.nextCallInMs);
      const durationMs = Math.round(performance.now() - startedAt);
      const again: Sending[] = [];
      for (const [index, sending] of round.lines.entries()) {
        const line = result.lines[index];
        if (!line) throw new Error("A connector answers every line of a call.");
        const { mayWriteLate } = this.store.connector;
        const after = afterSend(sending, line, { durationMs, now: new Date(), random: this.deps.random, mayWriteLate });
        if (after.do === "end") endings.push(after.ending);
        else if (after.do === "sendAgain") again.push(after.sending);
        else {
          givenBack.push(sending.claim.id);
          this.#end ??= later(after.retryAfterMs);
        }
      }
      const byListing = new Map(again.map((sending) => [sending.claim.id, sending]));
      for (const next of this.store.connector.partition(again.map((sending) => sending.change)))
        rounds.push({ lines: next.changes.flatMap((change) => byListing.get(change.listingId) ?? []), call: next });
    }
    await this.#settle(endings);
    await unclaim(this.deps.dataSource, givenBack);
  }

  /** Null where the call never started: its claims go back untouched. */
  async #send(call: Call): Promise<SendResult | null> {
    return this.store.valve.add(async () => {
      // What another call has learned while this one waited for its turn holds for it too.
      if (!this.hold.mayStart() || this.#end?.is === "later") return null;
      const { callsBegan, connector } = this.store;
      callsBegan.push(performance.now());
      if (callsBegan.length > connector.pace.callsPerInterval) callsBegan.shift();
      return connector.send(call, {
        idempotencyKey: idempotencyKeyOf(call),
        signal: this.hold.alive,
      });
    });
  }

  /** What an answer says about the whole store: its budget, that it is down, that it has refused us. */
  async #heed(results: readonly LineResult[], nextCallInMs: number): Promise<void> {
    const { store } = this;
    store.nextCallAt = performance.now() + nextCallInMs;
    const gone = results.some((result) => result.kind === "gone");
    const refused = results.some((result) => result.kind === "rejected" && result.code === "CREDENTIALS_INVALID");
    const down = results.some((result) => result.kind === "unavailable" && result.scope === "store");
    if (gone || refused) {
      await this.#becomes(gone ? "DISCONNECTED" : "CREDENTIALS_INVALID");
    } else if (down && !this.hold.alive.aborted) {
      store.failures += 1;
      this.#end = later(probeMs(store.failures, this.deps.random));
      await this.#becomes("UNREACHABLE");
    } else if (!down) {
      store.failures = 0;
      await this.#becomes("CONNECTED");
    }
  }

  async #becomes(status: ConnectionStatus): Promise<void> {
    if (this.store.connectionStatus === status) return;
    this.store.connectionStatus = status;
    // What a person has said (disconnected) or the platform (credentials) is only changed by connecting anew.
    const changed = await sql<{ customer_id: string }>(
      this.deps.dataSource,
      `update store set connection_status = $2 where id = $1 and connection_status not in ($2, 'DISCONNECTED', 'CREDENTIALS_INVALID')
       returning customer_id`,
      [this.store.storeId, status],
    );
    if (changed.length === 0) return;
    this.deps.log.warn({ storeId: this.store.storeId, status }, "store's connection changed");
    if (status === "CONNECTED") await this.#retryAtOnce();
  }

  /** The store answers again: what waits because of it need not wait longer. Whoever was refused waits on. */
  async #retryAtOnce(): Promise<void> {
    await sql(
      this.deps.dataSource,
      /* sql */ `
      with waiting as materialized (
        select id from listing where store_id = $1 and revision > synced_revision and next_attempt_at > now() and parked_code is null
         order by id for no key update skip locked
      )
      update listing l set next_attempt_at = null from waiting where l.id = waiting.id`,
      [this.store.storeId],
    );
  }
}

/**
 * What fits into one call: the next claim sees what has become urgent meanwhile. As many calls as there is room for only
 * where calls are so small that a claim for each would cost more than they do.
 */
function sizeOfClaim(maxChangesPerCall: number, room: number): number {
  return Math.max(maxChangesPerCall, Math.min(MIN_CLAIM, Math.max(1, room) * maxChangesPerCall));
}

function later(ms: number): DrainEnd {
  return { is: "later", at: new Date(Date.now() + ms), firm: true };
}
