/**
 * What a death costs: a worker that is killed, a worker that hangs, and PostgreSQL killed under load. Two of the built gateway
 * work a few stores whose stock rises at a steady pace; a call of a shop takes so long that a store is nearly always held.
 *
 * A takeover counts until the shop has the first call of whoever took the store over. Its control is a bare poll that waits for
 * the dead one's advisory lock to go: what is beyond is the engine's polls and its grace for calls on their way. Stock only
 * rises, and the receiver takes what comes as it comes: a quantity that falls was an older one sent after a newer.
 */
import { setTimeout as delay } from "node:timers/promises";
import { sql } from "../src/sync/sql.js";
import { until } from "../test/support/until.js";
import { Crew, type Member, type RecoveryStage, STORES, setRecoveryStage, underLoad } from "./recovery-stage.js";
import { type Bench, type Figure, median } from "./report.js";

const CRASHES = 3;
/** No takeover is waited for any longer: twice the lease. */
const MOST_HUNG_MS = 60_000;
/** What the dead have sent is read by the shop within this; whoever takes over comes later. */
const ON_ITS_WAY_MS = 100;

export const recovery: Bench = async ({ samples }, { stops, note }) => {
  const stage = await setRecoveryStage(stops);
  const crew = new Crew(stage, stops);
  await crew.hire();
  await crew.hire();
  const takeovers: number[] = [];
  const controls: number[] = [];
  await underLoad(stage, async () => {
    while (controls.length < samples) {
      const one = await kill(stage, crew);
      takeovers.push(...one.takeovers);
      controls.push(one.lockGone);
      note(
        `kill -9: ${String(one.takeovers.length)} stores, the last after ${Math.max(...one.takeovers).toFixed(2)} s`,
      );
    }
  });
  await settled(stage);
  const hangs: Hang[] = [];
  for (const settling of [false, true]) {
    const one = await hang(stage, crew, settling);
    hangs.push(one);
    note(
      `hang ${settling ? "within" : "outside"} a settlement: ${String(one.takeovers.length)} stores, the last after ${Math.max(0, ...one.takeovers).toFixed(2)} s; ` +
        `${String(one.stuck)} not taken over; ${String(one.markedAgain)} late settlements refused`,
    );
  }
  const crashes: Crash[] = [];
  await underLoad(stage, async () => {
    while (crashes.length < CRASHES) {
      await delay(3_000);
      const one = await crash(stage, crew);
      crashes.push(one);
      note(
        `database killed: ready after ${one.ready.toFixed(2)} s, first outcome after ${one.firstOutcome.toFixed(2)} s`,
      );
    }
  });
  await settled(stage);
  const { older, wrong } = await judge(stage);
  const [outside, within] = hangs;
  const worst = (metric: string, seconds: readonly number[]): Omit<Figure, "bench"> => ({
    metric,
    unit: "s",
    value: Math.max(0, ...seconds),
  });
  return [
    { metric: "worker killed: takeover, p50", unit: "s", value: median(takeovers), control: median(controls) },
    { ...worst("worker killed: takeover, max", takeovers), control: Math.max(...controls) },
    worst("worker hangs: takeover, max", outside?.takeovers ?? []),
    worst("worker hangs while it settles: takeover, max", within?.takeovers ?? []),
    { metric: "worker hangs: not taken over", unit: "stores", value: sum(hangs.map((one) => one.stuck)) },
    { metric: "worker hangs: late, refused", unit: "listings", value: sum(hangs.map((one) => one.markedAgain)) },
    worst(
      "database killed: ready, max",
      crashes.map((one) => one.ready),
    ),
    worst(
      "database killed: first outcome, max",
      crashes.map((one) => one.firstOutcome),
    ),
    worst(
      "database killed: every store, max",
      crashes.map((one) => one.everyStore),
    ),
    { metric: "database killed: processes ended", unit: "processes", value: crew.ended() },
    { metric: "older quantity after a newer", unit: "lines", value: older },
    { metric: "shops that are wrong at the end", unit: "listings", value: wrong },
  ];
};

const sum = (values: readonly number[]): number => values.reduce((all, one) => all + one, 0);
const wallClock = (): number => performance.timeOrigin + performance.now();

async function kill(
  stage: RecoveryStage,
  crew: Crew,
): Promise<{ readonly takeovers: readonly number[]; readonly lockGone: number }> {
  await delay(1_000 + Math.random() * 1_000);
  const victim = await crew.busiest();
  const at = wallClock();
  process.kill(victim.gateway.pid, "SIGKILL");
  const paths = await crew.heldBy(victim);
  await until(
    async () => {
      const locks = await sql(
        stage.dataSource,
        `select 1 from pg_locks where locktype = 'advisory' and objid = $1::oid`,
        [victim.lockKey],
      );
      return locks.length === 0;
    },
    { everyMs: 20 },
  );
  const lockGone = (wallClock() - at) / 1_000;
  const takeovers = await until(async () => allOf(await firstCalls(stage, paths, at)), { everyMs: 100 });
  crew.dismiss(victim);
  await crew.hire();
  return { takeovers, lockGone };
}

/** Of each shop the time until its first call after this moment, in s; null where there is none yet. */
async function firstCalls(
  stage: RecoveryStage,
  paths: readonly string[],
  at: number,
): Promise<readonly (number | null)[]> {
  const log = await stage.shopLog(at + ON_ITS_WAY_MS);
  return paths.map((path) => {
    const times = log.filter((call) => call.path === path).map((call) => call.receivedAt);
    return times.length === 0 ? null : (Math.min(...times) - at) / 1_000;
  });
}

const present = (values: readonly (number | null)[]): readonly number[] => values.filter((value) => value !== null);
const allOf = (values: readonly (number | null)[]): readonly number[] | null =>
  present(values).length === values.length ? present(values) : null;

interface Hang {
  /** In s; MOST_HUNG_MS for each that never came. */
  readonly takeovers: readonly number[];
  /** Stores that were not taken over before the worker went on. */
  readonly stuck: number;
  /** Listings that were sent once more since a settlement came too late. */
  readonly markedAgain: number;
}

/** `within`: at a moment at which it has begun to settle a store's call and not committed yet, or else not. */
async function hang(stage: RecoveryStage, crew: Crew, within: boolean): Promise<Hang> {
  const { dataSource } = stage;
  const frozen = await underLoad(stage, async () => {
    await delay(3_000);
    const { victim, at } = await freeze(crew, within);
    const paths = await crew.heldBy(victim);
    const calls = await until(
      async () => {
        const some = await firstCalls(stage, paths, at);
        return allOf(some) ?? (wallClock() - at > MOST_HUNG_MS ? some : null);
      },
      { withinMs: 2 * MOST_HUNG_MS, everyMs: 100 },
    );
    // Once it goes on, what waits for its locks goes on too: the load could not end before.
    if (present(calls).length < calls.length) process.kill(victim.gateway.pid, "SIGCONT");
    return { victim, calls };
  });
  const { victim, calls } = frozen;
  const takeovers = calls.map((call) => call ?? MOST_HUNG_MS / 1_000);
  const stuck = calls.length - present(calls).length;
  if (stuck === 0) await settled(stage);
  const [now] = await sql<{ at: string }>(dataSource, `select clock_timestamp()::text as at`);
  process.kill(victim.gateway.pid, "SIGCONT");
  await crew.learn(victim);
  await delay(1_000);
  await settled(stage);
  const again = await sql(
    dataSource,
    `select distinct listing_id from outcome where trigger = 'RETRY' and occurred_at >= $1::timestamptz`,
    [now?.at],
  );
  return { takeovers, stuck, markedAgain: again.length };
}

async function freeze(crew: Crew, within: boolean): Promise<{ readonly victim: Member; readonly at: number }> {
  return until(async () => {
    const victim = await crew.busiest();
    const at = wallClock();
    process.kill(victim.gateway.pid, "SIGSTOP");
    // What it had sent to the database is done by then.
    await delay(ON_ITS_WAY_MS);
    if ((await crew.isSettling(victim)) === within) return { victim, at };
    process.kill(victim.gateway.pid, "SIGCONT");
    await delay(500 * Math.random());
    return null;
  });
}

interface Crash {
  /** All in s since the database answered again: until every gateway is ready; until one store, until each, was worked. */
  readonly ready: number;
  readonly firstOutcome: number;
  readonly everyStore: number;
}

async function crash(stage: RecoveryStage, crew: Crew): Promise<Crash> {
  await stage.crashDatabase();
  const at = wallClock();
  const isReady = async ({ gateway }: Member): Promise<boolean> =>
    fetch(`${gateway.url}/readyz`).then(
      (answer) => answer.ok,
      () => false,
    );
  await until(async () => (await Promise.all(crew.members.map(isReady))).every(Boolean));
  const ready = (wallClock() - at) / 1_000;
  const firsts = await until(
    async () => {
      const rows = await sql<{ at: Date }>(
        stage.dataSource,
        `select min(occurred_at) as at from outcome where occurred_at >= $1 group by store_id`,
        [new Date(at)],
      ).catch(() => []);
      return rows.length === STORES ? rows.map((row) => (row.at.getTime() - at) / 1_000) : null;
    },
    { everyMs: 100 },
  );
  return { ready, firstOutcome: Math.min(...firsts), everyStore: Math.max(...firsts) };
}

async function settled({ dataSource }: RecoveryStage): Promise<void> {
  await until(
    async () => {
      const due = await sql(dataSource, `select 1 from listing where revision > synced_revision limit 1`);
      return due.length === 0;
    },
    { withinMs: 120_000, everyMs: 100 },
  );
}

/** By the shop's own log: how often a listing's quantity fell, and how many listings do not end at what is in stock. */
async function judge(stage: RecoveryStage): Promise<{ readonly older: number; readonly wrong: number }> {
  const held = new Map<string, number>();
  let older = 0;
  for (const { lines } of await stage.shopLog(0))
    for (const { externalId, after } of lines) {
      if (after === null) continue;
      if (after < (held.get(externalId) ?? 0)) older += 1;
      held.set(externalId, after);
    }
  const rows = await sql<{ external_id: string; available: number }>(
    stage.dataSource,
    `select l.external_id, i.available from listing l join item i on i.id = l.item_id`,
  );
  const wrong = rows.filter(({ external_id, available }) => held.get(external_id) !== available);
  return { older, wrong: wrong.length };
}
