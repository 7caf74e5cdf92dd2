/** `npm run check:generated`: fails where a committed file is not what would be generated now. Writes nothing. */
import { readFile } from "node:fs/promises";
import { schemaSql } from "./dump-schema.js";
import { schemaGraphql } from "./emit-schema.js";

for (const { file, make } of [schemaGraphql, schemaSql]) {
  const committed = await readFile(new URL(`../${file}`, import.meta.url), "utf8").catch(() => null);
  const generated = await make();
  if (committed === generated) continue;
  process.stderr.write(
    `${file} ${whatDiffers(committed, generated)}\nRun \`npm run generate\` and review the change.\n`,
  );
  process.exitCode = 1;
}

function whatDiffers(committed: string | null, generated: string): string {
  if (committed === null) return "is missing.";
  const [has, wants] = [committed.split("\n"), generated.split("\n")];
  const at = wants.findIndex((line, index) => line !== has[index]);
  const line = at === -1 ? wants.length : at;
  return `is out of date from line ${line + 1} on:\n- ${has[line] ?? "(its end)"}\n+ ${wants[line] ?? "(its end)"}`;
}
