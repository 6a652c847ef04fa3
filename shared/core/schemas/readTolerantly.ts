// Reads what another release may have written: keys that this one does not know are passed by, everything
// else is checked.
import type * as z from "zod";

/**
 * The result of parsing `input`, as if the keys that its schema does not know were not there, at any depth.
 * Whatever people write is parsed strictly instead: there, an unknown key is a mistake. `input` is left as it
 * is.
 */
export function readTolerantly<T>(
  schema: z.ZodType<T>,
  input: unknown,
  words?: z.core.ParseContext<z.core.$ZodIssue>,
): z.ZodSafeParseResult<T> {
  return readKnown(schema, input, words).parsed;
}

/** As `readTolerantly`, with the places of the keys that were passed by. */
export function readKnown<T>(
  schema: z.ZodType<T>,
  input: unknown,
  words?: z.core.ParseContext<z.core.$ZodIssue>,
): { readonly parsed: z.ZodSafeParseResult<T>; readonly unknown: readonly Path[] } {
  let parsed = schema.safeParse(input, words);
  let copy: unknown;
  const unknown: Path[] = [];
  while (!parsed.success) {
    const unknownKeys = unknownKeysOf(parsed.error.issues);
    if (unknownKeys === null) break;
    copy ??= structuredClone(input);
    // A key that cannot be removed would be found again and again.
    if (!unknownKeys.every((path) => removeKey(copy, path))) break;
    unknown.push(...unknownKeys);
    parsed = schema.safeParse(copy, words);
  }
  return { parsed, unknown };
}

export type Path = readonly PropertyKey[];

/** The paths of the unknown keys, or null where anything else is wrong as well. */
function unknownKeysOf(issues: readonly z.core.$ZodIssue[]): readonly Path[] | null {
  const paths: Path[] = [];
  for (const issue of issues) {
    const inside = pathsOf(issue);
    if (inside === null) return null;
    paths.push(...inside);
  }
  return paths;
}

function pathsOf(issue: z.core.$ZodIssue): readonly Path[] | null {
  if (issue.code === "unrecognized_keys") return issue.keys.map((key) => [...issue.path, key]);
  if (issue.code !== "invalid_union") return null;
  // The alternative that the input would be, were it not for those keys.
  for (const issues of issue.errors) {
    const inside = unknownKeysOf(issues);
    if (inside !== null && inside.length > 0) return inside.map((path) => [...issue.path, ...path]);
  }
  return null;
}

function removeKey(value: unknown, path: Path): boolean {
  let at = value;
  for (const key of path.slice(0, -1)) {
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, key)) return false;
    at = Reflect.get(at, key);
  }
  const last = path.at(-1);
  if (typeof at !== "object" || at === null || last === undefined || !Object.hasOwn(at, last)) return false;
  return Reflect.deleteProperty(at, last);
}
