// What a document may hold: which values, how deep and how large, as measured on the official emulator and as documented.
// https://cloud.google.com/firestore/quotas#collections_documents_and_fields and docs/storage-size
import { FlError } from "../../../shared/core/errors.ts";
import type { Fields, Value } from "./messages.ts";
import { checkDocumentName, idsOf, isReserved } from "./names.ts";
import { rankOf, vectorRank } from "./values.ts";

/** The largest document, its name included. */
const maxDocumentBytes = 1_048_576;
/** The largest string or bytes. */
const maxValueBytes = 1_048_487;
const maxFieldNameBytes = 1_500;
const maxDepth = 20;
const documentOverheadBytes = 32;
/** 0001-01-01 and 9999-12-31T23:59:59, both inclusive, in seconds since 1970. */
const timestampSeconds = { min: -62_135_596_800, max: 253_402_300_799 };

/** @throws FlError("invalid-argument") naming the first field that cannot be stored. */
export function checkFields(fields: Fields, depth = 0): void {
  for (const [name, value] of Object.entries(fields)) {
    if (name === "") throw new FlError("invalid-argument", "A field name is empty.");
    if (isReserved(name)) throw new FlError("invalid-argument", `The field name "${name}" is reserved.`);
    if (Buffer.byteLength(name) > maxFieldNameBytes) {
      throw new FlError("invalid-argument", `A field name is longer than ${maxFieldNameBytes} bytes.`);
    }
    checkValue(value, name, depth);
  }
}

/**
 * Checks a value of a document, a filter or a cursor.
 *
 * @param field  its name, for the message
 * @param depth  how many maps and arrays it is inside of
 * @throws FlError("invalid-argument") when it cannot be stored
 */
export function checkValue(value: Value, field: string, depth = 0): void {
  const refuse = (why: string) => new FlError("invalid-argument", `The value of "${field}" ${why}.`);
  const isNested = value.valueType === "arrayValue" || value.valueType === "mapValue";
  if (isNested && depth >= maxDepth) throw refuse(`is nested more than ${maxDepth} levels deep`);
  switch (value.valueType) {
    case "nullValue":
    case "booleanValue":
    case "integerValue":
    case "doubleValue":
      return;
    case "stringValue":
    case "bytesValue":
      if (sizeOf(value) > maxValueBytes + Number(value.valueType === "stringValue")) {
        throw refuse(`is longer than ${maxValueBytes} bytes`);
      }
      return;
    case "timestampValue": {
      const seconds = Number(value.timestampValue.seconds ?? "0");
      if (seconds < timestampSeconds.min || seconds > timestampSeconds.max) {
        throw refuse("is a time outside the years 1 to 9999");
      }
      return;
    }
    case "referenceValue":
      checkDocumentName(value.referenceValue);
      return;
    case "geoPointValue": {
      const { latitude = 0, longitude = 0 } = value.geoPointValue;
      if (!(Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180))
        throw refuse("is a point outside the globe");
      return;
    }
    case "arrayValue":
      for (const element of value.arrayValue.values) {
        if (element.valueType === "arrayValue") throw refuse("is an array directly inside an array");
        checkValue(element, field, depth + 1);
      }
      return;
    case "mapValue":
      if (rankOf(value) !== vectorRank) checkFields(value.mapValue.fields, depth + 1);
      return;
    default:
      throw refuse("has no type");
  }
}

/** @throws FlError("invalid-argument") when the document is larger than 1 MiB. */
export function checkDocumentSize(name: string, fields: Fields): void {
  const sizeBytes = nameSize(name) + fieldsSize(fields) + documentOverheadBytes;
  if (sizeBytes > maxDocumentBytes) {
    throw new FlError(
      "invalid-argument",
      `Document "${name}" has ${sizeBytes} bytes; at most ${maxDocumentBytes} are allowed.`,
    );
  }
}

function nameSize(name: string): number {
  return idsOf(name).reduce((sum, id) => sum + Buffer.byteLength(id) + 1, 16);
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
      return nameSize(value.referenceValue);
    case "arrayValue":
      return Math.max(
        1,
        value.arrayValue.values.reduce((sum, element) => sum + sizeOf(element), 0),
      );
    case "mapValue":
      return Math.max(1, fieldsSize(value.mapValue.fields));
  }
}
