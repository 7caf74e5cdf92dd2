import type { EntityManager } from "typeorm";
import { prepared } from "../prepared.js";

/** An open transaction. Functions that take one do all they do in it, and nothing outside. */
export type Tx = EntityManager;

/** A transaction, or the database itself where one statement is enough. */
export interface Queryable {
  query(text: string, params?: unknown[]): Promise<unknown>;
}

/**
 * The rows of one statement. TypeORM answers an UPDATE or DELETE with `[rows, count]` and anything else with the rows;
 * here it is always the rows.
 */
export async function sql<Row>(db: Queryable, text: string, params: unknown[] = []): Promise<Row[]> {
  const result = (await db.query(text, params)) as Row[] | [Row[], number];
  return isRowsAndCount(result) ? result[0] : result;
}

/** The same for a statement of the hot paths, whose text never varies: each connection parses and plans it once. */
export function hotSql<Row>(db: Queryable, text: string, params: unknown[] = []): Promise<Row[]> {
  return sql(db, prepared(text), params);
}

/**
 * A condition that is always true, for a statement that is a transaction of its own: its commit does not wait for the disk.
 * Only for what does no harm where a crash of the server takes it back.
 */
export const WITHOUT_FLUSH = `(select set_config('synchronous_commit', 'off', true)) is not null`;

function isRowsAndCount<Row>(result: Row[] | [Row[], number]): result is [Row[], number] {
  return result.length === 2 && typeof result[1] === "number" && Array.isArray(result[0]);
}
