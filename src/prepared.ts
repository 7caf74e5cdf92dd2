/**
 * Statements that each connection parses and plans once. The text of a statement says so itself, since TypeORM hands nothing
 * else through to the driver; its name at the server is a hash of the text.
 *
 * Only for statements of the hot paths whose text never varies: a connection keeps each for as long as it lives.
 */
import { createHash } from "node:crypto";
import pg from "pg";

const MARK = "/* prepared */ ";

/** The statement, to be prepared by each connection that runs it. */
export function prepared(text: string): string {
  return MARK + text;
}

const names = new Map<string, string>();

function nameOf(text: string): string {
  const known = names.get(text);
  if (known !== undefined) return known;
  // A server's names have 63 bytes.
  const name = createHash("sha256").update(text).digest("hex").slice(0, 32);
  names.set(text, name);
  return name;
}

/** A pool's client that prepares the statements that ask for it. */
export class PreparingClient extends pg.Client {
  // biome-ignore lint/suspicious/noExplicitAny: the driver has nine overloads, which are handed through
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- as above
  override query(...args: any[]): any {
    const all: readonly unknown[] = args;
    const [text, values, ...rest] = all;
    const prepares = typeof text === "string" && text.startsWith(MARK);
    const query = super.query.bind(this) as (...all: readonly unknown[]) => unknown;
    return query(...(prepares ? [{ name: nameOf(text), text, values }, ...rest] : all));
  }
}
