/** What the environment says, parsed once and whole; the only reader of process.env. */
import { z } from "zod";

/** What a process does: everything, only answer requests, or only work stores. */
type Role = "all" | "api" | "worker";

export interface Config {
  readonly role: Role;
  /** Null: the embedded PostgreSQL. Otherwise a server of the user's. */
  readonly databaseUrl: string | null;
  /** BullMQ behind the queue: on Redis, or on its own PostgreSQL back end. Null: leases on our PostgreSQL. */
  readonly queueUrl: string | null;
  readonly dataDir: string;
  readonly host: string;
  readonly port: number;
  /** Null where none is set: none exists then, but in embedded mode one is made and kept. */
  readonly operatorToken: string | null;
  /** 32 bytes. Null only in embedded mode, where it is made and kept. */
  readonly encryptionKey: Buffer | null;
  readonly demo: boolean;
  readonly allowPrivateStores: boolean;
  /** How many days outcomes and finished operations are kept: 1 to 3650; the engine's default where absent. */
  readonly retentionDays?: number;
  readonly logLevel: string;
}

/** What a start needs of the machine around it, so that it can be tried; null where the variable is malformed, or names nothing. */
export type Surroundings = Pick<Config, "host" | "databaseUrl" | "queueUrl"> & { readonly port: number | null };

/** Why a start is refused: every problem, each naming its variable and the rule; never a value, which may be a secret. */
export class StartRefused extends Error {
  override readonly name = "StartRefused";

  /** `untried`: what was well formed, and has not been tried yet. */
  constructor(
    readonly problems: readonly string[],
    readonly untried: Surroundings | null = null,
  ) {
    super(problems.join("\n"));
  }
}

/** An empty variable counts as absent: that is how compose files leave one out. */
const variable = <T extends z.ZodType>(shape: T) => z.preprocess((value) => (value === "" ? undefined : value), shape);

const onOrOff = z.enum(["on", "off"], "must be on or off").transform((word) => word === "on");

const DEFAULT_PORT = 4_000;

const variables = {
  DATABASE_URL: variable(
    z
      .string()
      .refine((text) => URL.canParse(text) && /^postgres(ql)?:$/.test(new URL(text).protocol), {
        error: "must be a URL of the form postgres://user:password@host:port/database",
      })
      .optional(),
  ),
  PORT: variable(
    z
      .string()
      .regex(/^\d{1,5}$/, "must be a port, 1 to 65535")
      .transform(Number)
      .refine((port) => port >= 1 && port <= 65_535, "must be a port, 1 to 65535")
      .optional(),
  ),
  HOST: variable(z.string().optional()),
  LOG_LEVEL: variable(
    z
      .enum(
        ["trace", "debug", "info", "warn", "error", "fatal", "silent"],
        "must be one of trace, debug, info, warn, error, fatal, silent",
      )
      .optional(),
  ),
  EVENKEEL_ROLE: variable(z.enum(["all", "api", "worker"], "must be one of all, api, worker").optional()),
  EVENKEEL_OPERATOR_TOKEN: variable(
    z
      .string()
      .regex(/^[\x21-\x7e]{24,}$/, "must be 24 or more printable characters without spaces")
      .optional(),
  ),
  EVENKEEL_QUEUE_URL: variable(
    z
      .string()
      .refine((text) => URL.canParse(text) && /^(rediss?|postgres(ql)?):$/.test(new URL(text).protocol), {
        error:
          "must be a URL of the form redis://host:port, rediss://host:port or postgres://user:password@host:port/database",
      })
      .optional(),
  ),
  EVENKEEL_ENCRYPTION_KEY: variable(
    z
      .string()
      .transform((text) => Buffer.from(text, "base64"))
      .refine((key) => key.length === 32, "must be 32 bytes as base64, such as `openssl rand -base64 32` prints")
      .optional(),
  ),
  EVENKEEL_DEMO: variable(onOrOff.optional()),
  EVENKEEL_ALLOW_PRIVATE_STORES: variable(onOrOff.optional()),
  EVENKEEL_RETENTION_DAYS: variable(
    z
      .string()
      .regex(/^\d{1,4}$/, "must be a number of days, 1 to 3650")
      .transform(Number)
      .refine((days) => days >= 1 && days <= 3_650, "must be a number of days, 1 to 3650")
      .optional(),
  ),
  EVENKEEL_DATA_DIR: variable(z.string().optional()),
};

/** Throws StartRefused with all that is wrong, a misspelt EVENKEEL_ variable included. */
export function parseConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const parsed = z.object(variables).safeParse(env);
  const problems = Object.keys(env)
    .filter((name) => name.startsWith("EVENKEEL_") && !(name in variables))
    .map((name) => `${name} is not a variable of Evenkeel`);
  if (!parsed.success) problems.push(...parsed.error.issues.map((issue) => `${issue.path.join(".")} ${issue.message}`));
  const databaseUrl = env["DATABASE_URL"] || null;
  if (databaseUrl !== null && !env["EVENKEEL_ENCRYPTION_KEY"])
    problems.push("EVENKEEL_ENCRYPTION_KEY is demanded with DATABASE_URL: 32 bytes as base64");
  const embedded = databaseUrl === null;
  if (embedded && (env["EVENKEEL_ROLE"] === "api" || env["EVENKEEL_ROLE"] === "worker"))
    problems.push(
      "EVENKEEL_ROLE must be all without DATABASE_URL: processes with other roles share a database of yours",
    );
  const host = env["HOST"] || (embedded ? "127.0.0.1" : "0.0.0.0");
  if (!parsed.success || problems.length > 0) {
    const port = variables.PORT.safeParse(env["PORT"]);
    const url = variables.DATABASE_URL.safeParse(databaseUrl ?? undefined);
    const queueUrl = variables.EVENKEEL_QUEUE_URL.safeParse(env["EVENKEEL_QUEUE_URL"]);
    throw new StartRefused(problems, {
      host,
      port: port.success ? (port.data ?? DEFAULT_PORT) : null,
      databaseUrl: url.success ? (url.data ?? null) : null,
      queueUrl: queueUrl.success ? (queueUrl.data ?? null) : null,
    });
  }
  const given = parsed.data;
  return {
    role: given.EVENKEEL_ROLE ?? "all",
    databaseUrl,
    queueUrl: given.EVENKEEL_QUEUE_URL ?? null,
    dataDir: given.EVENKEEL_DATA_DIR ?? ".evenkeel",
    host,
    port: given.PORT ?? DEFAULT_PORT,
    operatorToken: given.EVENKEEL_OPERATOR_TOKEN ?? null,
    encryptionKey: given.EVENKEEL_ENCRYPTION_KEY ?? null,
    demo: given.EVENKEEL_DEMO ?? embedded,
    allowPrivateStores: given.EVENKEEL_ALLOW_PRIVATE_STORES ?? embedded,
    ...(given.EVENKEEL_RETENTION_DAYS !== undefined && { retentionDays: given.EVENKEEL_RETENTION_DAYS }),
    logLevel: given.LOG_LEVEL ?? "info",
  };
}
