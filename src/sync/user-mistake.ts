import type { UserErrorCode } from "../terms.js";

/** A problem with a request that its sender can mend. `field` is the path within the input; null where it is of no one field. */
export interface UserErrorValue {
  readonly code: UserErrorCode;
  readonly message: string;
  readonly field: readonly string[] | null;
}

/** Thrown inside a mutation's transaction, so that nothing of it stays; the API answers its errors as `userErrors`. */
export class UserMistake extends Error {
  override readonly name = "UserMistake";

  /** At least one error, in the order in which they are to be told. */
  constructor(readonly errors: readonly UserErrorValue[]) {
    super(errors.map((error) => `${error.field?.join(".") ?? "input"}: ${error.message}`).join(" "));
  }
}
