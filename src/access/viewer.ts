import type { Scope } from "../terms.js";

/** Who is asking. */
export interface Viewer {
  /** Stands as `updatedBy` and `requestedBy` in what they do. */
  readonly name: string;
  /** Null for the operator token of the environment, which has no row. */
  readonly tokenId: string | null;
  /** Null: an operator, who sees every customer. */
  readonly customerId: string | null;
  readonly scopes: ReadonlySet<Scope>;
}
