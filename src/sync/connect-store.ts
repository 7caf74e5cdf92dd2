/**
 * Connecting a store: checks its address, credentials and location at the shop itself, before anything is written, then
 * writes it with the credentials sealed.
 */
import type { CallFailure, Location, PlatformDriver } from "../platforms/platform.js";
import { newUuid, type Platform } from "../terms.js";
import { type Credentials, openCredentials, sealCredentials } from "./credentials.js";
import { markWidely } from "./mark-listings.js";
import { MistakeList } from "./mistake-list.js";
import { type Queryable, sql, type Tx } from "./sql.js";
import { UserMistake } from "./user-mistake.js";
import { chooseWarehouse, findWarehouses } from "./warehouses.js";

export interface ConnectStoreDeps {
  readonly drivers: ReadonlyMap<Platform, PlatformDriver>;
  readonly encryptionKey: Buffer;
  /** Why a URL may not be a store's, in words for its sender; null where it may. */
  forbiddenUrl(url: string): string | null;
}

export interface StoreToConnect {
  readonly customerId: string;
  readonly name: string;
  readonly platform: Platform;
  readonly url: string;
  /** Keyed by the platform's name in the API, e.g. `{ shopify: { accessToken } }`. */
  readonly credentials: Readonly<Record<string, Credentials | null | undefined>>;
  /** Null where the platform has no locations, or has one that can only be the one meant. */
  readonly locationId: string | null;
}

export interface PreparedStore extends Omit<StoreToConnect, "credentials"> {
  readonly id: string;
  readonly sealedCredentials: string;
}

/** How long the shop may take to answer before it counts as unreachable. */
const CHECK_MS = 10_000;

/**
 * Talks to the shop; opens no transaction and writes nothing. Throws UserMistake: STORE_URL_FORBIDDEN, CREDENTIALS_MISMATCH,
 * CREDENTIALS_REJECTED, STORE_UNREACHABLE, LOCATION_REQUIRED (its words list the choices), LOCATION_NOT_FOUND.
 */
export async function prepareStore(deps: ConnectStoreDeps, store: StoreToConnect): Promise<PreparedStore> {
  const forbidden = deps.forbiddenUrl(store.url);
  if (forbidden !== null) throw mistake("STORE_URL_FORBIDDEN", "url", forbidden);
  const credentials = credentialsFor(store.platform, store.credentials);
  const id = newUuid();
  const url = store.url.replace(/\/+$/, "");
  const locationId = await checkAtShop(deps, { ...store, id, url, credentials });
  return { ...store, id, url, locationId, sealedCredentials: sealCredentials(deps.encryptionKey, id, credentials) };
}

function credentialsFor(platform: Platform, given: StoreToConnect["credentials"]): Credentials {
  const kind = platform.toLowerCase();
  const credentials = given[kind];
  if (!credentials)
    throw mistake("CREDENTIALS_MISMATCH", "credentials", `A ${platform} store takes credentials.${kind}.`);
  return credentials;
}

/** The location to write to, once the shop has taken the credentials. */
async function checkAtShop(
  deps: ConnectStoreDeps,
  store: { id: string; platform: Platform; url: string; locationId: string | null; credentials: Credentials },
): Promise<string | null> {
  const driver = deps.drivers.get(store.platform);
  if (!driver) throw mistake("INVALID_INPUT", "platform", `${store.platform} cannot be connected.`);
  const connector = driver.open({ ...store, storeId: store.id });
  const answer = await connector.check(AbortSignal.timeout(CHECK_MS));
  if (!answer.ok) throw refusal(answer.failure);
  return chooseLocation(answer.value, store.locationId);
}

/** Writes a prepared store that sells from these warehouses (codes), or from all. Answers its id. */
export async function insertStore(
  tx: Tx,
  _by: string,
  store: PreparedStore,
  input: { readonly warehouses: readonly string[] | null; readonly syncEnabled: boolean },
): Promise<string> {
  const warehouseIds = await warehousesByCode(tx, store.customerId, input.warehouses ?? []);
  await sql(
    tx,
    `insert into store (id, customer_id, name, platform, url, location_id, credentials, sync_enabled, has_own_warehouses)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
    [
      store.id,
      store.customerId,
      store.name,
      store.platform,
      store.url,
      store.locationId,
      store.sealedCredentials,
      input.syncEnabled,
      warehouseIds.length > 0,
    ],
  );
  await writeWarehouses(tx, store.customerId, store.id, warehouseIds);
  return store.id;
}

async function warehousesByCode(tx: Tx, customerId: string, codes: readonly string[]): Promise<readonly string[]> {
  const known = await findWarehouses(tx, customerId);
  const mistakes = new MistakeList([]);
  const ids = [...new Set(codes)].flatMap((code, index) => {
    const choice = chooseWarehouse(known, code);
    if ("id" in choice) return choice.id;
    mistakes.add("warehouses", String(index), choice.code, choice.message);
    return [];
  });
  mistakes.throwIfAny();
  return ids;
}

async function writeWarehouses(tx: Tx, customerId: string, storeId: string, ids: readonly string[]): Promise<void> {
  await sql(
    tx,
    `insert into store_warehouse (store_id, warehouse_id, customer_id) select $1, id, $2 from unnest($3::uuid[]) as w(id)`,
    [storeId, customerId, ids],
  );
}

export interface StoreUpdate {
  readonly storeId: string;
  /** Each is kept as it is where null. */
  readonly name: string | null;
  readonly credentials: StoreToConnect["credentials"] | null;
  readonly locationId: string | null;
  /** Codes; an empty list means all of the customer's. */
  readonly warehouses: readonly string[] | null;
}

export interface PreparedUpdate extends Omit<StoreUpdate, "credentials"> {
  /** Null where the shop need not be asked: neither credentials nor location are new. */
  readonly checked: { readonly sealedCredentials: string; readonly locationId: string | null } | null;
}

/** As prepareStore: where credentials or location are new, the shop itself must take them first. The store exists. */
export async function prepareStoreUpdate(
  deps: ConnectStoreDeps,
  db: Queryable,
  update: StoreUpdate,
): Promise<PreparedUpdate> {
  if (update.credentials === null && update.locationId === null) return { ...update, checked: null };
  const [store] = await sql<{
    id: string;
    platform: Platform;
    url: string;
    location_id: string | null;
    credentials: string;
  }>(db, `select id, platform, url, location_id, credentials from store where id = $1`, [update.storeId]);
  if (!store) throw mistake("NOT_FOUND", "storeId", "There is no such store.");
  const credentials =
    update.credentials === null
      ? openCredentials(deps.encryptionKey, store.id, store.credentials)
      : credentialsFor(store.platform, update.credentials);
  const wanted = { ...store, credentials, locationId: update.locationId ?? store.location_id };
  const locationId = await checkAtShop(deps, wanted);
  return {
    ...update,
    checked: { sealedCredentials: sealCredentials(deps.encryptionKey, store.id, credentials), locationId },
  };
}

/**
 * Writes a prepared update. New credentials connect the store again, and what was held back catches up; another location or
 * other warehouses make every listing's quantity a new one.
 */
export async function applyStoreUpdate(tx: Tx, update: PreparedUpdate): Promise<void> {
  const { storeId, checked } = update;
  const [store] = await sql<{ customer_id: string; location_id: string | null }>(
    tx,
    `select customer_id, location_id from store where id = $1 for update`,
    [storeId],
  );
  if (!store) throw mistake("NOT_FOUND", "storeId", "There is no such store.");
  await sql(tx, `update store set name = coalesce($2, name), updated_at = now() where id = $1`, [storeId, update.name]);
  if (checked) {
    await sql(
      tx,
      `update store set credentials = $2, location_id = $3, connection_status = 'CONNECTED' where id = $1`,
      [storeId, checked.sealedCredentials, checked.locationId],
    );
  }
  if (update.warehouses) {
    const ids = await warehousesByCode(tx, store.customer_id, update.warehouses);
    await sql(tx, `delete from store_warehouse where store_id = $1`, [storeId]);
    await sql(tx, `update store set has_own_warehouses = $2 where id = $1`, [storeId, ids.length > 0]);
    await writeWarehouses(tx, store.customer_id, storeId, ids);
  }
  const moved = checked !== null && checked.locationId !== store.location_id;
  if (!checked && !update.warehouses) return;
  await markWidely(tx, {
    customerId: store.customer_id,
    storeId,
    catchUpOnly: !moved && !update.warehouses,
    trigger: moved || update.warehouses ? "SETTING_CHANGE" : "CATCH_UP",
    forgetAcknowledged: moved,
  });
}

/** Stops all syncing to a store and forgets its credentials; listings and outcomes stay. Repeating it changes nothing. */
export async function disconnectStore(tx: Tx, deps: ConnectStoreDeps, storeId: string): Promise<void> {
  const changed = await sql<{ customer_id: string }>(
    tx,
    `update store set connection_status = 'DISCONNECTED', credentials = $2, updated_at = now()
      where id = $1 and connection_status <> 'DISCONNECTED' returning customer_id`,
    [storeId, sealCredentials(deps.encryptionKey, storeId, {})],
  );
  for (const { customer_id } of changed)
    await markWidely(tx, { customerId: customer_id, storeId, catchUpOnly: false, trigger: "SETTING_CHANGE" });
}

function chooseLocation(locations: readonly Location[], asked: string | null): string | null {
  if (locations.length === 0) return asked;
  const choices = locations.map(({ id, name }) => `${id} (${name})`).join(", ");
  if (asked !== null) {
    if (locations.some(({ id }) => id === asked)) return asked;
    throw mistake("LOCATION_NOT_FOUND", "locationId", `The store has no such location. It has: ${choices}.`);
  }
  const [only, ...others] = locations;
  if (only && others.length === 0) return only.id;
  throw mistake("LOCATION_REQUIRED", "locationId", `The store has several locations: name one of ${choices}.`);
}

function refusal(failure: CallFailure): UserMistake {
  switch (failure.kind) {
    case "rejected":
      return failure.code === "CREDENTIALS_INVALID"
        ? mistake("CREDENTIALS_REJECTED", "credentials", `The store refused the credentials: ${failure.message}`)
        : mistake("STORE_UNREACHABLE", "url", `The store answered, but not as expected: ${failure.message}`);
    case "throttled":
      return mistake("STORE_UNREACHABLE", "url", "The store asks to wait: try again later.");
    case "gone":
    case "unavailable":
      return mistake("STORE_UNREACHABLE", "url", `The store could not be asked: ${failure.message}`);
  }
}

function mistake(code: ConstructorParameters<typeof UserMistake>[0][number]["code"], field: string, message: string) {
  return new UserMistake([{ code, message, field: [field] }]);
}
