import pino from "pino";

export type Log = pino.Logger;

/** Where a secret could stand in what is logged: never written, whatever logs it. */
const SECRET_PATHS = ["credentials", "authorization", "password", "token", "secret"].flatMap((name) => [
  name,
  `*.${name}`,
]);

/**
 * Lines of JSON on stderr, so that what a command prints for people on stdout stays readable. `error` means that a person must
 * act; what heals by itself is `warn`.
 */
export function createLog(level: string): Log {
  return pino(
    {
      level,
      serializers: { err: describe },
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: { paths: SECRET_PATHS, censor: "…" },
    },
    pino.destination({ dest: 2, sync: true }),
  );
}

/** pg's errors hang their whole connection on themselves: only what helps a reader is written. */
function describe(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { name, message, stack } = error;
  const code = "code" in error ? { code: error.code } : {};
  const parts = error instanceof AggregateError ? { errors: error.errors.map(describe) } : {};
  return {
    name,
    message,
    ...code,
    ...parts,
    ...(error.cause !== undefined && { cause: describe(error.cause) }),
    stack,
  };
}
