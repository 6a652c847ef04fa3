// `--set a.b=c`: a document with one value in another's place.
import { UsageError } from "../frame/failures.ts";

/**
 * The document with every change made; it is left as it is itself.
 *
 * @param changes `path=value`: the value is JSON where it can be read as such, else a text
 * @throws UsageError for a change that is none, or that leads through what is no object
 */
export function withChanges(document: unknown, changes: readonly string[]): unknown {
  return changes.reduce(withChange, document);
}

function withChange(document: unknown, change: string): unknown {
  const cut = change.indexOf("=");
  const keys = change.slice(0, cut).split(".");
  if (cut < 1 || keys.some((key) => !/^[\w-]+$/.test(key) || key === "__proto__")) {
    throw new UsageError(`--set takes a path and a value, such as round.deadlineSeconds=60, not ${change}.`);
  }
  return placed(document, keys, valueOfText(change.slice(cut + 1)), change);
}

function placed(document: unknown, keys: readonly string[], value: unknown, change: string): unknown {
  const [key, ...rest] = keys;
  if (key === undefined) return value;
  if (
    document !== undefined &&
    (typeof document !== "object" || document === null || Array.isArray(document))
  ) {
    throw new UsageError(`--set ${change} leads through what is no object.`);
  }
  const before =
    document !== undefined && Object.hasOwn(document, key) ? Reflect.get(document, key) : undefined;
  return { ...document, [key]: placed(before, rest, value, change) };
}

function valueOfText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
