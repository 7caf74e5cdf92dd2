/** The states that subscriptions follow, shared by all of a process's viewers who may see the same. */
import { In } from "typeorm";
import type { ViewerDatabase } from "../access/row-security.js";
import { OperationEntity } from "../entities/operation.entity.js";
import { StoreEntity } from "../entities/store.entity.js";
import { type OperationProgress, readOperationProgress } from "../sync/operations.js";
import { sql } from "../sync/sql.js";
import { readStoreHealth, type StoreHealth } from "../sync/store-health.js";
import { type SharedWatch, sharedWatch } from "./shared-watch.js";

/** An operation, with its progress where that was read together with it. */
export type OperationView = OperationEntity & { readonly progress?: OperationProgress };
/** A store, with its health where that was read together with it. */
export type StoreView = StoreEntity & { readonly health?: StoreHealth };

export interface LiveStates {
  /** By row key of the operation. */
  readonly operation: SharedWatch<OperationView>;
  /** By row key of the customer: all its stores, the oldest first. */
  readonly stores: SharedWatch<readonly StoreView[]>;
}

const PROGRESS_EVERY_MS = 250;
const HEALTH_EVERY_MS = 1_000;

const known = new WeakMap<ViewerDatabase, LiveStates>();

export function liveStates(db: ViewerDatabase): LiveStates {
  const states = known.get(db) ?? {
    operation: sharedWatch((id) => readOperation(db, id), PROGRESS_EVERY_MS),
    stores: sharedWatch((customerId) => readStores(db, customerId), HEALTH_EVERY_MS),
  };
  known.set(db, states);
  return states;
}

async function readOperation(db: ViewerDatabase, id: string): Promise<OperationView | null> {
  // The operation first: where it has ended, the progress read after it is the last.
  const operation = await db.read((manager) => manager.getRepository(OperationEntity).findOneBy({ id }));
  const progress = operation && (await readOperationProgress(db, [id])).get(id);
  return operation && progress ? Object.assign(operation, { progress }) : null;
}

async function readStores(db: ViewerDatabase, customerId: string): Promise<readonly StoreView[]> {
  const rows = await sql<{ id: string }>(db, `select id from store where customer_id = $1 order by id`, [customerId]);
  const ids = rows.map(({ id }) => id);
  const health = new Map((await readStoreHealth(db, ids)).map((one) => [one.storeId, one]));
  const stores = await db.read((manager) =>
    manager.getRepository(StoreEntity).find({ where: { id: In(ids) }, order: { id: "ASC" } }),
  );
  return stores.flatMap((store) => {
    const own = health.get(store.id);
    return own ? Object.assign(store, { health: own }) : [];
  });
}
