// The bytes that names, values and documents take, as the database counts them.
// https://firebase.google.com/docs/firestore/storage-size
import type { Fields, Value } from "./messages.ts";
import { idsOf } from "./names.ts";

const documentOverheadBytes = 32;

/** The bytes of a document with its name. */
export function documentSize(name: string, fields: Fields): number {
  return nameSize(idsOf(name)) + fieldsSize(fields) + documentOverheadBytes;
}

/** The bytes of a document's name, from its ids. */
export function nameSize(ids: readonly string[]): number {
  return ids.reduce((sum, id) => sum + Buffer.byteLength(id) + 1, 16);
}

function fieldsSize(fields: Fields): number {
  return Object.entries(fields).reduce(
    (sum, [name, value]) => sum + Buffer.byteLength(name) + 1 + sizeOf(value),
    0,
  );
}

/** The bytes that a value takes, as the database counts them. */
export function sizeOf(value: Value): number {
  switch (value.valueType) {
    case "nullValue":
    case "booleanValue":
      return 1;
    case "integerValue":
    case "doubleValue":
    case "timestampValue":
      return 8;
    case "geoPointValue":
      return 16;
    case "stringValue":
      return Buffer.byteLength(value.stringValue) + 1;
    case "bytesValue":
      return value.bytesValue.length;
    case "referenceValue":
      return nameSize(idsOf(value.referenceValue));
    case "arrayValue":
      return Math.max(
        1,
        value.arrayValue.values.reduce((sum, element) => sum + sizeOf(element), 0),
      );
    case "mapValue":
      return Math.max(1, fieldsSize(value.mapValue.fields));
  }
}
