/** The closed lists of src/terms.ts as GraphQL enums. */
import { registerEnumType } from "type-graphql";
import {
  ConnectionStatus,
  FailureCode,
  ListingState,
  OperationKind,
  OperationStatus,
  OutcomeStatus,
  Platform,
  ProcessOrdersManagement,
  Scope,
  SkipReason,
  SyncDecision,
  SyncMode,
  SyncScope,
  SyncSettingMode,
  SyncTrigger,
  UserErrorCode,
} from "../terms.js";

registerEnumType(SyncMode, {
  name: "SyncMode",
  description: "What is in force for a customer, item or listing once every level has been resolved.",
});
registerEnumType(SyncSettingMode, {
  name: "SyncSettingMode",
  description:
    "What a level says. CUSTOMER_DEFAULT (items and listings only) hands the decision up: listing → item → customer.",
});
registerEnumType(SyncScope, { name: "SyncScope", description: "The level that a setting belongs to." });
registerEnumType(ProcessOrdersManagement, {
  name: "ProcessOrdersManagement",
  description:
    "How Process Orders is switched for the customer's items. All four act in the transaction of the stock change, not hourly.",
  valuesConfig: {
    MANUAL: { description: "Only by hand." },
    RECEIPT_AND_SELLOUT: { description: "On at receipt, off at sell-out." },
    FIRST_RECEIPT: { description: "On at the first receipt only, then never touched." },
    RECEIPT_ADJUSTMENT_AND_SELLOUT: {
      description: "On at any increase that brings `available` above 0, off at sell-out.",
    },
  },
});
registerEnumType(SyncDecision, { name: "SyncDecision" });
registerEnumType(SkipReason, {
  name: "SkipReason",
  description: "Why nothing is sent. Every gate that fails is reported, not only the first.",
});
registerEnumType(Platform, { name: "Platform", description: "The kind of shop that a store is an account on." });
registerEnumType(ConnectionStatus, {
  name: "ConnectionStatus",
  description: "UNREACHABLE heals by itself; CREDENTIALS_INVALID and DISCONNECTED wait for a person.",
});
registerEnumType(ListingState, {
  name: "ListingState",
  description: "The state of a listing; what it waits for comes before what it is like.",
  valuesConfig: {
    IN_SYNC: { description: "The store has acknowledged what it was last told." },
    PENDING: { description: "A change waits to be sent." },
    IN_FLIGHT: { description: "A change is being sent." },
    RETRYING: { description: "The last try failed; the next comes at `nextAttemptAt`." },
    FAILED: { description: "The store refused it: a person must look." },
    SKIPPED: { description: "A gate holds a change back; it is sent when the gate opens." },
    NEVER_SYNCED: { description: "The store was never told a quantity." },
    DRIFTED: { description: "The store was seen with another quantity than it acknowledged." },
  },
});
registerEnumType(OutcomeStatus, {
  name: "OutcomeStatus",
  valuesConfig: {
    SUCCEEDED: { description: "The store acknowledged the quantity." },
    UNCHANGED: { description: "The store has this quantity already: no call was made." },
    SKIPPED: { description: "At least one gate failed: `skips` names each." },
    SUPERSEDED: { description: "A newer change overtook a failed attempt; an outcome of the newer one follows." },
    CONFLICT: {
      description: "The store's own quantity changed three times in a row while we wrote: tried again later.",
    },
    RETRYING: { description: "A failure that may heal: tried again at `nextAttemptAt`." },
    FAILED: { description: "The store refused it for good." },
    DRIFT_DETECTED: { description: "The store was seen with another quantity than it acknowledged." },
  },
});
registerEnumType(SyncTrigger, { name: "SyncTrigger", description: "What made a listing due." });
registerEnumType(FailureCode, {
  name: "FailureCode",
  description: "Why an attempt failed, in words common to all platforms.",
});
registerEnumType(OperationKind, { name: "OperationKind" });
registerEnumType(OperationStatus, {
  name: "OperationStatus",
  description: "COMPLETED_WITH_FAILURES: every listing has its outcome, and at least one is FAILED.",
});
registerEnumType(Scope, {
  name: "Scope",
  description:
    "READ: queries and subscriptions. SYNC: syncInventory, retries, verification. SETTINGS: every sync setting. INVENTORY: stock and items. ADMIN: stores, customers, tokens.",
});
registerEnumType(UserErrorCode, { name: "UserErrorCode", description: "Stable codes; the messages may change." });

const OrderDirection = { ASC: "ASC", DESC: "DESC" } as const;
type OrderDirection = keyof typeof OrderDirection;
registerEnumType(OrderDirection, { name: "OrderDirection" });

const ItemOrderField = { SKU: "SKU", TITLE: "TITLE", AVAILABLE: "AVAILABLE", UPDATED_AT: "UPDATED_AT" } as const;
type ItemOrderField = keyof typeof ItemOrderField;
registerEnumType(ItemOrderField, { name: "ItemOrderField" });

const CircuitState = { CLOSED: "CLOSED", OPEN: "OPEN", HALF_OPEN: "HALF_OPEN" } as const;
type CircuitState = keyof typeof CircuitState;
registerEnumType(CircuitState, { name: "CircuitState" });

export { CircuitState, ItemOrderField, OrderDirection };
