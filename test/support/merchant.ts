/** A merchant with shops as a partner's program sets one up and watches it: through the gateway's API and nothing else. */
import { randomUUID } from "node:crypto";
import { z } from "zod";
import type { RunningGateway } from "./gateway.js";
import { until } from "./until.js";

/** Also valid after the gateway was started again at the same port. */
export type Api = Pick<RunningGateway, "query" | "mutate">;

export interface ShopToConnect {
  readonly name: string;
  readonly platform: "WOOCOMMERCE" | "WEBHOOK";
  readonly url: string;
  readonly credentials: object;
}

export interface Merchant {
  readonly customerId: string;
  readonly skus: readonly string[];
  /** In the order of the shops. */
  readonly storeIds: readonly string[];
}

/** A customer with items `SKU-00` …, each with this stock in its one warehouse, all of them linked to each shop and sent. */
export async function aMerchant(
  api: Api,
  {
    items,
    onHand,
    shops,
  }: { readonly items: number; readonly onHand: number; readonly shops: readonly ShopToConnect[] },
): Promise<Merchant> {
  const skus = skusOf(items);
  const customerId = await api.mutate("createCustomer", "customer { id }", { name: "A merchant" });
  await api.mutate("createWarehouse", "warehouse { id }", { customerId, code: "MAIN", name: "Main" });
  const lines = skus.map((sku) => ({ sku, title: `Thing ${sku}` }));
  await api.mutate("upsertItems", "changedCount", { customerId, items: lines });
  await api.mutate("setInventory", "changedCount", { customerId, lines: skus.map((sku) => ({ sku, onHand })) });
  const storeIds: string[] = [];
  for (const shop of shops) {
    const storeId = await api.mutate("connectStore", "store { id }", { customerId, ...shop });
    await api.mutate("importListings", "operation { id }", { storeId });
    storeIds.push(storeId);
  }
  await settled(api, customerId);
  return { customerId, skus, storeIds };
}

export const skusOf = (items: number): readonly string[] =>
  Array.from({ length: items }, (_, index) => `SKU-${String(index).padStart(2, "0")}`);

/**
 * Calls a mutation until it is acknowledged, as a careful program does: under the same key each time, so that it acts once.
 * Throws where its sender is at fault.
 */
export function acknowledged(api: Api, name: string, selection: string, input: object): Promise<string> {
  const keyed = { ...input, idempotencyKey: randomUUID() };
  return until(() =>
    api.mutate(name, selection, keyed).catch((error: unknown) => {
      const told = String(error);
      const mayHeal = /INTERNAL_SERVER_ERROR|IDEMPOTENCY_IN_PROGRESS/.test(told) || !told.includes('"code":');
      if (!mayHeal) throw error;
      return null;
    }),
  );
}

const Counted = z.object({ items: z.object({ totalCount: z.number() }) });
const Operations = z.object({
  operations: z.object({ nodes: z.array(z.object({ id: z.string(), status: z.string() })) }),
});

/** Statuses of the customer's newest operations. */
export async function operationStatuses(api: Api, customerId: string): Promise<readonly string[]> {
  const text = `query ($customerId: ID!) { operations(customerId: $customerId, first: 250) { nodes { id status } } }`;
  const { operations } = Operations.parse(await api.query(text, { customerId }));
  return operations.nodes.map(({ status }) => status);
}

/** Awaits that every operation has ended and no listing waits for anything. */
export async function settled(api: Api, customerId: string): Promise<void> {
  await until(async () => {
    const open = (await operationStatuses(api, customerId)).some((status) => /QUEUED|RUNNING/.test(status));
    return !open && (await listingsIn(api, customerId, "PENDING", "IN_FLIGHT", "RETRYING")) === 0;
  });
}

/** How many of the customer's items have a listing in one of these states. */
export async function listingsIn(api: Api, customerId: string, ...states: readonly string[]): Promise<number> {
  const text = `query ($customerId: ID!, $states: [ListingState!]) {
    items(customerId: $customerId, filter: { listingState: $states }, first: 1) { totalCount }
  }`;
  return Counted.parse(await api.query(text, { customerId, states })).items.totalCount;
}

const Outcomes = z.object({
  outcomes: z.object({
    nodes: z.array(z.object({ cursor: z.string() })),
    pageInfo: z.object({ hasNextPage: z.boolean(), endCursor: z.string().nullable() }),
  }),
});

/** Cursors of all outcomes, oldest first, read page by page. */
export async function allCursors(api: Api, customerId: string): Promise<readonly string[]> {
  const text = `query ($customerId: ID!, $after: String) {
    outcomes(customerId: $customerId, first: 250, after: $after) { nodes { cursor } pageInfo { hasNextPage endCursor } }
  }`;
  const cursors: string[] = [];
  for (let after: string | null = null, more = true; more; ) {
    const { outcomes }: z.infer<typeof Outcomes> = Outcomes.parse(await api.query(text, { customerId, after }));
    cursors.push(...outcomes.nodes.map(({ cursor }) => cursor));
    after = outcomes.pageInfo.endCursor;
    more = outcomes.pageInfo.hasNextPage;
  }
  return cursors;
}

/** "1", "2", … as a feed without a hole numbers its outcomes. */
export const numbersTo = (last: number): readonly string[] =>
  Array.from({ length: last }, (_, index) => String(index + 1));

const Listings = z.object({
  store: z.object({
    listings: z.object({
      nodes: z.array(
        z.object({
          externalId: z.string(),
          state: z.string(),
          item: z.object({ sku: z.string() }),
          effectiveSync: z.object({ publishableQuantity: z.number() }),
        }),
      ),
    }),
  }),
});
type SeenListing = z.infer<typeof Listings>["store"]["listings"]["nodes"][number];

/** A store's listings, at most 250. */
export async function listingsOf(api: Api, storeId: string): Promise<readonly SeenListing[]> {
  const text = `query ($id: ID!) {
    store(id: $id) { listings(first: 250) { nodes { externalId state item { sku } effectiveSync { publishableQuantity } } } }
  }`;
  return Listings.parse(await api.query(text, { id: storeId })).store.listings.nodes;
}
