import { Column, Entity, PrimaryColumn } from "typeorm";

/** An item in a warehouse now; absent where the item was never there. */
@Entity({ name: "inventory_level" })
export class InventoryLevelEntity {
  @PrimaryColumn({ type: "uuid", name: "item_id" })
  itemId!: string;

  @PrimaryColumn({ type: "uuid", name: "warehouse_id" })
  warehouseId!: string;

  @Column({ type: "uuid", name: "customer_id" })
  customerId!: string;

  @Column({ type: "integer", name: "on_hand" })
  onHand!: number;

  @Column({ type: "integer" })
  committed!: number;

  @Column({ type: "integer" })
  unavailable!: number;

  @Column({ type: "integer", name: "published_inbound" })
  publishedInbound!: number;
}
