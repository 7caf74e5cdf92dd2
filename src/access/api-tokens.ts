/**
 * Bearer tokens: `ek_`, 32 random bytes, and a checksum that tells a mistyped token from a revoked one without asking the
 * database. Only a hash is kept: 256 random bits need no slow one.
 */
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { type Queryable, sql, type Tx } from "../sync/sql.js";
import { UserMistake } from "../sync/user-mistake.js";
import { newUuid, Scope } from "../terms.js";
import type { Viewer } from "./viewer.js";

const PREFIX = "ek_";
const CHECKSUM_CHARS = 6;

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
const checksum = (secret: string): string =>
  digest(`${PREFIX}${secret}`).toString("base64url").slice(0, CHECKSUM_CHARS);

export function newToken(): string {
  const secret = randomBytes(32).toString("base64url");
  return `${PREFIX}${secret}${checksum(secret)}`;
}

function isWellFormed(token: string): boolean {
  const match = /^ek_([A-Za-z0-9_-]{43})([A-Za-z0-9_-]{6})$/.exec(token);
  return match?.[1] !== undefined && checksum(match[1]) === match[2];
}

export interface NewApiToken {
  readonly name: string;
  /** Null: for every customer. */
  readonly customerId: string | null;
  readonly scopes: readonly Scope[];
  readonly expiresAt: Date | null;
}

/** Answers the token, which is shown this once, and its row's key. Throws EXPIRY_IN_PAST. */
export async function createApiToken(
  tx: Tx,
  token: NewApiToken,
): Promise<{ readonly id: string; readonly token: string }> {
  if (token.expiresAt !== null && token.expiresAt.getTime() <= Date.now())
    throw new UserMistake([
      { code: "EXPIRY_IN_PAST", message: "expiresAt must lie in the future.", field: ["expiresAt"] },
    ]);
  const made = newToken();
  const id = newUuid();
  await keepToken(tx, id, made, token);
  return { id, token: made };
}

/** Writes a token that is known already; one with the same words is left as it is. */
export async function keepToken(db: Queryable, id: string, token: string, of: NewApiToken): Promise<void> {
  await sql(
    db,
    `insert into api_token (id, customer_id, name, token_hash, scopes, expires_at) values ($1, $2, $3, $4, $5, $6)
     on conflict (token_hash) do nothing`,
    [id, of.customerId, of.name, digest(token), of.scopes, of.expiresAt],
  );
}

/** Ends a token now. Repeating it changes nothing. */
export async function revokeApiToken(tx: Tx, id: string): Promise<void> {
  await sql(tx, `update api_token set revoked_at = coalesce(revoked_at, now()) where id = $1`, [id]);
}

export interface Authentication {
  /** Who bears this token; null where nobody does: unknown, expired, revoked or malformed are all the same. */
  viewerOf(token: string): Promise<Viewer | null>;
  /** Which of these tokens have ended, for connections that outlive a request. */
  ended(tokenIds: readonly string[]): Promise<readonly string[]>;
}

const OPERATOR_NAME = "operator";

/** `operatorToken` is valid beside the rows of `api_token`; null where none is. */
export function createAuthentication(db: Queryable, operatorToken: string | null): Authentication {
  const operatorHash = operatorToken === null ? null : digest(operatorToken);
  return {
    viewerOf: async (token) => {
      const hash = digest(token);
      if (operatorHash !== null && timingSafeEqual(hash, operatorHash))
        return { name: OPERATOR_NAME, tokenId: null, customerId: null, scopes: new Set(Object.values(Scope)) };
      if (!isWellFormed(token)) return null;
      const [row] = await sql<{
        id: string;
        name: string;
        customer_id: string | null;
        scopes: Scope[];
        is_old: boolean;
      }>(
        db,
        `select id, name, customer_id, scopes, last_used_at is null or last_used_at < now() - interval '1 minute' as is_old
           from api_token where token_hash = $1 and revoked_at is null and (expires_at is null or expires_at > now())`,
        [hash],
      );
      if (!row) return null;
      // To the minute, so that a busy token is not a busy row.
      if (row.is_old) await sql(db, `update api_token set last_used_at = now() where id = $1`, [row.id]);
      return { name: row.name, tokenId: row.id, customerId: row.customer_id, scopes: new Set(row.scopes) };
    },
    ended: async (tokenIds) => {
      const rows = await sql<{ id: string }>(
        db,
        `select id from api_token where id = any($1::uuid[]) and (revoked_at is not null or expires_at <= now())`,
        [tokenIds],
      );
      return rows.map((row) => row.id);
    },
  };
}
