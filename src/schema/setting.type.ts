import { Field, Int, ObjectType } from "type-graphql";
import { SkipReason, SyncDecision, SyncMode, SyncScope, SyncSettingMode } from "../terms.js";
import { connectionType } from "./connection.type.js";
import { DateTime, NodeType } from "./node.type.js";

@ObjectType("SyncSettingChange", { simpleResolvers: true })
export class SyncSettingChangeType {
  @Field(() => SyncSettingMode)
  mode!: SyncSettingMode;

  @Field(() => SyncSettingMode, { nullable: true })
  previousMode!: SyncSettingMode | null;

  @Field(() => DateTime, { nullable: true })
  expiresAt!: Date | null;

  @Field(() => String, { nullable: true })
  note!: string | null;

  @Field(() => DateTime)
  changedAt!: Date;

  @Field(() => String)
  changedBy!: string;
}

export const SyncSettingChangeConnection = connectionType(() => SyncSettingChangeType, "SyncSettingChange");

@ObjectType("SyncSetting", { implements: NodeType, simpleResolvers: true })
export class SyncSettingType extends NodeType {
  @Field(() => SyncScope)
  scope!: SyncScope;

  @Field(() => SyncSettingMode)
  mode!: SyncSettingMode;

  @Field(() => DateTime, {
    nullable: true,
    description: "A timed override reverts to what stood before at this time, and the listing then catches up.",
  })
  expiresAt!: Date | null;

  @Field(() => String, { nullable: true })
  note!: string | null;

  @Field(() => DateTime)
  updatedAt!: Date;

  @Field(() => String, { description: "Name of the token or user that made the change." })
  updatedBy!: string;
}

@ObjectType("SkipExplanation", { simpleResolvers: true })
export class SkipExplanationType {
  @Field(() => SkipReason)
  reason!: SkipReason;

  @Field(() => String, { description: "One sentence that a merchant understands." })
  message!: string;

  @Field(() => String, { description: "What change would make this gate pass." })
  remedy!: string;
}

@ObjectType("QuantityStep", { simpleResolvers: true })
export class QuantityStepType {
  @Field(() => String)
  label!: string;

  @Field(() => Int, { description: "What this step adds, in units." })
  delta!: number;

  @Field(() => Int, { description: "The sum up to and with this step." })
  result!: number;
}

@ObjectType("EffectiveSync", {
  simpleResolvers: true,
  description: "What is in force: the decision, why, and the quantity. Computed when it is asked for.",
})
export class EffectiveSyncType {
  @Field(() => SyncDecision)
  decision!: SyncDecision;

  @Field(() => SyncMode)
  mode!: SyncMode;

  @Field(() => SyncSettingType, { description: "The setting that supplied `mode`." })
  decidedBy!: SyncSettingType;

  @Field(() => [SkipExplanationType], {
    description: "Every gate that fails, in a fixed order; empty where the decision is SYNC.",
  })
  skips!: readonly SkipExplanationType[];

  @Field(() => [QuantityStepType], {
    description: "onHand − committed − unavailable + publishedInbound, never below 0: each step shown.",
  })
  quantitySteps!: readonly QuantityStepType[];

  @Field(() => Int, { description: "What would be sent, also told where the decision is SKIP." })
  publishableQuantity!: number;
}
