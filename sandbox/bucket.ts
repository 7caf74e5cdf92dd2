/** A leaky bucket of points that fills again while time passes. */
export class Bucket {
  #points: number;
  #at = performance.now();

  /** Full at first. `restoreRate` in points per second; Infinity: never empty. */
  constructor(
    readonly size: number,
    readonly restoreRate: number,
  ) {
    this.#points = size;
  }

  get points(): number {
    const now = performance.now();
    // Infinity × 0 ms would be no number.
    const restored = this.restoreRate === Infinity ? this.size : (this.restoreRate * (now - this.#at)) / 1_000;
    this.#points = Math.min(this.size, this.#points + restored);
    this.#at = now;
    return this.#points;
  }

  /** False, and takes nothing, where there are not as many. */
  take(points: number): boolean {
    if (points > this.points) return false;
    this.#points -= points;
    return true;
  }

  giveBack(points: number): void {
    this.#points = Math.min(this.size, this.points + points);
  }
}
