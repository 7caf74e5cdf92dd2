import type { DataSource } from "typeorm";
import type { Viewer } from "../access/viewer.js";
import type { Log } from "../log.js";
import type { ConnectStoreDeps } from "../sync/connect-store.js";
import type { OutcomeFeed } from "../sync/outcome-feed.js";
import type { SyncEngine } from "../sync/sync-engine.js";
import { createLoaders, type Loaders, liveLoaders } from "./loaders.js";

/** What every request shares. */
export interface Services {
  readonly dataSource: DataSource;
  readonly feed: OutcomeFeed;
  readonly engine: Pick<SyncEngine, "hint">;
  readonly stores: ConnectStoreDeps;
  readonly log: Log;
}

/** What resolvers get: one for each request, or for a subscription's whole life. */
export interface Context extends Services {
  readonly viewer: Viewer;
  /** Made anew after each mutation, so that its payload shows what it did. */
  loaders: Loaders;
}

export function createContext(services: Services, viewer: Viewer, options: { readonly isLive: boolean }): Context {
  const { dataSource } = services;
  const loaders = options.isLive ? liveLoaders(dataSource, viewer) : createLoaders(dataSource, viewer, options);
  return { ...services, viewer, loaders };
}
