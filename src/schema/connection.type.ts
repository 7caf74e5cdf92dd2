import { type ClassType, Field, Int, ObjectType } from "type-graphql";

@ObjectType("PageInfo", { simpleResolvers: true })
class PageInfo {
  @Field(() => Boolean)
  hasNextPage!: boolean;

  @Field(() => Boolean)
  hasPreviousPage!: boolean;

  @Field(() => String, { nullable: true, description: "For `before`; null where the page is empty." })
  startCursor!: string | null;

  @Field(() => String, { nullable: true, description: "For `after`; null where the page is empty." })
  endCursor!: string | null;
}

/** What resolvers return for a connection of these nodes. */
export interface Connection<Node> {
  readonly edges: readonly { readonly cursor: string; readonly node: Node }[];
  readonly nodes: readonly Node[];
  readonly pageInfo: PageInfo;
}

export interface CountedConnection<Node> extends Connection<Node> {
  /** Called only where it is selected. */
  totalCount(): Promise<number>;
}

/** The Relay connection of a type: `<name>Connection` with `<name>Edge`. */
export function connectionType(node: () => ClassType, name: string): ClassType<Connection<unknown>> {
  @ObjectType(`${name}Connection`, { simpleResolvers: true })
  class ConnectionOf extends connectionFields(node, name) {}
  return ConnectionOf;
}

/** As connectionType, with `totalCount`. */
export function countedConnectionType(node: () => ClassType, name: string): ClassType<CountedConnection<unknown>> {
  @ObjectType(`${name}Connection`, { simpleResolvers: true })
  class CountedConnectionOf extends connectionFields(node, name) {
    @Field(() => Int, { description: "How many there are in all; counted only where it is selected." })
    totalCount!: () => Promise<number>;
  }
  return CountedConnectionOf;
}

function connectionFields(node: () => ClassType, name: string): ClassType<Connection<unknown>> {
  @ObjectType(`${name}Edge`, { simpleResolvers: true })
  class Edge {
    @Field(() => String)
    cursor!: string;

    @Field(node)
    node!: unknown;
  }

  @ObjectType()
  class ConnectionFields {
    @Field(() => [Edge])
    edges!: readonly Edge[];

    @Field(() => [node()], { description: "The edges' nodes, for clients that need no cursors." })
    nodes!: readonly unknown[];

    @Field(() => PageInfo)
    pageInfo!: PageInfo;
  }
  return ConnectionFields;
}
