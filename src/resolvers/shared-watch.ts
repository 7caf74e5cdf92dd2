/**
 * What is true now, and again whenever it has changed: for subscriptions to a state. All who watch the same share one look at
 * the database, however many they are; nobody looks where nobody watches. What changes twice between two looks is told once, and
 * who reads slowly gets the newest state only, so neither costs memory.
 */
import { EventEmitter, once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";

export interface SharedWatch<State> {
  /**
   * The states of `key`, the present one at once, until the signal is aborted or there is no such thing (any more). Goes on
   * through a restart of the database.
   */
  watch(key: string, signal: AbortSignal): AsyncGenerator<State, undefined>;
}

/** A look that takes long is taken less often: at most this share of the time goes into it. */
const MOST_BUSY = 0.2;

/** `read` is asked at most once in `everyMs` for each key that is watched; null: there is no such thing. */
export function sharedWatch<State>(read: (key: string) => Promise<State | null>, everyMs: number): SharedWatch<State> {
  const watched = new Map<string, Watched<State>>();
  return {
    async *watch(key, signal) {
      const one = watched.get(key) ?? new Watched(() => read(key), everyMs);
      watched.set(key, one);
      try {
        yield* one.states(signal);
      } finally {
        if (!one.isWatched) watched.delete(key);
      }
      return undefined;
    },
  };
}

class Watched<State> {
  readonly #news = new EventEmitter<{ news: [] }>().setMaxListeners(0);
  #watchers = 0;
  #ended: AbortController | null = null;
  /** Counts the states that differed from the one before; 0 until the first was read. */
  #version = 0;
  #state: State | null = null;

  constructor(
    private readonly read: () => Promise<State | null>,
    private readonly everyMs: number,
  ) {}

  get isWatched(): boolean {
    return this.#watchers > 0;
  }

  async *states(signal: AbortSignal): AsyncGenerator<State, undefined> {
    this.#watchers += 1;
    this.#ended ??= this.#begin();
    try {
      let seen = 0;
      while (!signal.aborted) {
        if (this.#version === seen) {
          // Ends early where the signal is aborted.
          await once(this.#news, "news", { signal }).catch(() => undefined);
          continue;
        }
        // Noted before it is handed out: what comes while the reader holds us is news to it.
        seen = this.#version;
        if (this.#state === null) break;
        yield this.#state;
      }
    } finally {
      this.#watchers -= 1;
      if (!this.isWatched) this.#ended.abort();
    }
    return undefined;
  }

  #begin(): AbortController {
    const ended = new AbortController();
    void this.#lookUntil(ended.signal);
    return ended;
  }

  async #lookUntil(ended: AbortSignal): Promise<void> {
    let told: string | null = null;
    while (!ended.aborted) {
      const beganAt = performance.now();
      // A look that fails is no news: the database is away, and a later look finds it back.
      const state = await this.read().catch(() => undefined);
      const text: string | null = state === undefined ? told : JSON.stringify(state);
      if (state !== undefined && text !== told) {
        told = text;
        this.#state = state;
        this.#version += 1;
        this.#news.emit("news");
      }
      const tookMs = performance.now() - beganAt;
      const restMs = Math.max(this.everyMs - tookMs, tookMs / MOST_BUSY - tookMs);
      await delay(restMs, undefined, { signal: ended }).catch(() => undefined);
    }
  }
}
