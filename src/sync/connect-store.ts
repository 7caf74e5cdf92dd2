/**
 * Connecting a store: checks its address, credentials and location at the shop itself, before anything is written, then
 * writes it with the credentials sealed.
 */
import type { CallFailure, Location, PlatformDriver } from "../platforms/platform.js";
import { type Platform, newUuid } from "../terms.js";
import { type Credentials, sealCredentials } from "./credentials.js";
import { MistakeList } from "./mistake-list.js";
import { type Tx, sql } from "./sql.js";
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
  const driver = deps.drivers.get(store.platform);
  if (!driver) throw mistake("INVALID_INPUT", "platform", `${store.platform} cannot be connected.`);
  const forbidden = deps.forbiddenUrl(store.url);
  if (forbidden !== null) throw mistake("STORE_URL_FORBIDDEN", "url", forbidden);
  const kind = store.platform.toLowerCase();
  const credentials = store.credentials[kind];
  if (!credentials) throw mistake("CREDENTIALS_MISMATCH", "credentials", `A ${store.platform} store takes credentials.${kind}.`);
  const id = newUuid();
  const url = store.url.replace(/\/+$/, "");
  const connector = driver.open({ storeId: id, url, locationId: store.locationId, credentials });
  const answer = await connector.check(AbortSignal.timeout(CHECK_MS));
  if (!answer.ok) throw refusal(answer.failure);
  const locationId = chooseLocation(answer.value, store.locationId);
  return { ...store, id, url, locationId, sealedCredentials: sealCredentials(deps.encryptionKey, id, credentials) };
}

/** Writes a prepared store that sells from these warehouses (codes), or from all. Answers its id. */
export async function insertStore(
  tx: Tx,
  _by: string,
  store: PreparedStore,
  input: { readonly warehouses: readonly string[] | null; readonly syncEnabled: boolean },
): Promise<string> {
  const codes = [...new Set(input.warehouses ?? [])];
  const known = await findWarehouses(tx, store.customerId);
  const mistakes = new MistakeList([]);
  const warehouseIds = codes.flatMap((code, index) => {
    const choice = chooseWarehouse(known, code);
    if ("id" in choice) return choice.id;
    mistakes.add("warehouses", String(index), choice.code, choice.message);
    return [];
  });
  mistakes.throwIfAny();
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
  await sql(
    tx,
    `insert into store_warehouse (store_id, warehouse_id, customer_id) select $1, id, $2 from unnest($3::uuid[]) as w(id)`,
    [store.id, store.customerId, warehouseIds],
  );
  return store.id;
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
