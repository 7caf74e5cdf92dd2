/** Awaits that a chaos run has come to rest, and reads the end: from the database, the API, the shops and their subscribers. */
import { uuidOf } from "../../src/terms.js";
import { type Api, listingsOf } from "../support/merchant.js";
import type { Subscriber } from "../support/subscriber.js";
import { until } from "../support/until.js";
import type { Feed, FinalListing, FinalState, ShopWrite } from "./history.js";
import { rowsOf, type Stage } from "./stage.js";
import type { Trader } from "./trader.js";

/** A retry's longest wait is five minutes. */
const REST_MS = 330_000;
const FEED_MS = 30_000;

const WAITING = `
  select (select count(*)::int from listing where revision > synced_revision) as "due listings",
         (select count(*)::int from listing where in_flight_since is not null) as "listings in flight",
         (select count(*)::int from listing where recheck_at is not null) as "rechecks",
         (select count(*)::int from listing where parked_code is not null) as "parked listings",
         (select count(*)::int from wake) as "wakes",
         (select count(*)::int from store_queue) as "queued stores",
         (select count(*)::int from mark_task) as "mark tasks",
         (select count(*)::int from operation where status in ('QUEUED', 'RUNNING')) as "open operations",
         (select count(*)::int from operation_listing where status is null) as "unanswered listings of operations"`;

/**
 * Resolves when nothing waits any more, or when that has not come in time: the end tells what waits. Rechecks are taken to be
 * due at once, as they would be a minute or five later; answers how many there were.
 */
export async function rest(stage: Stage): Promise<number> {
  let hastened = 0;
  const isAtRest = async (): Promise<boolean> => {
    const moved = await rowsOf(stage, "update listing set recheck_at = now() where recheck_at > now() returning id");
    hastened += moved.length;
    return Object.values(await waiting(stage)).every((count) => count === 0);
  };
  await until(isAtRest, { withinMs: REST_MS, everyMs: 200 }).catch(() => undefined);
  return hastened;
}

async function waiting(stage: Stage): Promise<Readonly<Record<string, number>>> {
  const [row] = await rowsOf<Record<string, number>>(stage, WAITING);
  return row ?? {};
}

export async function finalState(stage: Stage, api: Api, traders: readonly Trader[]): Promise<FinalState> {
  const listings: FinalListing[] = [];
  for (const trader of traders)
    for (const { name, shop } of trader.customer.shops)
      for (const { item, state, effectiveSync } of await listingsOf(api, trader.storeId(name))) {
        const { publishableQuantity: publishable } = effectiveSync;
        listings.push({ store: name, sku: item.sku, state, publishable, atShop: shop.quantityOf(item.sku) });
      }
  return {
    listings,
    waiting: await waiting(stage),
    // An item's changes follow one another, so the times at which their transactions began are in the order of the commits.
    movements: await rowsOf(
      stage,
      `select i.sku, m.reference, m.on_hand_delta as "onHand", m.committed_delta as committed
         from inventory_movement m join item i on i.id = m.item_id order by m.created_at, m.id`,
    ),
    operations: await rowsOf(stage, "select id, status from operation order by id"),
    closed: await rowsOf(
      stage,
      `select sku, null as store from item where sync_mode = 'NEVER'
       union all select i.sku, s.name from listing l join item i on i.id = l.item_id join store s on s.id = l.store_id
                  where l.sync_mode = 'NEVER'
       union all select null, name from store where not sync_enabled`,
    ),
  };
}

/** As the database names them. */
export const operationIds = (acknowledged: readonly string[]): readonly string[] =>
  acknowledged.map((id) => uuidOf("operation", id) ?? id);

export function writesOf(stage: Stage): readonly ShopWrite[] {
  return stage.customers.flatMap(({ shops }) =>
    shops.flatMap(({ name, shop, skuOf }) =>
      shop.calls.flatMap(({ lines, receivedMs, answeredMs }) =>
        lines.map(({ externalId, before, after, applied }) => {
          const sku = skuOf.get(externalId) ?? externalId;
          return { store: name, sku, receivedMs, answeredMs, before, after, applied };
        }),
      ),
    ),
  );
}

export interface Follower {
  readonly name: string;
  readonly trader: Trader;
  readonly subscriber: Subscriber;
}

/** What each has seen, once all have seen all or the time for that is over. */
export async function feedsOf(stage: Stage, followers: readonly Follower[]): Promise<readonly Feed[]> {
  const rows = await rowsOf<{ id: string; name: string; last: number }>(
    stage,
    "select c.id, c.name, f.last_seq::int as last from feed f join customer c on c.id = f.customer_id",
  );
  const feeds: Feed[] = [];
  for (const { name: customer, last } of rows) {
    const own = followers.filter(({ trader }) => trader.customer.name === customer);
    await until(() => own.every(({ subscriber }) => subscriber.seen.length >= last), { withinMs: FEED_MS }).catch(
      () => undefined,
    );
    const subscribers = own.map(({ name, subscriber: { seen, errors } }) => ({
      name,
      cursors: seen.map(({ cursor }) => cursor),
      errors,
    }));
    feeds.push({ customer, last, subscribers });
  }
  return feeds;
}
