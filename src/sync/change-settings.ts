/**
 * ① Every switch of the policy: what customer, item and listing say, Process Orders, and each store's own switch. A setting
 * and its history row are written in the caller's transaction, with the marks ② of the listings that it concerns.
 */
import {
  newUuid,
  type ProcessOrdersManagement,
  type SyncMode,
  type SyncScope,
  type SyncSettingMode,
  type SyncTrigger,
} from "../terms.js";
import { markListings, markWidely } from "./mark-listings.js";
import { sql, type Tx } from "./sql.js";
import { UserMistake } from "./user-mistake.js";

/** Sets the customer-wide mode. All of its listings are marked, in chunks after the commit. */
export async function setCustomerSync(
  tx: Tx,
  by: string,
  input: { readonly customerId: string; readonly mode: SyncMode; readonly note: string | null },
): Promise<void> {
  const [before] = await sql<{ customer_id: string; mode: SyncSettingMode }>(
    tx,
    `select id as customer_id, sync_mode as mode from customer where id = $1 for update`,
    [input.customerId],
  );
  if (!before) throw notFound("customerId");
  await sql(
    tx,
    `update customer set sync_mode = $2, sync_note = $3, sync_updated_at = now(), sync_updated_by = $4, updated_at = now() where id = $1`,
    [input.customerId, input.mode, input.note, by],
  );
  await recordChanges(tx, by, "CUSTOMER", { ...input, expiresAt: null }, [{ ...before, subject: input.customerId }]);
  await markWidely(tx, {
    customerId: input.customerId,
    storeId: null,
    catchUpOnly: false,
    trigger: "SETTING_CHANGE",
  });
}

/** Says how Process Orders is switched from now on; no item is switched by this itself. */
export async function setProcessOrdersManagement(
  tx: Tx,
  _by: string,
  input: { readonly customerId: string; readonly management: ProcessOrdersManagement },
): Promise<void> {
  await sql(tx, `update customer set process_orders_management = $2, updated_at = now() where id = $1`, [
    input.customerId,
    input.management,
  ]);
}

export interface NewSetting {
  readonly mode: SyncSettingMode;
  /** A timed override: reverts to what stood before at this time. Must lie in the future. */
  readonly expiresAt: Date | null;
  readonly note: string | null;
}

/** Sets what one item says, and marks its listings. */
export async function setItemSync(tx: Tx, by: string, input: NewSetting & { readonly itemId: string }): Promise<void> {
  checkExpiry(input.expiresAt);
  await setItemsSync(tx, by, { ...input, itemIds: [input.itemId], trigger: "SETTING_CHANGE" });
}

/** Sets what these items say, and marks their listings. Answers the marked listings. */
export async function setItemsSync(
  tx: Tx,
  by: string,
  input: NewSetting & { readonly itemIds: readonly string[]; readonly trigger: SyncTrigger },
): ReturnType<typeof markListings> {
  const before = await sql<Subject>(
    tx,
    `select id as subject, customer_id, sync_mode as mode from item where id = any($1::uuid[]) order by id for update`,
    [input.itemIds],
  );
  await sql(
    tx,
    `update item set
       sync_revert_mode = case when $3::timestamptz is null then null else coalesce(sync_revert_mode, sync_mode) end,
       sync_mode = $2, sync_expires_at = $3, sync_note = $4, sync_updated_at = now(), sync_updated_by = $5, updated_at = now()
     where id = any($1::uuid[])`,
    [input.itemIds, input.mode, input.expiresAt, input.note, by],
  );
  await recordChanges(tx, by, "ITEM", input, before);
  return markListings(tx, { itemIds: input.itemIds }, { trigger: input.trigger });
}

/** Sets what one listing says; CUSTOMER_DEFAULT removes its own setting. Marks the listing. */
export async function setListingSync(
  tx: Tx,
  by: string,
  input: NewSetting & { readonly listingId: string },
): Promise<void> {
  checkExpiry(input.expiresAt);
  const before = await sql<Subject>(
    tx,
    `select id as subject, customer_id, coalesce(sync_mode, 'CUSTOMER_DEFAULT') as mode from listing where id = $1 for update`,
    [input.listingId],
  );
  await sql(
    tx,
    `update listing set
       sync_revert_mode = case when $3::timestamptz is null then null else coalesce(sync_revert_mode, sync_mode, 'CUSTOMER_DEFAULT') end,
       sync_mode = nullif($2, 'CUSTOMER_DEFAULT'), sync_expires_at = $3, sync_note = $4, sync_updated_at = now(), sync_updated_by = $5
     where id = $1`,
    [input.listingId, input.mode, input.expiresAt, input.note, by],
  );
  await recordChanges(tx, by, "LISTING", input, before);
  await markListings(tx, { listingIds: [input.listingId] }, { trigger: "SETTING_CHANGE" });
}

/** Throws a store's switch. All of its listings are marked: those held back catch up, the others' outcomes say that it is off. */
export async function setStoreSyncEnabled(
  tx: Tx,
  _by: string,
  input: { readonly storeId: string; readonly enabled: boolean },
): Promise<void> {
  const [store] = await sql<{ customer_id: string; was: boolean }>(
    tx,
    `select customer_id, sync_enabled as was from store where id = $1 for update`,
    [input.storeId],
  );
  if (!store) throw notFound("storeId");
  if (store.was === input.enabled) return;
  await sql(tx, `update store set sync_enabled = $2, updated_at = now() where id = $1`, [input.storeId, input.enabled]);
  await markWidely(tx, {
    customerId: store.customer_id,
    storeId: input.storeId,
    catchUpOnly: input.enabled,
    trigger: input.enabled ? "CATCH_UP" : "SETTING_CHANGE",
  });
}

/** Switches Process Orders of these items; those that already say so stay. Answers the ids of those that changed, in the order given. */
export async function setProcessOrders(
  tx: Tx,
  _by: string,
  input: { readonly customerId: string; readonly itemIds: readonly string[]; readonly processOrders: boolean },
): Promise<readonly string[]> {
  const changed = await sql<{ id: string }>(
    tx,
    /* sql */ `
    with chosen as materialized (
      select id from item where customer_id = $1 and id = any($2::uuid[]) and process_orders <> $3 order by id for update
    )
    update item i set process_orders = $3, updated_at = now() from chosen where i.id = chosen.id returning i.id`,
    [input.customerId, input.itemIds, input.processOrders],
  );
  await markListings(tx, { itemIds: changed.map((row) => row.id) }, { trigger: "PROCESS_ORDERS" });
  const switched = new Set(changed.map((row) => row.id));
  return input.itemIds.filter((id) => switched.has(id));
}

interface Subject {
  readonly subject: string;
  readonly customer_id: string;
  readonly mode: SyncSettingMode;
}

async function recordChanges(
  tx: Tx,
  by: string,
  scope: SyncScope,
  setting: NewSetting,
  subjects: readonly Subject[],
): Promise<void> {
  await sql(
    tx,
    /* sql */ `
    insert into setting_change (id, customer_id, scope, subject_id, mode, previous_mode, expires_at, note, changed_by)
    select id, customer, $1, subject, $2, previous, $3, $4, $5
      from unnest($6::uuid[], $7::uuid[], $8::uuid[], $9::text[]) as c(id, customer, subject, previous)`,
    [
      scope,
      setting.mode,
      setting.expiresAt,
      setting.note,
      by,
      subjects.map(() => newUuid()),
      subjects.map((subject) => subject.customer_id),
      subjects.map((subject) => subject.subject),
      subjects.map((subject) => subject.mode),
    ],
  );
}

/** Throws EXPIRY_IN_PAST. */
export function checkExpiry(expiresAt: Date | null): void {
  if (expiresAt !== null && expiresAt.getTime() <= Date.now())
    throw new UserMistake([
      { code: "EXPIRY_IN_PAST", message: "expiresAt must lie in the future.", field: ["expiresAt"] },
    ]);
}

function notFound(field: string): UserMistake {
  return new UserMistake([{ code: "NOT_FOUND", message: "There is no such thing.", field: [field] }]);
}

const EXPIRY_AUTHOR = "expiry of a timed override";

/**
 * Ends overrides whose time has come, at most 500 of items and 500 of listings, and marks what they concern to catch up.
 * Policy stops heeding an override at its time by itself; this writes down what then stands. Answers how many ended.
 */
export async function endExpiredOverrides(tx: Tx): Promise<number> {
  const items = await sql<Subject & { reverted: SyncSettingMode }>(
    tx,
    /* sql */ `
    with ended as materialized (
      select id, sync_mode as mode from item where sync_expires_at <= now() order by sync_expires_at limit 500 for update skip locked
    )
    update item i set sync_mode = i.sync_revert_mode, sync_revert_mode = null, sync_expires_at = null, sync_note = null,
           sync_updated_at = now(), sync_updated_by = $1, updated_at = now()
      from ended where i.id = ended.id
    returning i.id as subject, i.customer_id, ended.mode, i.sync_mode as reverted`,
    [EXPIRY_AUTHOR],
  );
  const listings = await sql<Subject & { reverted: SyncSettingMode }>(
    tx,
    /* sql */ `
    with ended as materialized (
      select id, sync_mode as mode from listing where sync_expires_at <= now() order by sync_expires_at limit 500 for update skip locked
    )
    update listing l set sync_mode = nullif(l.sync_revert_mode, 'CUSTOMER_DEFAULT'), sync_revert_mode = null, sync_expires_at = null,
           sync_note = null, sync_updated_at = now(), sync_updated_by = $1
      from ended where l.id = ended.id
    returning l.id as subject, l.customer_id, coalesce(ended.mode, 'CUSTOMER_DEFAULT') as mode, coalesce(l.sync_mode, 'CUSTOMER_DEFAULT') as reverted`,
    [EXPIRY_AUTHOR],
  );
  for (const [scope, subjects] of [
    ["ITEM", items],
    ["LISTING", listings],
  ] as const)
    for (const reverted of new Set(subjects.map((subject) => subject.reverted)))
      await recordChanges(
        tx,
        EXPIRY_AUTHOR,
        scope,
        { mode: reverted, expiresAt: null, note: null },
        subjects.filter((subject) => subject.reverted === reverted),
      );
  if (items.length > 0) await markListings(tx, { itemIds: items.map((item) => item.subject) }, { trigger: "CATCH_UP" });
  if (listings.length > 0)
    await markListings(tx, { listingIds: listings.map((listing) => listing.subject) }, { trigger: "CATCH_UP" });
  return items.length + listings.length;
}
