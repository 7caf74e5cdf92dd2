/**
 * Store credentials at rest: AES-256-GCM, bound to the store's id so that rows cannot be swapped. A new token lies likewise in
 * the answer that is kept for its idempotency key, bound to the token's id.
 */
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";

const VERSION = "v1";
/** 96 bits, random: safe up to 2^32 seals under one key (NIST SP 800-38D), far beyond the number of stores. */
const NONCE_BYTES = 12;

export type Credentials = Readonly<Record<string, string>>;

/** `key` is 32 bytes, `storeId` what the text is bound to. Each call gives another text. */
export function sealCredentials(key: Buffer, storeId: string, credentials: Credentials): string {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(Buffer.from(storeId));
  const sealed = Buffer.concat([cipher.update(JSON.stringify(credentials), "utf8"), cipher.final()]);
  return [VERSION, ...[nonce, sealed, cipher.getAuthTag()].map((part) => part.toString("base64url"))].join(".");
}

/** Throws where the key is another one or the text was made for another store: an operator must look. */
export function openCredentials(key: Buffer, storeId: string, text: string): Credentials {
  const [version, nonce, sealed, tag] = text.split(".");
  if (version !== VERSION || !nonce || !sealed || !tag)
    throw new Error("The store's credentials have an unknown form.");
  const decipher = createDecipheriv("aes-256-gcm", key, Buffer.from(nonce, "base64url"))
    .setAAD(Buffer.from(storeId))
    .setAuthTag(Buffer.from(tag, "base64url"));
  const json = Buffer.concat([decipher.update(Buffer.from(sealed, "base64url")), decipher.final()]).toString("utf8");
  return JSON.parse(json) as Credentials;
}
