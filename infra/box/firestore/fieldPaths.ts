// Field paths such as a.`b c`.d: parsing them, and reading, setting and selecting what they name inside a
// document.
import { FlError } from "../../../shared/core/errors.ts";
import type { DocumentMask, Fields, Value } from "./messages.ts";
import { map } from "./values.ts";

export type FieldPath = readonly string[];

/** The name of the document itself, where a query may name a field. */
export const documentId = "__name__";

const segment = /(?:([a-zA-Z_][a-zA-Z_0-9]*)|`((?:[^`\\]|\\.)+)`)(\.|$)/y;

/** @throws FlError("invalid-argument") when a segment is empty, or unquoted and not an identifier. */
export function parseFieldPath(path: string | undefined): FieldPath {
  const segments: string[] = [];
  let end = 0;
  let more = true;
  while (more) {
    segment.lastIndex = end;
    const match = segment.exec(path ?? "");
    if (match === null) {
      throw new FlError(
        "invalid-argument",
        `"${path ?? ""}" is not a field path: quote segments with backticks.`,
      );
    }
    segments.push(match[1] ?? (match[2] ?? "").replaceAll(/\\(.)/g, "$1"));
    end = segment.lastIndex;
    more = match[3] === ".";
  }
  return segments;
}

export function valueAt(fields: Fields, path: FieldPath): Value | undefined {
  const [key, ...rest] = path;
  if (key === undefined || !Object.hasOwn(fields, key)) return undefined;
  const value = fields[key];
  if (rest.length === 0) return value;
  return value?.valueType === "mapValue" ? valueAt(value.mapValue.fields, rest) : undefined;
}

/** A copy with the value at the path, making maps on the way. Without a value: a copy without the field. */
export function withValueAt(fields: Fields, path: FieldPath, value: Value | undefined): Fields {
  const [key, ...rest] = path;
  if (key === undefined) return fields;
  const present = Object.hasOwn(fields, key) ? fields[key] : undefined;
  if (rest.length === 0) {
    if (value !== undefined) return { ...fields, [key]: value };
    const { [key]: _, ...others } = fields;
    return others;
  }
  const inner = present?.valueType === "mapValue" ? present.mapValue.fields : undefined;
  if (inner === undefined && value === undefined) return fields;
  return { ...fields, [key]: map(withValueAt(inner ?? {}, rest, value)) };
}

/** What picks the fields that a mask names; all of them without a mask. */
export type Selection = (fields: Fields) => Fields;

/** @throws FlError("invalid-argument") when the mask names something that is not a field path */
export function selection(mask: DocumentMask | undefined): Selection {
  if (mask === undefined) return (fields) => fields;
  const paths = mask.fieldPaths.filter((path) => path !== documentId).map(parseFieldPath);
  return (fields) =>
    paths.reduce((selected: Fields, path) => {
      const value = valueAt(fields, path);
      return value === undefined ? selected : withValueAt(selected, path, value);
    }, {});
}
