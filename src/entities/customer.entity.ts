import { Column, Entity, PrimaryColumn } from "typeorm";
import type { ProcessOrdersManagement, SyncMode } from "../terms.js";

/** A merchant; everything else belongs to exactly one. */
@Entity({ name: "customer" })
export class CustomerEntity {
  readonly __typename = "Customer";

  @PrimaryColumn({ type: "uuid" })
  id!: string;

  @Column({ type: "text" })
  name!: string;

  @Column({ type: "text", name: "external_ref", nullable: true })
  externalRef!: string | null;

  @Column({ type: "text", name: "process_orders_management" })
  processOrdersManagement!: ProcessOrdersManagement;

  @Column({ type: "text", name: "sync_mode" })
  syncMode!: SyncMode;

  @Column({ type: "text", name: "sync_note", nullable: true })
  syncNote!: string | null;

  @Column({ type: "timestamptz", name: "sync_updated_at" })
  syncUpdatedAt!: Date;

  @Column({ type: "text", name: "sync_updated_by" })
  syncUpdatedBy!: string;
}
