/**
 * Writes lines through a call that is all or nothing: what is at fault is taken out and the others are sent again, until
 * each line has its end.
 */
import { randomUUID } from "node:crypto";
import type { CallFailure } from "../platform.js";
import type { LineEnd, SetAnswer } from "./mapping.js";

/** `salt` is to change the idempotency key: "" at first. */
export type WriteLines<L> = (lines: readonly L[], salt: string) => Promise<SetAnswer>;

/**
 * More than a bisection needs to find two unnamed lines among 250. What is left by then is tried again later: it must not
 * hold the store's other calls up.
 */
const MAX_CALLS = 40;

/** So many single lines refused, with none written: it is not the lines. */
const TELLING_COUNT = 4;

const NOT_REACHED: CallFailure = {
  kind: "unavailable",
  code: "UNKNOWN",
  message: "Too many lines of the call were refused; this one was not reached.",
  scope: "line",
};

/** The end of each line. A failure that is no line's ends the rest with it. `salt` makes other keys for the same lines. */
export async function isolate<L>(
  lines: readonly L[],
  write: WriteLines<L>,
  salt = "",
): Promise<ReadonlyMap<L, LineEnd>> {
  const ends = new Map<L, LineEnd>();
  let writtenCount = 0;
  let refusedAloneCount = 0;
  const groups: { readonly lines: readonly L[]; readonly keyTry: number }[] =
    lines.length > 0 ? [{ lines, keyTry: 0 }] : [];
  // The second key is the same at a repeat, too; the third is no one's, so that keys used up never end in a dead end.
  const saltOf = (keyTry: number): string => (keyTry === 0 ? salt : `${salt}+${keyTry === 1 ? "" : randomUUID()}`);
  const endAll = (some: readonly L[], end: LineEnd): void => {
    for (const line of some) ends.set(line, end);
  };
  for (let calls = 0; ; calls += 1) {
    const group = groups.shift();
    if (!group) return ends;
    const answer: SetAnswer =
      calls < MAX_CALLS ? await write(group.lines, saltOf(group.keyTry)) : { is: "failed", failure: NOT_REACHED };
    switch (answer.is) {
      case "written":
        endAll(group.lines, { kind: "accepted", applied: true });
        writtenCount += group.lines.length;
        break;
      case "badLines": {
        const rest: L[] = [];
        for (const [index, line] of group.lines.entries()) {
          const end = answer.ends.get(index);
          if (end) ends.set(line, end);
          else rest.push(line);
        }
        if (rest.length > 0) groups.unshift({ lines: rest, keyTry: 0 });
        break;
      }
      case "badUnnamed":
        if (group.lines.length > 1) {
          groups.unshift(...halves(group.lines).map((half) => ({ lines: half, keyTry: 0 })));
          break;
        }
        endAll(group.lines, answer.end);
        refusedAloneCount += 1;
        if (answer.orNone && writtenCount === 0 && refusedAloneCount >= TELLING_COUNT)
          for (const left of groups.splice(0)) endAll(left.lines, answer.end);
        break;
      case "badKey":
        if (group.keyTry < 2) groups.unshift({ lines: group.lines, keyTry: group.keyTry + 1 });
        else endAll(group.lines, answer.failure);
        break;
      case "failed":
        endAll(
          [group, ...groups.splice(0)].flatMap((left) => left.lines),
          answer.failure,
        );
        break;
    }
  }
}

function halves<L>(lines: readonly L[]): readonly (readonly L[])[] {
  const middle = Math.ceil(lines.length / 2);
  return [lines.slice(0, middle), lines.slice(middle)];
}
