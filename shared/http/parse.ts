// Input against its schema: either the typed value, or one error that lists every problem by path.
import type { z } from "zod";
import { FlError, type Problem } from "../core/errors.ts";

/**
 * The value that `schema` makes of `input`.
 *
 * @param where "" for a body; "query" or "path" is put before each problem's path otherwise.
 * @throws FlError("invalid-argument") with every problem.
 */
export function parse<T>(schema: z.ZodType<T>, input: unknown, where = ""): T {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  throw badInput(parsed.error.issues.flatMap((issue) => problemsOf(issue, where)));
}

export function badInput(problems: readonly Problem[]): FlError {
  const list = problems
    .map(({ path, message }) => (path === "" ? message : `${path}: ${message}`))
    .join("; ");
  return new FlError("invalid-argument", `The request has ${count(problems.length)}: ${list}.`, { problems });
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
    // What is wrong with the alternative that the input comes nearest to.
    const [nearest = []] = issue.errors.toSorted((a, b) => a.length - b.length);
    return inside(nearest);
  }
  return [{ path: at([]), message: lowerFirst(issue.message) }];
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
