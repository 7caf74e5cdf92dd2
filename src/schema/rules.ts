/** Rules of input fields. What breaks one is answered as a userError with the code given here; INVALID_INPUT where none is. */
import { ArrayMaxSize, ArrayMinSize, ValidateBy, ValidateIf } from "class-validator";
import type { UserErrorCode } from "../terms.js";

/** Text of so many characters after trimming; without NUL or half a character, which PostgreSQL cannot keep. Null and absent pass. */
export function Text(least: number, most: number): PropertyDecorator {
  return each(isText(least, most), `is text of ${String(least)} to ${String(most)} whole characters, without NUL`);
}

/** A list of such texts. */
export function Texts(least: number, most: number): PropertyDecorator {
  const fits = isText(least, most);
  return each(
    (value) => Array.isArray(value) && value.every(fits),
    `holds texts of ${String(least)} to ${String(most)} whole characters, without NUL`,
  );
}

/** So many entries. More are TOO_MANY_LINES; fewer are INVALID_INPUT. */
export function Count(least: number, most: number): PropertyDecorator {
  return (target, property) => {
    ValidateIf((_, value) => value !== null && value !== undefined)(target, property);
    ArrayMinSize(least, { message: `needs at least ${String(least)}` })(target, property);
    ArrayMaxSize(most, { message: `takes at most ${String(most)}`, context: { code: "TOO_MANY_LINES" } })(
      target,
      property,
    );
  };
}

/** The key of a retry: 1 to 200 characters. */
export const IdempotencyKey = (): PropertyDecorator => Text(1, 200);

function isText(least: number, most: number): (value: unknown) => boolean {
  return (value) =>
    typeof value === "string" &&
    value.trim().length >= least &&
    value.length <= most &&
    !value.includes("\0") &&
    !/\p{Surrogate}/u.test(value);
}

function each(
  fits: (value: unknown) => boolean,
  rule: string,
  code: UserErrorCode = "INVALID_INPUT",
): PropertyDecorator {
  return ValidateBy(
    {
      name: "rule",
      validator: {
        validate: (value) => value === null || value === undefined || fits(value),
        defaultMessage: () => rule,
      },
    },
    { context: { code } },
  );
}
