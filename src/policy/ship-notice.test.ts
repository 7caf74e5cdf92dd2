import { expect, test } from "vitest";
import { mayPublish, publishedUnits } from "./ship-notice.js";

test("a line is published under every mode but NEVER", () => {
  expect([mayPublish("ALWAYS"), mayPublish("PROCESS_ORDERS_ONLY"), mayPublish("NEVER")]).toEqual([true, true, false]);
});

test.each([
  ["all that is expected while nothing came", { expected: 10, received: 0, damaged: 0, published: true }, 10],
  ["less what came, good or damaged", { expected: 10, received: 6, damaged: 1, published: true }, 3],
  ["nothing once more came than was expected", { expected: 10, received: 11, damaged: 1, published: true }, 0],
  ["nothing unless it is published", { expected: 10, received: 0, damaged: 0, published: false }, 0],
] as const)("a line counts %s", (_title, line, units) => {
  expect(publishedUnits(line)).toBe(units);
});
