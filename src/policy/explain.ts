import type { SkipReason } from "../terms.js";

/** A failed gate in words for a merchant: what holds the listing back, and what would change it. One sentence each. */
export interface SkipExplanation {
  readonly reason: SkipReason;
  readonly message: string;
  readonly remedy: string;
}

export function explainSkip(reason: SkipReason): SkipExplanation {
  return { reason, ...explanations[reason] };
}

const explanations: Readonly<Record<SkipReason, { readonly message: string; readonly remedy: string }>> = {
  STORE_DISCONNECTED: {
    message: "The store is disconnected, so nothing can be sent to it.",
    remedy: "Connect the store again.",
  },
  CREDENTIALS_INVALID: {
    message: "The store refused our credentials, so nothing can be sent to it.",
    remedy: "Enter new credentials for the store.",
  },
  STORE_SYNC_DISABLED: {
    message: "Syncing inventory levels to this store is switched off.",
    remedy: "Switch on syncing for this store.",
  },
  STORE_PAUSED: {
    message: "Syncing to this store is paused for a while.",
    remedy: "Wait until the pause ends, or end it now.",
  },
  LISTING_UNLINKED: {
    message: "The item is not linked to a product of the store.",
    remedy: "Import the store's listings again, with a product there that has the item's SKU.",
  },
  LISTING_INACTIVE: {
    message: "The product is not active in the store.",
    remedy: "Activate the product in the store, then import the listings again.",
  },
  STOCK_UNMANAGED: {
    message: "The store does not track this product's stock, so a quantity would change how it sells.",
    remedy: "Turn on stock tracking for the product in the store, then import the listings again.",
  },
  POLICY_NEVER: {
    message: "The sync setting in force says that this item's inventory is never sent.",
    remedy: "Set Sync Inventory to Always or to Only when set to Process Orders.",
  },
  PROCESS_ORDERS_OFF: {
    message: "Inventory is sent only while the item is set to Process Orders, and it is not.",
    remedy: "Turn on Process Orders for the item, or set its Sync Inventory to Always.",
  },
  NEVER_RECEIVED: {
    message: "The item was never received and no inbound units are published, so its 0 would mean nothing.",
    remedy: "Receive the item, publish a ship notice that has it, or sync it with never-received items included.",
  },
  ZERO_GUARD: {
    message:
      "Unusually many of the store's listings would drop to 0 at once, so these zeros are held until someone looks.",
    remedy: "Check the stock, then release the store's zero guard.",
  },
};
