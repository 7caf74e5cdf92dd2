/** A customer's program: each of its mutations is repeated under one key until it is acknowledged, and then written down. */
import { z } from "zod";
import { type Api, acknowledged, settled } from "../support/merchant.js";
import type { Delta, ItemRole, StockChange, Switch } from "./history.js";
import type { StageCustomer } from "./stage.js";

/** What all traders have done. */
export interface Ledger {
  readonly changes: StockChange[];
  readonly switches: Switch[];
  readonly operations: string[];
}

interface Held {
  onHand: number;
  committed: number;
  /** Each quantity that it ever had to sell, so that none comes back: the order of what a shop saw can be told by it. */
  readonly had: Set<number>;
}

/** How a trader changes stock: the mutation, and what its line for a delta is. */
const WAYS = {
  adjustInventory: ({ sku, onHand }: Delta) => ({ sku, onHandDelta: onHand }),
  receiveInventory: ({ sku, onHand }: Delta) => ({ sku, quantity: onHand }),
  commitInventory: ({ sku, committed }: Delta) => ({ sku, quantity: committed }),
} as const;

const Nodes = z.object({ nodes: z.array(z.object({ id: z.string(), sku: z.string() })) });
const Listings = z.object({
  store: z.object({
    listings: z.object({ nodes: z.array(z.object({ id: z.string(), item: z.object({ sku: z.string() }) })) }),
  }),
});

export class Trader {
  readonly #held = new Map<string, Held>();
  readonly #itemIds = new Map<string, string>();
  /** By store and SKU. */
  readonly #listingIds = new Map<string, string>();
  readonly #storeIds = new Map<string, string>();
  #customerId = "";
  #references = 0;

  constructor(
    readonly customer: StageCustomer,
    private readonly api: Api,
    private readonly ledger: Ledger,
  ) {}

  get customerId(): string {
    return this.#customerId;
  }

  storeId(store: string): string {
    return known(this.#storeIds, store);
  }

  skus(...roles: readonly ItemRole[]): readonly string[] {
    return this.customer.items.filter(({ role }) => roles.includes(role)).map(({ sku }) => sku);
  }

  /** What of it may be sold. */
  held(sku: string): Readonly<Held> {
    return known(this.#held, sku);
  }

  /** The customer with its items and their stock, and its stores, each listing told what it is to hold. */
  async moveIn(stockOf: (sku: string, role: ItemRole) => number): Promise<void> {
    const { api, customer } = this;
    this.#customerId = await api.mutate("createCustomer", "customer { id }", { name: customer.name });
    const { customerId } = this;
    await api.mutate("createWarehouse", "warehouse { id }", { customerId, code: "MAIN", name: "Main" });
    const items = customer.items.map(({ sku }) => ({ sku, title: sku }));
    await api.mutate("upsertItems", "changedCount", { customerId, items });
    const text = "query ($customerId: ID!) { items(customerId: $customerId, first: 250) { nodes { id sku } } }";
    const found = z.object({ items: Nodes }).parse(await api.query(text, { customerId }));
    for (const { id, sku } of found.items.nodes) this.#itemIds.set(sku, id);
    for (const sku of this.skus("never")) await this.turn({ sku, store: null }, true);
    for (const { sku } of customer.items) this.#held.set(sku, { onHand: 0, committed: 0, had: new Set([0]) });
    const deltas = customer.items.map(({ sku, role }) => ({ sku, role, onHand: stockOf(sku, role), committed: 0 }));
    const isOpening = ({ role }: { role: ItemRole }) => role === "unreceived";
    await this.change(
      "adjustInventory",
      deltas.filter((delta) => isOpening(delta)),
    );
    await this.change(
      "receiveInventory",
      deltas.filter((delta) => !isOpening(delta)),
    );
    for (const { name, platform, shop, credentials } of customer.shops) {
      const input = { customerId, name, platform, url: shop.url, credentials };
      const storeId = await api.mutate("connectStore", "store { id }", input);
      this.#storeIds.set(name, storeId);
      this.ledger.operations.push(await api.mutate("importListings", "operation { id }", { storeId }));
    }
    await settled(api, customerId);
    for (const { name } of customer.shops) await this.#learnListings(name);
  }

  /** In this way; all lines or none. Each item belongs to one caller at a time. */
  async change(way: keyof typeof WAYS, deltas: readonly Delta[]): Promise<void> {
    this.#references += 1;
    const reference = `${this.customer.name}-${String(this.#references)}`;
    const lines = deltas.map((delta) => WAYS[way](delta));
    const requestedMs = performance.now();
    await acknowledged(this.api, way, "changedCount", { customerId: this.customerId, lines, reference });
    const done = deltas.map(({ sku, onHand, committed }) => ({ sku, onHand, committed }));
    this.ledger.changes.push({ reference, requestedMs, lines: done });
    for (const { sku, onHand, committed } of done) {
      const held = known(this.#held, sku);
      held.onHand += onHand;
      held.committed += committed;
      held.had.add(held.onHand - held.committed);
    }
  }

  /** Closes or opens an item's gate, a listing's, or a whole store's. */
  async turn({ sku, store }: Pick<Switch, "sku" | "store">, closed: boolean): Promise<void> {
    const requestedMs = performance.now();
    const mode = closed ? "NEVER" : "CUSTOMER_DEFAULT";
    if (sku === null) {
      const input = { storeId: this.storeId(store ?? ""), enabled: !closed };
      await acknowledged(this.api, "setStoreSyncEnabled", "store { id }", input);
    } else if (store === null) {
      await acknowledged(this.api, "setItemSyncInventory", "item { id }", { itemId: known(this.#itemIds, sku), mode });
    } else {
      const listingId = known(this.#listingIds, `${store} ${sku}`);
      await acknowledged(this.api, "setListingSyncInventory", "listing { id }", { listingId, mode });
    }
    this.ledger.switches.push({ sku, store, closed, requestedMs, acknowledgedMs: performance.now() });
  }

  /** Sends the present level of these once more. */
  async sync(skus: readonly string[]): Promise<void> {
    const input = { customerId: this.customerId, selection: { skus } };
    this.ledger.operations.push(await acknowledged(this.api, "syncInventory", "operation { id }", input));
  }

  async token(): Promise<string> {
    const made = await this.api.query(
      "mutation ($input: CreateApiTokenInput!) { createApiToken(input: $input) { token } }",
      { input: { name: "A dashboard", customerId: this.customerId, scopes: ["READ"] } },
    );
    return z.object({ createApiToken: z.object({ token: z.string() }) }).parse(made).createApiToken.token;
  }

  async #learnListings(store: string): Promise<void> {
    const text = "query ($id: ID!) { store(id: $id) { listings(first: 250) { nodes { id item { sku } } } } }";
    const { listings } = Listings.parse(await this.api.query(text, { id: this.storeId(store) })).store;
    for (const { id, item } of listings.nodes) this.#listingIds.set(`${store} ${item.sku}`, id);
  }
}

function known<T>(map: ReadonlyMap<string, T>, key: string): T {
  const value = map.get(key);
  if (value === undefined) throw new Error(`There is no ${key} here.`);
  return value;
}
