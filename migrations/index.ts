/** Every migration, in order. Named here one by one, so that a build holds all of them and a stray file runs nothing. */
import { Foundation1763900000000 } from "./1763900000000-foundation.js";
import { EffectiveState1763900001000 } from "./1763900001000-effective-state.js";
import { ForgetAcknowledged1763900002000 } from "./1763900002000-forget-acknowledged.js";
import { FailedAndHealth1763900003000 } from "./1763900003000-failed-and-health.js";
import { Retention1763900006000 } from "./1763900006000-retention.js";
import { MarkByStore1763900007000 } from "./1763900007000-mark-by-store.js";
import { OperationCounts1763900008000 } from "./1763900008000-operation-counts.js";
import { SearchesAndPreviews1763900010000 } from "./1763900010000-searches-and-previews.js";
import { RowSecurity1763900014000 } from "./1763900014000-row-security.js";

export const migrations = [
  Foundation1763900000000,
  EffectiveState1763900001000,
  ForgetAcknowledged1763900002000,
  FailedAndHealth1763900003000,
  Retention1763900006000,
  MarkByStore1763900007000,
  OperationCounts1763900008000,
  SearchesAndPreviews1763900010000,
  RowSecurity1763900014000,
] as const;
