import type { DataSource } from "typeorm";
import type { ViewerDatabase, ViewerDatabases } from "../access/row-security.js";
import type { Viewer } from "../access/viewer.js";
import type { Log } from "../log.js";
import type { ConnectStoreDeps } from "../sync/connect-store.js";
import type { OutcomeFeed } from "../sync/outcome-feed.js";
import type { SyncEngine } from "../sync/sync-engine.js";
import { createLoaders, type Loaders, liveLoaders } from "./loaders.js";

/** What every request shares. */
export interface Services {
  /** Sees every customer's rows: for what the server itself asks, never for what a viewer does. */
  readonly dataSource: DataSource;
  readonly databases: ViewerDatabases;
  readonly feed: OutcomeFeed;
  readonly engine: Pick<SyncEngine, "hint">;
  readonly stores: ConnectStoreDeps;
  readonly log: Log;
  /** A token was revoked just now, here: its sockets are closed before the answer leaves. */
  readonly tokenRevoked: (tokenId: string) => void;
  /** For tests of row-level security alone: the loaders then ask as an operator's do. */
  readonly withoutOwnFilters?: boolean;
}

/** What resolvers get: one for each request, or for a subscription's whole life. */
export interface Context extends Omit<Services, "dataSource" | "databases"> {
  readonly viewer: Viewer;
  /** The database as the viewer may see it: all that resolvers ask goes through it. */
  readonly db: ViewerDatabase;
  /** The customer whose rows alone are asked for; null for an operator. */
  readonly onlyCustomerId: string | null;
  /** Made anew after each mutation, so that its payload shows what it did. */
  loaders: Loaders;
}

export function createContext(
  { dataSource: _, databases, ...services }: Services,
  viewer: Viewer,
  options: { readonly isLive: boolean },
): Context {
  const db = databases.of(viewer);
  const onlyCustomerId = services.withoutOwnFilters ? null : viewer.customerId;
  const loaders = options.isLive ? liveLoaders(db, onlyCustomerId) : createLoaders(db, onlyCustomerId, options);
  return { ...services, viewer, db, onlyCustomerId, loaders };
}
