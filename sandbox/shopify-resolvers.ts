/** The sandbox shop's answers to the inventory part of Shopify's schema, for graphql-js's default way of resolving. */

import { createHash } from "node:crypto";
import { GraphQLError, type GraphQLResolveInfo, getDirectiveValues } from "graphql";
import type { LoggedLine } from "./sandbox.js";
import type { SetFault, SetInput, ShopifyItem, ShopifyLocation, ShopifyStock } from "./shopify-stock.js";

const MOST_ENTRIES = 250;
/** Keys, the newest: more than a test or benchmark sends. */
const REMEMBERED = 20_000;
const MADE_AT = "2026-11-01T00:00:00Z";

export interface RequestContext {
  /** Filled by a write. */
  readonly lines: LoggedLine[];
}

interface SetPayload {
  readonly inventoryAdjustmentGroup: object | null;
  readonly userErrors: readonly SetFault[];
}

/** How a write tells of lines at fault: all of them, only the first, or without saying which. */
export type LineFaults = "all" | "first" | "unnamed";

interface PageArgs {
  readonly first?: number | null;
  readonly after?: string | null;
}

export function createRoot(stock: ShopifyStock, lineFaults: LineFaults): object {
  const remembered = new Map<string, { readonly input: string; readonly payload: SetPayload }>();
  let groups = 0;

  const write = (input: SetInput, context: RequestContext): SetPayload => {
    const { faults, lines } = stock.set(input);
    context.lines.push(...lines);
    if (faults.length > 0) return { inventoryAdjustmentGroup: null, userErrors: told(faults, lineFaults) };
    groups += 1;
    const group = {
      id: `gid://shopify/InventoryAdjustmentGroup/${String(groups)}`,
      createdAt: new Date().toISOString(),
      reason: input.reason,
      referenceDocumentUri: input.referenceDocumentUri ?? null,
      app: null,
      changes: () => changesOf(stock, input, lines),
    };
    return { inventoryAdjustmentGroup: group, userErrors: [] };
  };

  return {
    inventorySetQuantities: (args: { input: SetInput }, context: RequestContext, info: GraphQLResolveInfo) => {
      const { input } = args;
      checkSize(input.quantities);
      for (const line of input.quantities) {
        // The schema lets it be left out; the server does not (seen live: github.com/luke-selrai/openclaw-workshop-kit#218).
        if (!("changeFromQuantity" in line))
          refuse(
            "INVALID_FIELD_ARGUMENTS",
            "InventoryQuantityInput must include the following argument: changeFromQuantity.",
          );
        checkGid(line.inventoryItemId);
        checkGid(line.locationId);
      }
      const key = idempotencyKeyOf(info);
      const digest = createHash("sha256").update(JSON.stringify(input)).digest("base64");
      const earlier = remembered.get(key);
      if (earlier) {
        context.lines.push(...untouched(stock, input));
        if (earlier.input !== digest)
          return failed(
            "IDEMPOTENCY_KEY_PARAMETER_MISMATCH",
            "The same idempotency key cannot be used with different operation parameters.",
          );
        if (earlier.payload.userErrors.length > 0)
          return failed(
            "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED",
            "A previous request with this idempotency key failed. Retry with a new idempotency key.",
          );
        return earlier.payload;
      }
      const payload = write(input, context);
      remembered.set(key, { input: digest, payload });
      const [oldest] = remembered.keys();
      if (remembered.size > REMEMBERED && oldest !== undefined) remembered.delete(oldest);
      return payload;
    },
    productVariants: (args: PageArgs & { readonly query?: string | null }) => {
      const found = args.query ? search(stock, args.query) : [...stock.all()];
      return connection(found, args, (item) => variantOf(stock, item));
    },
    inventoryItem: ({ id }: { id: string }) => {
      const item = stock.byId(id);
      return item && itemOf(stock, item);
    },
    location: ({ id }: { id?: string | null }) => {
      const location = stock.locations.find((one) => id === null || id === undefined || one.id === id);
      return location ? locationOf(location) : null;
    },
    locations: (args: PageArgs & { readonly includeInactive?: boolean }) =>
      connection(
        stock.locations.filter(({ isActive }) => isActive || args.includeInactive),
        args,
        locationOf,
      ),
    nodes: ({ ids }: { ids: readonly string[] }) => {
      checkSize(ids);
      return ids.map((id) => {
        checkGid(id);
        const item = stock.byId(id);
        if (item) return itemOf(stock, item);
        const location = stock.locations.find((one) => one.id === id);
        return location ? locationOf(location) : null;
      });
    },
  };
}

function refuse(code: string, message: string): never {
  throw new GraphQLError(message, { extensions: { code } });
}

function failed(code: string, message: string): SetPayload {
  return { inventoryAdjustmentGroup: null, userErrors: [{ code, message, field: null }] };
}

function checkSize(list: readonly unknown[]): void {
  if (list.length > MOST_ENTRIES)
    refuse(
      "MAX_INPUT_SIZE_EXCEEDED",
      `The input array size of ${String(list.length)} is greater than the maximum allowed of ${String(MOST_ENTRIES)}.`,
    );
}

function checkGid(id: string): void {
  if (!/^gid:\/\/shopify\/\w+\/\d+(\?.*)?$/.test(id)) refuse("INVALID_VARIABLE", `Invalid global id '${id}'`);
}

function idempotencyKeyOf({ schema, fieldNodes, variableValues }: GraphQLResolveInfo): string {
  const directive = schema.getDirective("idempotent");
  const [node] = fieldNodes;
  const key = directive && node ? getDirectiveValues(directive, node, variableValues)?.["key"] : undefined;
  if (typeof key !== "string")
    refuse("BAD_REQUEST", "The @idempotent directive is required for this mutation but was not provided.");
  if (key.trim() === "") refuse("BAD_REQUEST", "The idempotency key cannot be an empty string or whitespace only.");
  return key;
}

function told(faults: readonly SetFault[], how: LineFaults): readonly SetFault[] {
  if (how === "all") return faults;
  const [first] = faults;
  if (!first) return [];
  return [how === "first" ? first : { ...first, field: ["input", "quantities"] }];
}

function untouched(stock: ShopifyStock, { quantities }: SetInput): readonly LoggedLine[] {
  return quantities.map(({ inventoryItemId, locationId }) => {
    const quantity = stock.byId(inventoryItemId)?.available.get(locationId) ?? null;
    return { externalId: inventoryItemId, before: quantity, after: quantity, applied: false };
  });
}

function changesOf(stock: ShopifyStock, input: SetInput, lines: readonly LoggedLine[]): readonly object[] {
  return lines.map(({ externalId, before, after }, index) => {
    const item = stock.byId(externalId);
    const location = stock.locations.find(({ id }) => id === input.quantities[index]?.locationId);
    return {
      name: input.name,
      delta: (after ?? 0) - (before ?? 0),
      quantityAfterChange: after,
      ledgerDocumentUri: null,
      item: item && itemOf(stock, item),
      location: location ? locationOf(location) : null,
    };
  });
}

// ───────────── search ─────────────

const TERM = /sku:(?:'((?:\\.|[^'\\])*)'|"((?:\\.|[^"\\])*)"|([^\s'"]+))/y;

/** `sku:'A' OR sku:"B" OR sku:C`, in any case; a `*` at a term's end stands for any ending. */
function search(stock: ShopifyStock, query: string): readonly ShopifyItem[] {
  const found = new Set<ShopifyItem>();
  for (const term of termsOf(query)) {
    if (!term.endsWith("*")) for (const item of stock.withSkuInAnyCase(term)) found.add(item);
    else {
      const beginning = term.slice(0, -1).toLowerCase();
      for (const item of stock.all()) if (item.sku.toLowerCase().startsWith(beginning)) found.add(item);
    }
  }
  return [...found].sort((a, b) => a.number - b.number);
}

function termsOf(query: string): readonly string[] {
  const terms: string[] = [];
  for (let at = 0; ; ) {
    TERM.lastIndex = at;
    const match = TERM.exec(query);
    if (!match) refuse("INVALID_SEARCH", "The sandbox searches for nothing but sku:… OR sku:….");
    terms.push((match[1] ?? match[2] ?? match[3] ?? "").replace(/\\(.)/g, "$1"));
    at = TERM.lastIndex;
    if (at >= query.length) return terms;
    if (!query.startsWith(" OR ", at)) refuse("INVALID_SEARCH", "The sandbox joins terms by nothing but OR.");
    at += " OR ".length;
  }
}

function connection<T>(all: readonly T[], { first, after }: PageArgs, toNode: (one: T) => object): object {
  if (typeof first !== "number") refuse("BAD_REQUEST", "you must provide one of first or last");
  if (first < 0 || first > MOST_ENTRIES) refuse("BAD_REQUEST", "first is between 0 and 250");
  const start = after ? Number(Buffer.from(after, "base64url").toString()) : 0;
  const end = Math.min(all.length, start + first);
  const cursorOf = (index: number): string => Buffer.from(String(index)).toString("base64url");
  const nodes = all.slice(start, end).map(toNode);
  return {
    nodes,
    edges: () => nodes.map((node, index) => ({ node, cursor: cursorOf(start + index + 1) })),
    pageInfo: {
      hasNextPage: end < all.length,
      hasPreviousPage: start > 0,
      startCursor: nodes.length > 0 ? cursorOf(start + 1) : null,
      endCursor: nodes.length > 0 ? cursorOf(end) : null,
    },
  };
}

// ───────────── objects ─────────────

function variantOf(stock: ShopifyStock, item: ShopifyItem): object {
  const number = String(item.number);
  return {
    __typename: "ProductVariant",
    id: `gid://shopify/ProductVariant/${number}`,
    legacyResourceId: number,
    sku: item.sku,
    title: "Default Title",
    displayName: item.sku,
    createdAt: MADE_AT,
    updatedAt: MADE_AT,
    inventoryPolicy: "DENY",
    inventoryQuantity: () => [...item.available.values()].reduce((sum, quantity) => sum + quantity, 0),
    inventoryItem: () => itemOf(stock, item),
    product: {
      __typename: "Product",
      id: `gid://shopify/Product/${number}`,
      legacyResourceId: number,
      title: item.sku,
      status: item.status,
      tracksInventory: item.tracked,
      createdAt: MADE_AT,
      updatedAt: MADE_AT,
    },
  };
}

function itemOf(stock: ShopifyStock, item: ShopifyItem): object {
  return {
    __typename: "InventoryItem",
    id: item.id,
    legacyResourceId: String(item.number),
    sku: item.sku,
    tracked: item.tracked,
    requiresShipping: true,
    createdAt: MADE_AT,
    updatedAt: MADE_AT,
    duplicateSkuCount: () => stock.withSku(item.sku).length - 1,
    variant: () => variantOf(stock, item),
    inventoryLevel: ({ locationId }: { locationId: string }) => levelOf(stock, item, locationId),
    inventoryLevels: (args: PageArgs) =>
      connection([...item.available.keys()], args, (id) => levelOf(stock, item, id) ?? {}),
  };
}

function levelOf(stock: ShopifyStock, item: ShopifyItem, locationId: string): object | null {
  const available = item.available.get(locationId);
  const location = stock.locations.find(({ id }) => id === locationId);
  if (available === undefined || !location) return null;
  const number = String(item.number);
  const id = `gid://shopify/InventoryLevel/${number}?inventory_item_id=${number}`;
  return {
    __typename: "InventoryLevel",
    id,
    isActive: true,
    canDeactivate: true,
    deactivationAlert: null,
    createdAt: MADE_AT,
    updatedAt: MADE_AT,
    item: () => itemOf(stock, item),
    location: () => locationOf(location),
    quantities: ({ names }: { names: readonly string[] }) =>
      names.map((name) => ({
        id: `${id}&name=${name}`,
        name,
        // Nothing is committed, reserved or incoming here.
        quantity: name === "available" || name === "on_hand" ? available : 0,
        updatedAt: MADE_AT,
      })),
  };
}

function locationOf({ id, name, isActive }: ShopifyLocation): object {
  return {
    __typename: "Location",
    id,
    legacyResourceId: id.split("/").at(-1),
    name,
    isActive,
    createdAt: MADE_AT,
    updatedAt: MADE_AT,
    hasActiveInventory: true,
    fulfillsOnlineOrders: true,
    shipsInventory: true,
    isFulfillmentService: false,
  };
}
