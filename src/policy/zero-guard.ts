/** Drops to zero count together while they lie within this time. */
export const ZERO_GUARD_WINDOW_MS = 10 * 60_000;

/** So many listings may go to zero together whatever their share: a small store sells out too. */
const FREE_ZEROS = 20;

/**
 * Whether the drops to zero of one store look like a mistake rather than like sales, so that they must be held.
 *
 * Both count listings of one store, each once. `zeroing`: those that went from an acknowledged quantity above 0 to 0 within
 * the last ZERO_GUARD_WINDOW_MS, or would now. `positive`: those whose acknowledged quantity was above 0 as the window began,
 * which are those above 0 now and those that went to 0 within it; so it never counts fewer than `zeroing`. Drops that were
 * already sent stay in both, or a slow mass-zeroing would shrink the number it is measured by.
 */
export function tripsZeroGuard({
  zeroing,
  positive,
}: {
  readonly zeroing: number;
  readonly positive: number;
}): boolean {
  return zeroing > FREE_ZEROS && zeroing * 2 > positive;
}
