/**
 * Operations: the big actions. Accepting one freezes its selection in the caller's transaction and returns at once; workers
 * work it in chunks (operation-runner.ts), resume it after a crash, and end it when each of its listings has its answer.
 */
import {
  newUuid,
  type OperationKind,
  type OperationStatus,
  type OutcomeStatus,
  type SyncSettingMode,
} from "../terms.js";
import { checkExpiry } from "./change-settings.js";
import { type ItemFilterValues, itemFilterSql } from "./item-filter.js";
import { type Queryable, sql, type Tx } from "./sql.js";
import { UserMistake } from "./user-mistake.js";

/** Which items; exactly one of these. Ids are row keys. */
export type ItemSelection =
  | { readonly ids: readonly string[] }
  | { readonly skus: readonly string[] }
  | { readonly filter: ItemFilterValues };

export interface SyncInventoryInput {
  readonly storeIds: readonly string[] | null;
  readonly includeNeverReceived: boolean;
}
export interface RetryFailedInput {
  readonly retryFailed: { readonly storeId: string | null; readonly operationId: string | null };
}
export interface SetSyncInventoryInput {
  readonly mode: SyncSettingMode;
  readonly expiresAt: string | null;
  readonly note: string | null;
}

/** Sends every selected item's level to its stores, also where it is unchanged. Answers the operation's id. */
export async function acceptSyncInventory(
  tx: Tx,
  by: string,
  input: SyncInventoryInput & { readonly customerId: string; readonly selection: ItemSelection },
): Promise<string> {
  const { customerId, selection, storeIds, includeNeverReceived } = input;
  const id = await insertOperation(tx, by, customerId, "SYNC_INVENTORY", { storeIds, includeNeverReceived });
  await freezeSelection(tx, id, customerId, selection);
  await countListings(tx, id, storeIds);
  return id;
}

/**
 * Tries once more, now, what stores have refused: all of the customer's, one store's, or what failed within one operation.
 * Throws EMPTY_SELECTION where nothing has failed. Answers the operation's id.
 */
export async function acceptRetryFailed(
  tx: Tx,
  by: string,
  input: { readonly customerId: string; readonly storeId: string | null; readonly operationId: string | null },
): Promise<string> {
  const { customerId, storeId, operationId } = input;
  const id = await insertOperation(tx, by, customerId, "SYNC_INVENTORY", { retryFailed: { storeId, operationId } });
  const [failed] = await sql<{ total: number }>(
    tx,
    /* sql */ `
    with failed as materialized (
      select l.id, l.item_id from listing l where ${FAILED_LISTINGS}
    ), frozen as (
      insert into operation_item (operation_id, position, item_id)
      select $4, row_number() over (order by item_id), item_id from (select distinct item_id from failed) items
    )
    select count(*) as total from failed`,
    [customerId, storeId, operationId, id],
  );
  if (!failed?.total)
    throw new UserMistake([{ code: "EMPTY_SELECTION", message: "Nothing of this has failed.", field: null }]);
  await sql(tx, `update operation set total = $2 where id = $1`, [id, failed.total]);
  return id;
}

/** Over `listing l`: those of customer $1 that were refused, in store $2 and operation $3 where these are not null. */
export const FAILED_LISTINGS = /* sql */ `l.customer_id = $1 and l.parked_code is not null
       and ($2::uuid is null or l.store_id = $2)
       and ($3::uuid is null or exists (select from operation_listing o
                                         where o.operation_id = $3 and o.listing_id = l.id and o.status = 'FAILED'))`;

/** Sets the sync setting of every selected item. Throws EXPIRY_IN_PAST. Answers the operation's id. */
export async function acceptSetSyncInventory(
  tx: Tx,
  by: string,
  input: {
    readonly customerId: string;
    readonly selection: ItemSelection;
    readonly mode: SyncSettingMode;
    readonly expiresAt: Date | null;
    readonly note: string | null;
  },
): Promise<string> {
  checkExpiry(input.expiresAt);
  const settings: SetSyncInventoryInput = {
    mode: input.mode,
    expiresAt: input.expiresAt?.toISOString() ?? null,
    note: input.note,
  };
  const id = await insertOperation(tx, by, input.customerId, "SET_SYNC_INVENTORY", settings);
  await freezeSelection(tx, id, input.customerId, input.selection);
  await countListings(tx, id, null);
  return id;
}

/**
 * Links the customer's items to the store's listings by SKU: these SKUs, or all items. A SKU that is no item's is
 * UNKNOWN_SKU. Answers the operation's id.
 */
export async function acceptImportListings(
  tx: Tx,
  by: string,
  input: { readonly storeId: string; readonly skus: readonly string[] | null },
): Promise<string> {
  const [store] = await sql<{ customer_id: string; connection_status: string }>(
    tx,
    `select customer_id, connection_status from store where id = $1`,
    [input.storeId],
  );
  if (!store) throw new UserMistake([{ code: "NOT_FOUND", message: "There is no such store.", field: ["storeId"] }]);
  if (store.connection_status === "DISCONNECTED")
    throw new UserMistake([{ code: "STORE_DISCONNECTED", message: "The store is disconnected.", field: ["storeId"] }]);
  const id = await insertOperation(tx, by, store.customer_id, "IMPORT_LISTINGS", { storeId: input.storeId });
  await freezeSelection(tx, id, store.customer_id, input.skus === null ? { filter: {} } : { skus: input.skus }, "skus");
  await sql(
    tx,
    `update operation set total = (select count(*) from operation_item where operation_id = $1) where id = $1`,
    [id],
  );
  return id;
}

/** The ids of the selected items. Throws as the operations do. */
export async function selectItems(tx: Tx, customerId: string, selection: ItemSelection): Promise<readonly string[]> {
  const params: unknown[] = [];
  const rows = await sql<{ id: string; sku: string }>(
    tx,
    `select i.id, i.sku from own_item i where ${selectionSql(customerId, selection, params)} order by i.sku`,
    params,
  );
  checkSelection(selection, rows, "selection");
  return rows.map((row) => row.id);
}

/**
 * A statement that selects the `id` of each selected item; appends its values to `params`. Throws as the operations do.
 */
export async function selectedItems(
  db: Queryable,
  customerId: string,
  selection: ItemSelection,
  params: unknown[],
): Promise<string> {
  const own: unknown[] = [];
  const condition = selectionSql(customerId, selection, own);
  const limit = "filter" in selection ? "limit 1" : "";
  checkSelection(
    selection,
    await sql(db, `select i.id, i.sku from own_item i where ${condition} ${limit}`, own),
    "selection",
  );
  return `select i.id from own_item i where ${selectionSql(customerId, selection, params)}`;
}

async function insertOperation(
  tx: Tx,
  by: string,
  customerId: string,
  kind: OperationKind,
  input: object,
): Promise<string> {
  const id = newUuid();
  await sql(tx, `insert into operation (id, customer_id, kind, requested_by, input) values ($1, $2, $3, $4, $5)`, [
    id,
    customerId,
    kind,
    by,
    JSON.stringify(input),
  ]);
  return id;
}

async function freezeSelection(
  tx: Tx,
  operationId: string,
  customerId: string,
  selection: ItemSelection,
  field = "selection",
): Promise<void> {
  const params: unknown[] = [operationId];
  const frozen = `insert into operation_item (operation_id, position, item_id)
     select $1, row_number() over (order by i.sku), i.id from own_item i where ${selectionSql(customerId, selection, params)}`;
  if ("filter" in selection) {
    const [any] = await sql(tx, `with frozen as (${frozen} returning 1) select 1 from frozen limit 1`, params);
    checkSelection(selection, any ? [any] : [], field);
    return;
  }
  await sql(tx, frozen, params);
  const chosen = await sql<{ id: string; sku: string }>(
    tx,
    `select i.id, i.sku from operation_item o join item i on i.id = o.item_id where o.operation_id = $1`,
    [operationId],
  );
  checkSelection(selection, chosen, field);
}

function selectionSql(customerId: string, selection: ItemSelection, params: unknown[]): string {
  if ("filter" in selection) return itemFilterSql(customerId, selection.filter, params);
  const customer = `i.customer_id = $${String(params.push(customerId))}`;
  return "ids" in selection
    ? `${customer} and i.id = any($${String(params.push(selection.ids))}::uuid[])`
    : `${customer} and i.sku = any($${String(params.push(selection.skus))}::text[])`;
}

/** Everything that was named exists, and at least one item is chosen. */
function checkSelection(selection: ItemSelection, chosen: readonly unknown[], field: string): void {
  if ("filter" in selection) {
    if (chosen.length === 0)
      throw new UserMistake([{ code: "EMPTY_SELECTION", message: "No item matches the filter.", field: [field] }]);
    return;
  }
  const rows = chosen as readonly { id: string; sku: string }[];
  const [named, kind] = "ids" in selection ? ([selection.ids, "ids"] as const) : ([selection.skus, "skus"] as const);
  const path = field === kind ? [field] : [field, kind];
  if (named.length === 0)
    throw new UserMistake([{ code: "EMPTY_SELECTION", message: "Name at least one item.", field: path }]);
  const found = new Set(rows.map((row) => (kind === "ids" ? row.id : row.sku)));
  const missing = named.flatMap((name, index) => (found.has(name) ? [] : [{ name, index }]));
  if (missing.length > 0)
    throw new UserMistake(
      missing.map(({ name, index }) => ({
        code: kind === "ids" ? "NOT_FOUND" : "UNKNOWN_SKU",
        message: kind === "ids" ? "There is no such item." : `There is no item with the SKU ${JSON.stringify(name)}.`,
        field: [...path, String(index)],
      })),
    );
}

async function countListings(tx: Tx, operationId: string, storeIds: readonly string[] | null): Promise<void> {
  await sql(
    tx,
    `update operation set total = (
       select count(*) from operation_item o join listing l on l.item_id = o.item_id
        where o.operation_id = $1 and ($2::uuid[] is null or l.store_id = any($2::uuid[])))
     where id = $1`,
    [operationId, storeIds],
  );
}

export interface OperationProgress {
  /** How many of `total` are done. */
  readonly processed: number;
  /** Per outcome status, of the listings that have their answer. */
  readonly counts: readonly { readonly status: OutcomeStatus; readonly count: number }[];
}

/** Progress of these operations, counted now. One that does not exist is absent. */
export async function readOperationProgress(
  db: Queryable,
  ids: readonly string[],
): Promise<ReadonlyMap<string, OperationProgress>> {
  const rows = await sql<{ id: string; without_listing: number; counts: OperationProgress["counts"] }>(
    db,
    /* sql */ `
    select o.id, o.without_listing,
           coalesce((select json_agg(json_build_object('status', status, 'count', count) order by status)
                       from operation_count c where c.operation_id = o.id), '[]') as counts
      from operation o where o.id = any($1::uuid[])`,
    [ids],
  );
  return new Map(
    rows.map((row) => [
      row.id,
      {
        counts: row.counts,
        processed: row.counts.reduce((sum, { count }) => sum + count, row.without_listing),
      },
    ]),
  );
}

/**
 * Ends every operation that has worked its whole selection and waits for no listing. Answers the ended ones. Repeating it
 * changes nothing.
 */
export async function endFinishedOperations(
  db: Queryable,
): Promise<readonly { id: string; status: OperationStatus }[]> {
  return sql(
    db,
    /* sql */ `
    update operation o set finished_at = clock_timestamp(),
      total = o.without_listing + coalesce((select sum(c.count) from operation_count c where c.operation_id = o.id), 0),
      status = case when exists (select 1 from operation_count c where c.operation_id = o.id and c.status = 'FAILED')
                    then 'COMPLETED_WITH_FAILURES' else 'COMPLETED' end
     where o.status = 'RUNNING'
       -- The first in the order of the key, since "exists" may read every frozen selection there is.
       and (select i.position from operation_item i where i.operation_id = o.id order by i.position limit 1) is null
       and not exists (select 1 from operation_listing l where l.operation_id = o.id and l.status is null)
    returning o.id, o.status`,
  );
}

/**
 * Ends an operation early: what it has not yet worked stays as it is. What it has worked is done: settings stay set, and
 * listings that were marked are still sent, since their stores must end level; their outcomes go on to be counted. An operation
 * that has ended already stays as it is, so it may be repeated.
 */
export async function cancelOperation(tx: Tx, operationId: string): Promise<void> {
  const canceled = await sql(
    tx,
    `update operation set status = 'CANCELED', finished_at = clock_timestamp(), lease_until = null
      where id = $1 and status in ('QUEUED', 'RUNNING') returning 1`,
    [operationId],
  );
  if (canceled.length > 0) await sql(tx, `delete from operation_item where operation_id = $1`, [operationId]);
}
