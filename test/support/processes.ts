/** Processes and folders that tests of whole processes leave behind, found by what the operating system says of them. */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { chmod, chown, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { execa } from "execa";
import { until } from "./until.js";

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

/** Ends a process (kill -9) and awaits that. Nothing where there is none. */
export async function killProcess(pid: number): Promise<void> {
  if (!isAlive(pid)) return;
  process.kill(pid, "SIGKILL");
  await until(() => !isAlive(pid));
}

/** Pids of all processes whose command line has this text. */
function processesWith(text: string): readonly number[] {
  return commandLines().flatMap(({ pid, line }) => (line.includes(text) && pid !== process.pid ? [pid] : []));
}

function commandLines(): readonly { readonly pid: number; readonly line: string }[] {
  if (!existsSync("/proc/self/cmdline"))
    return execFileSync("ps", ["-A", "-o", "pid=,args="], { encoding: "utf8" })
      .split("\n")
      .map((row) => ({ pid: Number.parseInt(row, 10), line: row }));
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        return [{ pid: Number(name), line: readFileSync(`/proc/${name}/cmdline`, "utf8").replaceAll("\0", " ") }];
      } catch {
        // It has ended since the folder was read.
        return [];
      }
    });
}

export interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** Whether a user may read one of this checkout's files. */
export async function mayRead(account: Account, file: string): Promise<boolean> {
  const script = `require("node:fs").accessSync(${JSON.stringify(resolve(file))})`;
  const { failed } = await execa(process.execPath, ["-e", script], { ...account, cwd: "/", reject: false });
  return !failed;
}

/** A gateway's data folder of the test's own, and the embedded server that stands on it. */
export interface DataFolder extends AsyncDisposable {
  /** Its name has a space, as many users' folders have. */
  readonly path: string;
  /** Pid and port by the server's own file; null where none is there. */
  server(): Promise<{ readonly pid: number; readonly port: number } | null>;
  /** Pids of the servers that run on it, by their command lines; a server's workers carry other names. */
  servers(): Promise<readonly number[]>;
}

export interface DataFolderOptions {
  /** Whose it is; ours where absent. */
  readonly owner?: Account;
  /** Only its owner may enter where absent. */
  readonly mode?: number;
  /** The folder below it that the gateway is to use; itself where absent. */
  readonly below?: string;
}

/**
 * An empty folder. Leaving its scope kills what still serves it, by pid, and deletes it together
 * with what a gateway that runs as root keeps for it elsewhere.
 */
export async function aDataFolder({ owner, mode = 0o700, below = "" }: DataFolderOptions = {}): Promise<DataFolder> {
  const path = await mkdtemp(join(tmpdir(), "evenkeel data "));
  await chmod(path, mode);
  if (owner) await chown(path, owner.uid, owner.gid);
  const dataDir = join(path, below);
  const home = async (): Promise<string> =>
    (await readFile(join(dataDir, "postgres-is-in"), "utf8").catch(() => dataDir)).trim();
  const server = async (): Promise<{ readonly pid: number; readonly port: number } | null> => {
    const text = await readFile(join(await home(), "postgres", "postmaster.pid"), "utf8").catch(() => "");
    const [pid, , , port] = text.split("\n").map(Number);
    return pid && port ? { pid, port } : null;
  };
  const servers = async (): Promise<readonly number[]> => processesWith(`-D ${join(await home(), "postgres")} `);
  return {
    path,
    server,
    servers,
    [Symbol.asyncDispose]: async () => {
      for (const pid of await servers()) await killProcess(pid);
      await rm(await home(), { recursive: true, force: true });
      await rm(path, { recursive: true, force: true });
    },
  };
}
