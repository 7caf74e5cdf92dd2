/** What recovery plays on: a PostgreSQL that may die, stores under a steady load, and the workers that come and go. */
import type { ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { DataSource } from "typeorm";
import { migrate, openDatabase } from "../src/database.js";
import { startEmbeddedPostgres } from "../src/embedded-postgres.js";
import { createLog } from "../src/log.js";
import type { Stops } from "../src/stops.js";
import { adjustInventory } from "../src/sync/record-inventory-change.js";
import { startSignals } from "../src/sync/signals.js";
import { sql } from "../src/sync/sql.js";
import { aGateway, freePort, type RunningGateway } from "../test/support/gateway.js";
import { until } from "../test/support/until.js";
import { BY } from "../test/support/world.js";
import type { FairShopAnswers, FairShopMessage, FairShopQuestion } from "./fair-shop-process.js";
import { steadily } from "./open-loop.js";
import { type Plot, plant } from "./plant.js";
import { answerOf, forkChild } from "./stage.js";

export const STORES = 12;
const ITEMS = 20;
const CHANGES_PER_SECOND = 60;
const SHOP_MS = 300;
const DATABASE_GONE_MS = 2_000;

export interface RecoveryStage {
  readonly url: string;
  readonly encryptionKey: Buffer;
  readonly dataSource: DataSource;
  /** One change of stock; rejects where the database is gone. */
  readonly change: (turn: number) => Promise<void>;
  shopLog(since: number): Promise<FairShopAnswers["log"]>;
  /** kill -9, and a new start a while later; resolves when it answers. */
  crashDatabase(): Promise<void>;
}

export async function setRecoveryStage(stops: Stops): Promise<RecoveryStage> {
  const dataDir = await mkdtemp(join(tmpdir(), "evenkeel bench "));
  stops.add(() => rm(dataDir, { recursive: true, force: true }));
  await chmod(dataDir, 0o755);
  // The bench itself loses the database too; what it says of that is not of interest.
  const log = createLog("silent");
  const settings = { fsync: "on", synchronous_commit: "on", max_connections: "200" };
  const options = { dataDir, log, settings, port: await freePort() };
  let server = await startEmbeddedPostgres(options);
  stops.add(() => server.stop());
  const { url } = server;
  const dataSource = await openDatabase({ url, log });
  stops.add(() => dataSource.destroy());
  await migrate(dataSource, url);
  // Changes that wait for a hung worker's locks must not keep the bench from looking.
  const forLoad = await openDatabase({ url, log });
  stops.add(() => forLoad.destroy());
  const signals = startSignals({ dataSource: forLoad, databaseUrl: url, log });
  stops.add(() => signals.stop());
  const shopProcess = forkChild(
    "fair-shop-process.ts",
    { latencyMs: SHOP_MS, careless: true } satisfies FairShopQuestion,
    stops,
  );
  const shop = await answerOf<FairShopAnswers["opened"]>(shopProcess);
  const encryptionKey = randomBytes(32);
  const plots: Plot[] = [];
  while (plots.length < STORES) {
    const own = { ...shop, url: `${shop.url}/${String(plots.length)}` };
    plots.push(await plant(dataSource, { items: ITEMS, stores: 1, shop: own, encryptionKey }));
  }
  return {
    url,
    encryptionKey,
    dataSource,
    change: async (turn) => {
      const customerId = plots[turn % STORES]?.customerId ?? "";
      const sku = `SKU-${String(1 + (Math.floor(turn / STORES) % ITEMS)).padStart(8, "0")}`;
      await forLoad.transaction((tx) => adjustInventory(tx, BY, { customerId, lines: [{ sku, onHandDelta: 1 }] }));
      signals.work();
    },
    shopLog: (since) => askLog(shopProcess, since),
    crashDatabase: async () => {
      process.kill(server.pid, "SIGKILL");
      await delay(DATABASE_GONE_MS);
      server = await startEmbeddedPostgres(options);
    },
  };
}

/** Not by `answerOf`, which listens for the child's end anew each time: this is asked often. */
async function askLog(shopProcess: ChildProcess, logSince: number): Promise<FairShopAnswers["log"]> {
  const answer = once(shopProcess, "message", { signal: AbortSignal.timeout(10_000) });
  shopProcess.send({ logSince } satisfies FairShopMessage);
  const [log] = (await answer) as [FairShopAnswers["log"]];
  return log;
}

export interface Member {
  readonly gateway: RunningGateway;
  /** Its row in `worker`; another one after it was taken for dead. */
  workerId: string;
  lockKey: number;
}

/** The workers, and which row of the database is whose. They start one after another, so that a new row is the new one's. */
export class Crew {
  readonly members: Member[] = [];

  constructor(
    private readonly stage: RecoveryStage,
    private readonly stops: Stops,
  ) {}

  async hire(): Promise<void> {
    const gateway = await aGateway({
      env: {
        DATABASE_URL: this.stage.url,
        EVENKEEL_ENCRYPTION_KEY: this.stage.encryptionKey.toString("base64"),
        EVENKEEL_ALLOW_PRIVATE_STORES: "on",
        EVENKEEL_ROLE: "worker",
        HOST: "127.0.0.1",
      },
    });
    this.stops.add(gateway.kill);
    const member = { gateway, workerId: "", lockKey: 0 };
    this.members.push(member);
    await this.learn(member);
  }

  /** Awaits the row that no other has, and notes it as this one's. */
  async learn(member: Member): Promise<void> {
    const known = this.members.map(({ workerId }) => workerId).filter((id) => id !== "");
    const row = await until(async () => {
      const [unknown] = await sql<{ id: string; lock_key: number }>(
        this.stage.dataSource,
        `select id, lock_key from worker where id <> all($1::uuid[])`,
        [known],
      );
      return unknown;
    });
    member.workerId = row.id;
    member.lockKey = row.lock_key;
  }

  /** Who holds the most stores, once there is one who holds several. */
  async busiest(): Promise<Member> {
    return until(async () => {
      const counts = await Promise.all(this.members.map((member) => this.heldBy(member)));
      const most = Math.max(...counts.map((held) => held.length));
      return most >= 2 ? this.members[counts.findIndex((held) => held.length === most)] : null;
    });
  }

  /** The paths of the stores' shops. */
  async heldBy({ workerId }: Member): Promise<readonly string[]> {
    const rows = await sql<{ url: string }>(
      this.stage.dataSource,
      `select s.url from store_queue q join store s on s.id = q.store_id where q.owner = $1`,
      [workerId],
    );
    return rows.map(({ url }) => new URL(url).pathname);
  }

  /** Whether it keeps the queue's row of a store locked. */
  async isSettling({ workerId }: Member): Promise<boolean> {
    const rows = `select 1 from store_queue where owner = $1`;
    const [held, free] = await Promise.all(
      [rows, `${rows} for update skip locked`].map((text) => sql(this.stage.dataSource, text, [workerId])),
    );
    return (free?.length ?? 0) < (held?.length ?? 0);
  }

  dismiss(member: Member): void {
    this.members.splice(this.members.indexOf(member), 1);
  }

  /** How many have ended by themselves. */
  ended(): number {
    return this.members.filter(
      ({ gateway }) => gateway.process.exitCode !== null || gateway.process.signalCode !== null,
    ).length;
  }
}

/** Changes that fail are dropped: nothing was acknowledged. */
export async function underLoad<T>(stage: RecoveryStage, work: () => Promise<T>): Promise<T> {
  const over = new AbortController();
  const load = steadily(CHANGES_PER_SECOND, (turn) => stage.change(turn).catch(() => undefined), over.signal);
  try {
    return await work();
  } finally {
    over.abort();
    await load;
  }
}
