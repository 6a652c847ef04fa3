// What a document and a commit may hold: which values, how deep and how large, as measured on the official
// emulator and as documented. https://cloud.google.com/firestore/quotas#collections_documents_and_fields and
// docs/storage-size
import { FlError } from "../../../shared/core/errors.ts";
import type { Changes, DocumentView } from "./documents.ts";
import { type IndexRules, indexEntries } from "./indexes.ts";
import type { Fields, Value } from "./messages.ts";
import { checkDocumentName, isReserved } from "./names.ts";
import { documentSize, sizeOf } from "./sizes.ts";
import { rankOf, vectorRank } from "./values.ts";

/** The largest document, its name included. */
const maxDocumentBytes = 1_048_576;
/** The largest string or bytes. */
const maxValueBytes = 1_048_487;
const maxFieldNameBytes = 1_500;
const maxDepth = 20;
/** What one commit changes at most: documents and index entries together. */
export const maxCommitBytes = 10 * 1024 * 1024;
/** What a document has in indexes, at most. */
const maxEntries = 40_000;
const maxEntriesBytes = 8 * 1024 * 1024;
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
function checkValue(value: Value, field: string, depth = 0): void {
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
  const sizeBytes = documentSize(name, fields);
  if (sizeBytes > maxDocumentBytes) {
    throw new FlError(
      "invalid-argument",
      `Document "${name}" has ${sizeBytes} bytes; at most ${maxDocumentBytes} are allowed.`,
    );
  }
}

/**
 * The bytes that a commit changes: each document as it becomes (as it was, where it is deleted), and each
 * index entry that is made or removed.
 * https://firebase.google.com/docs/firestore/manage-data/transactions#transaction_failure
 */
export function commitSize(before: Pick<DocumentView, "get">, changes: Changes, rules: IndexRules): number {
  let sizeBytes = 0;
  for (const [name, after] of changes) {
    const earlier = before.get(name);
    const document = after ?? earlier;
    if (document === undefined) continue; // Never there: nothing is deleted.
    const old = earlier === undefined ? new Map<string, number>() : indexEntries(earlier, rules);
    const made = after === null ? new Map<string, number>() : indexEntries(after, rules);
    if (after !== null) checkEntries(name, made);
    sizeBytes += documentSize(name, document.fields) + sum(made, old) + sum(old, made);
  }
  return sizeBytes;
}

/**
 * @throws FlError("invalid-argument") when it is larger than 10 MiB, or a document has too much in indexes.
 */
export function checkCommitSize(
  before: Pick<DocumentView, "get">,
  changes: Changes,
  rules: IndexRules,
): void {
  const sizeBytes = commitSize(before, changes, rules);
  if (sizeBytes <= maxCommitBytes) return;
  throw new FlError(
    "invalid-argument",
    `Transaction too big. Decrease transaction size. (${sizeBytes} bytes of documents and index entries; at most ${maxCommitBytes} are allowed.)`,
  );
}

function checkEntries(name: string, entries: ReadonlyMap<string, number>): void {
  const sizeBytes = sum(entries, new Map());
  if (entries.size <= maxEntries && sizeBytes <= maxEntriesBytes) return;
  throw new FlError(
    "invalid-argument",
    `Document "${name}" has ${entries.size} index entries of ${sizeBytes} bytes; at most ${maxEntries} of ${maxEntriesBytes} are allowed.`,
  );
}

function sum(entries: ReadonlyMap<string, number>, without: ReadonlyMap<string, number>): number {
  let sizeBytes = 0;
  for (const [entry, entryBytes] of entries) if (!without.has(entry)) sizeBytes += entryBytes;
  return sizeBytes;
}
