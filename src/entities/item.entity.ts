import { Column, Entity, PrimaryColumn } from "typeorm";
import type { SyncSettingMode } from "../terms.js";

/** One SKU of a customer, with the sums over its warehouses. */
@Entity({ name: "item" })
export class ItemEntity {
  readonly __typename = "Item";

  @PrimaryColumn({ type: "uuid" })
  id!: string;

  @Column({ type: "uuid", name: "customer_id" })
  customerId!: string;

  @Column({ type: "text" })
  sku!: string;

  @Column({ type: "text" })
  title!: string;

  @Column({ type: "text", nullable: true })
  barcode!: string | null;

  @Column({ type: "text", array: true })
  tags!: string[];

  @Column({ type: "integer", name: "on_hand" })
  onHand!: number;

  @Column({ type: "integer" })
  committed!: number;

  @Column({ type: "integer" })
  unavailable!: number;

  @Column({ type: "integer", name: "published_inbound" })
  publishedInbound!: number;

  @Column({ type: "integer", insert: false, update: false })
  available!: number;

  @Column({ type: "boolean", name: "process_orders" })
  processOrders!: boolean;

  @Column({ type: "timestamptz", name: "first_received_at", nullable: true })
  firstReceivedAt!: Date | null;

  @Column({ type: "text", name: "sync_mode" })
  syncMode!: SyncSettingMode;

  @Column({ type: "timestamptz", name: "sync_expires_at", nullable: true })
  syncExpiresAt!: Date | null;

  @Column({ type: "text", name: "sync_revert_mode", nullable: true })
  syncRevertMode!: SyncSettingMode | null;

  @Column({ type: "text", name: "sync_note", nullable: true })
  syncNote!: string | null;

  @Column({ type: "timestamptz", name: "sync_updated_at" })
  syncUpdatedAt!: Date;

  @Column({ type: "text", name: "sync_updated_by" })
  syncUpdatedBy!: string;
}
