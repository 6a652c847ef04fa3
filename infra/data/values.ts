// Values of tables as texts: what rows are counted and grouped by.

/** As a features file has it where it says nothing else. */
export const MISSING: ReadonlySet<string> = new Set(["", "NA", "NaN", "null"]);

/** Null where there is no value; undefined for lists and objects, which cannot be compared. */
export function textOfValue(value: unknown, missing = MISSING): string | null | undefined {
  if (value === null || value === undefined || Number.isNaN(value)) return null;
  if (typeof value === "string") {
    const text = value.trim();
    return missing.has(text) ? null : text;
  }
  return typeof value === "object" ? undefined : String(value);
}
