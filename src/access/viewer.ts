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

/** Whether a row of this customer may be seen. What may not is answered as what does not exist. */
export function maySee(viewer: Viewer, customerId: string): boolean {
  return viewer.customerId === null || viewer.customerId === customerId;
}
