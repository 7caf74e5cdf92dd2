/** `npm run generate`: writes what is generated and committed. Run anywhere in the repository. */
import { writeFile } from "node:fs/promises";
import { schemaSql } from "./dump-schema.js";
import { schemaGraphql } from "./emit-schema.js";

for (const { file, make } of [schemaGraphql, schemaSql])
  await writeFile(new URL(`../${file}`, import.meta.url), await make());
