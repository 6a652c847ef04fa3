// `--fields a,b.c`: the parts of a document that are asked for, and of a list those of each of its items.
import { UsageError } from "../frame/failures.ts";

/** Names as they are typed, without blanks. @throws UsageError for an empty one */
export function parseFields(text: string): readonly string[] {
  const names = text.split(",").map((name) => name.trim());
  if (names.every((name) => name !== "")) return names;
  throw new UsageError("--fields takes names with commas between, such as runId,status or totals.costUsd.");
}

/** What a path such as `totals.costUsd` names; undefined where there is nothing. */
export function valueAt(document: unknown, path: string): unknown {
  let value = document;
  for (const key of path.split(".")) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
    value = Reflect.get(value, key);
  }
  return value;
}

/**
 * The document with nothing but these fields, each under the name that was asked for; of `{items}` its items'
 * fields. What an item lacks is null.
 *
 * @throws UsageError for a field that none of the items has
 */
export function pickFields(document: unknown, fields: readonly string[]): unknown {
  const items = itemsOf(document);
  requireKnown(items ?? [document], fields);
  const pick = (item: unknown) =>
    Object.fromEntries(fields.map((field) => [field, valueAt(item, field) ?? null]));
  if (items === null) return pick(document);
  return { ...Object(document), items: items.map(pick) };
}

/** @throws UsageError for a field that none of the items has; without items nothing is known */
export function requireKnown(items: readonly unknown[], fields: readonly string[]): void {
  if (items.length === 0) return;
  const unknown = fields.filter((field) => items.every((item) => valueAt(item, field) === undefined));
  if (unknown.length === 0) return;
  const known = Object.keys(Object(items[0])).join(", ");
  throw new UsageError(`--fields: there is no ${unknown.join(", no ")} here. There are ${known}.`);
}

function itemsOf(document: unknown): readonly unknown[] | null {
  const items = valueAt(document, "items");
  return Array.isArray(items) ? items : null;
}
