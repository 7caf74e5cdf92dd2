import { expect, test } from "vitest";
import { SkipReason } from "../terms.js";
import { explainSkip } from "./explain.js";

test.each(Object.values(SkipReason))("%s is explained in one sentence, and its remedy in another", (reason) => {
  const { message, remedy, ...rest } = explainSkip(reason);
  expect(rest).toEqual({ reason });
  for (const sentence of [message, remedy]) {
    expect(sentence).toMatch(/^[A-Z][^.]+\.$/);
    // A code or a name from the program is no word of a merchant's.
    expect(sentence).not.toMatch(/_|[a-z][A-Z]/);
  }
});
