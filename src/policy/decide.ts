import { type EffectiveSync, evaluate, type PolicyInput } from "./effective-sync.js";

/** What to do with a claimed listing. `quantity` is absolute, 0 … MAX_QUANTITY. */
export type Decision =
  | { readonly do: "skip"; readonly effective: EffectiveSync }
  | { readonly do: "unchanged"; readonly effective: EffectiveSync }
  | {
      readonly do: "send";
      readonly quantity: number;
      readonly effective: EffectiveSync;
    };

/**
 * Gates first; then only what differs from the last acknowledged quantity is sent, unless forced (`syncInventory`), and
 * always where the store was told nothing yet. `liftNeverReceived` opens that one gate.
 */
export function decide(
  input: PolicyInput,
  { force, liftNeverReceived }: { readonly force: boolean; readonly liftNeverReceived: boolean },
): Decision {
  const effective = evaluate(input, { neverReceived: liftNeverReceived });
  if (effective.decision === "SKIP") return { do: "skip", effective };
  if (!force && input.listing?.lastSyncedQuantity === effective.quantity) return { do: "unchanged", effective };
  return { do: "send", quantity: effective.quantity, effective };
}
