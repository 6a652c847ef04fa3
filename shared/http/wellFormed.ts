// What no schema asks of JSON as a whole: that it is not nested without end, and that its text is text.
import type { Problem } from "../core/errors.ts";

/** Levels of lists and objects in a body, at most: several times what any model's topology has. */
const MAX_DEPTH = 100;

interface Part {
  readonly value: unknown;
  readonly path: string;
  readonly depth: number;
}

/**
 * Problems of a parsed JSON value that any depth of it may have. Whatever goes through here can be written as
 * JSON again, and be stored: half a surrogate pair has no UTF-8, and what walks values by calling itself runs
 * out of stack on deep ones.
 */
export function jsonProblems(input: unknown): Problem[] {
  const problems: Problem[] = [];
  const parts: Part[] = [{ value: input, path: "", depth: 0 }];
  for (let part = parts.pop(); part !== undefined; part = parts.pop()) {
    const { value, path, depth } = part;
    if (typeof value === "string" && !value.isWellFormed()) {
      problems.push({ path, message: "holds half a surrogate pair: send Unicode text" });
    }
    if (typeof value === "number" && !Number.isFinite(value)) {
      problems.push({ path, message: "is a larger number than can be represented" });
    }
    if (typeof value !== "object" || value === null) continue;
    // One such problem says enough, and its path is as long as the nesting.
    if (depth === MAX_DEPTH) return [{ path: "", message: `is nested more than ${MAX_DEPTH} levels deep` }];
    for (const [key, item] of Object.entries(value).reverse()) {
      const at = path === "" ? key : `${path}.${key}`;
      // Records of zod, and copies made field by field, lose it without a word.
      if (key === "__proto__") problems.push({ path: at, message: "this name is not allowed" });
      if (!key.isWellFormed()) {
        problems.push({ path: at, message: "its name holds half a surrogate pair: send Unicode text" });
      }
      parts.push({ value: item, path: at, depth: depth + 1 });
    }
  }
  return problems;
}
