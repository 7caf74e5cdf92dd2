import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { networkInterfaces } from "node:os";
import { execa } from "execa";
import { describe, expect, inject, onTestFinished, test } from "vitest";
import { z } from "zod";
import { migrations } from "../../migrations/index.js";
import { sql } from "../../src/sync/sql.js";
import { createTestDatabase } from "../support/database.js";
import { aGateway, freePort, type RunningGateway, spawnGateway } from "../support/gateway.js";
import { type Account, aDataFolder, type DataFolder, isAlive, mayRead } from "../support/processes.js";
import { subscribe } from "../support/subscriber.js";
import { until } from "../support/until.js";

const isRoot = process.getuid?.() === 0;
const NOBODY: Account = { uid: 65_534, gid: 65_534 };

const onFolder = (folder: DataFolder) => ({ EVENKEEL_DATA_DIR: folder.path, EVENKEEL_DEMO: "off" });
const aCustomer = (gateway: RunningGateway, name: string) =>
  gateway.mutate("createCustomer", "customer { id }", { name });
const nameOf = (gateway: RunningGateway, id: string) =>
  gateway.query("query ($id: ID!) { customer(id: $id) { name } }", { id });

describe("an embedded start", () => {
  test("in an empty folder becomes ready, and Ctrl-C leaves no process; the next start finds what was made", async () => {
    await using folder = await aDataFolder({ mode: 0o755 });
    await using first = await aGateway({ env: onFolder(folder) });
    const id = await aCustomer(first, "Kept");
    const [server = 0] = await folder.servers();
    expect(isAlive(server)).toBe(true);
    first.process.kill("SIGINT");
    expect(await first.process).toMatchObject({ exitCode: 0 });
    expect(isAlive(server)).toBe(false);
    expect(await folder.servers()).toEqual([]);
    await using second = await aGateway({ env: onFolder(folder) });
    expect(await nameOf(second, id)).toEqual({ customer: { name: "Kept" } });
  });

  test("as root keeps the data where PostgreSQL's user can come, when nobody else may enter the folder", async (context) => {
    context.skip(!isRoot, "only root may start a server as another user");
    await using folder = await aDataFolder();
    await using first = await aGateway({ env: onFolder(folder) });
    const id = await aCustomer(first, "Root's");
    await first.stop();
    expect(await folder.servers()).toEqual([]);
    await using second = await aGateway({ env: onFolder(folder) });
    expect(await nameOf(second, id)).toEqual({ customer: { name: "Root's" } });
  });

  test("as an ordinary user keeps all it makes in .evenkeel, where it stands", async (context) => {
    const account = isRoot ? NOBODY : undefined;
    context.skip(
      account !== undefined && !(await mayRead(account, "package.json")),
      "nobody may not read this checkout",
    );
    await using folder = await aDataFolder({ ...(account && { owner: account }), below: ".evenkeel" });
    const options = { cwd: folder.path, ...account, env: { EVENKEEL_DEMO: "off" } };
    await using first = await aGateway(options);
    const id = await aCustomer(first, "Anybody's");
    await first.stop();
    expect(await folder.servers()).toEqual([]);
    await using second = await aGateway(options);
    expect(await folder.servers()).toHaveLength(1);
    expect(await nameOf(second, id)).toEqual({ customer: { name: "Anybody's" } });
  });

  test("after a kill -9 goes on with the database that was left behind", async () => {
    await using folder = await aDataFolder();
    await using first = await aGateway({ env: onFolder(folder) });
    const id = await aCustomer(first, "Survivor");
    await first.kill();
    await using second = await aGateway({ env: onFolder(folder) });
    expect(await folder.servers()).toHaveLength(1);
    expect(await nameOf(second, id)).toEqual({ customer: { name: "Survivor" } });
    await second.stop();
    expect(await folder.servers()).toEqual([]);
  });

  test("is refused on a folder that another gateway uses, which goes on undisturbed", async () => {
    await using folder = await aDataFolder();
    await using first = await aGateway({ env: onFolder(folder) });
    const id = await aCustomer(first, "First come");
    const second = await spawnGateway({ ...onFolder(folder), PORT: String(await freePort()) });
    expect(second.exitCode).toBe(1);
    expect(second.all).toBe(
      "Evenkeel cannot start:\n  - Another gateway runs on this data folder: stop it, or set EVENKEEL_DATA_DIR.",
    );
    expect(await nameOf(first, id)).toEqual({ customer: { name: "First come" } });
  });

  test("can be reached from this machine only", async () => {
    await using folder = await aDataFolder();
    await using gateway = await aGateway({ env: onFolder(folder) });
    const server = await folder.server();
    const ports = [server?.port ?? 0, Number(new URL(gateway.url).port)];
    for (const port of ports) {
      expect(await accepts("127.0.0.1", port)).toBe(true);
      for (const address of otherAddresses())
        expect({ address, is: await accepts(address, port) }).toEqual({ address, is: false });
    }
  });
});

describe("a start that cannot succeed", () => {
  const secret = "S3cret-never-shown";
  const key = Buffer.alloc(32, 7).toString("base64");
  const refusalOf = async (env: Readonly<Record<string, string>>) => {
    const { exitCode, all } = await spawnGateway(env);
    expect(all).not.toContain(secret);
    return { exitCode, lines: all.split("\n") };
  };

  test("tells every problem at once, by the variable's name and without its value", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    onTestFinished(() => void taken.close());
    await once(taken, "listening");
    const { port } = taken.address() as AddressInfo;
    const closed = await freePort();
    const refusal = await refusalOf({
      PORT: String(port),
      HOST: "127.0.0.1",
      DATABASE_URL: `postgres://somebody:${secret}@127.0.0.1:${String(closed)}/evenkeel`,
      EVENKEEL_QUEUE_URL: `redis://:${secret}@127.0.0.1:${String(closed)}`,
      EVENKEEL_OPERATOR_TOKEN: secret,
      EVENKEEL_ENCRYPTION_KEY: secret,
      EVENKEEL_DEMO: secret,
      EVENKEEL_DEMMO: secret,
      LOG_LEVEL: secret,
    });
    expect(refusal).toEqual({
      exitCode: 1,
      lines: [
        "Evenkeel cannot start:",
        "  - EVENKEEL_DEMMO is not a variable of Evenkeel",
        "  - LOG_LEVEL must be one of trace, debug, info, warn, error, fatal, silent",
        "  - EVENKEEL_OPERATOR_TOKEN must be 24 or more printable characters without spaces",
        "  - EVENKEEL_ENCRYPTION_KEY must be 32 bytes as base64, such as `openssl rand -base64 32` prints",
        "  - EVENKEEL_DEMO must be on or off",
        `  - PORT ${String(port)} is taken: stop what listens there, or set PORT to another`,
        "  - DATABASE_URL names a server that cannot be reached: nothing listens there",
        "  - EVENKEEL_QUEUE_URL names a server that cannot be reached: nothing listens there",
      ],
    });
  });

  test.each([
    {
      wrong: "password",
      mend: (url: URL) => void (url.password = secret),
      told: "is refused by the server: its user or password is wrong",
    },
    {
      wrong: "database",
      mend: (url: URL) => void (url.pathname = `/${secret}`),
      told: "names a database that does not exist",
    },
  ])("tells of DATABASE_URL that its $wrong is wrong", async ({ mend, told }) => {
    const url = new URL(inject("postgresUrl"));
    mend(url);
    expect(
      await refusalOf({ PORT: String(await freePort()), DATABASE_URL: url.href, EVENKEEL_ENCRYPTION_KEY: key }),
    ).toEqual({ exitCode: 1, lines: ["Evenkeel cannot start:", `  - DATABASE_URL ${told}`] });
  });
});

test("eight processes that start at once on an empty database all become ready, each migration applied once", async () => {
  await using database = await createTestDatabase({ empty: true });
  const env = { DATABASE_URL: database.url, EVENKEEL_ENCRYPTION_KEY: Buffer.alloc(32, 7).toString("base64") };
  const starts = await Promise.allSettled(Array.from({ length: 8 }, () => aGateway({ env })));
  const gateways = starts.flatMap((start) => (start.status === "fulfilled" ? [start.value] : []));
  onTestFinished(async () => {
    await Promise.all(gateways.map((gateway) => gateway.kill()));
  });
  expect(starts.filter(({ status }) => status === "rejected")).toEqual([]);
  const applied = await sql<{ name: string }>(database.dataSource, "select name from migrations order by id");
  expect(applied.map(({ name }) => name)).toEqual(migrations.map(({ name }) => name));
  const [first, ...others] = gateways;
  const id = first && (await aCustomer(first, "Everybody's"));
  for (const other of others) expect(await nameOf(other, id ?? "")).toEqual({ customer: { name: "Everybody's" } });
});

describe("the demo of a first start", () => {
  test("shows a newcomer what it prints: data, and outcomes of several kinds live", async () => {
    await using folder = await aDataFolder();
    await using gateway = await aGateway({ env: { EVENKEEL_DATA_DIR: folder.path } });
    await until(() => gateway.output().includes("Ctrl-C ends it"));
    const printed = gateway.output();

    const [, token = ""] = /demo token {2}(\S+)/.exec(printed) ?? [];
    const [watch = ""] = /npm run --silent watch .+/.exec(printed) ?? [];
    const customerId = watch.split(" ").at(-1) ?? "";
    await using subscriber = subscribe({ ...gateway, token }, { customerId });
    await until(() => new Set(subscriber.seen.map(({ status }) => status)).size >= 3);

    const [curl = ""] = /curl (?:.*\\\n)*.*/.exec(printed) ?? [];
    const asked = Answer.parse(JSON.parse((await execa("bash", ["-c", curl])).stdout));
    expect(asked.data.items.nodes).toHaveLength(3);

    // A group of its own, since npm runs what it was asked for as its grandchild.
    const watching = execa("bash", ["-c", watch], { detached: true, reject: false });
    onTestFinished(() => void process.kill(-(watching.pid ?? 0), "SIGTERM"));
    let shown = "";
    watching.stdout.on("data", (chunk: Buffer) => (shown += chunk.toString()));
    await until(() => shown.split("\n").length > 3);
    expect(shown).toMatch(/^ +\d+ {2}[A-Z_]+ +\S+ /);
  });
});

const Answer = z.object({ data: z.object({ items: z.object({ nodes: z.array(z.object({ sku: z.string() })) }) }) });

/** Where a server that listens on all addresses would answer, too. */
function otherAddresses(): readonly string[] {
  const outside = Object.values(networkInterfaces()).flatMap((addresses = []) =>
    addresses.flatMap(({ address, internal, scopeid }) => (internal || scopeid ? [] : [address])),
  );
  // Linux answers on all of 127/8.
  return ["::1", ...(process.platform === "linux" ? ["127.0.0.2"] : []), ...outside];
}

async function accepts(host: string, port: number): Promise<boolean> {
  const socket = connect({ host, port });
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
