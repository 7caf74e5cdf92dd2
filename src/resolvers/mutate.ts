/**
 * What every mutation goes through: its input's rules, whom it acts for, its idempotency key, and one transaction. What its
 * sender can mend comes back as userErrors, and then nothing was changed.
 */
import { createHash } from "node:crypto";
import { type ValidationError, validate } from "class-validator";
import { QueryFailedError } from "typeorm";
import { type Queryable, sql, type Tx } from "../sync/sql.js";
import { type UserErrorValue, UserMistake } from "../sync/user-mistake.js";
import type { UserErrorCode } from "../terms.js";
import type { Context } from "./context.js";
import { createLoaders } from "./loaders.js";

/** Whom a mutation acts for: null for what belongs to no customer yet. */
export interface Target {
  readonly customerId: string | null;
}

export interface Mutation<T extends Target, Prepared, Answer> {
  /** The contract's name: part of what an idempotency key belongs to. */
  readonly name: string;
  readonly input: object;
  /** Finds what is acted on among what the viewer may see; throws UserMistake. */
  target(): Promise<T>;
  /** What must be done outside of the transaction, such as asking a shop. Nothing of it may need undoing. */
  prepare?(target: T): Promise<Prepared>;
  /** All or nothing. The answer is kept as JSON for the key's sake: ids, not rows. */
  act(tx: Tx, target: T, prepared: Prepared | undefined): Promise<Answer>;
}

export type Mutated<Answer> =
  | { readonly answer: Answer; readonly userErrors: readonly [] }
  | { readonly answer: null; readonly userErrors: readonly UserErrorValue[] };

export function mutate<T extends Target, Prepared, Answer>(
  ctx: Context,
  mutation: Mutation<T, Prepared, Answer>,
): Promise<Mutated<Answer>> {
  return withMistakes(mutation.input, async () => {
    const target = await mutation.target();
    const call = callOf(mutation, target);
    const answer =
      (call && (await answerGivenBefore<Answer>(ctx.db, call))) ?? (await actOnce(ctx, mutation, target, call));
    ctx.engine.hint();
    ctx.loaders = createLoaders(ctx.db, ctx.onlyCustomerId, { isLive: false });
    return answer;
  });
}

/** What a mutation would do: the same rules and mistakes, but nothing is done, and no key is taken. */
export function preview<T, Answer>({
  input,
  target,
  look,
}: {
  readonly input: object;
  readonly target: () => Promise<T>;
  readonly look: (target: T) => Promise<Answer>;
}): Promise<Mutated<Answer>> {
  return withMistakes(input, async () => look(await target()));
}

async function withMistakes<Answer>(input: object, run: () => Promise<Answer>): Promise<Mutated<Answer>> {
  try {
    await checkRules(input);
    return { answer: await run(), userErrors: [] };
  } catch (error) {
    if (error instanceof UserMistake) return { answer: null, userErrors: error.errors };
    throw error;
  }
}

async function actOnce<T extends Target, Prepared, Answer>(
  ctx: Context,
  mutation: Mutation<T, Prepared, Answer>,
  target: T,
  call: KeyedCall | null,
): Promise<Answer> {
  const prepared = await mutation.prepare?.(target);
  return despiteDeadlocks(() =>
    ctx.db.transaction(async (tx) => {
      if (call) {
        await takeTurn(tx, call);
        const before = await answerGivenBefore<Answer>(tx, call);
        if (before !== null) return before;
      }
      const answer = await mutation.act(tx, target, prepared);
      if (call) await keepAnswer(tx, call, answer);
      return answer;
    }),
  );
}

const DEADLOCK_DETECTED = "40P01";
const MOST_ATTEMPTS = 4;

/**
 * Locks are taken in one order, so that no two of ours wait for each other. Where somebody else's do (a person's session, a
 * migration), PostgreSQL takes one transaction back whole, and it is run again.
 */
async function despiteDeadlocks<T>(transact: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await transact();
    } catch (error) {
      const isDeadlock =
        error instanceof QueryFailedError && (error.driverError as PostgresError).code === DEADLOCK_DETECTED;
      if (!isDeadlock || attempt === MOST_ATTEMPTS) throw error;
    }
  }
}

interface PostgresError {
  /** A SQLSTATE. */
  readonly code?: string;
}

// ───────────── idempotency: the answer is committed with the effect ─────────────

interface KeyedCall {
  readonly customerId: string;
  readonly mutation: string;
  readonly key: string;
  readonly fingerprint: Buffer;
}

const NO_CUSTOMER = "00000000-0000-0000-0000-000000000000";

function callOf<T extends Target, P, A>(mutation: Mutation<T, P, A>, target: T): KeyedCall | null {
  const { idempotencyKey, ...rest } = { idempotencyKey: null, ...mutation.input };
  if (typeof idempotencyKey !== "string") return null;
  return {
    customerId: target.customerId ?? NO_CUSTOMER,
    mutation: mutation.name,
    key: idempotencyKey,
    fingerprint: createHash("sha256").update(JSON.stringify(rest, inFixedOrder)).digest(),
  };
}

function inFixedOrder(_: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Throws IDEMPOTENCY_KEY_REUSED. Null where there is none; keys older than 24 hours don't count. */
async function answerGivenBefore<Answer>(db: Queryable, call: KeyedCall): Promise<Answer | null> {
  const [row] = await sql<{ same: boolean; answer: Answer }>(
    db,
    `select fingerprint = $4 as same, answer from idempotency
      where customer_id = $1 and mutation = $2 and key = $3 and created_at > now() - interval '24 hours'`,
    [call.customerId, call.mutation, call.key, call.fingerprint],
  );
  if (!row) return null;
  if (!row.same)
    throw mistake("IDEMPOTENCY_KEY_REUSED", "This key was used with another input within the last 24 hours.", [
      "idempotencyKey",
    ]);
  return row.answer;
}

async function takeTurn(tx: Tx, call: KeyedCall): Promise<void> {
  const [row] = await sql<{ mine: boolean }>(tx, `select pg_try_advisory_xact_lock(hashtextextended($1, 0)) as mine`, [
    JSON.stringify([call.customerId, call.mutation, call.key]),
  ]);
  if (!row?.mine)
    throw mistake("IDEMPOTENCY_IN_PROGRESS", "The first call with this key is still running: ask again.", [
      "idempotencyKey",
    ]);
}

async function keepAnswer(tx: Tx, call: KeyedCall, answer: unknown): Promise<void> {
  await sql(
    tx,
    `insert into idempotency (customer_id, mutation, key, fingerprint, answer) values ($1, $2, $3, $4, $5)
     on conflict (customer_id, mutation, key) do update
       set fingerprint = excluded.fingerprint, answer = excluded.answer, created_at = now()`,
    [call.customerId, call.mutation, call.key, call.fingerprint, JSON.stringify(answer)],
  );
}

// ───────────── the rules of the input ─────────────

async function checkRules(input: object): Promise<void> {
  const broken = await validate(input, { forbidUnknownValues: false, stopAtFirstError: true });
  const errors = broken.flatMap((one) => userErrorsOf(one, []));
  if (errors.length > 0) throw new UserMistake(errors.slice(0, MOST_ERRORS));
}

/** A sender who gets a thousand lines wrong is helped by the first of them. */
const MOST_ERRORS = 100;

function userErrorsOf(error: ValidationError, path: readonly string[]): UserErrorValue[] {
  const field = [...path, error.property];
  const own = Object.entries(error.constraints ?? {}).map(([name, rule]) => {
    const context: unknown = error.contexts?.[name];
    return { code: codeOf(context), message: `${field.join(".")} ${rule}.`, field };
  });
  return [...own, ...(error.children ?? []).flatMap((child) => userErrorsOf(child, field))];
}

function codeOf(context: unknown): UserErrorCode {
  return typeof context === "object" && context !== null && "code" in context
    ? (context.code as UserErrorCode)
    : "INVALID_INPUT";
}

export function mistake(code: UserErrorCode, message: string, field: readonly string[] | null): UserMistake {
  return new UserMistake([{ code, message, field }]);
}
