/** What an id in an input or argument names, among what the viewer may see. What is not seen does not exist. */
import type { Viewer } from "../access/viewer.js";
import type { CustomerEntity } from "../entities/customer.entity.js";
import type { ItemFilter, ItemSelection } from "../schema/filters.input.js";
import type { ItemFilterValues } from "../sync/item-filter.js";
import type { ItemSelection as Selection } from "../sync/operations.js";
import { type IdKind, uuidOf } from "../terms.js";
import { badInput } from "./bad-input.js";
import type { Context } from "./context.js";
import type { Loaders } from "./loaders.js";
import { mistake } from "./mutate.js";

type Seen = {
  [Name in keyof Loaders]: Loaders[Name] extends { load(id: string): Promise<infer Row | null> }
    ? Row extends { readonly id: string; readonly __typename: string }
      ? Name
      : never
    : never;
}[keyof Loaders];

const KIND = {
  customer: "customer",
  item: "item",
  store: "store",
  listing: "listing",
  warehouse: "warehouse",
  operation: "operation",
  search: "search",
  shipNotice: "notice",
  apiToken: "token",
} as const satisfies Record<Seen, IdKind>;

type RowOf<Name extends Seen> = NonNullable<Awaited<ReturnType<Loaders[Name]["load"]>>>;

/** The row of a global id, or null. */
export async function find<Name extends Seen>(ctx: Context, name: Name, id: string): Promise<RowOf<Name> | null> {
  const uuid = uuidOf(KIND[name], id);
  if (uuid === null) return null;
  return (await ctx.loaders[name].load(uuid)) as RowOf<Name> | null;
}

/** For mutations: throws the userError NOT_FOUND, naming the field. */
export async function target<Name extends Seen>(
  ctx: Context,
  name: Name,
  field: string,
  id: string,
): Promise<RowOf<Name>> {
  const row = await find(ctx, name, id);
  if (row === null) throw mistake("NOT_FOUND", "There is no such thing, or you may not see it.", [field]);
  return row;
}

/** The customer that a mutation's input names, as what it acts for. */
export async function targetCustomer(ctx: Context, id: string): Promise<{ readonly customerId: string }> {
  return { customerId: (await target(ctx, "customer", "customerId", id)).id };
}

/** Row keys of these stores; throws NOT_FOUND, naming the field, where one is no store of the customer's. */
export async function storesOf(
  ctx: Context,
  customerId: string,
  ids: readonly string[],
  field: readonly string[],
): Promise<readonly string[]> {
  const stores = await Promise.all(ids.map((id) => find(ctx, "store", id)));
  return stores.map((store) => {
    if (store?.customerId !== customerId)
      throw mistake("NOT_FOUND", "One of these is no store of the customer.", field);
    return store.id;
  });
}

/** For queries: throws BAD_USER_INPUT. */
export async function customerOf(ctx: Context, id: string): Promise<CustomerEntity> {
  const customer = await find(ctx, "customer", id);
  if (customer === null) throw badInput("customerId", "there is no such customer, or you may not see it");
  return customer;
}

/** Only an operator makes customers and tokens for all of them. */
export function isOperator(viewer: Viewer): boolean {
  return viewer.customerId === null;
}

/** Row keys of these ids; one that is none of this kind names nothing. */
export function uuidsOf(kind: IdKind, ids: readonly string[]): string[] {
  return ids.flatMap((id) => uuidOf(kind, id) ?? []);
}

export function filterValues(filter: ItemFilter | null | undefined): ItemFilterValues {
  // eslint-disable-next-line @typescript-eslint/no-misused-spread -- an input holds fields only
  return { ...filter, storeIds: filter?.storeIds == null ? null : uuidsOf("store", filter.storeIds) };
}

/**
 * The selection of a customer's items. A saved search stands for its filter; throws NOT_FOUND where the customer has none of this
 * id. An id that is no item's stays in the list, as one that nobody has: the operation says which is missing.
 */
export async function selectionOf(ctx: Context, customerId: string, selection: ItemSelection): Promise<Selection> {
  if (selection.searchId != null) {
    const search = await find(ctx, "search", selection.searchId);
    if (search?.customerId !== customerId)
      throw mistake("NOT_FOUND", "There is no such search, or you may not see it.", ["selection", "searchId"]);
    return { filter: filterValues(search.filter) };
  }
  if (selection.ids != null) return { ids: selection.ids.map((id) => uuidOf("item", id) ?? NOBODY) };
  if (selection.skus != null) return { skus: selection.skus };
  return { filter: filterValues(selection.filter) };
}

const NOBODY = "00000000-0000-0000-0000-000000000000";
