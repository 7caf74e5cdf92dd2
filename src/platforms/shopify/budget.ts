import type { QueryCost } from "./wire.js";

/** A call that was announced and has no answer yet. */
interface Reservation {
  readonly points: number;
  /** How many answers had come by then. */
  readonly answersBefore: number;
}

/**
 * What is known of a store's cost bucket: what the newest answer said, what has been restored since, and what calls under
 * way will take. Of those the answer may have counted some already; they are counted again, so that calls side by side are
 * not refused. The price is a few points that stay in the bucket, not its rate.
 */
export class Budget {
  readonly #underWay = new Set<Reservation>();
  #known: { readonly points: number; readonly at: number; readonly perMs: number; readonly most: number } | null = null;
  #answers = 0;

  /** How long until a call of so many points, beside all that are announced, can be paid; 0 where nothing is known. */
  waitMs(points: number): number {
    if (this.#known === null) return 0;
    let free = this.#estimate(this.#known);
    for (const announced of this.#underWay) free -= announced.points;
    return Math.max(0, Math.ceil((points - free) / this.#known.perMs));
  }

  /** Announces a call; `settle` ends it. */
  reserve(points: number): Reservation {
    const reservation = { points, answersBefore: this.#answers };
    this.#underWay.add(reservation);
    return reservation;
  }

  /** Ends a call with what its answer told of the bucket, if anything. */
  settle(reservation: Reservation, cost: QueryCost | undefined): void {
    this.#underWay.delete(reservation);
    if (!cost) return;
    const { currentlyAvailable, maximumAvailable, restoreRate } = cost.throttleStatus;
    // Where another answer overtook this one, the shop may have given this one first: the smaller figure is the safe one.
    const overtaken = this.#answers > reservation.answersBefore;
    const most = overtaken && this.#known !== null ? this.#estimate(this.#known) : Infinity;
    this.#answers += 1;
    this.#known = {
      points: Math.min(currentlyAvailable, most),
      at: performance.now(),
      perMs: restoreRate / 1_000,
      most: maximumAvailable,
    };
  }

  #estimate(known: {
    readonly points: number;
    readonly at: number;
    readonly perMs: number;
    readonly most: number;
  }): number {
    return Math.min(known.most, known.points + (performance.now() - known.at) * known.perMs);
  }
}
