/** One chaos run: stage, load and faults, rest, judgement. */
import { createHash } from "node:crypto";
import { setMaxListeners } from "node:events";
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Api } from "../support/merchant.js";
import { randomOf } from "../support/random.js";
import { subscribe } from "../support/subscriber.js";
import { latestBehindGate, violationsOf } from "./check.js";
import { type Follower, feedsOf, finalState, operationIds, rest, writesOf } from "./collect.js";
import { type FaultLog, wreck } from "./faults.js";
import type { History, Violation } from "./history.js";
import { openingStock, trade } from "./load.js";
import { type Stage, setStage } from "./stage.js";
import { type Ledger, Trader } from "./trader.js";

export interface ChaosOptions {
  readonly seed: number;
  /** Of load and faults; rest comes after. */
  readonly seconds: number;
  readonly queueUrl: string | null;
  /** Ends the run before its time: it rejects, with nothing left running. */
  readonly interrupted?: AbortSignal;
}

export interface ChaosResult {
  readonly violations: readonly Violation[];
  /** What happened, in figures. */
  readonly summary: Readonly<Record<string, number>>;
  /** Where the history was written; null where nothing was violated. */
  readonly evidence: string | null;
}

export async function runChaos(options: ChaosOptions): Promise<ChaosResult> {
  const { interrupted = new AbortController().signal } = options;
  const stage = await setStage(options);
  try {
    return await Promise.race([play(stage, options), rejectionAt(interrupted)]);
  } finally {
    await stage.close();
  }
}

function rejectionAt(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const stop = (): void => {
      reject(new Error("The run was interrupted."));
    };
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop);
  });
}

async function play(stage: Stage, { seed, seconds }: ChaosOptions): Promise<ChaosResult> {
  const randomFor = (name: string) => randomOf(createHash("sha256").update(`${seed} ${name}`).digest().readInt32LE());
  const ledger: Ledger = { changes: [], switches: [], operations: [] };
  const api = eitherOf(stage);
  const traders = stage.customers.map((customer) => new Trader(customer, api, ledger));
  for (const trader of traders) {
    const random = randomFor(`opening stock of ${trader.customer.name}`);
    await trader.moveIn((_, role) => openingStock(random, role));
  }
  const followers: Follower[] = [];
  try {
    const ended = new AbortController();
    // Everything that waits listens to it.
    setMaxListeners(0, ended.signal);
    const timer = setTimeout(() => {
      ended.abort();
    }, seconds * 1_000);
    const log: FaultLog = [];
    const { signal } = ended;
    const following = traders.map((trader) => follow(stage, trader, { followers, randomFor, seconds, signal }));
    const wrecking = wreck({ stage, randomFor, seconds, signal, log });
    await Promise.all([wrecking, ...following, ...traders.map((trader) => trade(trader, randomFor, signal))]).finally(
      () => {
        clearTimeout(timer);
        ended.abort();
      },
    );
    const restingAt = performance.now();
    const hastened = await rest(stage);
    const restMs = performance.now() - restingAt;
    const history = await historyOf(stage, api, { traders, ledger, followers });
    const violations = violationsOf(history);
    const evidence = violations.length > 0 ? await keep(stage, history, violations, log) : null;
    const summary = {
      ...summaryOf(stage, history, log),
      "rechecks hastened": hastened,
      "ms to rest": Math.round(restMs),
    };
    return { violations, evidence, summary };
  } finally {
    for (const { subscriber } of followers) await subscriber.leave();
  }
}

/** Asks the two api processes in turn, as a load balancer that knows of no failures does. */
function eitherOf({ apis }: Stage): Api {
  let turn = 0;
  const next = (): Api => {
    turn += 1;
    const member = apis[turn % apis.length];
    if (!member) throw new Error("The stage has api processes.");
    return member.process;
  };
  return {
    query: (text, variables) => next().query(text, variables),
    mutate: (name, selection, input) => next().mutate(name, selection, input),
  };
}

interface Following {
  readonly followers: Follower[];
  readonly randomFor: (name: string) => ReturnType<typeof randomOf>;
  readonly seconds: number;
  readonly signal: AbortSignal;
}

/** Two from the beginning, one of them cut off again and again, and one that comes late. */
async function follow(
  stage: Stage,
  trader: Trader,
  { followers, randomFor, seconds, signal }: Following,
): Promise<void> {
  const token = await trader.token();
  const enter = (name: string, place: number): Follower => {
    const member = stage.apis[place];
    if (!member) throw new Error("The stage has such a process.");
    const { customerId } = trader;
    const subscriber = subscribe({ wsUrl: member.process.wsUrl, token }, { customerId, after: "0" });
    const follower = { name: `${name} at ${member.name}`, trader, subscriber };
    followers.push(follower);
    return follower;
  };
  enter("steady", 0);
  const { subscriber } = enter("cut off", 1);
  const random = randomFor(`cuts of ${trader.customer.name}`);
  const late = delay(seconds * 500, undefined, { signal })
    .catch(() => undefined)
    .then(() => enter("late", 1));
  while (!signal.aborted) {
    await delay(200 + random(2_000), undefined, { signal }).catch(() => undefined);
    subscriber.cut();
  }
  await late;
}

interface Records {
  readonly traders: readonly Trader[];
  readonly ledger: Ledger;
  readonly followers: readonly Follower[];
}

async function historyOf(stage: Stage, api: Api, { traders, ledger, followers }: Records): Promise<History> {
  const members = [...stage.apis, ...stage.workers];
  return {
    stores: stage.customers.flatMap(({ shops }) =>
      shops.map(({ name, platform }) => ({ store: name, compares: platform === "SHOPIFY" })),
    ),
    items: stage.customers.flatMap(({ items }) => items),
    changes: ledger.changes,
    switches: ledger.switches,
    acknowledgedOperations: operationIds(ledger.operations),
    feeds: await feedsOf(stage, followers),
    final: await finalState(stage, api, traders),
    writes: writesOf(stage),
    freezes: members.flatMap(({ freezes }) => freezes),
    surprises: members.flatMap(({ surprises }) => surprises),
  };
}

function summaryOf(stage: Stage, history: History, log: FaultLog): Readonly<Record<string, number>> {
  const told = (pattern: RegExp): number => log.filter(({ what }) => pattern.test(what)).length;
  const calls = stage.customers.flatMap(({ shops }) => shops.flatMap(({ shop }) => shop.calls));
  return {
    "kills of apis": told(/^kill api/),
    "kills of workers": told(/^kill worker/),
    "freezes of workers": told(/^freeze/),
    "kills of the database": told(/^kill the database/),
    "calls to shops": calls.length,
    "calls that met a fault": calls.filter(({ fault }) => fault !== null).length,
    "stock changes": history.changes.length,
    "gates switched": history.switches.length,
    operations: history.final.operations.length,
    "lines written": history.writes.filter(({ applied }) => applied).length,
    outcomes: history.feeds.reduce((sum, { last }) => sum + last, 0),
    "ms of the latest write behind a gate": Math.round(latestBehindGate(history)),
  };
}

/** As JSON lines, one record a line under its kind. */
async function keep(stage: Stage, history: History, violations: readonly Violation[], log: FaultLog): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "evenkeel-chaos-"));
  const { final, ...recorded } = history;
  const kinds: readonly (readonly [string, readonly unknown[]])[] = [
    ["violation", violations],
    ["fault", log],
    ...Object.entries(recorded),
    ["waiting", [final.waiting]],
    ["listing", final.listings],
    ["movement", final.movements],
    ["operation", final.operations],
    ["closed", final.closed],
  ];
  const lines = kinds.flatMap(([kind, records]) => records.map((record) => JSON.stringify({ kind, record })));
  await writeFile(join(folder, "history.jsonl"), `${lines.join("\n")}\n`);
  for (const member of [...stage.apis, ...stage.workers])
    await writeFile(join(folder, `${member.name}.log`), member.output);
  return folder;
}
