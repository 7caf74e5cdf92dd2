/** What was started, to be stopped in the opposite order; outermost first. */
export class Stops {
  readonly #stops: (() => Promise<unknown>)[] = [];
  #stopping: Promise<void> | null = null;

  add(stop: () => Promise<unknown>): void {
    this.#stops.push(stop);
  }

  /** Each once, one after another, also where one fails; then throws what failed. Repeating it waits for the first. */
  all(): Promise<void> {
    this.#stopping ??= this.#run();
    return this.#stopping;
  }

  async #run(): Promise<void> {
    const failures: unknown[] = [];
    for (const stop of this.#stops.reverse()) await stop().catch((error: unknown) => failures.push(error));
    if (failures.length > 0) throw new AggregateError(failures, "Not everything could be stopped.");
  }
}
