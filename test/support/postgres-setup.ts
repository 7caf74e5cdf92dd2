/** One PostgreSQL for all test files of a run, with a migrated template that each file clones. */

import { chmodSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { migrate, openDatabase } from "../../src/database.js";
import { startEmbeddedPostgres } from "../../src/embedded-postgres.js";
import { createLog } from "../../src/log.js";

export const TEMPLATE = "evenkeel_template";

declare module "vitest" {
  export interface ProvidedContext {
    /** Of the server's maintenance database. */
    postgresUrl: string;
  }
}

/** A server for tests: private, gone at the end, and not kept from losing what it has on a crash of the machine. */
export async function startTestPostgres(settings: Readonly<Record<string, string>> = {}): Promise<{
  readonly url: string;
  readonly pid: number;
  readonly dataDir: string;
  readonly stop: () => Promise<void>;
}> {
  const dataDir = await mkdtemp(join(tmpdir(), "evenkeel test "));
  chmodSync(dataDir, 0o755);
  const server = await startEmbeddedPostgres({
    dataDir,
    log: createLog("silent"),
    settings: { fsync: "off", synchronous_commit: "off", max_connections: "300", ...settings },
  });
  return {
    url: server.url,
    pid: server.pid,
    dataDir,
    stop: async () => {
      await server.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await startTestPostgres();
  const dataSource = await openDatabase({ url: server.url, log: createLog("silent") });
  await dataSource.query(`create database ${TEMPLATE}`);
  await dataSource.destroy();
  const url = new URL(server.url);
  url.pathname = `/${TEMPLATE}`;
  const template = await openDatabase({ url: url.href, log: createLog("silent") });
  await migrate(template, url.href);
  await template.destroy();
  project.provide("postgresUrl", server.url);
  return server.stop;
}
