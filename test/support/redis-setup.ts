/** One Redis for all test files of a run; where redis-server is not on the path, what needs it is left out, and said to be. */
import type { TestProject } from "vitest/node";
import { startRedis } from "./redis.js";

declare module "vitest" {
  export interface ProvidedContext {
    redisUrl: string | null;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const redis = await startRedis();
  project.provide("redisUrl", redis?.url ?? null);
  if (!redis) process.stderr.write("redis-server is not on the path: the queue on Redis is not tested.\n");
  return async () => redis?.stop();
}
