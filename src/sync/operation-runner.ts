/**
 * Works open operations chunk by chunk. A chunk and the progress it makes are one transaction, so a crash repeats at most a
 * look-up at a store; an operation is leased to one worker at a time only so that two don't do the same.
 */
import type { DataSource } from "typeorm";
import type { Log } from "../log.js";
import type { CallFailure, FoundListing } from "../platforms/platform.js";
import { backoffMs } from "../policy/next-step.js";
import { newUuid, type OperationKind } from "../terms.js";
import { setItemsSync } from "./change-settings.js";
import { type MarkedListing, markListings } from "./mark-listings.js";
import {
  endFinishedOperations,
  FAILED_LISTINGS,
  type RetryFailedInput,
  type SetSyncInventoryInput,
  type SyncInventoryInput,
} from "./operations.js";
import { sql, type Tx } from "./sql.js";
import type { StoreConnections } from "./store-connections.js";
import { Waker } from "./waker.js";

/** Items of one chunk: few enough for a short transaction; of an import, as many as one SKU look-up takes. */
const CHUNK = 500;
const IMPORT_CHUNK = 250;
const LEASE_SECONDS = 60;
const POLL_MS = 250;
/** An import that cannot ask its store gives up after this many tries in a row (about a quarter of an hour). */
const MAX_ATTEMPTS = 10;
const MAX_NOTES = 100;

export interface OperationRunner {
  /** A hint that an operation was accepted or answered just now. */
  hint(): void;
  stop(): Promise<void>;
}

interface Operation {
  readonly id: string;
  readonly customer_id: string;
  readonly kind: OperationKind;
  readonly input: unknown;
  readonly requested_by: string;
  readonly attempts: number;
}

interface RunnerDeps {
  readonly dataSource: DataSource;
  readonly connections: StoreConnections;
  readonly log: Log;
  readonly random: () => number;
  /** Called after each commit that marked listings. */
  onMarked(): void;
}

export function startOperationRunner(deps: RunnerDeps): OperationRunner {
  const stopped = new AbortController();
  const waker = new Waker();
  const run = async (): Promise<void> => {
    while (!stopped.signal.aborted) {
      try {
        // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- aborted while a chunk was worked
        while (!stopped.signal.aborted && (await workChunk(deps, stopped.signal)));
        await endFinishedOperations(deps.dataSource);
      } catch (error) {
        // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- aborted while we awaited
        if (!stopped.signal.aborted) deps.log.warn({ err: error }, "working an operation failed; it is tried again");
      }
      await waker.pause(POLL_MS, stopped.signal);
    }
  };
  const running = run();
  return {
    hint: () => {
      waker.wake();
    },
    stop: async () => {
      stopped.abort();
      await running;
    },
  };
}

/** Works one chunk of one operation; false where none is open. */
async function workChunk(deps: RunnerDeps, signal: AbortSignal): Promise<boolean> {
  const [operation] = await sql<Operation>(
    deps.dataSource,
    /* sql */ `
    update operation o set status = 'RUNNING', started_at = coalesce(started_at, clock_timestamp()),
           lease_until = clock_timestamp() + $1 * interval '1 second'
     where id = (select id from operation
                  where status in ('QUEUED', 'RUNNING') and (lease_until is null or lease_until < clock_timestamp())
                    -- The first in the order of the key, since "any" or "exists" may read every frozen selection there is.
                    and (status = 'QUEUED' or (select i.position from operation_item i where i.operation_id = operation.id
                                                order by i.position limit 1) is not null)
                  order by lease_until nulls first, id limit 1 for update skip locked)
    returning id, customer_id, kind, input, requested_by, attempts`,
    [LEASE_SECONDS],
  );
  if (!operation) return false;
  const items = await sql<ChunkItem>(
    deps.dataSource,
    `select o.position, o.item_id, i.sku from operation_item o join item i on i.id = o.item_id
      where o.operation_id = $1 order by o.position limit ${String(operation.kind === "IMPORT_LISTINGS" ? IMPORT_CHUNK : CHUNK)}`,
    [operation.id],
  );
  if (operation.kind === "IMPORT_LISTINGS") await workImport(deps, operation, items, signal);
  else await whileOpen(deps.dataSource, operation, (tx) => workMarks(tx, operation, items));
  deps.onMarked();
  return true;
}

/** One chunk in its transaction; nothing of it where the operation was canceled meanwhile. Its row is locked first of all. */
async function whileOpen(dataSource: DataSource, operation: Operation, work: (tx: Tx) => Promise<void>): Promise<void> {
  await dataSource.transaction(async (tx) => {
    const open = await sql(tx, `select 1 from operation where id = $1 and status = 'RUNNING' for no key update`, [
      operation.id,
    ]);
    if (open.length > 0) await work(tx);
  });
}

interface ChunkItem {
  readonly position: number;
  readonly item_id: string;
  readonly sku: string;
}

async function workMarks(tx: Tx, operation: Operation, items: readonly ChunkItem[]): Promise<void> {
  const itemIds = items.map((item) => item.item_id);
  if (operation.kind === "SYNC_INVENTORY" && isRetry(operation.input)) {
    const { storeId, operationId } = operation.input.retryFailed;
    const failed = await sql<{ id: string }>(
      tx,
      `select l.id from listing l where ${FAILED_LISTINGS} and l.item_id = any($4::uuid[])`,
      [operation.customer_id, storeId, operationId, itemIds],
    );
    const listingIds = failed.map((listing) => listing.id);
    const marked = await markListings(tx, { listingIds }, { trigger: "RETRY", force: true, tryRefused: true });
    await awaitListings(tx, operation, marked);
  } else if (operation.kind === "SYNC_INVENTORY") {
    const { storeIds, includeNeverReceived } = operation.input as SyncInventoryInput;
    const marked = await markListings(
      tx,
      { itemIds, storeIds },
      { trigger: "MANUAL", force: true, liftNeverReceived: includeNeverReceived, tryRefused: true },
    );
    await awaitListings(tx, operation, marked);
  } else {
    const { mode, expiresAt, note } = operation.input as SetSyncInventoryInput;
    const marked = await setItemsSync(tx, operation.requested_by, {
      itemIds,
      mode,
      note,
      expiresAt: expiresAt === null ? null : new Date(expiresAt),
      trigger: "BULK",
    });
    await awaitListings(tx, operation, marked);
  }
  await endChunk(tx, operation, items);
}

function isRetry(input: unknown): input is RetryFailedInput {
  return typeof input === "object" && input !== null && "retryFailed" in input;
}

/** The operation waits for an outcome of each of these at or past the revision it was marked at. */
async function awaitListings(tx: Tx, operation: Operation, marked: readonly MarkedListing[]): Promise<void> {
  await sql(
    tx,
    `insert into operation_listing (operation_id, listing_id, customer_id, revision)
     select $1, id, $2, revision from unnest($3::uuid[], $4::bigint[]) as m(id, revision)
     on conflict (operation_id, listing_id) do nothing`,
    [operation.id, operation.customer_id, marked.map((one) => one.id), marked.map((one) => one.revision)],
  );
}

async function endChunk(tx: Tx, operation: Operation, items: readonly ChunkItem[]): Promise<void> {
  await sql(tx, `delete from operation_item where operation_id = $1 and position = any($2::int[])`, [
    operation.id,
    items.map((item) => item.position),
  ]);
  await sql(tx, `update operation set lease_until = null, attempts = 0 where id = $1`, [operation.id]);
}

async function workImport(
  deps: RunnerDeps,
  operation: Operation,
  items: readonly ChunkItem[],
  signal: AbortSignal,
): Promise<void> {
  const { storeId } = operation.input as { storeId: string };
  const store = await deps.connections.open(storeId);
  if (!store) throw new Error("An import's store exists: stores are never deleted.");
  const skus = items.map((item) => item.sku);
  const answer = await store.connector.findBySku(
    skus,
    AbortSignal.any([signal, AbortSignal.timeout(LEASE_SECONDS * 900)]),
  );
  if (signal.aborted) return;
  if (answer.ok)
    await whileOpen(deps.dataSource, operation, (tx) => linkChunk(tx, operation, storeId, items, answer.value));
  else await postponeImport(deps, operation, answer.failure);
}

async function linkChunk(
  tx: Tx,
  operation: Operation,
  storeId: string,
  items: readonly ChunkItem[],
  found: readonly FoundListing[],
): Promise<void> {
  const itemBySku = new Map(items.map((item) => [item.sku, item.item_id]));
  const howMany = new Map<string, number>();
  for (const { sku } of found) howMany.set(sku, (howMany.get(sku) ?? 0) + 1);
  const single = found.filter((listing) => itemBySku.has(listing.sku) && howMany.get(listing.sku) === 1);
  const notes = [...howMany].flatMap(([sku, count]) =>
    count > 1 && itemBySku.has(sku)
      ? [`${JSON.stringify(sku)} is the SKU of ${count} listings of the store: not linked. Make it unique there.`]
      : [],
  );
  const itemIds = items.map((item) => item.item_id);
  const externalIds = single.map((listing) => listing.externalId);
  // All that this touches, in the order of ids, as marks and settlements lock them.
  await sql(
    tx,
    `select id from listing where store_id = $1 and (item_id = any($2::uuid[]) or external_id = any($3::text[])) order by id for update`,
    [storeId, itemIds, externalIds],
  );
  // A link whose listing is no longer found under its item's SKU is kept, and said to be unlinked.
  await sql(
    tx,
    `update listing set linked = false where store_id = $1 and item_id = any($2::uuid[]) and external_id <> all($3::text[])`,
    [storeId, itemIds, externalIds],
  );
  const linked = await sql<{ id: string }>(
    tx,
    /* sql */ `
    insert into listing as l (id, customer_id, store_id, item_id, external_id, external_sku, external_ref, active, stock_managed,
                              observed_quantity, observed_at)
    select id, $1, $2, item, external_id, sku, ref, active, managed, quantity, case when quantity is not null then now() end
      from unnest($3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::jsonb[], $8::bool[], $9::bool[], $10::int[])
        as f(id, item, external_id, sku, ref, active, managed, quantity)
     order by external_id
    on conflict (store_id, external_id) do update set
      linked = true, active = excluded.active, stock_managed = excluded.stock_managed, external_ref = excluded.external_ref,
      external_sku = excluded.external_sku, parked_code = null, next_attempt_at = null,
      observed_quantity = coalesce(excluded.observed_quantity, l.observed_quantity),
      observed_at = coalesce(excluded.observed_at, l.observed_at)
    where l.item_id = excluded.item_id
    returning l.id`,
    [
      operation.customer_id,
      storeId,
      single.map(() => newUuid()),
      single.map((listing) => itemBySku.get(listing.sku)),
      externalIds,
      single.map((listing) => listing.sku),
      single.map((listing) => JSON.stringify(listing.externalRef)),
      single.map((listing) => listing.active),
      single.map((listing) => listing.stockManaged),
      single.map((listing) => listing.quantity),
    ],
  );
  const marked = await markListings(
    tx,
    { listingIds: linked.map((row) => row.id) },
    { trigger: "LISTING_LINKED", tryRefused: true },
  );
  await awaitListings(tx, operation, marked);
  const withListing = new Set(marked.map((one) => one.item_id));
  const without = items.filter((item) => !withListing.has(item.item_id)).length;
  await sql(
    tx,
    `update operation set without_listing = without_listing + $2, total = total + $3, notes = (notes || $4::text[])[1:${String(MAX_NOTES)}]
      where id = $1`,
    [operation.id, without, marked.length + without - items.length, notes],
  );
  await endChunk(tx, operation, items);
}

/** The store could not be asked: tried again after a wait; a refusal that will not heal, or too many tries, end the import. */
async function postponeImport(deps: RunnerDeps, operation: Operation, failure: CallFailure): Promise<void> {
  const words = failure.kind === "throttled" ? "The store asked to wait." : failure.message;
  const waitMs =
    failure.kind === "throttled" ? failure.retryAfterMs : 1_000 + backoffMs(operation.attempts, deps.random);
  const heals =
    failure.kind === "throttled" || (failure.kind === "unavailable" && operation.attempts + 1 < MAX_ATTEMPTS);
  if (heals) {
    await sql(
      deps.dataSource,
      `update operation set attempts = attempts + $2, lease_until = clock_timestamp() + $3 * interval '1 ms' where id = $1`,
      [operation.id, failure.kind === "throttled" ? 0 : 1, Math.round(waitMs)],
    );
    return;
  }
  await whileOpen(deps.dataSource, operation, async (tx) => {
    await sql(
      tx,
      `update operation set status = 'FAILED', finished_at = clock_timestamp(), notes = (notes || $2::text[])[1:${String(MAX_NOTES)}] where id = $1`,
      [operation.id, [`The store could not be searched: ${words}`]],
    );
    await sql(tx, `delete from operation_item where operation_id = $1`, [operation.id]);
  });
}
