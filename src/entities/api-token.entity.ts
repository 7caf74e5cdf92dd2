import { Column, Entity, PrimaryColumn } from "typeorm";
import type { Scope } from "../terms.js";

/** A bearer token, kept as its hash only. */
@Entity({ name: "api_token" })
export class ApiTokenEntity {
  readonly __typename = "ApiToken";

  @PrimaryColumn({ type: "uuid" })
  id!: string;

  /** Null: an operator's, for every customer. */
  @Column({ type: "uuid", name: "customer_id", nullable: true })
  customerId!: string | null;

  @Column({ type: "text" })
  name!: string;

  @Column({ type: "text", array: true })
  scopes!: Scope[];

  @Column({ type: "timestamptz", name: "created_at" })
  createdAt!: Date;

  @Column({ type: "timestamptz", name: "last_used_at", nullable: true })
  lastUsedAt!: Date | null;

  @Column({ type: "timestamptz", name: "expires_at", nullable: true })
  expiresAt!: Date | null;

  @Column({ type: "timestamptz", name: "revoked_at", nullable: true })
  revokedAt!: Date | null;
}
