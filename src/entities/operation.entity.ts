import { Column, Entity, PrimaryColumn } from "typeorm";
import type { OperationKind, OperationStatus } from "../terms.js";

/** A big action: bulk syncing, bulk setting, an import. */
@Entity({ name: "operation" })
export class OperationEntity {
  readonly __typename = "SyncOperation";

  @PrimaryColumn({ type: "uuid" })
  id!: string;

  @Column({ type: "uuid", name: "customer_id" })
  customerId!: string;

  @Column({ type: "text" })
  kind!: OperationKind;

  @Column({ type: "text" })
  status!: OperationStatus;

  @Column({ type: "text", name: "requested_by" })
  requestedBy!: string;

  @Column({ type: "integer" })
  total!: number;

  /** What went wrong that no outcome can tell. */
  @Column({ type: "text", array: true })
  notes!: string[];

  @Column({ type: "timestamptz", name: "created_at" })
  createdAt!: Date;

  @Column({ type: "timestamptz", name: "started_at", nullable: true })
  startedAt!: Date | null;

  @Column({ type: "timestamptz", name: "finished_at", nullable: true })
  finishedAt!: Date | null;
}
