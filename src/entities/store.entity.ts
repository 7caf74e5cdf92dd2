import { Column, Entity, PrimaryColumn } from "typeorm";
import type { ConnectionStatus, Platform } from "../terms.js";

/** An account on a platform. Its credentials have no column here: only the engine reads them. */
@Entity({ name: "store" })
export class StoreEntity {
  readonly __typename = "Store";

  @PrimaryColumn({ type: "uuid" })
  id!: string;

  @Column({ type: "uuid", name: "customer_id" })
  customerId!: string;

  @Column({ type: "text" })
  name!: string;

  @Column({ type: "text" })
  platform!: Platform;

  @Column({ type: "text" })
  url!: string;

  @Column({ type: "boolean", name: "sync_enabled" })
  syncEnabled!: boolean;

  @Column({ type: "text", name: "connection_status" })
  connectionStatus!: ConnectionStatus;

  @Column({ type: "timestamptz", name: "paused_until", nullable: true })
  pausedUntil!: Date | null;

  @Column({ type: "timestamptz", name: "zero_guard_since", nullable: true })
  zeroGuardSince!: Date | null;

  /** Otherwise it sells from all of the customer's warehouses. */
  @Column({ type: "boolean", name: "has_own_warehouses" })
  hasOwnWarehouses!: boolean;
}
