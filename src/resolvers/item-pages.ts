import type { ItemEntity } from "../entities/item.entity.js";
import type { CountedConnection } from "../schema/connection.type.js";
import { ItemOrderField, OrderDirection } from "../schema/enums.js";
import type { ItemFilter, ItemOrder } from "../schema/filters.input.js";
import { itemFilterSql } from "../sync/item-filter.js";
import { badInput } from "./bad-input.js";
import type { Context } from "./context.js";
import { loadAll } from "./loaders.js";
import { countRows, type PageArgs, readPage, type SortColumn } from "./pages.js";
import { filterValues } from "./targets.js";

const COLUMN: Readonly<Record<ItemOrderField, SortColumn>> = {
  SKU: { expression: "i.sku", type: "text" },
  TITLE: { expression: "i.title", type: "text" },
  AVAILABLE: { expression: "i.available", type: "integer" },
  UPDATED_AT: { expression: "i.updated_at", type: "timestamptz" },
};

/** The customer's items that fit the filter. The viewer may see the customer: the caller has checked it. */
export async function itemPage(
  ctx: Context,
  customerId: string,
  wanted: { readonly filter: ItemFilter | null | undefined; readonly orderBy: ItemOrder | null | undefined },
  args: PageArgs,
): Promise<CountedConnection<ItemEntity>> {
  checkFilter(wanted.filter);
  const params: unknown[] = [];
  const from = `from own_item i where ${itemFilterSql(customerId, filterValues(wanted.filter), params)}`;
  const query = {
    columns: "i.id",
    from,
    params,
    order: [COLUMN[wanted.orderBy?.field ?? ItemOrderField.SKU], { expression: "i.id", type: "uuid" as const }],
    direction: wanted.orderBy?.direction ?? OrderDirection.ASC,
  };
  const page = await readPage<{ id: string }, ItemEntity>(ctx.loaders.atOnce, query, args, (rows) =>
    loadAll(ctx.loaders.item, rows),
  );
  return { ...page, totalCount: () => countRows(ctx.db, query) };
}

const MOST_QUERY_CHARS = 500;
const MOST_SKUS = 10_000;

function checkFilter(filter: ItemFilter | null | undefined): void {
  if ((filter?.query?.length ?? 0) > MOST_QUERY_CHARS)
    throw badInput("filter.query", `must have at most ${String(MOST_QUERY_CHARS)} characters`);
  if ((filter?.skus?.length ?? 0) > MOST_SKUS) throw badInput("filter.skus", `takes at most ${String(MOST_SKUS)}`);
}
