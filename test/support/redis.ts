/** A Redis of a test's own, where redis-server is on the path. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { Redis } from "ioredis";
import { freePort } from "./gateway.js";

export interface TestRedis {
  readonly url: string;
  readonly stop: () => Promise<void>;
}

/** `persistent`: writes each command to disk before long, as a Redis that is to keep its jobs does. Null where there is none. */
export async function startRedis({ persistent = false } = {}): Promise<TestRedis | null> {
  const { failed } = await execa("redis-server", ["--version"], { reject: false });
  if (failed) return null;
  const dir = await mkdtemp(join(tmpdir(), "evenkeel redis "));
  const port = String(await freePort());
  const keeping = persistent ? ["--appendonly", "yes"] : ["--appendonly", "no", "--save", ""];
  const server = spawn("redis-server", ["--bind", "127.0.0.1", "--port", port, "--dir", dir, ...keeping], {
    stdio: "ignore",
  });
  const ended = once(server, "exit");
  const url = `redis://127.0.0.1:${port}`;
  const client = new Redis(url, { retryStrategy: () => 20 });
  client.on("error", () => undefined);
  await client.ping();
  client.disconnect();
  return {
    url,
    stop: async () => {
      server.kill("SIGTERM");
      await ended;
      await rm(dir, { recursive: true, force: true });
    },
  };
}
