/** What the environment names is tried before anything is started, so that all that is wrong is told at once. */
import { once } from "node:events";
import { createServer } from "node:net";
import { Redis } from "ioredis";
import pg from "pg";
import type { Surroundings } from "./config.js";

/** Each problem names its variable; never a value. */
export async function findProblems({ host, port, databaseUrl, queueUrl }: Surroundings): Promise<readonly string[]> {
  const found = await Promise.all([
    port === null ? null : portProblem(host, port),
    databaseUrl === null ? null : databaseProblem("DATABASE_URL", databaseUrl),
    queueUrl === null ? null : queueProblem(queueUrl),
  ]);
  return found.flatMap((problem) => problem ?? []);
}

async function portProblem(host: string, port: number): Promise<string | null> {
  const probe = createServer().listen(port, host);
  try {
    await once(probe, "listening");
    probe.close();
    await once(probe, "close");
    return null;
  } catch (error) {
    const code = codeOf(error);
    if (code === "EADDRINUSE") return `PORT ${String(port)} is taken: stop what listens there, or set PORT to another`;
    if (code === "EACCES") return `PORT ${String(port)} may not be used by this user: set PORT to 1024 or above`;
    return `HOST cannot be listened on (${code}): set HOST to an address of this machine`;
  }
}

const CONNECT_MS = 5_000;

/** Whoever asks Redis for anything is answered, also where the password is wrong: then with a refusal. */
async function queueProblem(url: string): Promise<string | null> {
  if (!url.startsWith("redis")) return databaseProblem("EVENKEEL_QUEUE_URL", url);
  const client = new Redis(url, {
    lazyConnect: true,
    connectTimeout: CONNECT_MS,
    commandTimeout: CONNECT_MS,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  let broken: unknown = null;
  client.on("error", (error) => {
    broken = error;
  });
  try {
    await client.connect();
    await client.ping();
    return null;
  } catch (error) {
    const text = error instanceof Error ? error.message : "";
    return /^(NOAUTH|WRONGPASS)/.test(text)
      ? "EVENKEEL_QUEUE_URL is refused by the server: its user or password is wrong"
      : `EVENKEEL_QUEUE_URL ${explain(codeOf(broken ?? error))}`;
  } finally {
    client.disconnect();
  }
}

async function databaseProblem(name: string, url: string): Promise<string | null> {
  let client: pg.Client | null = null;
  try {
    // Parses the URL, and reads the files that it names.
    client = new pg.Client({
      connectionString: url,
      connectionTimeoutMillis: CONNECT_MS,
      application_name: "evenkeel",
    });
    client.on("error", () => undefined);
    await client.connect();
    const { rows } = await client.query<{ version: number }>(
      `select current_setting('server_version_num')::int as version`,
    );
    const version = rows[0]?.version ?? 0;
    return version < OLDEST ? `${name} names a PostgreSQL older than 15` : null;
  } catch (error) {
    return `${name} ${explain(codeOf(error))}`;
  } finally {
    await client?.end().catch(() => undefined);
  }
}

const OLDEST = 150_000;

function explain(code: string): string {
  switch (code) {
    case "28P01":
    case "28000":
      return "is refused by the server: its user or password is wrong";
    case "3D000":
      return "names a database that does not exist";
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return "names a host that cannot be found";
    case "ECONNREFUSED":
      return "names a server that cannot be reached: nothing listens there";
    default:
      return `names a server that cannot be reached (${code})`;
  }
}

function codeOf(error: unknown): string {
  if (error instanceof AggregateError) return codeOf(error.errors[0]);
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "no answer";
}
