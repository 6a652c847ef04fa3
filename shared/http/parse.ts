// Input against its schema: either the typed value, or one error that lists every problem by path.
import type * as z from "zod";
import { FlError, type Problem } from "../core/errors.ts";
import { inPlainWords, plainProblems } from "../core/schemas/plainProblems.ts";
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
  const parsed =
    sender === "people" ? schema.safeParse(input, inPlainWords) : readTolerantly(schema, input, inPlainWords);
  if (parsed.success) return parsed.data;
  throw badInput(plainProblems(parsed.error).map((problem) => within(where, problem)));
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
