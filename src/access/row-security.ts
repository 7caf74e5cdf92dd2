/**
 * Row-level security, the second wall between customers. The first is every statement's own condition; this one stands in
 * PostgreSQL, and holds where a statement forgets it. What it is built of, the migration says; here it is put up, table by
 * table, and what viewers ask is run behind it.
 */
import type { DataSource, EntityManager } from "typeorm";
import { type Queryable, sql, type Tx } from "../sync/sql.js";
import type { Viewer } from "./viewer.js";

/**
 * How PostgreSQL tells a viewer from the engine. ROLE: by a role that viewers' connections take on. FORCED: by a setting alone,
 * where this login owns the tables and can make no role. NONE: not at all, where it passes every policy and can make no role.
 */
export type Wall =
  | { readonly kind: "ROLE"; readonly role: string }
  | { readonly kind: "FORCED" }
  | { readonly kind: "NONE" };

/**
 * Puts every table and view behind the wall that is not yet, and answers how it stands. Each in a transaction of its own: what
 * runs beside it waits for one table at most. May be repeated.
 */
export async function raiseWall(dataSource: DataSource): Promise<Wall> {
  const [row] = await sql<{ role: string | null; passes: boolean }>(
    dataSource,
    `select viewer_role() as role, rolsuper or rolbypassrls as passes from pg_roles where rolname = current_user`,
  );
  const role = row?.role ?? null;
  const relations = await sql<{ relation: string }>(
    dataSource,
    /* sql */ `
    select oid::regclass::text as relation from pg_class
     where relnamespace = (select relnamespace from pg_class where oid = 'customer'::regclass)
       and relkind in ('r', 'p', 'v') and (relkind = 'v' or row_ownership(oid) is not null or viewer_privileges(oid) is not null)
       and pg_has_role(relowner, 'USAGE')
     order by relkind = 'v', relname`,
  );
  for (const { relation } of relations) await sql(dataSource, `select wall_off($1::regclass, $2)`, [relation, role]);
  if (role !== null) return { kind: "ROLE", role };
  return { kind: row?.passes ? "NONE" : "FORCED" };
}

/** The database as one viewer may see it. Statements that belong together run in `transaction`; `read` lends a manager for one. */
export interface ViewerDatabase extends Queryable {
  read<T>(run: (manager: EntityManager) => Promise<T>): Promise<T>;
  transaction<T>(run: (tx: Tx) => Promise<T>): Promise<T>;
}

export interface ViewerDatabases {
  /** The same one for all viewers who may see the same. */
  of(viewer: Pick<Viewer, "customerId">): ViewerDatabase;
}

/**
 * Operators ask on the engine's connections. Customers have a pool of their own, `viewers`: no connection of it ever runs a
 * statement before it is some customer's, so none that forgot to say so sees everything.
 */
export function viewerDatabases(options: {
  readonly engine: DataSource;
  readonly viewers: DataSource;
  readonly wall: Wall;
}): ViewerDatabases {
  const { engine, viewers, wall } = options;
  const all: ViewerDatabase = {
    query: (text, params) => engine.query(text, params),
    read: (run) => run(engine.manager),
    transaction: (run) => engine.transaction(run),
  };
  const identities = new Identities(wall);
  const known = new Map<string, ViewerDatabase>();
  return {
    of: ({ customerId }) => {
      if (customerId === null) return all;
      const database = known.get(customerId) ?? asCustomer(viewers, identities, customerId);
      known.set(customerId, database);
      return database;
    },
  };
}

function asCustomer(viewers: DataSource, identities: Identities, customerId: string): ViewerDatabase {
  const lend = async <T>(run: (manager: EntityManager) => Promise<T>): Promise<T> => {
    const runner = viewers.createQueryRunner();
    try {
      // The driver's client, which TypeORM has no type for.
      await identities.take((await runner.connect()) as Connection, customerId);
      return await run(runner.manager);
    } finally {
      await runner.release();
    }
  };
  return {
    query: (text, params) => lend((manager) => manager.query(text, params)),
    read: lend,
    transaction: (run) => lend((manager) => manager.transaction(run)),
  };
}

/** Whose each connection of the viewers' pool is. It is said anew only where another customer had the connection last. */
class Identities {
  readonly #of = new WeakMap<object, string>();
  readonly #statement: string;

  constructor(wall: Wall) {
    const role = wall.kind === "ROLE" ? `set_config('role', '${wall.role}', false), ` : "";
    this.#statement = `select ${role}set_config('evenkeel.customer', $1, false)`;
  }

  /** The connection is in no transaction, so what is said here no rollback takes back. */
  async take(connection: Connection, customerId: string): Promise<void> {
    if (this.#of.get(connection) === customerId) return;
    // Where this fails or is cancelled, nobody knows whose it is: the next says so anew.
    this.#of.delete(connection);
    await connection.query(this.#statement, [customerId]);
    this.#of.set(connection, customerId);
  }
}

interface Connection {
  query(text: string, params: unknown[]): Promise<unknown>;
}
