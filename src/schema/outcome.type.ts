import { Field, Int, ObjectType } from "type-graphql";
import { FailureCode, OutcomeStatus, SyncTrigger } from "../terms.js";
import { connectionType } from "./connection.type.js";
import { DateTime, NodeType } from "./node.type.js";
import { SkipExplanationType } from "./setting.type.js";

@ObjectType("SyncOutcome", {
  implements: NodeType,
  simpleResolvers: true,
  description: "What came of one try to bring a listing level.",
})
export class SyncOutcomeType extends NodeType {
  @Field(() => String, {
    description:
      "Position in the customer's feed: strictly increasing, without gaps, in the order in which subscribers see it.",
  })
  cursor!: string;

  @Field(() => OutcomeStatus)
  status!: OutcomeStatus;

  @Field(() => SyncTrigger)
  trigger!: SyncTrigger;

  @Field(() => Int, { nullable: true, description: "What the store had last acknowledged before." })
  quantityBefore!: number | null;

  @Field(() => Int, { nullable: true, description: "Null where no call was made." })
  quantitySent!: number | null;

  @Field(() => Int, { nullable: true })
  quantityAcknowledged!: number | null;

  @Field(() => [SkipExplanationType], { description: "Every gate that failed; empty unless the status is SKIPPED." })
  skips!: readonly SkipExplanationType[];

  @Field(() => FailureCode, { nullable: true })
  failureCode!: FailureCode | null;

  @Field(() => String, { nullable: true, description: "The platform's own words, secrets removed." })
  platformMessage!: string | null;

  @Field(() => Int, { description: "Which try this was, from 1." })
  attempt!: number;

  @Field(() => DateTime, { nullable: true })
  nextAttemptAt!: Date | null;

  @Field(() => Int, { nullable: true, description: "Of the call to the store, in milliseconds." })
  durationMs!: number | null;

  @Field(() => Int, { nullable: true, description: "Stock change committed → platform acknowledged, in milliseconds." })
  lagMs!: number | null;

  @Field(() => DateTime)
  occurredAt!: Date;
}

export const SyncOutcomeConnection = connectionType(() => SyncOutcomeType, "SyncOutcome");
