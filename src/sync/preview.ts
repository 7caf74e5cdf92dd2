/**
 * What a bulk action would do: every selected listing's gates as they are and as they would be, by the same SQL that filters and
 * operations use. Nothing is changed, and nothing is kept.
 */
import type { SkipReason, SyncSettingMode } from "../terms.js";
import { type ItemSelection, selectedItems } from "./operations.js";
import { type Queryable, sql } from "./sql.js";

/** The action, as far as it changes what the gates say. */
export interface PreviewedAction {
  readonly customerId: string;
  readonly selection: ItemSelection;
  /** Only these stores; all where null. */
  readonly storeIds: readonly string[] | null;
  /** What the items would say from now on; null where the action sets nothing. */
  readonly mode: SyncSettingMode | null;
  readonly liftNeverReceived: boolean;
}

export interface SyncPreview {
  readonly matchedItems: number;
  readonly matchedListings: number;
  readonly willSync: number;
  readonly willSkip: number;
  /** By how many, the most first. */
  readonly skips: readonly { readonly reason: SkipReason; readonly count: number }[];
  readonly wouldStart: number;
  readonly wouldStop: number;
}

/** Throws as the action itself would for its selection. */
export async function readPreview(db: Queryable, action: PreviewedAction): Promise<SyncPreview> {
  const params: unknown[] = [];
  const chosen = await selectedItems(db, action.customerId, action.selection, params);
  const [preview] = await sql<SyncPreview>(
    db,
    /* sql */ `
    with chosen as materialized (${chosen}), listed as materialized (
      ${listedSql(action, params)}
    )
    select (select count(*) from chosen) as "matchedItems", count(*) as "matchedListings",
           count(*) filter (where cardinality(skips_then) = 0) as "willSync",
           count(*) filter (where cardinality(skips_then) > 0) as "willSkip",
           count(*) filter (where cardinality(skips_now) > 0 and cardinality(skips_then) = 0) as "wouldStart",
           count(*) filter (where cardinality(skips_now) = 0 and cardinality(skips_then) > 0) as "wouldStop",
           coalesce((select json_agg(json_build_object('reason', reason, 'count', count) order by count desc, reason)
                       from (select reason, count(*) as count from listed cross join unnest(skips_then) reason group by reason) r),
                    '[]') as skips
      from listed`,
    params,
  );
  if (!preview) throw new Error("An aggregate has one row.");
  return preview;
}

/**
 * `from … where …` over `listing l`: the listings whose store would go from a positive quantity to 0. Appends its values to
 * `params`.
 */
export async function wouldZeroSql(db: Queryable, action: PreviewedAction, params: unknown[]): Promise<string> {
  const chosen = await selectedItems(db, action.customerId, action.selection, params);
  return /* sql */ `from listing l where l.id in (
    with chosen as materialized (${chosen})
    select id from (${listedSql(action, params)}) listed
     where quantity = 0 and last_synced_quantity > 0 and cardinality(skips_then) = 0)`;
}

/** Of the items in `chosen`: each listing with the gates that fail now, and those that would. */
function listedSql({ storeIds, mode, liftNeverReceived }: PreviewedAction, params: unknown[]): string {
  const $ = (value: unknown): string => `$${String(params.push(value))}`;
  const now = "setting_in_force(i.sync_mode, i.sync_expires_at, i.sync_revert_mode)";
  return /* sql */ `
    select l.id, q.quantity, l.last_synced_quantity, g.skips_now, g.skips_then
      from chosen
      join item i on i.id = chosen.id
      join listing l on l.item_id = i.id and l.customer_id = i.customer_id
      join store s on s.id = l.store_id and s.customer_id = l.customer_id
      join customer c on c.id = l.customer_id
      cross join lateral (
        select stock.quantity, stock.inbound,
               mode_in_force(own.mode, ${now}, c.sync_mode) as mode_now,
               mode_in_force(own.mode, ${mode === null ? now : `${$(mode)}::text`}, c.sync_mode) as mode_then
          from stock_in_store(s, i) stock, (select setting_in_force(l.sync_mode, l.sync_expires_at, l.sync_revert_mode) as mode) own
        offset 0
      ) q
      cross join lateral (
        select failed_gates(l, i, s, q.mode_now, q.quantity, q.inbound, false) as skips_now,
               failed_gates(l, i, s, q.mode_then, q.quantity, q.inbound, ${$(liftNeverReceived)}::boolean) as skips_then
        offset 0
      ) g
     where ${storeIds === null ? "true" : `l.store_id = any(${$(storeIds)}::uuid[])`}`;
}
