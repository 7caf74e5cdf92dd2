/**
 * Shopify, by its Admin GraphQL API: absolute quantities of one location, compared and set, with an idempotency key, at the
 * rate of the store's cost bucket. A write is all or nothing (so treated; not documented), so bad lines are isolated here.
 */
import type { Http } from "../http.js";
import type {
  Answer,
  Call,
  CallFailure,
  Change,
  Connector,
  FoundListing,
  LineResult,
  ListingAddress,
  Location,
  PlatformDriver,
  SendOptions,
  SendResult,
  StoreConnection,
} from "../platform.js";
import { AdminApi, type Asked, type Asking } from "./admin-api.js";
import { FIND_BY_SKU, LOCATIONS, READ_LEVELS, SET_QUANTITIES } from "./documents.js";
import { isolate, type WriteLines } from "./isolate.js";
import {
  availableOf,
  foundListing,
  idempotencyKey,
  isItemId,
  type LineEnd,
  lineOf,
  searchForSkus,
  setAnswer,
} from "./mapping.js";
import { FindBySkuData, LocationsData, ReadLevelsData, SetQuantitiesData } from "./wire.js";

/** The limit of every array argument (shopify.dev/docs/api/usage/limits, read 2026-09). */
const MAX_LINES = 250;
/** With the page size below about 600 points: under the 1,000 of a document, and no long wait on the smallest plan. */
const SKUS_PER_SEARCH = 100;
/** Some more than the SKUs searched for: hits in another case and second listings rarely need a second page then. */
const VARIANTS_PER_PAGE = 120;
/** Paging ends at 25,000 objects (shopify.dev/docs/api/usage/limits, read 2026-09). */
const MAX_PAGES = Math.floor(25_000 / VARIANTS_PER_PAGE);
/** Of a send with all that it repeats. */
const SEND_DEADLINE_MS = 30_000;

/** Opens connectors that post to `{url}/admin/api/2026-10/graphql.json`; credentials: `accessToken`. */
export function shopifyDriver(http: Http): PlatformDriver {
  return { platform: "SHOPIFY", hasCatalogue: true, open: (connection) => new ShopifyConnector(http, connection) };
}

class ShopifyConnector implements Connector {
  // A ceiling for the largest plans; what the store allows, its bucket says.
  readonly pace = { concurrency: 2, intervalMs: 1_000, callsPerInterval: 40 };
  readonly maxChangesPerCall = MAX_LINES;
  readonly mayWriteLate = false;
  readonly #api: AdminApi;
  readonly #locationId: string | null;
  /** What a write costs: by the documentation, then by the last one's answer. */
  #writePoints = 10;

  constructor(http: Http, connection: StoreConnection) {
    this.#api = new AdminApi(http, connection);
    this.#locationId = connection.locationId;
  }

  async check(signal: AbortSignal): Promise<Answer<readonly Location[]>> {
    const nodes = await allPages(async (after) => {
      const asking = { signal, points: 250, midway: after !== null };
      return mapAsked(await this.#api.ask(LOCATIONS, { after }, LocationsData, asking), (data) => data.locations);
    });
    if (!nodes.ok) return nodes;
    return { ok: true, value: nodes.value.filter(({ isActive }) => isActive).map(({ id, name }) => ({ id, name })) };
  }

  async findBySku(skus: readonly string[], signal: AbortSignal): Promise<Answer<readonly FoundListing[]>> {
    const locationId = this.#locationId;
    if (locationId === null) return { ok: false, failure: NO_LOCATION };
    const found: FoundListing[] = [];
    let midway = false;
    for (const some of inChunks([...new Set(skus)].filter(Boolean), SKUS_PER_SEARCH)) {
      const query = searchForSkus(some);
      const hits = await allPages(async (after) => {
        const asking = { signal, points: 5 * VARIANTS_PER_PAGE, midway };
        midway = true;
        const variables = { first: VARIANTS_PER_PAGE, after, query, locationId };
        return mapAsked(
          await this.#api.ask(FIND_BY_SKU, variables, FindBySkuData, asking),
          (data) => data.productVariants,
        );
      });
      if (!hits.ok) return hits;
      const wanted = new Set(some);
      for (const variant of hits.value)
        if (variant.sku !== null && wanted.has(variant.sku)) found.push(foundListing(variant, variant.sku));
    }
    return { ok: true, value: found };
  }

  /** A pair of item and location may be in a call once, so listings that share an item go in calls of their own. */
  partition(changes: readonly Change[]): readonly Call[] {
    const calls: { readonly changes: Change[]; readonly items: Set<string> }[] = [];
    for (const change of changes) {
      let call = calls.find(({ items }) => items.size < MAX_LINES && !items.has(change.externalId));
      if (!call) {
        call = { changes: [], items: new Set() };
        calls.push(call);
      }
      call.changes.push(change);
      call.items.add(change.externalId);
    }
    return calls.map(({ changes: lines }) => ({ changes: lines }));
  }

  async send(call: Call, options: SendOptions): Promise<SendResult> {
    const results = await this.#setAll(call.changes, options);
    const lines = call.changes.map((change) => {
      const result = results.get(change);
      if (!result) throw new Error("Every line of a call has a result.");
      return result;
    });
    const throttledMs = Math.max(0, ...lines.map((line) => (line.kind === "throttled" ? line.retryAfterMs : 0)));
    return { lines, nextCallInMs: Math.max(throttledMs, this.#api.waitMs(this.#writePoints)) };
  }

  async readBack(
    listings: readonly ListingAddress[],
    signal: AbortSignal,
  ): Promise<Answer<readonly (number | null)[]>> {
    return this.#readLevels(listings, { signal });
  }

  async #setAll(changes: readonly Change[], options: SendOptions): Promise<ReadonlyMap<Change, LineResult>> {
    const locationId = this.#locationId;
    if (locationId === null) return new Map(changes.map((change) => [change, NO_LOCATION]));
    const { signal } = options;
    const deadlineAt = performance.now() + SEND_DEADLINE_MS;
    const write: WriteLines<Change> = async (some, salt) => {
      const quantities = some.map((change) => lineOf(change, locationId));
      const key = idempotencyKey(options.idempotencyKey, salt, quantities);
      // Shown in the merchant's inventory history, with the first part as the app's name.
      const referenceDocumentUri = `gid://evenkeel/InventorySync/${key}`;
      const input = { name: "available", reason: "correction", referenceDocumentUri, quantities };
      const asked = await this.#api.ask(SET_QUANTITIES, { input, key }, SetQuantitiesData, {
        signal,
        deadlineAt,
        points: this.#writePoints,
        onCost: ({ requestedQueryCost }) => {
          this.#writePoints = requestedQueryCost;
        },
      });
      if (asked.ok) return setAnswer(asked.data, quantities.length, this.#api.secrets);
      const { failure, mayBeOneLine } = asked;
      return mayBeOneLine ? { is: "badUnnamed", end: failure, orNone: true } : { is: "failed", failure };
    };

    const results = new Map<Change, LineResult>();
    const stale: Change[] = [];
    const take = (ends: ReadonlyMap<Change, LineEnd>): void => {
      for (const [change, end] of ends)
        if (end.kind === "stale") stale.push(change);
        else results.set(change, end);
    };
    for (const change of changes) if (!isItemId(change.externalId)) results.set(change, NOT_AN_ITEM);
    take(
      await isolate(
        changes.filter(({ externalId }) => isItemId(externalId)),
        write,
      ),
    );

    const lost = stale.splice(0);
    const seen = lost.length > 0 ? await this.#readLevels(lost, { signal, deadlineAt }) : null;
    const asExpected: Change[] = [];
    for (const [index, change] of lost.entries()) {
      const observedQuantity = (seen?.ok ? seen.value[index] : null) ?? null;
      if (observedQuantity !== null && observedQuantity === change.expectedQuantity) asExpected.push(change);
      else results.set(change, { kind: "conflict", observedQuantity });
    }
    // The store says what was expected of it: the refusal was an old one, repeated for its key, or is out of date by now.
    take(await isolate(asExpected, write, "again"));
    for (const change of stale) results.set(change, { kind: "conflict", observedQuantity: null });
    return results;
  }

  async #readLevels(
    listings: readonly ListingAddress[],
    asking: Omit<Asking, "points">,
  ): Promise<Answer<readonly (number | null)[]>> {
    const locationId = this.#locationId;
    if (locationId === null) return { ok: false, failure: NO_LOCATION };
    const ids = [...new Set(listings.map(({ externalId }) => externalId).filter(isItemId))];
    const available = new Map<string, number | null>();
    for (const some of inChunks(ids, MAX_LINES)) {
      const shape = ReadLevelsData.refine(
        ({ nodes }) => nodes.length === some.length && nodes.every((node, i) => (node?.id ?? some[i]) === some[i]),
      );
      const points = 3 * some.length;
      const asked = await this.#api.ask(READ_LEVELS, { ids: some, locationId }, shape, { ...asking, points });
      if (!asked.ok) return { ok: false, failure: asked.failure };
      for (const [index, id] of some.entries())
        available.set(id, availableOf(asked.data.nodes[index]?.inventoryLevel ?? null));
    }
    return { ok: true, value: listings.map(({ externalId }) => available.get(externalId) ?? null) };
  }
}

type Rejected = Extract<CallFailure, { kind: "rejected" }>;
const NO_LOCATION: Rejected = {
  kind: "rejected",
  code: "LOCATION_NOT_STOCKED",
  message: "The store was connected without a location.",
};
const NOT_AN_ITEM: Rejected = {
  kind: "rejected",
  code: "LISTING_NOT_FOUND",
  message: "The listing's id is not that of an inventory item.",
};
const TOO_MANY_PAGES: Rejected = {
  kind: "rejected",
  code: "VALIDATION_REJECTED",
  message: "There are more hits than Shopify pages through.",
};

interface Page<T> {
  readonly nodes: readonly T[];
  readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null };
}

/** All nodes of a connection; `askPage` is given the cursor to go on after, null at first. */
async function allPages<T>(askPage: (after: string | null) => Promise<Asked<Page<T>>>): Promise<Answer<readonly T[]>> {
  const nodes: T[] = [];
  let after: string | null = null;
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const asked: Asked<Page<T>> = await askPage(after);
    if (!asked.ok) return { ok: false, failure: asked.failure };
    nodes.push(...asked.data.nodes);
    after = asked.data.pageInfo.endCursor;
    if (!asked.data.pageInfo.hasNextPage || after === null) return { ok: true, value: nodes };
  }
  return { ok: false, failure: TOO_MANY_PAGES };
}

function mapAsked<T, U>(asked: Asked<T>, map: (data: T) => U): Asked<U> {
  return asked.ok ? { ok: true, data: map(asked.data) } : asked;
}

function inChunks<T>(all: readonly T[], size: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(all.length / size) }, (_, index) =>
    all.slice(index * size, (index + 1) * size),
  );
}
