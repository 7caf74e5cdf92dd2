import { printSchema } from "graphql";
import { buildSchema } from "../src/resolvers/build-schema.js";

const HEADER = "# Generated from src/schema and src/resolvers by `npm run generate`: change those, not this.\n\n";

/** The API as clients see it, in the order of its definitions. */
export const schemaGraphql = {
  file: "schema.graphql",
  make: (): string => `${HEADER}${printSchema(buildSchema())}\n`,
};
