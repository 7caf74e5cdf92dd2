import type { PolicyInput, Setting } from "../policy/effective-sync.js";
import type { LevelQuantities } from "../policy/publishable-quantity.js";
import type { ConnectionStatus, SyncMode, SyncSettingMode } from "../terms.js";

/** What the policy needs of each row: entities fit, and so do the engine's own reads. */
interface SettingColumns {
  readonly syncMode: SyncSettingMode;
  readonly syncExpiresAt: Date | null;
  readonly syncRevertMode: SyncSettingMode | null;
}
export interface PolicyRows {
  readonly customer: { readonly syncMode: SyncMode };
  readonly item: SettingColumns & { readonly processOrders: boolean; readonly firstReceivedAt: Date | null };
  /** Null, with `store`, for the item itself before any store's gates. */
  readonly listing:
    | (Omit<SettingColumns, "syncMode"> & {
        readonly syncMode: SyncSettingMode | null;
        readonly linked: boolean;
        readonly active: boolean;
        readonly stockManaged: boolean;
        readonly lastSyncedQuantity: number | null;
      })
    | null;
  readonly store: {
    readonly connectionStatus: ConnectionStatus;
    readonly syncEnabled: boolean;
    readonly pausedUntil: Date | null;
    readonly zeroGuardSince: Date | null;
  } | null;
  /** Of the store's warehouses; of all where it has none of its own, or there is no store. */
  readonly levels: readonly LevelQuantities[];
  readonly now: Date;
}

/** The one place that turns rows into what the policy decides on. */
export function policyInputOf({ customer, item, listing, store, levels, now }: PolicyRows): PolicyInput {
  return {
    now,
    customerMode: customer.syncMode,
    item: {
      setting: settingOf(item, item.syncMode),
      processOrders: item.processOrders,
      received: item.firstReceivedAt !== null,
    },
    listing: listing && {
      // An override may hand the decision up for a while although the listing has no setting of its own otherwise.
      setting:
        listing.syncMode === null && listing.syncExpiresAt === null
          ? null
          : settingOf(listing, listing.syncMode ?? "CUSTOMER_DEFAULT"),
      linked: listing.linked,
      active: listing.active,
      stockManaged: listing.stockManaged,
      lastSyncedQuantity: listing.lastSyncedQuantity,
    },
    store: store && {
      connectionStatus: store.connectionStatus,
      syncEnabled: store.syncEnabled,
      pausedUntil: store.pausedUntil,
      zeroGuardHeld: store.zeroGuardSince !== null,
    },
    levels,
  };
}

function settingOf(columns: Omit<SettingColumns, "syncMode">, mode: SyncSettingMode): Setting {
  return { mode, expiresAt: columns.syncExpiresAt, revertMode: columns.syncRevertMode };
}
