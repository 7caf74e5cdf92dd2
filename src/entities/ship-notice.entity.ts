import { Column, Entity, PrimaryColumn } from "typeorm";

/** Goods on their way to a warehouse. */
@Entity({ name: "ship_notice" })
export class ShipNoticeEntity {
  readonly __typename = "ShipNotice";

  @PrimaryColumn({ type: "uuid" })
  id!: string;

  @Column({ type: "uuid", name: "customer_id" })
  customerId!: string;

  @Column({ type: "uuid", name: "warehouse_id" })
  warehouseId!: string;

  /** Unique among the customer's. */
  @Column({ type: "text" })
  reference!: string;

  @Column({ type: "timestamptz", name: "expected_at", nullable: true })
  expectedAt!: Date | null;
}

@Entity({ name: "ship_notice_line" })
export class ShipNoticeLineEntity {
  @PrimaryColumn({ type: "uuid", name: "ship_notice_id" })
  shipNoticeId!: string;

  @PrimaryColumn({ type: "uuid", name: "item_id" })
  itemId!: string;

  /** Of the line in the notice, from 1. */
  @Column({ type: "integer" })
  position!: number;

  @Column({ type: "integer" })
  expected!: number;

  @Column({ type: "integer" })
  received!: number;

  @Column({ type: "integer" })
  damaged!: number;

  @Column({ type: "boolean" })
  published!: boolean;
}
