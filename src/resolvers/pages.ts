/**
 * Keyset paging: a page begins where its cursor's row stands in the order, so it costs the same at any depth and stays right
 * while rows come and go. A cursor is opaque to clients: the row's sort values.
 */
import type { Connection } from "../schema/connection.type.js";
import { type Queryable, sql } from "../sync/sql.js";
import { badInput } from "./bad-input.js";

export interface PageArgs {
  readonly first?: number | null | undefined;
  readonly after?: string | null | undefined;
  readonly last?: number | null | undefined;
  readonly before?: string | null | undefined;
}

export const DEFAULT_PAGE = 50;
const MAX_PAGE = 250;

/** A sort key's column: its expression in SQL, and its type there. The last column of an order is unique. */
export interface SortColumn {
  readonly expression: string;
  readonly type: "uuid" | "text" | "integer" | "bigint" | "timestamptz";
}

export interface PagedQuery {
  /** Everything after `select <columns>`: from and where, with `params` as $1 … */
  readonly from: string;
  readonly params: readonly unknown[];
  readonly columns: string;
  readonly order: readonly SortColumn[];
  readonly direction: "ASC" | "DESC";
}

interface Page {
  readonly size: number;
  readonly backwards: boolean;
}

/** Throws BAD_USER_INPUT, naming the argument: `first` and `last` are 1 to 250 (50 where both are absent) and exclude each other. */
export function pageOf(args: PageArgs): Page {
  for (const name of ["first", "last"] as const) {
    const size = args[name];
    if (size != null && (size < 1 || size > MAX_PAGE)) throw badInput(name, `must be 1 to ${String(MAX_PAGE)}`);
  }
  if (args.first != null && args.last != null) throw badInput("last", "cannot be asked for together with first");
  return { size: args.first ?? args.last ?? DEFAULT_PAGE, backwards: args.last != null };
}

/** One page of rows as a connection of what `toNode` makes of them. One statement. */
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- names what the columns select, as with sql()
export async function readPage<Row extends object, Node>(
  db: Queryable,
  query: PagedQuery,
  args: PageArgs,
  toNode: (rows: readonly Row[]) => Promise<readonly Node[]>,
): Promise<Connection<Node>> {
  const page = pageOf(args);
  const params = [...query.params];
  const bounds = (["after", "before"] as const).flatMap((name) => {
    const cursor = args[name];
    if (cursor == null) return [];
    const values = decodeCursor(name, cursor, query.order);
    const isLater = (name === "after") === (query.direction === "ASC");
    const row = values.map((value, index) => `$${String(params.push(value))}::${query.order[index]?.type ?? "text"}`);
    return [
      `(${query.order.map((column) => column.expression).join(", ")}) ${isLater ? ">" : "<"} (${row.join(", ")})`,
    ];
  });
  const reversed = page.backwards !== (query.direction === "DESC");
  const order = query.order.map((column) => `${column.expression} ${reversed ? "desc" : "asc"}`).join(", ");
  const keys = query.order.map((column) => `(${column.expression})::text`).join(", ");
  const found = await sql<Row & { readonly sort_key: readonly string[] }>(
    db,
    `select ${query.columns}, array[${keys}] as sort_key ${query.from}${bounds.map((bound) => ` and ${bound}`).join("")}
      order by ${order} limit ${String(page.size + 1)}`,
    params,
  );
  const rows = found.slice(0, page.size);
  if (page.backwards) rows.reverse();
  const nodes = await toNode(rows);
  const edges = nodes.map((node, index) => ({ cursor: encodeCursor(rows[index]?.sort_key ?? []), node }));
  const hasMore = found.length > page.size;
  return {
    edges,
    nodes,
    pageInfo: {
      hasNextPage: page.backwards ? args.before != null : hasMore,
      hasPreviousPage: page.backwards ? hasMore : args.after != null,
      startCursor: edges[0]?.cursor ?? null,
      endCursor: edges.at(-1)?.cursor ?? null,
    },
  };
}

/** How many rows the query has without paging. */
export async function countRows(db: Queryable, query: Pick<PagedQuery, "from" | "params">): Promise<number> {
  const [row] = await sql<{ count: number }>(db, `select count(*) as count ${query.from}`, [...query.params]);
  return row?.count ?? 0;
}

function encodeCursor(values: readonly string[]): string {
  return Buffer.from(JSON.stringify(values)).toString("base64url");
}

/** Whether PostgreSQL takes the text as a value of the type: a cursor may have been made by anyone. */
const IS_VALUE: Readonly<Record<SortColumn["type"], (text: string) => boolean>> = {
  uuid: (text) => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text),
  // PostgreSQL keeps any text but NUL.
  text: (text) => !text.includes("\0"),
  integer: (text) => /^-?\d{1,10}$/.test(text) && Math.abs(Number(text)) < 2 ** 31,
  bigint: (text) => /^\d{1,18}$/.test(text),
  timestamptz: isInstant,
};

/** `2026-11-20 12:00:00.123456+01`, as PostgreSQL writes it; a day and a time that exist. */
function isInstant(text: string): boolean {
  const parts = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.\d{1,6})?[+-](?:0\d|1[0-4])(?::[0-5]\d)?$/.exec(text);
  const [, day = "", time = ""] = parts ?? [];
  const instant = new Date(`${day}T${time}Z`);
  // A day past the month's last is taken for one of the next month.
  return (
    !Number.isNaN(instant.getTime()) && instant.toISOString().startsWith(`${day}T${time}`) && !day.startsWith("0000")
  );
}

function decodeCursor(argument: string, cursor: string, order: readonly SortColumn[]): readonly string[] {
  const refuse = (): never => {
    throw badInput(argument, "is not a cursor of this list");
  };
  let values: unknown;
  try {
    values = JSON.parse(Buffer.from(cursor, "base64url").toString("utf8"));
  } catch {
    return refuse();
  }
  if (!Array.isArray(values) || values.length !== order.length) return refuse();
  return order.map(({ type }, index) => {
    const value: unknown = values[index];
    return typeof value === "string" && IS_VALUE[type](value) ? value : refuse();
  });
}
