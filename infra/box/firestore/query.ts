// Running a structured query over a view: filter, order, cursors, offset and limit, as the database does.
import { FlError } from "../../../shared/core/errors.ts";
import type { DocumentView, Scope, StoredDocument } from "./documents.ts";
import { documentId, type FieldPath, parseFieldPath, valueAt } from "./fieldPaths.ts";
import { compileFilter, inequalityFields } from "./filters.ts";
import type { Cursor, StructuredQuery, Value } from "./messages.ts";
import { checkQuery } from "./queryRules.ts";
import { compareValues, reference } from "./values.ts";

/** A query that was found valid, ready to be run any number of times. */
export interface PreparedQuery {
  readonly scope: Scope;
  /** The results in order; those that `offset` passes over are not among them. */
  run(view: DocumentView): readonly StoredDocument[];
}

interface SortKey {
  readonly name: string;
  readonly path: FieldPath;
  readonly sign: 1 | -1;
}

interface Row {
  readonly document: StoredDocument;
  readonly keys: readonly Value[];
}

/**
 * Checks and compiles a query.
 *
 * @param parent    the document, or `…/documents`, below which it looks
 * @param required  fields that a result must have besides those that the query names
 * @throws FlError("invalid-argument") when the database refuses such a query
 */
export function prepareQuery(parent: string, query: StructuredQuery | undefined): PreparedQuery {
  if (query === undefined) throw new FlError("invalid-argument", "The request has no query.");
  checkQuery(parent, query);
  const [from] = query.from;
  const scope: Scope = {
    parent,
    collectionId: from?.collectionId ?? "",
    allDescendants: from?.allDescendants ?? false,
  };
  const passes = compileFilter(query.where);
  const order = sortKeys(query);
  const { startAt, endAt, offset = 0 } = query;
  const limit = query.limit === undefined ? Number.POSITIVE_INFINITY : (query.limit.value ?? 0);

  return {
    scope,
    run(view) {
      const rows: Row[] = [];
      for (const document of view.inScope(scope)) {
        const keys = passes(document) ? keysOf(document, order) : undefined;
        if (keys !== undefined && isWithin(keys, order, startAt, endAt)) rows.push({ document, keys });
      }
      rows.sort((a, b) => compareKeys(a.keys, b.keys, order));
      return rows.slice(offset, offset + limit).map((row) => row.document);
    },
  };
}

/** The value of a field of a document, its name included. */
function fieldOf(document: StoredDocument, name: string, path: FieldPath): Value | undefined {
  return name === documentId ? reference(document.name) : valueAt(document.fields, path);
}

/**
 * The order asked for, then by the other fields with an inequality, then by name: the last direction holds
 * for those.
 */
function sortKeys(query: StructuredQuery): readonly SortKey[] {
  const asked = query.orderBy.map(({ field, direction }) => ({
    name: field?.fieldPath ?? "",
    sign: direction === "DESCENDING" ? (-1 as const) : (1 as const),
  }));
  const lastSign = asked.at(-1)?.sign ?? 1;
  const names = new Set(asked.map(({ name }) => name));
  const implied = [...inequalityFields(query.where)]
    .filter((name) => name !== documentId && !names.has(name))
    .sort();
  if (!names.has(documentId)) implied.push(documentId);
  return [...asked, ...implied.map((name) => ({ name, sign: lastSign }))].map(({ name, sign }) => ({
    name,
    sign,
    path: parseFieldPath(name),
  }));
}

/** Undefined when the document lacks a field to sort by: such a document is no result. */
function keysOf(document: StoredDocument, order: readonly SortKey[]): readonly Value[] | undefined {
  const keys: Value[] = [];
  for (const { name, path } of order) {
    const value = fieldOf(document, name, path);
    if (value === undefined) return undefined;
    keys.push(value);
  }
  return keys;
}

function isWithin(
  keys: readonly Value[],
  order: readonly SortKey[],
  startAt: Cursor | undefined,
  endAt: Cursor | undefined,
): boolean {
  if (startAt !== undefined) {
    const place = compareKeys(keys, startAt.values, order);
    if (place < 0 || (place === 0 && startAt.before !== true)) return false;
  }
  if (endAt === undefined) return true;
  const place = compareKeys(keys, endAt.values, order);
  return place < 0 || (place === 0 && endAt.before !== true);
}

/** Compares as far as the shorter goes, for a cursor may give only the first values. */
function compareKeys(a: readonly Value[], b: readonly Value[], order: readonly SortKey[]): number {
  for (const [i, { sign }] of order.entries()) {
    const [x, y] = [a[i], b[i]];
    if (x === undefined || y === undefined) return 0;
    const place = compareValues(x, y) * sign;
    if (place !== 0) return place;
  }
  return 0;
}
