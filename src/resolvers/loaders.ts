/**
 * Batched reads by key, each limited to what the viewer may see: a foreign row is null, as one that does not exist.
 *
 * A request's loaders cache for its life. Those of subscriptions live long, so they cache nothing; they outlast a restart of
 * the database, so that no outcome reaches a subscriber half read; and all subscribers who may see the same share them, so that
 * what a hundred dashboards ask about one outcome is one query.
 */
import { setTimeout as delay } from "node:timers/promises";
import DataLoader from "dataloader";
import { type EntityTarget, type FindOptionsWhere, In, type ObjectLiteral } from "typeorm";
import type { ViewerDatabase } from "../access/row-security.js";
import { ApiTokenEntity } from "../entities/api-token.entity.js";
import { CustomerEntity } from "../entities/customer.entity.js";
import { InventoryLevelEntity } from "../entities/inventory-level.entity.js";
import { ItemEntity } from "../entities/item.entity.js";
import { ListingEntity } from "../entities/listing.entity.js";
import { OperationEntity } from "../entities/operation.entity.js";
import { SearchEntity } from "../entities/search.entity.js";
import { ShipNoticeEntity, ShipNoticeLineEntity } from "../entities/ship-notice.entity.js";
import { StoreEntity } from "../entities/store.entity.js";
import { WarehouseEntity } from "../entities/warehouse.entity.js";
import { type OperationProgress, readOperationProgress } from "../sync/operations.js";
import { OUTCOME_COLUMNS, type OutcomeRow } from "../sync/outcome-feed.js";
import { type Queryable, sql } from "../sync/sql.js";
import { readStoreHealth, type StoreHealth } from "../sync/store-health.js";
import { readSyncSummaries, type SyncSummary } from "../sync/sync-summary.js";

type ById<Row> = DataLoader<string, Row | null>;
type ManyById<Row> = DataLoader<string, readonly Row[]>;

/** Keys are row keys (UUIDs). */
export interface Loaders {
  readonly customer: ById<CustomerEntity>;
  readonly item: ById<ItemEntity>;
  readonly store: ById<StoreEntity>;
  readonly listing: ById<ListingEntity>;
  readonly warehouse: ById<WarehouseEntity>;
  readonly operation: ById<OperationEntity>;
  readonly search: ById<SearchEntity>;
  readonly shipNotice: ById<ShipNoticeEntity>;
  readonly apiToken: ById<ApiTokenEntity>;
  readonly outcome: ById<OutcomeRow>;
  readonly levelsOfItem: ManyById<InventoryLevelEntity>;
  /** By id of the store: empty where it sells from all of the customer's. */
  readonly warehousesOfStore: ManyById<WarehouseEntity>;
  readonly linesOfShipNotice: ManyById<ShipNoticeLineEntity>;
  readonly lastOutcomeOfListing: ById<OutcomeRow>;
  readonly healthOfStore: ById<StoreHealth>;
  readonly progressOfOperation: ById<OperationProgress>;
  readonly summaryOfCustomer: ById<SyncSummary>;
  /**
   * For pages: statements that are asked for at once are all answered at once, so that what the rows of a hundred lists refer
   * to is loaded in one batch too, and not in a hundred.
   */
  readonly atOnce: Queryable;
}

const live = new WeakMap<ViewerDatabase, Loaders>();

/** Of all subscriptions of viewers who may see the same. */
export function liveLoaders(db: ViewerDatabase, customerId: string | null): Loaders {
  const loaders = live.get(db) ?? createLoaders(db, customerId, { isLive: true });
  live.set(db, loaders);
  return loaders;
}

/** `customerId`: whose rows alone are asked for; null for every customer's. */
export function createLoaders(
  db: ViewerDatabase,
  customerId: string | null,
  options: { readonly isLive: boolean },
): Loaders {
  const loader = <Value>(read: (ids: readonly string[]) => Promise<(id: string) => Value>): DataLoader<string, Value> =>
    new DataLoader(
      async (ids) => {
        const distinct = [...new Set(ids)];
        const valueOf = await (options.isLive ? outlastingRestarts(() => read(distinct)) : read(distinct));
        return ids.map(valueOf);
      },
      { cache: !options.isLive },
    );
  const statements = new DataLoader<Statement, unknown>(
    (asked) =>
      Promise.all(
        asked.map(({ text, params }) => {
          const read = (): Promise<unknown> => db.query(text, params);
          return (options.isLive ? outlastingRestarts(read) : read()).catch(asError);
        }),
      ),
    { cache: false },
  );
  const byId = <Row extends ObjectLiteral & { id: string }>(
    entity: EntityTarget<Row>,
    ownership: (customer: string) => ObjectLiteral = (customer) => ({ customerId: customer }),
  ): ById<Row> =>
    loader(async (ids) => {
      const where = { id: In([...ids]), ...(customerId !== null && ownership(customerId)) };
      const rows = await db.read((manager) => manager.getRepository(entity).findBy(where as FindOptionsWhere<Row>));
      const found = new Map(rows.map((row) => [row.id, row]));
      return (id) => found.get(id) ?? null;
    });
  const many = <Row>(
    read: (ids: readonly string[]) => Promise<readonly Row[]>,
    keyOf: (row: Row) => string,
  ): ManyById<Row> =>
    loader(async (ids) => {
      const grouped = new Map<string, Row[]>();
      for (const row of await read(ids)) {
        const group = grouped.get(keyOf(row));
        if (group) group.push(row);
        else grouped.set(keyOf(row), [row]);
      }
      return (id) => grouped.get(id) ?? [];
    });
  const outcomesBy = (text: string, keyOf: (row: OutcomeRow) => string): ById<OutcomeRow> =>
    loader(async (ids) => {
      const rows = await sql<OutcomeRow>(db, text, [ids, customerId]);
      const found = new Map(rows.map((row) => [keyOf(row), row]));
      return (id) => found.get(id) ?? null;
    });
  return {
    customer: byId(CustomerEntity, (customer) => ({ id: In([customer]) })),
    item: byId(ItemEntity),
    store: byId(StoreEntity),
    listing: byId(ListingEntity),
    warehouse: byId(WarehouseEntity),
    operation: byId(OperationEntity),
    search: byId(SearchEntity),
    shipNotice: byId(ShipNoticeEntity),
    apiToken: byId(ApiTokenEntity),
    outcome: outcomesBy(
      `select ${OUTCOME_COLUMNS} from outcome where id = any($1::uuid[]) and ($2::uuid is null or customer_id = $2)`,
      (row) => row.id,
    ),
    lastOutcomeOfListing: outcomesBy(
      `select o.* from unnest($1::uuid[]) as listing(key)
        cross join lateral (select ${OUTCOME_COLUMNS} from outcome where listing_id = key and ($2::uuid is null or customer_id = $2)
                             order by seq desc limit 1) o`,
      (row) => row.listingId,
    ),
    levelsOfItem: many(
      (ids) =>
        db.read((manager) =>
          manager
            .getRepository(InventoryLevelEntity)
            .find({ where: { itemId: In([...ids]) }, order: { warehouseId: "ASC" } }),
        ),
      (level) => level.itemId,
    ),
    warehousesOfStore: loader(async (ids) => {
      const links = await sql<{ store_id: string; warehouse_id: string }>(
        db,
        `select store_id, warehouse_id from store_warehouse where store_id = any($1::uuid[])`,
        [ids],
      );
      const linked = await db.read((manager) =>
        manager
          .getRepository(WarehouseEntity)
          .find({ where: { id: In(links.map((link) => link.warehouse_id)) }, order: { code: "ASC" } }),
      );
      return (id) => {
        const own = new Set(links.filter((link) => link.store_id === id).map((link) => link.warehouse_id));
        return linked.filter((warehouse) => own.has(warehouse.id));
      };
    }),
    linesOfShipNotice: many(
      (ids) =>
        db.read((manager) =>
          manager
            .getRepository(ShipNoticeLineEntity)
            .find({ where: { shipNoticeId: In([...ids]) }, order: { position: "ASC" } }),
        ),
      (line) => line.shipNoticeId,
    ),
    healthOfStore: loader(async (ids) => {
      const health = new Map((await readStoreHealth(db, ids)).map((one) => [one.storeId, one]));
      return (id) => health.get(id) ?? null;
    }),
    progressOfOperation: loader(async (ids) => {
      const progress = await readOperationProgress(db, ids);
      return (id) => progress.get(id) ?? null;
    }),
    summaryOfCustomer: loader(async (ids) => {
      const summaries = new Map((await readSyncSummaries(db, ids)).map((one) => [one.customerId, one]));
      return (id) => summaries.get(id) ?? null;
    }),
    atOnce: { query: (text, params = []) => statements.load({ text, params }) },
  };
}

interface Statement {
  readonly text: string;
  readonly params: unknown[];
}

/** DataLoader rejects the one whose value is an Error. */
function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

const RETRY_MS = 250;
const MOST_TRIES = 480;

/** Reads again while the database is away, for two minutes at most. What `isAnswer` knows is thrown on at once. */
export async function outlastingRestarts<T>(
  read: () => Promise<T>,
  isAnswer: (error: unknown) => boolean = () => false,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await read();
    } catch (error) {
      if (attempt >= MOST_TRIES || isAnswer(error)) throw error;
      await delay(RETRY_MS);
    }
  }
}

/** The rows of these keys, in their order. The keys were just read under the same viewer, so each is there. */
export async function loadAll<Row>(
  loader: ById<Row>,
  keys: readonly { readonly id: string }[],
): Promise<readonly Row[]> {
  return Promise.all(
    keys.map(async ({ id }) => {
      const row = await loader.load(id);
      if (row === null) throw new Error("A row that was just read is missing.");
      return row;
    }),
  );
}
