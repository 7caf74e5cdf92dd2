/** What embedded mode makes for itself at the first start and keeps beside its data, readable by its owner only. */
import { randomBytes } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { newToken } from "./access/api-tokens.js";

const Kept = z.object({
  encryptionKey: z.base64().refine((text) => Buffer.from(text, "base64").length === 32),
  operatorToken: z.string().min(24),
  /** Of the demo's customers, in the order in which they are made. */
  demoTokens: z.array(z.string()).min(2),
  /** What the demo's sandbox shops take. */
  demoShopSecret: z.string(),
});

export type KeptSecrets = z.infer<typeof Kept>;

/** Throws where the file is there but damaged: making a new key would lose every store's credentials. */
export async function keepSecrets(dataDir: string): Promise<KeptSecrets> {
  const file = join(dataDir, "secrets.json");
  const text = await readFile(file, "utf8").catch(() => null);
  if (text !== null) return Kept.parse(JSON.parse(text));
  const made: KeptSecrets = {
    encryptionKey: randomBytes(32).toString("base64"),
    operatorToken: newToken(),
    demoTokens: [newToken(), newToken()],
    demoShopSecret: randomBytes(24).toString("base64"),
  };
  await mkdir(dataDir, { recursive: true });
  // Written whole or not at all: a start that is interrupted leaves no half key.
  await writeFile(`${file}.new`, JSON.stringify(made, null, 2), { mode: 0o600 });
  await rename(`${file}.new`, file);
  return made;
}
