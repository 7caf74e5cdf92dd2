/** Pages of outcomes. Their cursors are the feed's own, so that a page's end can be handed to the subscription. */
import type { Connection } from "../schema/connection.type.js";
import type { OutcomeFilter } from "../schema/filters.input.js";
import { OUTCOME_COLUMNS, type OutcomeRow } from "../sync/outcome-feed.js";
import { sql } from "../sync/sql.js";
import { uuidOf } from "../terms.js";
import { badInput } from "./bad-input.js";
import type { Context } from "./context.js";
import { type OutcomeView, outcomeView } from "./outcome-view.js";
import { type PageArgs, pageOf } from "./pages.js";
import { uuidsOf } from "./targets.js";

export interface OutcomeQuery {
  readonly customerId: string;
  /** Further conditions over `outcome o`, each with its parameters numbered from `$next`. */
  readonly where?: (param: (value: unknown) => string) => readonly string[];
  readonly newestFirst: boolean;
}

export async function outcomePage(ctx: Context, query: OutcomeQuery, args: PageArgs): Promise<Connection<OutcomeView>> {
  const page = pageOf(args);
  const params: unknown[] = [];
  const param = (value: unknown): string => `$${String(params.push(value))}`;
  const conditions = [`o.customer_id = ${param(query.customerId)}`, ...(query.where?.(param) ?? [])];
  for (const name of ["after", "before"] as const) {
    const cursor = args[name];
    if (cursor == null) continue;
    const isLater = (name === "after") !== query.newestFirst;
    conditions.push(`o.seq ${isLater ? ">" : "<"} ${param(sequenceOf(name, cursor))}`);
  }
  const descending = query.newestFirst !== page.backwards;
  const found = await sql<OutcomeRow>(
    ctx.loaders.atOnce,
    `select ${OUTCOME_COLUMNS} from outcome o where ${conditions.join(" and ")}
      order by o.seq ${descending ? "desc" : "asc"} limit ${String(page.size + 1)}`,
    params,
  );
  const rows = found.slice(0, page.size);
  if (page.backwards) rows.reverse();
  const nodes = rows.map(outcomeView);
  const hasMore = found.length > page.size;
  return {
    nodes,
    edges: nodes.map((node) => ({ cursor: node.cursor, node })),
    pageInfo: {
      hasNextPage: page.backwards ? args.before != null : hasMore,
      hasPreviousPage: page.backwards ? hasMore : args.after != null,
      startCursor: nodes[0]?.cursor ?? null,
      endCursor: nodes.at(-1)?.cursor ?? null,
    },
  };
}

function sequenceOf(argument: string, cursor: string): number {
  if (!/^\d{1,15}$/.test(cursor)) throw badInput(argument, "is not a cursor of the feed");
  return Number(cursor);
}

/** What the filter asks, over `outcome o`. */
export function outcomeConditions(filter: OutcomeFilter): (param: (value: unknown) => string) => string[] {
  return (param) => {
    const conditions: string[] = [];
    if (filter.storeIds != null)
      conditions.push(`o.store_id = any(${param(uuidsOf("store", filter.storeIds))}::uuid[])`);
    if (filter.itemIds != null) conditions.push(`o.item_id = any(${param(uuidsOf("item", filter.itemIds))}::uuid[])`);
    if (filter.operationId != null) {
      const operation = param(uuidOf("operation", filter.operationId));
      conditions.push(
        // With the customer: numbers count each customer's own feed, and the operation may be another's.
        `(o.customer_id, o.seq) in (select customer_id, outcome_seq from operation_listing where operation_id = ${operation}::uuid and outcome_seq is not null)`,
      );
    }
    if (filter.status != null) conditions.push(`o.status = any(${param(filter.status)}::text[])`);
    if (filter.trigger != null) conditions.push(`o.trigger = any(${param(filter.trigger)}::text[])`);
    return conditions;
  };
}

/** The same of one outcome that is at hand. An operation's outcomes are those that name it. */
export function outcomeFits(filter: OutcomeFilter | null | undefined): (row: OutcomeRow) => boolean {
  if (filter == null) return () => true;
  const stores = filter.storeIds == null ? null : new Set(uuidsOf("store", filter.storeIds));
  const items = filter.itemIds == null ? null : new Set(uuidsOf("item", filter.itemIds));
  const operation = filter.operationId == null ? null : uuidOf("operation", filter.operationId);
  return (row) =>
    (stores === null || stores.has(row.storeId)) &&
    (items === null || items.has(row.itemId)) &&
    (filter.operationId == null || row.operationId === operation) &&
    (filter.status == null || filter.status.includes(row.status)) &&
    (filter.trigger == null || filter.trigger.includes(row.trigger));
}
