// Which indexes a database has, the entries that a document has in them with their sizes, and which queries
// they can answer. https://firebase.google.com/docs/firestore/query-data/index-overview and
// https://firebase.google.com/docs/firestore/storage-size
import { FlError } from "../../../shared/core/errors.ts";
import type { StoredDocument } from "./documents.ts";
import { documentId, parseFieldPath, valueAt } from "./fieldPaths.ts";
import { leavesOf } from "./filters.ts";
import type { Fields, StructuredQuery, Value } from "./messages.ts";
import { idsOf } from "./names.ts";
import { nameSize, sizeOf } from "./sizes.ts";

export interface CompositeIndex {
  readonly collectionId: string;
  readonly scope: "COLLECTION" | "COLLECTION_GROUP";
  readonly fields: readonly string[];
}

export interface IndexRules {
  /**
   * By collection id: top-level fields without the indexes that every field has by itself, nor has anything
   * in them.
   */
  readonly unindexed: Readonly<Record<string, readonly string[]>>;
  readonly composite: readonly CompositeIndex[];
}

/** A database with default settings: every field has its indexes. */
export const automaticIndexes: IndexRules = { unindexed: {}, composite: [] };

/** Of an indexed value, as much as an index keeps. */
const indexedBytes = 1_500;
const singleFieldBytes = 32;
const compositeBytes = 32;

/** The size of each entry of a document, by the index and the value that it stands for. */
export function indexEntries(
  { name, fields }: Pick<StoredDocument, "name" | "fields">,
  rules: IndexRules,
): ReadonlyMap<string, number> {
  const ids = idsOf(name);
  const collectionId = ids.at(-2) ?? "";
  const parent = nameSize(ids.slice(0, -2));
  const own = nameSize(ids);
  const entries = new Map<string, number>();
  const skipped = new Set(rules.unindexed[collectionId]);
  const add = (index: string, value: Value, sizeBytes: number) =>
    entries.set(`${index} ${valueKey(value)}`, sizeBytes);
  const visit = (within: Fields, prefix: string) => {
    for (const [field, value] of Object.entries(within)) {
      if (prefix === "" && skipped.has(field)) continue;
      const path = `${prefix}${field}`;
      const common = own + parent + Buffer.byteLength(path) + 1 + singleFieldBytes;
      if (value.valueType === "mapValue") visit(value.mapValue.fields, `${path}.`);
      else if (value.valueType === "arrayValue") {
        for (const element of value.arrayValue.values)
          add(`${path} contains`, element, common + kept(element));
      } else {
        add(`${path} ascending`, value, common + kept(value));
        add(`${path} descending`, value, common + kept(value));
      }
    }
  };
  visit(fields, "");
  for (const index of rules.composite) {
    if (index.collectionId !== collectionId) continue;
    const values = index.fields.map((field) => valueAt(fields, parseFieldPath(field)));
    // A document that lacks a field is not in the index.
    if (!values.every((value) => value !== undefined)) continue;
    const scope = index.scope === "COLLECTION" ? parent : 0;
    const sizeBytes = own + scope + values.reduce((sum, value) => sum + kept(value), 0) + compositeBytes;
    entries.set(`${index.scope} ${index.fields.join()} ${values.map(valueKey).join()}`, sizeBytes);
  }
  return entries;
}

function kept(value: Value): number {
  return Math.min(sizeOf(value), indexedBytes);
}

/** Tells two indexed values apart. */
function valueKey(value: Value): string {
  if (value.valueType === "bytesValue") return value.bytesValue.toString("base64", 0, indexedBytes);
  if (value.valueType === "stringValue") return value.stringValue.slice(0, indexedBytes);
  return JSON.stringify(value);
}

/**
 * Refuses a query on a field that has no index: the database reads nothing but indexes. Which fields a
 * composite index has to list beside others is not looked at.
 *
 * @throws FlError("failed-precondition") naming the field
 */
export function checkIndexed(query: StructuredQuery | undefined, rules: IndexRules): void {
  const [from] = query?.from ?? [];
  const collectionId = from?.collectionId ?? "";
  const unindexed = rules.unindexed[collectionId];
  if (query === undefined || unindexed === undefined) return;
  const isGroup = from?.allDescendants === true;
  const fields = new Set(
    [
      ...leavesOf(query.where).map((leaf) =>
        leaf.filterType === "fieldFilter" ? leaf.fieldFilter.field : leaf.unaryFilter.field,
      ),
      ...query.orderBy.map(({ field }) => field),
    ].map((field) => field?.fieldPath ?? ""),
  );
  fields.delete(documentId);
  const composed = rules.composite.some(
    (index) =>
      index.collectionId === collectionId &&
      (index.scope === "COLLECTION_GROUP") === isGroup &&
      [...fields].every((field) => index.fields.includes(field)),
  );
  if (composed) return;
  for (const field of fields) {
    // Of themselves fields are indexed within each collection, not over all of one id.
    if (!isGroup && !unindexed.includes(parseFieldPath(field)[0] ?? "")) continue;
    throw new FlError(
      "failed-precondition",
      `The query requires an index: ${isGroup ? "collection group" : "collection"} ${collectionId}, field ${field}.`,
    );
  }
}
