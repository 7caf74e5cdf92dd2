import { Column, Entity, PrimaryColumn } from "typeorm";
import type { SyncMode, SyncSettingMode } from "../terms.js";

/** An item in a store. What the engine alone needs of the row has no column here. */
@Entity({ name: "listing" })
export class ListingEntity {
  readonly __typename = "Listing";

  @PrimaryColumn({ type: "uuid" })
  id!: string;

  @Column({ type: "uuid", name: "customer_id" })
  customerId!: string;

  @Column({ type: "uuid", name: "store_id" })
  storeId!: string;

  @Column({ type: "uuid", name: "item_id" })
  itemId!: string;

  @Column({ type: "text", name: "external_id" })
  externalId!: string;

  @Column({ type: "text", name: "external_sku", nullable: true })
  externalSku!: string | null;

  @Column({ type: "boolean" })
  active!: boolean;

  @Column({ type: "boolean" })
  linked!: boolean;

  @Column({ type: "boolean", name: "stock_managed" })
  stockManaged!: boolean;

  /** Null: no setting of its own. */
  @Column({ type: "text", name: "sync_mode", nullable: true })
  syncMode!: SyncMode | null;

  @Column({ type: "timestamptz", name: "sync_expires_at", nullable: true })
  syncExpiresAt!: Date | null;

  @Column({ type: "text", name: "sync_revert_mode", nullable: true })
  syncRevertMode!: SyncSettingMode | null;

  @Column({ type: "text", name: "sync_note", nullable: true })
  syncNote!: string | null;

  @Column({ type: "timestamptz", name: "sync_updated_at", nullable: true })
  syncUpdatedAt!: Date | null;

  @Column({ type: "text", name: "sync_updated_by", nullable: true })
  syncUpdatedBy!: string | null;

  @Column({ type: "bigint" })
  revision!: number;

  @Column({ type: "bigint", name: "synced_revision" })
  syncedRevision!: number;

  /** Of the oldest mark that is not settled; only meaningful while due. */
  @Column({ type: "timestamptz", name: "dirty_since" })
  dirtySince!: Date;

  @Column({ type: "integer" })
  attempts!: number;

  @Column({ type: "timestamptz", name: "next_attempt_at", nullable: true })
  nextAttemptAt!: Date | null;

  @Column({ type: "text", name: "parked_code", nullable: true })
  parkedCode!: string | null;

  @Column({ type: "boolean" })
  held!: boolean;

  @Column({ type: "timestamptz", name: "in_flight_since", nullable: true })
  inFlightSince!: Date | null;

  @Column({ type: "integer", name: "last_synced_quantity", nullable: true })
  lastSyncedQuantity!: number | null;

  @Column({ type: "timestamptz", name: "last_synced_at", nullable: true })
  lastSyncedAt!: Date | null;

  @Column({ type: "integer", name: "observed_quantity", nullable: true })
  observedQuantity!: number | null;

  @Column({ type: "timestamptz", name: "observed_at", nullable: true })
  observedAt!: Date | null;
}
