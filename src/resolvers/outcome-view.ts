import { explainSkip, type SkipExplanation } from "../policy/explain.js";
import type { OutcomeRow } from "../sync/outcome-feed.js";
import { toGlobalId } from "../terms.js";

/** An outcome as the API shows it; what it refers to is loaded by its keys. */
export interface OutcomeView extends Omit<OutcomeRow, "skips"> {
  readonly __typename: "SyncOutcome";
  readonly cursor: string;
  readonly skips: readonly SkipExplanation[];
}

export function outcomeView(row: OutcomeRow): OutcomeView {
  return {
    ...row,
    __typename: "SyncOutcome",
    id: toGlobalId("outcome", row.id),
    cursor: String(row.seq),
    skips: row.skips.map(explainSkip),
  };
}
