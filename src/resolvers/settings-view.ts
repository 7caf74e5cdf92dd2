/** What a level says, as the API shows it: the columns of its row, with an expired override told as what it gave way to. */
import type { CustomerEntity } from "../entities/customer.entity.js";
import type { ItemEntity } from "../entities/item.entity.js";
import type { ListingEntity } from "../entities/listing.entity.js";
import { settingInForce } from "../policy/effective-sync.js";
import { type SyncScope, type SyncSettingMode, toGlobalId } from "../terms.js";

export interface SettingView {
  readonly __typename: "SyncSetting";
  readonly id: string;
  readonly scope: SyncScope;
  readonly mode: SyncSettingMode;
  readonly expiresAt: Date | null;
  readonly note: string | null;
  readonly updatedAt: Date;
  readonly updatedBy: string;
  /** The row that has it: what its history is kept under. */
  readonly subjectId: string;
}

export function customerSetting(customer: CustomerEntity): SettingView {
  return {
    __typename: "SyncSetting",
    id: toGlobalId("setting_customer", customer.id),
    scope: "CUSTOMER",
    mode: customer.syncMode,
    expiresAt: null,
    note: customer.syncNote,
    updatedAt: customer.syncUpdatedAt,
    updatedBy: customer.syncUpdatedBy,
    subjectId: customer.id,
  };
}

export function itemSetting(item: ItemEntity, now: Date): SettingView {
  return {
    __typename: "SyncSetting",
    id: toGlobalId("setting_item", item.id),
    scope: "ITEM",
    ...inForce(item, item.syncMode, now),
    updatedAt: item.syncUpdatedAt,
    updatedBy: item.syncUpdatedBy,
    subjectId: item.id,
  };
}

/** Null: the listing has no setting of its own. */
export function listingSetting(listing: ListingEntity, now: Date): SettingView | null {
  const said = inForce(listing, listing.syncMode ?? "CUSTOMER_DEFAULT", now);
  if (listing.syncUpdatedAt === null || (said.mode === "CUSTOMER_DEFAULT" && said.expiresAt === null)) return null;
  return {
    __typename: "SyncSetting",
    id: toGlobalId("setting_listing", listing.id),
    scope: "LISTING",
    ...said,
    updatedAt: listing.syncUpdatedAt,
    updatedBy: listing.syncUpdatedBy ?? "",
    subjectId: listing.id,
  };
}

function inForce(
  row: {
    readonly syncExpiresAt: Date | null;
    readonly syncRevertMode: SyncSettingMode | null;
    readonly syncNote: string | null;
  },
  said: SyncSettingMode,
  now: Date,
): Pick<SettingView, "mode" | "expiresAt" | "note"> {
  const mode = settingInForce({ mode: said, expiresAt: row.syncExpiresAt, revertMode: row.syncRevertMode }, now);
  const isOver = row.syncExpiresAt !== null && row.syncExpiresAt <= now;
  return { mode, expiresAt: isOver ? null : row.syncExpiresAt, note: isOver ? null : row.syncNote };
}
