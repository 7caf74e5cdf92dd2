/**
 * Medusa's Admin REST as far as stock goes, as it was measured on Medusa 2.21.2 (2026-11): Basic authentication by secret key,
 * all-or-nothing level batches and their words, answers with a stale `available_quantity`, 1,000 query parameters and no more,
 * and a database whose loss looks like a refused key. What was read in its source and not measured is marked so.
 */
import { setTimeout as delay } from "node:timers/promises";
import {
  json,
  type LoggedLine,
  type Shop,
  type ShopAnswer,
  type ShopOptions,
  type ShopRequest,
  startShop,
} from "./sandbox.js";

export interface MedusaShop extends Shop {
  readonly secretApiKey: string;
  /** The location that `add`, `sell` and `quantityOf` speak of. */
  readonly locationId: string;
  /** Makes an inventory item with a level at the location, and answers its id. The same SKU again makes a second item, which a real shop refuses. */
  readonly add: (sku: string, quantity: number) => string;
  /** Makes an item that has no level anywhere, as new variants have. */
  readonly addWithoutLevel: (sku: string) => string;
  /** An order: its units stay on the shelf and are reserved. */
  readonly sell: (sku: string, units: number) => void;
  readonly reserve: (sku: string, units: number) => void;
  /** Reserved units leave the shelf. */
  readonly ship: (sku: string, units: number) => void;
  readonly remove: (sku: string) => void;
  /** Takes the item's level at the location away, or makes one: what another admin user does. */
  readonly removeLevel: (sku: string) => void;
  readonly createLevel: (sku: string, quantity: number) => void;
  /** What the shop can sell from the location; null without item or level. */
  readonly quantityOf: (sku: string) => number | null;
  /** On the shelf, reserved units included; null without item or level. */
  readonly stockedOf: (sku: string) => number | null;
  readonly addLocation: (name: string) => string;
  readonly removeLocation: (id: string) => void;
  /** Runs `act` once, when the next batch has arrived and before it is done. */
  readonly beforeNextBatch: (act: () => void) => void;
  /** From now on every call hangs so long and is answered 401, whatever its key. `mendDatabase` ends that. */
  readonly breakDatabase: (hangMs: number) => void;
  readonly mendDatabase: () => void;
}

interface Level {
  readonly id: string;
  stocked: number;
  reserved: number;
}

interface Item {
  readonly id: string;
  readonly sku: string;
  readonly levels: Map<string, Level>;
}

interface Row {
  readonly inventory_item_id: string;
  readonly location_id: string;
  readonly stocked_quantity: number;
}

const MAX_BODY_BYTES = 2 * 1024 * 1024;
const MAX_PARAMETERS = 1_000;
const KEY = "sk_5b1f0c7d2e9a48361ab7c0de";

export async function startMedusaShop(options: ShopOptions = {}): Promise<MedusaShop> {
  const items = new Map<string, Item>();
  const locations = new Map<string, string>();
  let made = 0;
  let hangMs: number | null = null;
  let beforeBatch: (() => void) | null = null;
  const newId = (prefix: string): string => {
    made += 1;
    return `${prefix}_01K${String(made).padStart(23, "0")}`;
  };
  const addLocation = (name: string): string => {
    const id = newId("sloc");
    locations.set(id, name);
    return id;
  };
  const locationId = addLocation("Main warehouse");
  const addWithoutLevel = (sku: string): string => {
    const id = newId("iitem");
    items.set(id, { id, sku, levels: new Map() });
    return id;
  };
  const setLevel = (itemId: string, location: string, stocked: number): void => {
    const level = items.get(itemId)?.levels.get(location);
    if (level) level.stocked = stocked;
    else items.get(itemId)?.levels.set(location, { id: newId("ilev"), stocked, reserved: 0 });
  };
  // The newest of its SKU: a Map keeps the order in which they were made.
  const bySku = new Map<string, string>();
  const itemOf = (sku: string): Item | undefined => items.get(bySku.get(sku) ?? "");
  const levelOf = (sku: string): Level | undefined => itemOf(sku)?.levels.get(locationId);
  const add = (sku: string, quantity: number | null): string => {
    const id = addWithoutLevel(sku);
    bySku.set(sku, id);
    if (quantity !== null) setLevel(id, locationId, quantity);
    return id;
  };
  const reserve = (sku: string, units: number): void => {
    const level = levelOf(sku);
    if (level) level.reserved += units;
  };

  const listItems = (parameters: readonly (readonly [string, string])[]): ShopAnswer => {
    const ids = valuesOf(parameters, "id");
    const skus = new Set(valuesOf(parameters, "sku"));
    const fields = valuesOf(parameters, "fields").join(",");
    const candidates = ids.length > 0 ? [...new Set(ids)].flatMap((id) => items.get(id) ?? []) : [...items.values()];
    const found = candidates.filter((item) => skus.size === 0 || skus.has(item.sku));
    return page(parameters, "inventory_items", found.sort(byId), (item) => ({
      id: item.id,
      sku: item.sku,
      ...(fields.includes("*location_levels") && {
        location_levels: Array.from(item.levels, ([location, level]) => levelBody(item, location, level)),
      }),
    }));
  };
  const listLocations = (parameters: readonly (readonly [string, string])[]): ShopAnswer => {
    const ids = valuesOf(parameters, "id");
    const found = Array.from(locations, ([id, name]) => ({ id, name }));
    const asked = found.filter(({ id }) => ids.length === 0 || ids.includes(id));
    return page(parameters, "stock_locations", asked.sort(byId), (location) => location);
  };
  const missingLevels = (rows: readonly Row[]): readonly Row[] =>
    rows.filter((row) => !items.get(row.inventory_item_id)?.levels.has(row.location_id));
  const batch = (body: string): ShopAnswer => {
    beforeBatch?.();
    beforeBatch = null;
    if (Buffer.byteLength(body) > MAX_BODY_BYTES) return fault(413, "PayloadTooLargeError", "request entity too large");
    const rows = rowsOf(body);
    if (typeof rows === "string") return fault(400, "invalid_data", `Invalid request: ${rows}`);
    const missing = missingLevels(rows.update);
    if (missing.length > 0) {
      const named = missing.map((row) => `Item ${row.inventory_item_id} is not stocked at location ${row.location_id}`);
      return fault(404, "not_found", named.join(", "));
    }
    // Unknown locations are taken (measured); an unknown item breaks a foreign key (read in the source of its error mapper).
    const [stranger] = rows.create.filter((row) => !items.has(row.inventory_item_id));
    if (stranger)
      return fault(
        404,
        "not_found",
        `You tried to set relationship inventory_item_id: ${stranger.inventory_item_id}, but such entity does not exist`,
      );
    const [existing] = rows.create.filter((row) => items.get(row.inventory_item_id)?.levels.has(row.location_id));
    if (existing)
      return fault(
        400,
        "invalid_data",
        `Inventory level with inventory_item_id: ${existing.inventory_item_id}, location_id: ${existing.location_id}, already exists.`,
      );
    const lines: LoggedLine[] = [];
    const write = (row: Row): object => {
      const item = items.get(row.inventory_item_id);
      if (!item) throw new Error("A batch that was checked names an unknown item.");
      const before = item.levels.get(row.location_id);
      const stale = before ? before.stocked - before.reserved : 0;
      setLevel(item.id, row.location_id, row.stocked_quantity);
      const after = item.levels.get(row.location_id);
      lines.push({
        externalId: item.id,
        before: before ? stale : null,
        after: after ? after.stocked - after.reserved : null,
        applied: true,
      });
      return { ...(after && levelBody(item, row.location_id, after)), available_quantity: stale };
    };
    // The answer's order is not the request's.
    const updated = rows.update.map(write).reverse();
    const created = rows.create.map(write).reverse();
    return json(200, { created, updated, deleted: [] }, { lines });
  };
  const answer = async (request: ShopRequest): Promise<ShopAnswer> => {
    if (hangMs !== null) {
      await delay(hangMs, undefined, { ref: false });
      return json(401, { message: "Unauthorized" });
    }
    const { pathname, search } = request.url;
    const route = `${request.method} ${pathname}`;
    if (route === "GET /health") return { status: 200, body: "OK" };
    if (pathname.startsWith("/admin/") && !isKey(request.headers.authorization))
      return json(401, { message: "Unauthorized" });
    if (route === "GET /admin/inventory-items") return listItems(parametersOf(search));
    if (route === "GET /admin/stock-locations") return listLocations(parametersOf(search));
    if (route === "POST /admin/inventory-items/location-levels/batch") return batch(request.body);
    return {
      status: 404,
      headers: { "content-type": "text/html; charset=utf-8" },
      body: `<!DOCTYPE html><html lang="en"><head><title>Error</title></head><body><pre>Cannot ${route}</pre></body></html>`,
    };
  };
  const shop = await startShop(answer, options);
  return Object.assign(shop, {
    secretApiKey: KEY,
    locationId,
    add,
    addWithoutLevel: (sku: string) => add(sku, null),
    sell: reserve,
    reserve,
    ship: (sku: string, units: number) => {
      const level = levelOf(sku);
      if (!level) return;
      level.stocked -= units;
      level.reserved -= units;
    },
    remove: (sku: string) => {
      items.delete(bySku.get(sku) ?? "");
      bySku.delete(sku);
    },
    removeLevel: (sku: string) => {
      itemOf(sku)?.levels.delete(locationId);
    },
    createLevel: (sku: string, quantity: number) => {
      setLevel(bySku.get(sku) ?? "", locationId, quantity);
    },
    quantityOf: (sku: string) => {
      const level = levelOf(sku);
      return level ? level.stocked - level.reserved : null;
    },
    stockedOf: (sku: string) => levelOf(sku)?.stocked ?? null,
    addLocation,
    removeLocation: (id: string) => {
      locations.delete(id);
      for (const item of items.values()) item.levels.delete(id);
    },
    beforeNextBatch: (act: () => void) => {
      beforeBatch = act;
    },
    breakDatabase: (ms: number) => {
      hangMs = ms;
    },
    mendDatabase: () => {
      hangMs = null;
    },
  });
}

/** `Basic base64("sk_…:")`, or with the raw key after `Basic `; as Bearer it is refused. */
function isKey(authorization: string | undefined): boolean {
  const given = /^Basic (.*)$/.exec(authorization ?? "")?.[1];
  return given === KEY || given === Buffer.from(`${KEY}:`).toString("base64");
}

/** What the shop's parser sees: the first 1,000 parameters, without an error for the rest. */
function parametersOf(search: string): readonly (readonly [string, string])[] {
  const parts = search.replace(/^\?/, "").split("&").slice(0, MAX_PARAMETERS);
  return parts.flatMap((part) => [...new URLSearchParams(part)]);
}

function valuesOf(parameters: readonly (readonly [string, string])[], name: string): readonly string[] {
  return parameters.filter(([key]) => key === name || key === `${name}[]`).map(([, value]) => value);
}

function page<T>(
  parameters: readonly (readonly [string, string])[],
  name: string,
  all: readonly T[],
  bodyOf: (row: T) => object,
): ShopAnswer {
  const limit = Number(valuesOf(parameters, "limit")[0] ?? 20);
  const offset = Number(valuesOf(parameters, "offset")[0] ?? 0);
  const rows = all.slice(offset, offset + limit).map(bodyOf);
  return json(200, { [name]: rows, count: all.length, offset, limit });
}

const byId = (a: { readonly id: string }, b: { readonly id: string }): number => (a.id < b.id ? -1 : 1);

function levelBody(item: Item, location: string, level: Level): object {
  return {
    id: level.id,
    inventory_item_id: item.id,
    location_id: location,
    stocked_quantity: level.stocked,
    reserved_quantity: level.reserved,
    incoming_quantity: 0,
    available_quantity: level.stocked - level.reserved,
    metadata: null,
  };
}

const fault = (status: number, type: string, message: string): ShopAnswer => json(status, { type, message });

/** The rows of a batch, or what is wrong with it in the shop's words. A row that is there twice: the last one wins. */
function rowsOf(body: string): { readonly create: readonly Row[]; readonly update: readonly Row[] } | string {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return "Unexpected token in JSON";
  }
  if (typeof value !== "object" || value === null) return "Expected type: 'object'";
  const given = value as Record<string, unknown>;
  const unknown = Object.keys(given).filter((key) => !["create", "update", "delete", "force"].includes(key));
  if (unknown.length > 0) return `Unrecognized fields: '${unknown.join(", ")}'`;
  const rows: Record<"create" | "update", Row[]> = { create: [], update: [] };
  for (const kind of ["create", "update"] as const) {
    const list: unknown = given[kind] ?? [];
    if (!Array.isArray(list)) return `Expected type: 'array' for field '${kind}'`;
    for (const [index, row] of (list as unknown[]).entries()) {
      const { inventory_item_id, location_id, stocked_quantity } = (row ?? {}) as Record<string, unknown>;
      const field = (name: string): string => `'${kind}, ${String(index)}, ${name}'`;
      if (typeof inventory_item_id !== "string") return `Field ${field("inventory_item_id")} is required`;
      if (typeof location_id !== "string") return `Field ${field("location_id")} is required`;
      if (typeof stocked_quantity !== "number") return `Field ${field("stocked_quantity")} is required`;
      if (stocked_quantity < 0) return `Value for field ${field("stocked_quantity")} too small, expected at least: '0'`;
      rows[kind].push({ inventory_item_id, location_id, stocked_quantity });
    }
  }
  return rows;
}
