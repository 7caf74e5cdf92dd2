/**
 * The main job against a real Medusa shop: `npm run test:medusa`. Starts the shop (the first run installs it, which takes
 * minutes), the built gateway on an embedded database of its own, imports 250 listings by SKU, changes stock 1,000 times
 * through GraphQL, and compares what the shop itself says with what should be there.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { execa } from "execa";
import { createClient } from "graphql-ws";
import { afterAll, beforeAll, expect, test } from "vitest";
import WebSocket from "ws";
import { z } from "zod";
import { aGateway, type RunningGateway } from "../support/gateway.js";
import { until } from "../support/until.js";

const SHOPS = path.resolve(process.env["EVENKEEL_REAL_SHOPS"] ?? "../shared/real-shops");
/** Where the shop is installed and kept for the next run. */
const HOME = process.env["REALPLAT_HOME"] ?? path.join(tmpdir(), "evenkeel-real-shops");
const SKUS = 250;
const CHANGES = 1_000;
const SEED = 20_261_123;

const Seed = z.object({ url: z.string(), token: z.string(), locationId: z.string(), skus: z.array(z.string()) });
let shop: z.infer<typeof Seed>;
let dataDir = "";
let gateway: RunningGateway;

beforeAll(async () => {
  // Our own engine-strict, which npm hands on to what it runs, is not the shop's.
  const env = { REALPLAT_HOME: HOME, npm_config_engine_strict: "false" };
  const { stdout } = await execa("bash", [path.join(SHOPS, "medusa/start.sh"), "19100"], { env, stderr: "inherit" });
  const { url } = z.object({ url: z.string() }).parse(JSON.parse(stdout));
  const seeded = await execa("node", [
    path.join(SHOPS, "medusa/seed.mjs"),
    url,
    String(SKUS),
    `T${String(Date.now())}-`,
  ]);
  shop = Seed.parse(JSON.parse(seeded.stdout));
  dataDir = await mkdtemp(path.join(tmpdir(), "evenkeel-medusa-"));
  gateway = await aGateway({ env: { EVENKEEL_DATA_DIR: dataDir, EVENKEEL_DEMO: "off" } });
}, 900_000);

afterAll(async () => {
  // Undefined where the start failed already.
  await (gateway as RunningGateway | undefined)?.stop();
  await execa("bash", [path.join(SHOPS, "medusa/stop.sh")], { env: { REALPLAT_HOME: HOME } });
  if (dataDir) await rm(dataDir, { recursive: true, force: true });
}, 120_000);

/** A small seeded generator (mulberry32), so that a failing run can be run again. */
function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

test("a real shop ends at the publishable quantities, and a subscriber sees every outcome", async () => {
  const customerId = await gateway.mutate("createCustomer", "customer { id }", {
    name: "Medusa merchant",
    syncMode: "ALWAYS",
  });
  await gateway.mutate("createWarehouse", "warehouse { id }", { customerId, code: "MAIN", name: "Main" });
  await gateway.mutate("upsertItems", "items { id }", {
    customerId,
    items: shop.skus.map((sku) => ({ sku, title: sku })),
  });
  const storeId = await gateway.mutate("connectStore", "store { id }", {
    customerId,
    name: "Medusa",
    platform: "MEDUSA",
    url: shop.url,
    credentials: { medusa: { secretApiKey: shop.token } },
    locationId: shop.locationId,
  });

  const cursors: number[] = [];
  const socket = createClient({
    url: gateway.wsUrl,
    webSocketImpl: WebSocket,
    connectionParams: { authorization: `Bearer ${gateway.token}` },
  });
  const unsubscribe = socket.subscribe<{ syncOutcomes: { cursor: string } }>(
    {
      query: 'subscription ($customerId: ID!) { syncOutcomes(customerId: $customerId, after: "0") { cursor status } }',
      variables: { customerId },
    },
    {
      next: ({ data }) => {
        if (data) cursors.push(Number(data.syncOutcomes.cursor));
      },
      error: (error) => {
        throw error;
      },
      complete: () => undefined,
    },
  );

  const operationId = await gateway.mutate("importListings", "operation { id }", { storeId });
  const Operation = z.object({
    operation: z.object({ status: z.string(), total: z.number(), notes: z.array(z.string()) }),
  });
  const imported = await until(async () => {
    const { operation } = Operation.parse(
      await gateway.query("query ($id: ID!) { operation(id: $id) { status total notes } }", { id: operationId }),
    );
    return operation.status === "QUEUED" || operation.status === "RUNNING" ? null : operation;
  });
  expect(imported).toEqual({ status: "COMPLETED", total: SKUS, notes: [] });

  const random = randomOf(SEED);
  const startedAt = performance.now();
  await gateway.mutate("receiveInventory", "changedCount", {
    customerId,
    lines: shop.skus.map((sku) => ({ sku, quantity: 50 + random(50) })),
  });
  for (let change = 0; change < CHANGES; change += 1) {
    const sku = shop.skus[random(shop.skus.length)];
    const delta = random(9) - 4;
    await gateway.mutate("adjustInventory", "changedCount", {
      customerId,
      lines: [{ sku, onHandDelta: delta === 0 ? 5 : delta }],
    });
  }
  const changedAt = performance.now();

  const Listings = z.object({
    store: z.object({
      listings: z.object({
        pageInfo: z.object({ hasNextPage: z.boolean(), endCursor: z.string().nullable() }),
        nodes: z.array(
          z.object({
            state: z.string(),
            lastSyncedQuantity: z.number().nullable(),
            item: z.object({ sku: z.string() }),
            effectiveSync: z.object({ publishableQuantity: z.number() }),
          }),
        ),
      }),
    }),
  });
  const readListings = async () => {
    const data = await gateway.query(
      `query ($id: ID!) { store(id: $id) { listings(first: 250) { pageInfo { hasNextPage endCursor }
           nodes { state lastSyncedQuantity item { sku } effectiveSync { publishableQuantity } } } } }`,
      { id: storeId },
    );
    return Listings.parse(data).store.listings.nodes;
  };
  const listings = await until(async () => {
    const nodes = await readListings();
    return nodes.every((node) => node.state === "IN_SYNC") ? nodes : null;
  });
  const settledAt = performance.now();
  expect(listings).toHaveLength(SKUS);

  const readback = await execa("node", [path.join(SHOPS, "medusa/readback.mjs")], { input: JSON.stringify(shop) });
  const inShop = z.record(z.string(), z.number()).parse(JSON.parse(readback.stdout));
  const wanted = Object.fromEntries(listings.map((node) => [node.item.sku, node.effectiveSync.publishableQuantity]));
  expect(inShop).toEqual(wanted);

  const Last = z.object({ outcomes: z.object({ nodes: z.array(z.object({ cursor: z.string() })) }) });
  const last = Last.parse(
    await gateway.query("query ($id: ID!) { outcomes(customerId: $id, last: 1) { nodes { cursor } } }", {
      id: customerId,
    }),
  ).outcomes.nodes[0];
  await until(() => (cursors.length >= Number(last?.cursor) ? true : null));
  expect(cursors).toEqual(Array.from({ length: Number(last?.cursor) }, (_, index) => index + 1));
  unsubscribe();
  await socket.dispose();
  console.log(
    JSON.stringify({
      listings: SKUS,
      changes: CHANGES,
      changesMs: Math.round(changedAt - startedAt),
      settledAfterMs: Math.round(settledAt - changedAt),
      outcomes: cursors.length,
    }),
  );
}, 600_000);
