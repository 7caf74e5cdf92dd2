/** How long to wait for the orders behind an unheard sale to reach us, before our own quantity is sent after all. */
export const SETTLE_AGAIN_MS = 5 * 60_000;

/** So many lost compare-and-set races in a row end CONFLICT and back off. */
export const MAX_LOST_RACES = 3;

/**
 * What to send where the store says something else than it last acknowledged, so that a sale we have not heard of is never
 * overwritten upwards: what it sold is taken off, what came in at our side since is added. `settleAgain` where that is not
 * our own quantity: the listing is marked again after SETTLE_AGAIN_MS.
 *
 * `own` is our publishable quantity, `acked` the last acknowledged one, `seen` what the store says, which may be negative.
 * `acked` null: the store never was told anything, so its number counts nothing of ours and shows no sale; `own` is sent.
 * The answer is in 0 … `own`.
 */
export function resolveConflict({
  own,
  acked,
  seen,
}: {
  readonly own: number;
  readonly acked: number | null;
  readonly seen: number;
}): { readonly quantity: number; readonly settleAgain: boolean } {
  if (acked === null || seen >= acked) return { quantity: own, settleAgain: false };
  const quantity = Math.max(0, Math.min(own, seen + Math.max(0, own - acked)));
  return { quantity, settleAgain: quantity !== own };
}
