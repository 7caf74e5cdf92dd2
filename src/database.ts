/** The connection to PostgreSQL, and the migrations. */
import pg from "pg";
import { DataSource } from "typeorm";
import { migrations } from "../migrations/index.js";
import { raiseWall, type Wall } from "./access/row-security.js";
import { entities } from "./entities/index.js";
import type { Log } from "./log.js";
import { PreparingClient } from "./prepared.js";

// Every bigint of ours (revisions, feed numbers, counts) stays far below 2^53; as numbers they compare as they should.
pg.types.setTypeParser(pg.types.builtins.INT8, Number);

export interface DatabaseOptions {
  readonly url: string;
  readonly log: Log;
  /** Connections of this process at most, beside the few that hold a session. */
  readonly poolSize?: number;
}

/** An open pool; does not migrate. */
export async function openDatabase(options: DatabaseOptions): Promise<DataSource> {
  const dataSource = new DataSource({
    type: "postgres",
    url: options.url,
    entities: [...entities],
    migrations: [...migrations],
    migrationsTransactionMode: "each",
    synchronize: false,
    applicationName: "evenkeel",
    // An idle connection that breaks is replaced; work that needs one finds out itself.
    poolErrorHandler: (error: unknown) => {
      if (dataSource.isInitialized) options.log.warn({ err: error }, "a database connection broke");
    },
    extra: {
      Client: PreparingClient,
      // A process that hangs between two statements must not keep what it has locked for longer than its lease.
      idle_in_transaction_session_timeout: 15_000,
      max: options.poolSize ?? 20,
      connectionTimeoutMillis: 10_000,
    },
  });
  return dataSource.initialize();
}

/** Any number: the same in every process, so that one migrates and the others wait. */
const MIGRATION_LOCK = 4_835_120;

/**
 * Brings the database to the newest migration, and every table of it behind row-level security. Processes that do so at once
 * take turns; each migration is applied once.
 */
export async function migrate(dataSource: DataSource, url: string): Promise<Wall> {
  const turn = new pg.Client({ connectionString: url, application_name: "evenkeel migration" });
  await turn.connect();
  try {
    await turn.query("select pg_advisory_lock($1)", [MIGRATION_LOCK]);
    await dataSource.runMigrations();
    return await raiseWall(dataSource);
  } finally {
    await turn.end();
  }
}
