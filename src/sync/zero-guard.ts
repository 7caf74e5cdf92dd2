/** The mass-zero guard in the engine: when it falls, what it holds, and what lets it go (design §2). */
import { tripsZeroGuard, ZERO_GUARD_WINDOW_MS } from "../policy/zero-guard.js";
import type { Claim } from "./claim.js";
import { markWidely } from "./mark-listings.js";
import type { Sending } from "./reconcile.js";
import { type Queryable, sql, type Tx } from "./sql.js";

/** Whether this would take a listing from an acknowledged quantity above 0 to 0. */
export function isDropToZero(sending: Sending): boolean {
  return sending.own === 0 && (sending.claim.lastSyncedQuantity ?? 0) > 0;
}

/** The claim as it is decided once the guard has fallen. */
export const underZeroGuard =
  (now: Date) =>
  (claim: Claim): Claim => ({
    ...claim,
    policy: { ...claim.policy, store: { ...claim.policy.store, zeroGuardSince: now } },
  });

/**
 * Called where a drop to zero is about to be sent: lets the guard fall where too many have been sent lately or wait to be.
 * Answers whether it holds now. For one window after a release nothing trips it: a person, or goods that came in, said so.
 */
export async function holdMassZeros(db: Queryable, storeId: string): Promise<boolean> {
  const window = ZERO_GUARD_WINDOW_MS;
  const [drops] = await sql<{ zeroed: number; waiting: number }>(
    db,
    /* sql */ `
    select (select count(*)::int from listing where store_id = $1 and zeroed_at > now() - $2 * interval '1 ms' and last_synced_quantity = 0) as zeroed,
           (select count(*)::int from listing where store_id = $1 and revision > synced_revision and urgency = 0
                                                and last_synced_quantity > 0) as waiting`,
    [storeId, window],
  );
  const { zeroed = 0, waiting = 0 } = drops ?? {};
  const zeroing = zeroed + waiting;
  // Most drops are few: whether they are more than half is only counted where they are many.
  if (!tripsZeroGuard({ zeroing, positive: zeroing })) return false;
  const [count] = await sql<{ positive: number }>(
    db,
    `select count(*)::int as positive from listing where store_id = $1 and last_synced_quantity > 0`,
    [storeId],
  );
  if (!tripsZeroGuard({ zeroing, positive: (count?.positive ?? 0) + zeroed })) return false;
  const held = await sql(
    db,
    `update store set zero_guard_since = coalesce(zero_guard_since, now())
      where id = $1 and (zero_guard_released_at is null or zero_guard_released_at <= now() - $2 * interval '1 ms') returning 1`,
    [storeId, window],
  );
  return held.length > 0;
}

/** Lets held zeros go, of one store or of all of a customer's. What was held catches up. Answers how many stores were held. */
export async function releaseZeroGuards(
  tx: Tx,
  of: { readonly customerId: string; readonly storeId?: string },
): Promise<number> {
  const released = await sql<{ id: string }>(
    tx,
    /* sql */ `
    with held as materialized (
      select id from store where customer_id = $1 and ($2::uuid is null or id = $2) and zero_guard_since is not null
       order by id for no key update
    )
    update store s set zero_guard_since = null, zero_guard_released_at = now() from held where s.id = held.id returning s.id`,
    [of.customerId, of.storeId ?? null],
  );
  for (const store of released)
    await markWidely(tx, { customerId: of.customerId, storeId: store.id, catchUpOnly: true, trigger: "CATCH_UP" });
  return released.length;
}
