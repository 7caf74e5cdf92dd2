/** A test file's own database, cloned from the migrated template. */
import { randomBytes } from "node:crypto";
import pg from "pg";
import type { DataSource } from "typeorm";
import { inject } from "vitest";
import { raiseWall, type ViewerDatabases, viewerDatabases } from "../../src/access/row-security.js";
import { migrate, openDatabase } from "../../src/database.js";
import { createLog, type Log } from "../../src/log.js";
import { TEMPLATE } from "./postgres-setup.js";

/** For what tests start: says nothing unless TEST_LOG_LEVEL does. */
export const testLog: Log = createLog(process.env["TEST_LOG_LEVEL"] ?? "silent");

export interface TestDatabase extends AsyncDisposable {
  readonly url: string;
  readonly dataSource: DataSource;
  /** As the gateway opens it, for what viewers ask. */
  readonly viewers: () => Promise<ViewerDatabases>;
}

/**
 * `empty`: without tables, for tests of the migrations. `ofPlainOwner`: migrated and used by a user who owns the database and may
 * do nothing else on the server.
 */
export async function createTestDatabase({
  empty = false,
  ofPlainOwner = false,
  poolSize = 20,
  viewersPoolSize = 10,
} = {}): Promise<TestDatabase> {
  const url = new URL(inject("postgresUrl"));
  const name = `test_${randomBytes(8).toString("hex")}`;
  if (ofPlainOwner) {
    await administer(`create role ${name} login password '${name}'`);
    Object.assign(url, { username: name, password: name });
  }
  const template = empty || ofPlainOwner ? "template0" : TEMPLATE;
  await administer(`create database ${name} template ${template}${ofPlainOwner ? ` owner ${name}` : ""}`);
  url.pathname = `/${name}`;
  const dataSource = await openDatabase({ url: url.href, log: testLog, poolSize });
  const pools = [dataSource];
  if (ofPlainOwner) await migrate(dataSource, url.href);
  return {
    url: url.href,
    dataSource,
    viewers: async () => {
      const viewers = await openDatabase({ url: url.href, log: testLog, poolSize: viewersPoolSize });
      pools.push(viewers);
      return viewerDatabases({ engine: dataSource, viewers, wall: await raiseWall(dataSource) });
    },
    [Symbol.asyncDispose]: async () => {
      for (const pool of pools) await pool.destroy();
      await administer(`drop database if exists ${name} with (force)`);
      if (ofPlainOwner) await administer(`drop role ${name}`);
    },
  };
}

async function administer(statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: inject("postgresUrl") });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
