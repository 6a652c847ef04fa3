// Changes of a few fields, as RFC 7396 has them: what is absent stays, and null takes away.
import { isObject } from "../models/topology.ts";

/**
 * The value with a change in it. Objects are changed field by field; everything else, lists too, is replaced.
 *
 * @param change is not written to; parts of the result are parts of it.
 */
export function merged(value: unknown, change: unknown): unknown {
  if (!isObject(change)) return change;
  const fields = new Map(isObject(value) ? Object.entries(value) : []);
  for (const [name, item] of Object.entries(change)) {
    if (item === null) fields.delete(name);
    else if (item !== undefined) fields.set(name, merged(fields.get(name), item));
  }
  return Object.fromEntries(fields);
}

/** The paths of what differs between two values, down to two names deep, in the order of their names. */
export function changedPaths(before: unknown, after: unknown, depth = 2): readonly string[] {
  if (before === after) return [];
  if (depth === 0 || !isObject(before) || !isObject(after)) {
    return JSON.stringify(before) === JSON.stringify(after) ? [] : [""];
  }
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].toSorted();
  return names.flatMap((name) =>
    changedPaths(Reflect.get(before, name), Reflect.get(after, name), depth - 1).map((path) =>
      path === "" ? name : `${name}.${path}`,
    ),
  );
}
