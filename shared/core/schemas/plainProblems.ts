// What is wrong with an input, in words for the people who wrote it: each problem where it is, what must be
// there, and the key that was probably meant.
import type * as z from "zod";
import type { Problem } from "../errors.ts";

/**
 * To parse with, as in `schema.safeParse(input, inPlainWords)`: messages as `plainProblems` wants them. A
 * message that the schema itself has is left as it is.
 */
export const inPlainWords: { readonly error: z.core.$ZodErrorMap } = { error: messageOf };

/**
 * Every problem of an input that was parsed `inPlainWords`, by its path. Of a union those of the alternative
 * that the input comes nearest to. No value of the input is repeated; unknown keys are, in paths.
 */
export function plainProblems({ issues }: z.ZodError): readonly Problem[] {
  return issues.flatMap((issue) => problemsOf(issue, []));
}

function problemsOf(issue: z.core.$ZodIssue, outer: readonly PropertyKey[]): readonly Problem[] {
  const path = [...outer, ...issue.path];
  const at = (...more: readonly PropertyKey[]) => [...path, ...more].map(String).join(".");
  if (issue.code === "unrecognized_keys") {
    const messages = issue.message.split(BETWEEN_KEYS);
    return issue.keys.map((key, i) => ({ path: at(key), message: messages[i] ?? UNKNOWN }));
  }
  if (issue.code === "invalid_key") return issue.issues.flatMap((inner) => problemsOf(inner, path));
  if (issue.code === "invalid_union" && issue.errors.length > 0) {
    const kinds = kindsOf(issue.errors);
    if (kinds !== undefined) return [{ path: at(), message: `${MUST_BE}${kinds.join(", or ")}` }];
    const [nearest = []] = issue.errors.toSorted(
      (a, b) =>
        Number(isOfAnotherKind(a)) - Number(isOfAnotherKind(b)) ||
        strangeKeys(a) - strangeKeys(b) ||
        a.length - b.length ||
        misfits(a) - misfits(b),
    );
    return nearest.flatMap((inner) => problemsOf(inner, path));
  }
  return [{ path: at(), message: issue.message.charAt(0).toLowerCase() + issue.message.slice(1) }];
}

/** Whether the input as a whole is something else than the alternative, such as a text for an object. */
function isOfAnotherKind(issues: readonly z.core.$ZodIssue[]): boolean {
  return issues.some(({ code, path }) => code === "invalid_type" && path.length === 0);
}

/** Keys that an alternative does not have. */
function strangeKeys(issues: readonly z.core.$ZodIssue[]): number {
  const counts = issues.map((issue) =>
    issue.code === "unrecognized_keys" && issue.path.length === 0 ? issue.keys.length : 0,
  );
  return counts.reduce((sum, keys) => sum + keys, 0);
}

/** Problems with what is there, rather than with what is not. */
function misfits(issues: readonly z.core.$ZodIssue[]): number {
  return issues.filter(({ message }) => !message.startsWith(REQUIRED)).length;
}

/** What the input must be, each kind once, where that is all that any alternative has against it. */
function kindsOf(alternatives: readonly (readonly z.core.$ZodIssue[])[]): readonly string[] | undefined {
  const messages = alternatives.map(([issue, ...others]) =>
    issue === undefined || others.length > 0 || issue.path.length > 0 ? "" : issue.message,
  );
  if (!messages.every((message) => message.startsWith(MUST_BE))) return undefined;
  return [...new Set(messages.map((message) => message.slice(MUST_BE.length)))];
}

/** An issue has one message, whatever the number of its keys. */
const BETWEEN_KEYS = "\n";
const UNKNOWN = "is not known here";
const REQUIRED = "is required";
const MUST_BE = "must be ";

function messageOf(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case "invalid_type":
      return issue.input === undefined
        ? REQUIRED
        : `${MUST_BE}${KINDS.get(issue.expected) ?? issue.expected}`;
    case "invalid_value":
      return choice(issue.input, issue.values);
    case "invalid_union":
      // Undefined where no alternative is told by one of its fields: the alternatives' own messages are used.
      return Array.isArray(issue.options) ? choice(discriminatorOf(issue), issue.options) : undefined;
    case "too_small":
      return bound(issue.origin, issue.inclusive === false ? "above" : "at least", Number(issue.minimum));
    case "too_big":
      return bound(issue.origin, issue.inclusive === false ? "below" : "at most", Number(issue.maximum));
    case "unrecognized_keys": {
      const known = keysOf(issue.inst);
      return issue.keys.map((key) => unknownKey(key, known)).join(BETWEEN_KEYS);
    }
    default:
      return undefined;
  }
}

const KINDS: ReadonlyMap<string, string> = new Map([
  ["string", "a text"],
  ["number", "a number"],
  ["int", "a whole number"],
  ["boolean", "true or false"],
  ["object", "an object"],
  ["record", "an object"],
  ["array", "a list"],
]);

function choice(given: unknown, values: readonly unknown[]): string {
  const names = values.filter((value) => value !== undefined).map(String);
  const list = names.length === 1 ? String(names[0]) : `one of ${names.join(", ")}`;
  return given === undefined ? `${REQUIRED}: ${list}` : `${MUST_BE}${list}`;
}

/** What the field that tells the alternatives apart has. */
function discriminatorOf({ input, discriminator }: z.core.$ZodRawIssue): unknown {
  return typeof input === "object" && input !== null && typeof discriminator === "string"
    ? Reflect.get(input, discriminator)
    : undefined;
}

function bound(origin: string, how: string, value: number): string {
  const figure = value.toLocaleString("en", { maximumSignificantDigits: 15 });
  const plural = value === 1 ? "" : "s";
  if (origin === "string") return `must have ${how} ${figure} character${plural}`;
  if (origin === "array") return `must have ${how} ${figure} ${value === 1 ? "entry" : "entries"}`;
  return `${MUST_BE}${how} ${figure}`;
}

/** The keys of an object's schema; none where it is something else. */
function keysOf(schema: unknown): readonly string[] {
  const { shape } = (schema as z.core.$ZodObject | undefined)?._zod.def ?? {};
  return Object.keys(shape ?? {});
}

function unknownKey(given: string, known: readonly string[]): string {
  const [nearest] = known
    .map((key) => ({ key, changes: changesBetween(plainKey(given), plainKey(key)) }))
    .filter(({ key, changes }) => changes <= Math.min(2, Math.floor(key.length / 3)))
    .toSorted((a, b) => a.changes - b.changes);
  return nearest === undefined ? UNKNOWN : `${UNKNOWN}: perhaps ${nearest.key} is meant`;
}

/** What `batch_size` and `batchSize` have in common. The part beyond any key's length tells nothing more. */
function plainKey(key: string): string {
  return key.slice(0, 60).replaceAll(/[_-]/g, "").toLowerCase();
}

/** Characters to insert, delete or replace (Levenshtein 1966). */
function changesBetween(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
