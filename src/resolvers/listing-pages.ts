import type { ListingEntity } from "../entities/listing.entity.js";
import type { CountedConnection } from "../schema/connection.type.js";
import type { ListingFilter } from "../schema/filters.input.js";
import type { Context } from "./context.js";
import { loadAll } from "./loaders.js";
import { countRows, type PageArgs, readPage } from "./pages.js";

/** The listings of an item or a store that the viewer may see. */
export function listingPage(
  ctx: Context,
  of: { readonly itemId: string } | { readonly storeId: string },
  filter: ListingFilter | null | undefined,
  args: PageArgs,
): Promise<CountedConnection<ListingEntity>> {
  const params: unknown[] = ["itemId" in of ? of.itemId : of.storeId];
  const conditions = ["itemId" in of ? "l.item_id = $1" : "l.store_id = $1"];
  const param = (value: unknown): string => `$${String(params.push(value))}`;
  if (filter?.states != null) conditions.push(`listing_state(l) = any(${param(filter.states)}::text[])`);
  if (filter?.active != null) conditions.push(`l.active = ${param(filter.active)}::boolean`);
  if (filter?.skipReason != null)
    conditions.push(
      `exists (select from listing_effective e where e.listing_id = l.id and e.skips && ${param(filter.skipReason)}::text[])`,
    );
  return listingsOf(ctx, `from listing l where ${conditions.join(" and ")}`, params, args);
}

/** The listings of `from listing l where …`. */
export async function listingsOf(
  ctx: Context,
  from: string,
  params: readonly unknown[],
  args: PageArgs,
): Promise<CountedConnection<ListingEntity>> {
  const query = {
    columns: "l.id",
    from,
    params,
    order: [{ expression: "l.id", type: "uuid" as const }],
    direction: "ASC" as const,
  };
  const page = await readPage<{ id: string }, ListingEntity>(ctx.loaders.atOnce, query, args, (rows) =>
    loadAll(ctx.loaders.listing, rows),
  );
  return { ...page, totalCount: () => countRows(ctx.db, query) };
}
