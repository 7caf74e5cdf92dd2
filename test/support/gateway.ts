/** The built gateway in a process of its own, as its users start it, and a small GraphQL client for it. */
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { join } from "node:path";
import { execa } from "execa";
import { z } from "zod";
import { until } from "./until.js";

export const OPERATOR_TOKEN = "operator-token-for-tests-only";

/** A port on loopback that nobody listened on just now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

/** Whose process it is and where it stands; ours and here where absent. */
export interface SpawnOptions {
  readonly cwd?: string;
  readonly uid?: number;
  readonly gid?: number;
}

export interface RunningGateway extends AsyncDisposable {
  readonly url: string;
  readonly wsUrl: string;
  readonly token: string;
  readonly pid: number;
  readonly process: ReturnType<typeof spawnGateway>;
  /** What it has printed so far, both streams. */
  output(): string;
  query(query: string, variables?: object): Promise<unknown>;
  /**
   * Calls one mutation and answers the id that its selection selects, the number where it is `changedCount`, or the first
   * item's id. Throws where it has userErrors.
   */
  mutate(name: string, selection: string, input: object): Promise<string>;
  /** Asks it to end (SIGTERM) and awaits that. */
  stop(): Promise<void>;
  /** kill -9, and awaits its end; also what leaving its scope does. Nothing where it has ended. */
  readonly kill: () => Promise<void>;
}

const Answer = z.object({ data: z.record(z.string(), z.unknown()).nullish(), errors: z.array(z.unknown()).optional() });
const Payload = z.looseObject({ userErrors: z.array(z.unknown()) });

const MAIN = join(import.meta.dirname, "../../dist/src/main.js");
/** What a developer has set for a gateway of their own says nothing to the tests'. */
const OURS = /^(EVENKEEL_.*|DATABASE_URL|PORT|HOST|LOG_LEVEL)$/;

/** The built gateway with this environment beside the machine's own. Never rejects: its result tells how it ended. */
export function spawnGateway(env: Readonly<Record<string, string>>, options: SpawnOptions = {}) {
  const machine = Object.entries(process.env).filter(([name]) => !OURS.test(name));
  return execa(process.execPath, [MAIN], {
    ...options,
    env: { ...Object.fromEntries(machine), ...env },
    extendEnv: false,
    reject: false,
    all: true,
  });
}

/** Starts `dist/src/main.js` (built before the tests) and awaits its readiness. */
export async function aGateway({
  env,
  ...options
}: SpawnOptions & { readonly env: Readonly<Record<string, string>> }): Promise<RunningGateway> {
  const port = env["PORT"] ?? String(await freePort());
  const child = spawnGateway(
    { EVENKEEL_OPERATOR_TOKEN: OPERATOR_TOKEN, LOG_LEVEL: "warn", ...env, PORT: port },
    options,
  );
  const url = `http://127.0.0.1:${port}`;
  let printed = "";
  child.all.on("data", (chunk: Buffer) => {
    printed += chunk.toString();
  });
  const kill = async (): Promise<void> => {
    child.kill("SIGKILL");
    await child;
  };
  try {
    await until(async () => {
      if (child.exitCode !== null) throw new Error(`The gateway ended while it started:\n${printed}`);
      const ready = await fetch(`${url}/readyz`).catch(() => null);
      return ready?.ok ?? false;
    });
  } catch (error) {
    await kill();
    throw error;
  }
  const query = async (text: string, variables: object = {}): Promise<unknown> => {
    const response = await fetch(`${url}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${OPERATOR_TOKEN}` },
      body: JSON.stringify({ query: text, variables }),
    });
    const { data, errors } = Answer.parse(await response.json());
    if (errors) throw new Error(JSON.stringify(errors));
    return data;
  };
  return {
    url,
    wsUrl: `ws://127.0.0.1:${port}/graphql`,
    token: OPERATOR_TOKEN,
    pid: child.pid ?? 0,
    process: child,
    output: () => printed,
    query,
    mutate: async (name, selection, input) => {
      const inputType = `${name.charAt(0).toUpperCase()}${name.slice(1)}Input`;
      const data = await query(
        `mutation ($input: ${inputType}!) { ${name}(input: $input) { ${selection} userErrors { code message field } } }`,
        { input },
      );
      const payload = Payload.parse((data as Record<string, unknown>)[name]);
      if (payload.userErrors.length > 0) throw new Error(`${name}: ${JSON.stringify(payload.userErrors)}`);
      return JSON.stringify(payload).match(/"id":"([^"]+)"/)?.[1] ?? "";
    },
    stop: async () => {
      child.kill("SIGTERM");
      await child;
    },
    kill,
    [Symbol.asyncDispose]: kill,
  };
}
