import type { ProcessOrdersManagement } from "../terms.js";

/** One transaction's change of an item's stock, over all of its warehouses. */
export interface AvailableChange {
  /** RECEIPT where good units were received; OTHER for an adjustment, a set, a commitment or its release, a shipment. */
  readonly kind: "RECEIPT" | "OTHER";
  /** Whether this receipt is the item's first. */
  readonly firstReceipt: boolean;
  /** onHand − committed − unavailable; may be negative. */
  readonly availableBefore: number;
  readonly availableAfter: number;
}

/**
 * What Process Orders is after the change; to be written in the change's own transaction.
 *
 * Where one change were both a receipt and a sell-out, the sell-out decides: there is nothing to sell.
 */
export function nextProcessOrders(
  management: ProcessOrdersManagement,
  current: boolean,
  change: AvailableChange,
): boolean {
  const receipt = change.kind === "RECEIPT";
  const soldOut = change.availableBefore > 0 && change.availableAfter <= 0;
  switch (management) {
    case "MANUAL":
      return current;
    case "FIRST_RECEIPT":
      return current || (receipt && change.firstReceipt);
    case "RECEIPT_AND_SELLOUT":
      return !soldOut && (current || receipt);
    case "RECEIPT_ADJUSTMENT_AND_SELLOUT": {
      const roseAboveZero = change.availableAfter > change.availableBefore && change.availableAfter > 0;
      return !soldOut && (current || roseAboveZero);
    }
  }
}
