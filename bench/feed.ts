/**
 * 100 subscribers of one customer's feed while a bulk sync of several stores produces outcomes as fast as it can: how many
 * outcomes a second reached all of them. Real WebSockets by graphql-ws, all in this process; the gateway is the built one in
 * its own, and it syncs the stores while it serves the feed.
 *
 * Each subscriber checks that its cursors are exactly 1 apart. The control is a bare `ws` server that speaks just enough of
 * graphql-transport-ws to broadcast as many messages of the same shape to the same clients.
 */
import { createClient } from "graphql-ws";
import { WebSocket } from "ws";
import type { Stops } from "../src/stops.js";
import { sql } from "../src/sync/sql.js";
import { toGlobalId } from "../src/terms.js";
import type { RunningGateway } from "../test/support/gateway.js";
import { until } from "../test/support/until.js";
import type { Bench, Figure } from "./report.js";
import { answerOf, forkChild, type Stage, setStage } from "./stage.js";

const SUBSCRIBERS = 100;
const STORES = 4;
const ITSELF = "cursor status trigger quantityBefore quantitySent quantityAcknowledged attempt lagMs occurredAt";
/** What is looked up costs the server a query for each subscriber, so fewer show as much. */
const VARIANTS = [
  { metric: "outcomes", fields: ITSELF, share: 1 },
  { metric: "with item and store", fields: `${ITSELF} item { sku } store { name }`, share: 0.25 },
];

/** What the bare server is to broadcast. */
export interface Broadcast {
  /** A message's `payload.data.syncOutcomes`, but for its cursor. */
  readonly outcome: object;
  readonly count: number;
  readonly subscribers: number;
}

export const feed: Bench = async ({ outcomes }, { stops, note }) => {
  const items = Math.max(4, Math.round(outcomes / STORES));
  const stage = await setStage(
    items,
    Array.from({ length: STORES }, () => "WEBHOOK" as const),
    stops,
  );
  const gateway = await stage.gateway();
  note(`links ${String(items * STORES)} listings`);
  await stage.settled();
  const figures: Omit<Figure, "bench">[] = [];
  for (const { metric, fields, share } of VARIANTS) {
    const skus = stage.world.skus.slice(0, Math.round(items * share));
    const count = skus.length * STORES;
    note(`${metric}: ${String(count)} to each of ${String(SUBSCRIBERS)} subscribers`);
    const served = await readAll(stage, gateway, fields, skus);
    const bare = await readBroadcast(count, served.outcome, stops);
    figures.push(
      { metric, unit: "outcomes/s", value: (count / served.ms) * 1_000, control: (count / bare.ms) * 1_000 },
      { metric: `${metric}: missed`, unit: "messages", value: served.missed },
      { metric: `${metric}: twice`, unit: "messages", value: served.twice },
    );
  }
  return figures;
};

interface Reading {
  readonly ms: number;
  readonly missed: number;
  readonly twice: number;
  /** The last one. */
  readonly outcome: object;
}

async function readAll(
  { dataSource, world }: Stage,
  gateway: RunningGateway,
  fields: string,
  skus: readonly string[],
): Promise<Reading> {
  const customerId = toGlobalId("customer", world.customerId);
  const sync = (some: readonly string[]): Promise<string> =>
    gateway.mutate("syncInventory", "operation { id }", { customerId, selection: { skus: some } });
  const [head] = await sql<{ last_seq: number }>(dataSource, `select last_seq from feed where customer_id = $1`, [
    world.customerId,
  ]);
  const query = `subscription ($customerId: ID!, $after: String) { syncOutcomes(customerId: $customerId, after: $after) { ${fields} } }`;
  const readers = subscribe({
    url: gateway.wsUrl,
    token: gateway.token,
    query,
    customerId,
    after: head?.last_seq ?? 0,
  });
  try {
    // All of them are there once each has its first.
    await sync(skus.slice(0, 1));
    await readers.haveRead(STORES);
    const began = performance.now();
    await sync(skus);
    await readers.haveRead(STORES + skus.length * STORES);
    return { ms: performance.now() - began, ...readers.result() };
  } finally {
    await readers.close();
  }
}

async function readBroadcast(count: number, outcome: object, stops: Stops): Promise<Reading> {
  const child = forkChild(
    "broadcast-process.ts",
    { outcome, count, subscribers: SUBSCRIBERS } satisfies Broadcast,
    stops,
  );
  const { url } = await answerOf<{ url: string }>(child);
  const query = "subscription { syncOutcomes { cursor } }";
  const readers = subscribe({ url, token: "", query, customerId: "", after: 0 });
  try {
    await answerOf(child);
    const began = performance.now();
    child.send("go");
    await readers.haveRead(count);
    return { ms: performance.now() - began, ...readers.result() };
  } finally {
    await readers.close();
  }
}

interface Readers {
  /** Resolves when each has read so many. Rejects where a subscription ends before. */
  haveRead(count: number): Promise<void>;
  result(): Omit<Reading, "ms">;
  close(): Promise<void>;
}

interface Subscription {
  readonly url: string;
  readonly token: string;
  readonly query: string;
  readonly customerId: string;
  readonly after: number;
}

function subscribe({ url, token, query, customerId, after }: Subscription): Readers {
  let missed = 0;
  let twice = 0;
  let outcome: object = {};
  let ended: unknown = null;
  let slowest = 0;
  const reads = Array.from({ length: SUBSCRIBERS }, () => 0);
  const clients = reads.map((_, index) => {
    const client = createClient({
      url,
      webSocketImpl: WebSocket,
      connectionParams: { authorization: `Bearer ${token}` },
      retryAttempts: 0,
    });
    let last = after;
    client.subscribe<{ syncOutcomes: { cursor: string } }>(
      { query, variables: { customerId, after: String(after) } },
      {
        next: ({ data, errors }) => {
          if (!data) {
            ended ??= errors;
            return;
          }
          const cursor = Number(data.syncOutcomes.cursor);
          if (cursor > last) missed += cursor - last - 1;
          else twice += 1;
          last = Math.max(last, cursor);
          outcome = data.syncOutcomes;
          reads[index] = last - after;
        },
        error: (error) => {
          ended ??= error;
        },
        complete: () => undefined,
      },
    );
    return client;
  });
  return {
    haveRead: (count) =>
      until(
        () => {
          if (ended !== null) throw new Error(`A subscription ended: ${JSON.stringify(ended)}`);
          slowest = Math.min(...reads);
          return slowest >= count;
        },
        { withinMs: 600_000, everyMs: 5 },
      ).then(() => undefined),
    result: () => ({ missed, twice, outcome }),
    close: async () => {
      for (const client of clients) await client.dispose();
    },
  };
}
