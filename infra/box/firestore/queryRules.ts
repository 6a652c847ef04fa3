// Which queries the database refuses: the rules of the documentation and of the official emulator, one
// function for each part. https://cloud.google.com/firestore/docs/query-data/queries#query_limitations
import { FlError } from "../../../shared/core/errors.ts";
import { documentId, parseFieldPath } from "./fieldPaths.ts";
import { inequalityFields, type LeafFilter, leavesOf } from "./filters.ts";
import type {
  Cursor,
  FieldFilter,
  FieldReference,
  Filter,
  StructuredQuery,
  UnaryFilter,
  Value,
} from "./messages.ts";
import { checkDocumentName, databaseOf, isReserved } from "./names.ts";
import { sizeOf } from "./sizes.ts";
import { elementsOf } from "./values.ts";

const maxDisjunctions = 30;
const maxNotIn = 10;
const maxInequalityFields = 10;
const maxParts = 100;
const maxOperandBytes = 1_500;

const unaryOperators: readonly UnaryFilter["op"][] = ["IS_NAN", "IS_NULL", "IS_NOT_NAN", "IS_NOT_NULL"];
const negativeOperators: readonly (FieldFilter["op"] | UnaryFilter["op"])[] = [
  "NOT_EQUAL",
  "NOT_IN",
  "IS_NOT_NAN",
  "IS_NOT_NULL",
];

/** @throws FlError("invalid-argument") naming the first rule that the query breaks */
export function checkQuery(parent: string, query: StructuredQuery): void {
  if (query.findNearest !== undefined)
    throw refused("asks for nearest neighbours, which this server does not find");
  if ((query.offset ?? 0) < 0) throw refused("has a negative offset");
  if ((query.limit?.value ?? 0) < 0) throw refused("has a negative limit");
  checkFrom(query);
  checkFilter(query.where);
  for (const leaf of leavesOf(query.where)) checkLeaf(leaf, parent);
  checkCombination(query.where);
  checkOrder(query);
  checkCursor(query, query.startAt);
  checkCursor(query, query.endAt);
  if (leavesOf(query.where).length + query.orderBy.length > maxParts) {
    throw refused(`has more than ${maxParts} filters and orders`);
  }
}

function checkFrom({ from, where, orderBy }: StructuredQuery): void {
  if (from.length > 1) throw refused("is from more than one collection");
  const collectionId = from[0]?.collectionId ?? "";
  if (isReserved(collectionId) || collectionId.includes("/")) {
    throw refused(`is from "${collectionId}", which is not the id of a collection`);
  }
  if (collectionId !== "") return;
  const isByName = leavesOf(where).every((leaf) => pathOf(fieldOf(leaf)) === documentId);
  const isInOrder = orderBy.every(
    ({ field, direction }) => pathOf(field) === documentId && direction !== "DESCENDING",
  );
  if (!isByName || !isInOrder)
    throw refused("is from any collection, and so can be filtered and ordered by name only");
}

function checkFilter(filter: Filter | undefined): void {
  if (filter === undefined) return;
  if (filter.filterType === undefined) throw refused("has a filter without a type");
  if (filter.filterType !== "compositeFilter") return;
  const { op, filters } = filter.compositeFilter;
  if (op !== "AND" && op !== "OR") throw refused("combines filters by something other than AND and OR");
  if (op === "OR" && filters.length === 0) throw refused("has an OR of no filters");
  for (const each of filters) checkFilter(each);
}

function checkLeaf(leaf: LeafFilter, parent: string): void {
  const name = pathOf(fieldOf(leaf));
  if (leaf.filterType === "unaryFilter") {
    if (!unaryOperators.includes(leaf.unaryFilter.op))
      throw refused(`has a filter on "${name}" without an operator`);
    if (name === documentId) throw refused("asks whether a document's name is null or a number");
    return;
  }
  const { op = "OPERATOR_UNSPECIFIED", value } = leaf.fieldFilter;
  if (op === "OPERATOR_UNSPECIFIED") throw refused(`has a filter on "${name}" without an operator`);
  if (value === undefined) throw refused(`has a filter on "${name}" without a value`);
  const isListed = op === "IN" || op === "NOT_IN" || op === "ARRAY_CONTAINS_ANY";
  if (isListed) {
    const count = value.valueType === "arrayValue" ? value.arrayValue.values.length : 0;
    const maxCount = op === "NOT_IN" ? maxNotIn : maxDisjunctions;
    if (count < 1 || count > maxCount)
      throw refused(`has ${op} on "${name}" with a list of other than 1 to ${maxCount}`);
  }
  const operands = isListed ? elementsOf(value) : [value];
  for (const operand of operands) checkOperand(operand, name);
  if (name !== documentId) return;
  if (op === "ARRAY_CONTAINS" || op === "ARRAY_CONTAINS_ANY")
    throw refused("asks what a document's name contains");
  for (const each of operands) {
    if (each.valueType !== "referenceValue" || databaseOf(each.referenceValue) !== databaseOf(parent)) {
      throw refused("compares a document's name with something else than a document of the same database");
    }
  }
}

function checkCombination(where: Filter | undefined): void {
  const operators = leavesOf(where).map((leaf) =>
    leaf.filterType === "fieldFilter" ? leaf.fieldFilter.op : leaf.unaryFilter.op,
  );
  if (operators.filter((op) => negativeOperators.includes(op)).length > 1) {
    throw refused("has more than one NOT_EQUAL, NOT_IN, IS_NOT_NAN or IS_NOT_NULL");
  }
  const hasOr = operators.includes("IN") || operators.includes("ARRAY_CONTAINS_ANY") || usesOr(where);
  if (operators.includes("NOT_IN") && hasOr)
    throw refused("has NOT_IN along with IN, ARRAY_CONTAINS_ANY or OR");
  if (arrayFilters(where) > 1) throw refused("has more than one array filter in a conjunction");
  const disjunctions = countDisjunctions(where);
  if (disjunctions > maxDisjunctions) {
    throw refused(`comes to ${disjunctions} disjunctions; at most ${maxDisjunctions} are allowed`);
  }
  if (inequalityFields(where).size > maxInequalityFields) {
    throw refused(`has inequalities on more than ${maxInequalityFields} fields`);
  }
}

function checkOrder({ orderBy }: StructuredQuery): void {
  const names = orderBy.map(({ field }) => pathOf(field));
  if (new Set(names).size < names.length) throw refused("is ordered by one field twice");
  if (names.slice(0, -1).includes(documentId))
    throw refused("is ordered by something after the document's name");
}

function checkCursor({ orderBy }: StructuredQuery, cursor: Cursor | undefined): void {
  if (cursor === undefined) return;
  if (cursor.values.length > orderBy.length) throw refused("has a cursor of more values than it has orders");
  for (const [i, value] of cursor.values.entries()) {
    const name = pathOf(orderBy[i]?.field);
    checkOperand(value, name);
    if (name === documentId && value.valueType !== "referenceValue") {
      throw refused("has a cursor at an invalid document name");
    }
  }
}

/**
 * A value to compare with: unlike a stored one, it may hold arrays in arrays, but only as much as an index
 * entry.
 */
function checkOperand(value: Value, name: string): void {
  checkTypes(value, name);
  const isTooLong = name !== documentId && sizeOf(value) > maxOperandBytes;
  if (isTooLong) throw refused(`compares "${name}" with more than ${maxOperandBytes} bytes`);
}

function checkTypes(value: Value, name: string): void {
  if (value.valueType === undefined) throw refused(`compares "${name}" with a value that has no type`);
  if (value.valueType === "referenceValue") checkDocumentName(value.referenceValue);
  if (value.valueType === "mapValue") {
    for (const element of Object.values(value.mapValue.fields)) checkTypes(element, name);
  }
  for (const element of elementsOf(value)) checkTypes(element, name);
}

/** How many alternatives the filter has, written as an OR of ANDs. */
function countDisjunctions(filter: Filter | undefined): number {
  if (filter?.filterType === "compositeFilter") {
    const counts = filter.compositeFilter.filters.map(countDisjunctions);
    return filter.compositeFilter.op === "OR"
      ? counts.reduce((sum, count) => sum + count, 0)
      : counts.reduce((product, count) => product * count, 1);
  }
  if (filter?.filterType !== "fieldFilter") return 1;
  const { op, value } = filter.fieldFilter;
  return op === "IN" || op === "ARRAY_CONTAINS_ANY" ? elementsOf(value).length : 1;
}

/** The largest number of array filters in one of the alternatives. */
function arrayFilters(filter: Filter | undefined): number {
  if (filter?.filterType === "compositeFilter") {
    const counts = filter.compositeFilter.filters.map(arrayFilters);
    return filter.compositeFilter.op === "OR"
      ? Math.max(...counts)
      : counts.reduce((sum, count) => sum + count, 0);
  }
  const op = filter?.filterType === "fieldFilter" ? filter.fieldFilter.op : undefined;
  return op === "ARRAY_CONTAINS" || op === "ARRAY_CONTAINS_ANY" ? 1 : 0;
}

function usesOr(filter: Filter | undefined): boolean {
  if (filter?.filterType !== "compositeFilter") return false;
  return filter.compositeFilter.op === "OR" || filter.compositeFilter.filters.some(usesOr);
}

function fieldOf(leaf: LeafFilter): FieldReference | undefined {
  return leaf.filterType === "fieldFilter" ? leaf.fieldFilter.field : leaf.unaryFilter.field;
}

/** The path as it is written, once it has been found to be one. */
function pathOf(field: FieldReference | undefined): string {
  const path = field?.fieldPath ?? "";
  if (path !== documentId && parseFieldPath(path).some(isReserved))
    throw refused(`names a reserved field in "${path}"`);
  return path;
}

function refused(why: string): FlError {
  return new FlError("invalid-argument", `The query ${why}.`);
}
