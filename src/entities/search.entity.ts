import { Column, Entity, PrimaryColumn } from "typeorm";

/** A saved search: a filter of items under a name. */
@Entity({ name: "search" })
export class SearchEntity {
  readonly __typename = "Search";

  @PrimaryColumn({ type: "uuid" })
  id!: string;

  @Column({ type: "uuid", name: "customer_id" })
  customerId!: string;

  @Column({ type: "text" })
  name!: string;

  /** The API's ItemFilter, as it was given. */
  @Column({ type: "jsonb" })
  filter!: Readonly<Record<string, unknown>>;
}
