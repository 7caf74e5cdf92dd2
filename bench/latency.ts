/**
 * From the commit of a stock change to the store's answer. The gateway is the built one; each change is a receiveInventory
 * over HTTP, on its own. The store is the WEBHOOK sandbox, whose own work is the least: it checks one HMAC. Changes come
 * slower than the 20 calls a second that a WEBHOOK store is sent, since that limit is not what is measured here.
 *
 * The commit's time is PostgreSQL's own (track_commit_timestamp: just before the flush, so the flush counts as ours). The
 * control is one bare signed call to the same shop, between each two changes.
 */
import { setTimeout as delay } from "node:timers/promises";
import { Agent, request } from "undici";
import { levelsBody, signedHeaders } from "../src/platforms/webhook/wire.js";
import { sql } from "../src/sync/sql.js";
import { newUuid, toGlobalId } from "../src/terms.js";
import { type Bench, percentile } from "./report.js";
import { type StagedShop, setStage } from "./stage.js";

const ITEMS = 1_000;
const WARM_UP = 100;
/** 15 changes a second. */
const BETWEEN_MS = 65;

export const latency: Bench = async ({ samples }, { stops, note }) => {
  const stage = await setStage(ITEMS, ["WEBHOOK"], stops);
  const [shop] = stage.shops;
  if (!shop) throw new Error("There is one shop.");
  const gateway = await stage.gateway();
  await stage.settled();
  const customerId = toGlobalId("customer", stage.world.customerId);
  const agent = new Agent();
  stops.add(() => agent.close());
  const controls: number[] = [];
  const answers: number[] = [];
  note(`${String(samples)} changes, one each ${String(BETWEEN_MS)} ms`);
  for (let index = -WARM_UP; index < samples; index += 1) {
    const sku = stage.world.skus.at(index % ITEMS);
    // What comes periodically could always meet, or always miss, what the engine does periodically.
    const next = delay(BETWEEN_MS * (0.9 + 0.2 * Math.random()));
    const asked = performance.now();
    await gateway.mutate("receiveInventory", "items { id }", {
      customerId,
      reference: `bench ${String(index)}`,
      lines: [{ sku, quantity: 1 }],
    });
    if (index >= 0) answers.push(performance.now() - asked);
    await delay(BETWEEN_MS / 2);
    const control = await bareCall(agent, shop);
    if (index >= 0) controls.push(control);
    await next;
  }
  await stage.settled();
  const lags = await commitToAnswer(stage.dataSource, shop, samples);
  return [
    { metric: "p50", unit: "ms", value: percentile(lags, 0.5), control: percentile(controls, 0.5) },
    { metric: "p99", unit: "ms", value: percentile(lags, 0.99), control: percentile(controls, 0.99) },
    { metric: "mutation p50", unit: "ms", value: percentile(answers, 0.5) },
    { metric: "mutation p99", unit: "ms", value: percentile(answers, 0.99) },
  ];
};

/** The same call as the gateway's, of a level that is none of its. */
async function bareCall(agent: Agent, { url, credentials, storeId }: StagedShop): Promise<number> {
  const startedAt = performance.now();
  const change = {
    listingId: newUuid(),
    sku: "BARE",
    externalId: "BARE",
    externalRef: {},
    quantity: 1,
    expectedQuantity: null,
    revision: 1,
  };
  const body = levelsBody(storeId, [change], new Date());
  const headers = signedHeaders(credentials["secret"] ?? "", newUuid(), new Date(), body);
  const answer = await request(url, { method: "POST", headers, body, dispatcher: agent });
  await answer.body.text();
  return performance.now() - startedAt;
}

/** For each measured change, from its commit to the first answer of the shop that it had the quantity of then, in ms. */
async function commitToAnswer(
  db: Parameters<typeof sql>[0],
  shop: StagedShop,
  samples: number,
): Promise<readonly number[]> {
  const changes = await sql<{ reference: string; sku: string; total: number; committed_at: number }>(
    db,
    /* sql */ `
    select m.reference, i.sku, extract(epoch from pg_xact_commit_timestamp(m.xmin))::float8 * 1000 as committed_at,
           (sum(m.on_hand_delta) over (partition by m.item_id order by m.id))::int as total
      from inventory_movement m join item i on i.id = m.item_id`,
  );
  const { lines } = await shop.log();
  const answeredAt = new Map<string, number>();
  for (const { externalId, after, answeredAt: at } of lines.toReversed())
    answeredAt.set(`${externalId} ${String(after)}`, at);
  const lags = changes
    .filter(({ reference }) => /^bench \d/.test(reference))
    .map(({ sku, total, committed_at }) => (answeredAt.get(`${sku} ${String(total)}`) ?? NaN) - committed_at);
  if (lags.length !== samples || lags.some(Number.isNaN))
    throw new Error("A change did not reach the shop on its own.");
  return lags;
}
