/**
 * Medusa v2: a listing is an inventory item, its store's location one of the shop's stock locations. A call reads the items,
 * then writes all levels in one batch that Medusa does wholly or not at all; rows that spoil it are found and cut out.
 */
import { failedSend, type Http, parseJson } from "../http.js";
import type {
  Answer,
  Call,
  Change,
  Connector,
  LineResult,
  PlatformDriver,
  SendOptions,
  SendResult,
  StoreConnection,
} from "../platform.js";
import { isDone, MedusaApi, PATIENCE, type Patience, type Task } from "./api.js";
import { availableAt, batchBody, isConfirmed, namedItems, plan, type Write } from "./mapping.js";
import { ErrorBody, type InventoryItem, LevelBatchAnswer, LocationPage } from "./wire.js";

/** 250 rows take 0.3 s and 150 kB of answer (measured on 2.21.2, 2026-11): short enough to notice a shop's own sales in between. */
const MAX_CHANGES = 250;
/** Reading, writing and reading anew what others changed meanwhile. */
const MAX_ROUNDS = 3;
/** To find the bad rows of a batch that does not name them; what is left after so many is tried another time. */
const MAX_WRITES = 64;

export function medusaDriver(http: Http, patience: Patience = PATIENCE): PlatformDriver {
  return {
    platform: "MEDUSA",
    hasCatalogue: true,
    open: (connection) => medusaConnector(new MedusaApi(http, connection, patience), connection),
  };
}

function medusaConnector(api: MedusaApi, { locationId }: StoreConnection): Connector {
  return {
    // Medusa has no limit of its own. Two at a time: one is written while the next is read.
    pace: { concurrency: 2, intervalMs: 1_000, callsPerInterval: 20 },
    maxChangesPerCall: MAX_CHANGES,
    mayWriteLate: true,
    check: (signal) => api.locations(api.task(signal)),
    findBySku: async (skus, signal) => {
      const found = await api.items(api.task(signal), "sku", skus);
      if (!found.ok) return found;
      const asked = new Set(skus);
      return {
        ok: true,
        value: found.value.flatMap((item) =>
          item.sku !== null && asked.has(item.sku)
            ? [
                {
                  externalId: item.id,
                  externalRef: {},
                  sku: item.sku,
                  // An inventory item has no state of its own, and its levels count whatever its variants do with them.
                  active: true,
                  stockManaged: true,
                  quantity: availableAt(item, locationId),
                },
              ]
            : [],
        ),
      };
    },
    partition: (changes) =>
      Array.from({ length: Math.ceil(changes.length / MAX_CHANGES) }, (_, index) => ({
        changes: changes.slice(index * MAX_CHANGES, (index + 1) * MAX_CHANGES),
      })),
    send: ({ changes }: Call, { signal }: SendOptions) =>
      locationId === null
        ? Promise.resolve(failedSend(changes.length, locationGone))
        : new Sending(api, locationId, api.task(signal)).send(changes),
    readBack: async (listings, signal) => {
      const found = await readItems(api, api.task(signal), listings);
      if (!found.ok) return found;
      return {
        ok: true,
        value: listings.map(({ externalId }) => {
          const item = found.value.get(externalId);
          return item ? availableAt(item, locationId) : null;
        }),
      };
    },
  };
}

async function readItems(
  api: MedusaApi,
  task: Task,
  listings: readonly { readonly externalId: string }[],
): Promise<Answer<ReadonlyMap<string, InventoryItem>>> {
  const ids = listings.map(({ externalId }) => externalId);
  const found = await api.items(task, "id", ids);
  return found.ok ? { ok: true, value: new Map(found.value.map((item) => [item.id, item])) } : found;
}

const locationGone: LineResult = {
  kind: "rejected",
  code: "LOCATION_NOT_STOCKED",
  message: "The store has no such location.",
};

/** One send: what is known of each line so far. */
class Sending {
  readonly #answered = new Map<string, LineResult>();
  #writes = 0;

  constructor(
    private readonly api: MedusaApi,
    private readonly locationId: string,
    private readonly task: Task,
  ) {}

  /** Repeatable: each quantity is absolute, and what is reserved is read anew each time. */
  async send(changes: readonly Change[]): Promise<SendResult> {
    let open = changes;
    for (let round = 0; round < MAX_ROUNDS && open.length > 0; round += 1) {
      const items = await readItems(this.api, this.task, open);
      if (!items.ok) {
        this.#answer(open, items.failure);
        break;
      }
      const planned = plan(open, items.value, this.locationId);
      for (const [listingId, result] of planned.answered) this.#answered.set(listingId, result);
      await this.#write(await this.#withoutNowhere(planned.writes));
      open = open.filter((change) => !this.#answered.has(change.listingId));
    }
    return { lines: changes.map((change) => this.#answered.get(change.listingId) ?? keptChanging), nextCallInMs: 0 };
  }

  #answer(changes: readonly Change[], result: LineResult): void {
    for (const { listingId } of changes) this.#answered.set(listingId, result);
  }

  /** Medusa creates a level at a location that does not exist (measured), so the location is asked for before. */
  async #withoutNowhere(writes: readonly Write[]): Promise<readonly Write[]> {
    const creates = writes.filter(({ by }) => by === "create");
    if (creates.length === 0) return writes;
    const query = `/admin/stock-locations?fields=id,name&limit=1&id=${encodeURIComponent(this.locationId)}`;
    const found = await this.api.get(this.task, query, LocationPage);
    const isThere = found.ok && found.value.stock_locations.some(({ id }) => id === this.locationId);
    if (isThere) return writes;
    this.#answer(
      creates.map(({ change }) => change),
      found.ok ? locationGone : found.failure,
    );
    return writes.filter(({ by }) => by === "update");
  }

  /** Answers every write but those that must be read anew, because someone else has made or removed their level or item meanwhile. */
  async #write(writes: readonly Write[]): Promise<void> {
    if (writes.length === 0) return;
    const changes = writes.map(({ change }) => change);
    if (this.#writes === MAX_WRITES) {
      this.#answer(changes, notTried);
      return;
    }
    this.#writes += 1;
    const body = batchBody(writes, this.locationId);
    const result = await this.api.call(this.task, "POST", "/admin/inventory-items/location-levels/batch", body);
    if (!result.ok) {
      this.#answer(changes, result.failure);
      return;
    }
    const { answer } = result;
    if (isDone(answer)) {
      const done = parseJson(LevelBatchAnswer, answer.text);
      for (const write of writes) {
        const confirmed = done !== null && isConfirmed(write, done, this.locationId);
        const accepted: LineResult = { kind: "accepted", applied: true };
        this.#answered.set(
          write.change.listingId,
          confirmed ? accepted : done === null ? this.api.unexpected(answer) : unconfirmed,
        );
      }
      return;
    }
    const failure = this.api.failureOf(answer);
    const isAboutRows = failure.kind === "rejected" && failure.code !== "CREDENTIALS_INVALID" && answer.status >= 400;
    const rest = isAboutRows ? withoutTheBad(writes, parseJson(ErrorBody, answer.text)?.message ?? "") : writes;
    if (rest.length < writes.length) {
      await this.#write(rest);
    } else if (isAboutRows && writes.length > 1) {
      const half = Math.ceil(writes.length / 2);
      await this.#write(writes.slice(0, half));
      await this.#write(writes.slice(half));
    } else if (!isAboutRows || answer.status !== 404) {
      this.#answer(changes, failure);
    }
  }
}

/** The writes that a refusal's words do not speak of; all of them where it names none. */
function withoutTheBad(writes: readonly Write[], message: string): readonly Write[] {
  const named = namedItems(message);
  if (named.size > 0) return writes.filter(({ change }) => !named.has(change.externalId));
  // A create met a level that someone made since we read: 400 "… already exists" names at most one of them.
  return /already exists/i.test(message) ? writes.filter(({ by }) => by === "update") : writes;
}

const keptChanging: LineResult = {
  kind: "unavailable",
  code: "CONFLICT",
  message: "The item's level was made or removed by someone else each time before it could be set.",
  scope: "line",
};

const unconfirmed: LineResult = {
  kind: "unavailable",
  code: "UNKNOWN",
  message: "The store's answer does not confirm the quantity.",
  scope: "line",
};

const notTried: LineResult = {
  kind: "unavailable",
  code: "UNKNOWN",
  message: "Too many rows of the batch were refused to try them all in one go.",
  scope: "line",
};
