/** All that goes wrong in a chaos run, drawn from seeded generators: each kind of victim has one of its own, and its own time. */
import { setTimeout as delay } from "node:timers/promises";
import type { Fault } from "../../sandbox/sandbox.js";
import type { randomOf } from "../support/random.js";
import type { Member } from "./member.js";
import type { Stage, StageShop } from "./stage.js";

type Random = ReturnType<typeof randomOf>;

/** Runs this long or longer have freezes that outlast a worker's lease (30 s). */
const LONG_RUN_S = 120;
const LONG_FREEZE_MS = 40_000;

/** What happened, in the order in which it began. */
export type FaultLog = { readonly atMs: number; readonly what: string }[];

interface FaultRun {
  readonly stage: Stage;
  readonly randomFor: (name: string) => Random;
  readonly seconds: number;
  readonly signal: AbortSignal;
  readonly log: FaultLog;
}

/** Resolves when the signal is aborted and everything is up again. */
export async function wreck(run: FaultRun): Promise<void> {
  const { stage, signal } = run;
  const tell = (what: string): void => void run.log.push({ atMs: performance.now(), what });
  const repeat = async (name: string, waitMs: number, act: (random: Random) => Promise<void>): Promise<void> => {
    const random = run.randomFor(name);
    for (;;) {
      await delay(waitMs / 2 + random(waitMs), undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      await act(random);
    }
  };
  const crash = async (member: Member, random: Random): Promise<void> => {
    tell(`kill ${member.name}`);
    await member.crash(random(800));
  };
  const shops = stage.customers.flatMap((customer) => customer.shops);
  await Promise.all([
    ...stage.workers.map((worker) =>
      repeat(worker.name, 4_500, async (random) => {
        if (random(100) < 70) return crash(worker, random);
        const isLong = run.seconds >= LONG_RUN_S && random(6) === 0;
        const ms = isLong ? LONG_FREEZE_MS : 1_000 + random(7_000);
        tell(`freeze ${worker.name}`);
        return worker.freeze(ms, signal);
      }),
    ),
    repeat("apis", 4_000, (random) => crash(stage.apis[random(stage.apis.length)] ?? unthinkable(), random)),
    repeat("database", 10_000, async () => {
      tell("kill the database");
      await stage.cluster.crash("SIGKILL");
    }),
    ...shops.map((shop) =>
      repeat(shop.name, 3_500, async (random) => {
        tell(`${await troubleShop(shop, random, signal)} ${shop.name}`);
      }),
    ),
  ]);
  for (const { shop } of shops) shop.heal();
}

const GARBAGE = [
  "",
  "{",
  "{}",
  "[]",
  "null",
  '"ok"',
  "<html>Just a moment…</html>",
  '{"update":[{}]}',
  '{"data":null}',
];

/** Answers the kind of trouble. */
async function troubleShop({ shop }: StageShop, random: Random, signal: AbortSignal): Promise<string> {
  // A store that fails several times in a row is left alone for longer and longer: mostly it does not.
  const times = random(6) === 0 ? 2 + random(4) : 1;
  const fail = (fault: Fault, most: number): string => {
    shop.fail(fault, { times: Math.min(times, most) });
    return fault.kind;
  };
  const kind = random(9);
  const body = GARBAGE[random(GARBAGE.length)] ?? "";
  const ms = random(701);
  switch (kind) {
    case 0:
      return fail({ kind: "reset" }, 3);
    case 1:
      return fail({ kind: "status", status: 500 }, 5);
    case 2:
      return fail({ kind: "status", status: 503 }, 5);
    case 3:
      return fail({ kind: "status", status: 429, headers: { "retry-after": "1" } }, 2);
    case 4:
    case 5:
      return fail({ kind: "stall", ms }, 3);
    case 6:
      return fail({ kind: "dropAnswer" }, 2);
    case 7:
      return fail({ kind: "lie", body }, 1);
    default:
      shop.fail({ kind: "status", status: 503 }, { times: Number.POSITIVE_INFINITY });
      await delay(1_000 + random(3_000), undefined, { signal }).catch(() => undefined);
      shop.heal();
      return "pause";
  }
}

function unthinkable(): never {
  throw new Error("The stage has such a process.");
}
