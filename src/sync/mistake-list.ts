import type { UserErrorCode } from "../terms.js";
import { type UserErrorValue, UserMistake } from "./user-mistake.js";

/** Gathers what is wrong with the lines of one input, so that the sender hears of everything at once. */
export class MistakeList {
  readonly #errors: UserErrorValue[] = [];

  /** `path` leads to the list of lines within the input, e.g. `["lines"]`. */
  constructor(private readonly path: readonly string[]) {}

  add(index: number | string, field: string, code: UserErrorCode, message: string): void {
    this.#errors.push({ code, message, field: [...this.path, String(index), field] });
  }

  /** Throws a UserMistake with all that was added, in that order; nothing where there is nothing. */
  throwIfAny(): void {
    if (this.#errors.length > 0) throw new UserMistake(this.#errors);
  }
}
