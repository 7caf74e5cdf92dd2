import { Field, Int, ObjectType } from "type-graphql";
import { OperationKind, OperationStatus, OutcomeStatus } from "../terms.js";
import { connectionType } from "./connection.type.js";
import { DateTime, NodeType } from "./node.type.js";

@ObjectType("OutcomeCount", { simpleResolvers: true })
export class OutcomeCountType {
  @Field(() => OutcomeStatus)
  status!: OutcomeStatus;

  @Field(() => Int)
  count!: number;
}

@ObjectType("SyncOperation", {
  implements: NodeType,
  simpleResolvers: true,
  description: "A big action, worked in chunks in the background. It ends when each of its listings has its outcome.",
})
export class SyncOperationType extends NodeType {
  @Field(() => OperationKind)
  kind!: OperationKind;

  @Field(() => OperationStatus)
  status!: OperationStatus;

  @Field(() => String)
  requestedBy!: string;

  @Field(() => Int, {
    description: "Listings in all. While an import still searches, each SKU not looked up yet counts as one.",
  })
  total!: number;

  @Field(() => [String], {
    description: "What went wrong that no outcome can tell, e.g. a SKU that a store has twice; at most 100 lines.",
  })
  notes!: readonly string[];

  @Field(() => DateTime)
  createdAt!: Date;

  @Field(() => DateTime, { nullable: true })
  startedAt!: Date | null;

  @Field(() => DateTime, { nullable: true })
  finishedAt!: Date | null;
}

export const SyncOperationConnection = connectionType(() => SyncOperationType, "SyncOperation");
