/** The pause of a loop that polls, and may be told that there is something to do at once. */
export class Waker {
  #woken = false;
  #endPause: (() => void) | null = null;

  /** Ends the pause, or the next one where none is on: what is told during work is not lost. */
  wake(): void {
    this.#woken = true;
    this.#endPause?.();
  }

  /** Resolves when woken, after `ms`, or when the signal is aborted; leaves no timer or listener behind. One pause at a time. */
  async pause(ms: number, signal: AbortSignal): Promise<void> {
    if (!this.#woken && !signal.aborted)
      await new Promise<void>((resolve) => {
        const end = (): void => {
          clearTimeout(timer);
          signal.removeEventListener("abort", end);
          this.#endPause = null;
          resolve();
        };
        const timer = setTimeout(end, ms);
        signal.addEventListener("abort", end);
        this.#endPause = end;
      });
    this.#woken = false;
  }
}
