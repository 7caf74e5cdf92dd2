import { ArgsType, Field, Int } from "type-graphql";

@ArgsType()
export class ForwardArgs {
  @Field(() => Int, { nullable: true, description: "1 to 250; 50 where absent." })
  first?: number | null;

  @Field(() => String, { nullable: true, description: "A cursor of this list: only what comes after it." })
  after?: string | null;
}

@ArgsType()
export class PagingArgs extends ForwardArgs {
  @Field(() => Int, { nullable: true, description: "1 to 250; not together with `first`." })
  last?: number | null;

  @Field(() => String, { nullable: true, description: "A cursor of this list: only what comes before it." })
  before?: string | null;
}
