/** A PostgreSQL of the test's own that may die at any moment and come back at the same address with what was committed. */
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startEmbeddedPostgres } from "../../src/embedded-postgres.js";
import { testLog } from "./database.js";
import { freePort } from "./gateway.js";
import { isAlive, killProcess } from "./processes.js";
import { until } from "./until.js";

export interface Cluster extends AsyncDisposable {
  /** The same after each restart. */
  readonly url: string;
  /**
   * Kills the server and starts it again on the same folder and port. SIGQUIT is PostgreSQL's immediate shutdown, as in a
   * crash of one of its workers; SIGKILL leaves the workers to find out by themselves. Resolves when it answers.
   */
  crash(signal: "SIGQUIT" | "SIGKILL"): Promise<void>;
}

/** What it has acknowledged survives its death, unlike the shared test server's. */
const settings = { fsync: "on", synchronous_commit: "on" };

export async function aCluster(): Promise<Cluster> {
  const dataDir = await mkdtemp(join(tmpdir(), "evenkeel cluster "));
  await chmod(dataDir, 0o755);
  const options = { dataDir, log: testLog, settings, port: await freePort() };
  let server = await startEmbeddedPostgres(options);
  return {
    url: server.url,
    crash: async (signal) => {
      const { pid } = server;
      process.kill(pid, signal);
      await until(() => !isAlive(pid));
      server = await startEmbeddedPostgres(options);
    },
    [Symbol.asyncDispose]: async () => {
      await server.stop();
      await killProcess(server.pid);
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
