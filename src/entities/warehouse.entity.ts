import { Column, Entity, PrimaryColumn } from "typeorm";

@Entity({ name: "warehouse" })
export class WarehouseEntity {
  readonly __typename = "Warehouse";

  @PrimaryColumn({ type: "uuid" })
  id!: string;

  @Column({ type: "uuid", name: "customer_id" })
  customerId!: string;

  /** Unique among the customer's. */
  @Column({ type: "text" })
  code!: string;

  @Column({ type: "text" })
  name!: string;
}
