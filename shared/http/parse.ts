// Input against its schema: either the typed value, or one error that lists every problem by path.
import type * as z from "zod";
import { FlError, type Problem } from "../core/errors.ts";
import { readTolerantly } from "../core/schemas/readTolerantly.ts";
import { jsonProblems } from "./wellFormed.ts";

/**
 * Who made an input. `people` get an error for every unknown key. Between `parts` of FedStratus, which
 * may be of different releases, such keys are passed by.
 */
export type Sender = "people" | "parts";

/**
 * The value that `schema` makes of `input`, which is JSON or text.
 *
 * @param where "" for a body; "query" or "path" is put before each problem's path otherwise.
 * @throws FlError("invalid-argument") with every problem, up to a hundred.
 */
export function parse<T>(schema: z.ZodType<T>, input: unknown, where = "", sender: Sender = "people"): T {
  const malformed = jsonProblems(input);
  if (malformed.length > 0) throw badInput(malformed.map((problem) => within(where, problem)));
  const parsed = sender === "people" ? schema.safeParse(input) : readTolerantly(schema, input);
  if (parsed.success) return parsed.data;
  throw badInput(parsed.error.issues.flatMap((issue) => problemsOf(issue, where)));
}

/** Problems listed of a request, and characters of each path: an answer stays short whatever was sent. */
const MAX_PROBLEMS = 100;
const MAX_PATH_LENGTH = 200;

export function badInput(problems: readonly Problem[]): FlError {
  const shown = problems.slice(0, MAX_PROBLEMS).map(({ path, message }) => ({ path: clip(path), message }));
  const list = shown.map(({ path, message }) => (path === "" ? message : `${path}: ${message}`)).join("; ");
  const rest = problems.length > shown.length ? `; and ${problems.length - shown.length} more` : "";
  const message = `The request has ${count(problems.length)}: ${list}${rest}.`;
  return new FlError("invalid-argument", message, { problems: shown });
}

function clip(path: string): string {
  return (path.length > MAX_PATH_LENGTH ? `${path.slice(0, MAX_PATH_LENGTH)}...` : path).toWellFormed();
}

function within(where: string, { path, message }: Problem): Problem {
  return { path: [where, path].filter((part) => part !== "").join("."), message };
}

function count(problems: number): string {
  return problems === 1 ? "1 problem" : `${problems} problems`;
}

function problemsOf(issue: z.core.$ZodIssue, where: string): Problem[] {
  const prefix = where === "" ? [] : [where];
  const at = (extra: PropertyKey[]) => [...prefix, ...issue.path, ...extra].map(String).join(".");
  const inside = (issues: readonly z.core.$ZodIssue[]) =>
    issues.flatMap((inner) => problemsOf({ ...inner, path: [...issue.path, ...inner.path] }, where));
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({ path: at([key]), message: "is not known here" }));
  }
  if (issue.code === "invalid_key") return inside(issue.issues);
  if (issue.code === "invalid_union" && issue.errors.length > 0) {
    // What is wrong with the alternative that the input comes nearest to: one whose keys it has, if any.
    const [nearest = []] = issue.errors.toSorted(
      (a, b) => strangeKeys(a) - strangeKeys(b) || a.length - b.length,
    );
    return inside(nearest);
  }
  return [{ path: at([]), message: lowerFirst(issue.message) }];
}

/** Keys that an alternative does not have. */
function strangeKeys(issues: readonly z.core.$ZodIssue[]): number {
  const counts = issues.map((issue) =>
    issue.code === "unrecognized_keys" && issue.path.length === 0 ? issue.keys.length : 0,
  );
  return counts.reduce((sum, keys) => sum + keys, 0);
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
