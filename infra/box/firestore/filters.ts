// The filters of a query, compiled to a predicate over documents.
import type { StoredDocument } from "./documents.ts";
import { documentId, parseFieldPath, valueAt } from "./fieldPaths.ts";
import type { FieldFilter, FieldOperator, Filter, UnaryFilter, Value } from "./messages.ts";
import {
  compareValues,
  elementsOf,
  equalValues,
  isNaNValue,
  nullValue,
  rankOf,
  reference,
} from "./values.ts";

type Predicate = (document: StoredDocument) => boolean;
type ValuePredicate = (value: Value) => boolean;

const orderings: readonly (FieldOperator | undefined)[] = [
  "LESS_THAN",
  "LESS_THAN_OR_EQUAL",
  "GREATER_THAN",
  "GREATER_THAN_OR_EQUAL",
  "NOT_EQUAL",
  "NOT_IN",
];

/** A document without the field passes no filter on it, not even a negative one. */
export function compileFilter(filter: Filter | undefined): Predicate {
  switch (filter?.filterType) {
    case "compositeFilter": {
      const parts = filter.compositeFilter.filters.map(compileFilter);
      return filter.compositeFilter.op === "OR"
        ? (document) => parts.some((part) => part(document))
        : (document) => parts.every((part) => part(document));
    }
    case "unaryFilter":
      return onField(filter.unaryFilter.field?.fieldPath, unaryPredicate(filter.unaryFilter));
    case "fieldFilter":
      return onField(filter.fieldFilter.field?.fieldPath, fieldPredicate(filter.fieldFilter));
    default:
      return () => true;
  }
}

/** The names of the fields whose order the filter depends on. */
export function inequalityFields(filter: Filter | undefined): Set<string> {
  return new Set(
    leavesOf(filter)
      .filter((leaf) =>
        leaf.filterType === "fieldFilter"
          ? orderings.includes(leaf.fieldFilter.op)
          : leaf.unaryFilter.op === "IS_NOT_NAN" || leaf.unaryFilter.op === "IS_NOT_NULL",
      )
      .map((leaf) =>
        leaf.filterType === "fieldFilter"
          ? leaf.fieldFilter.field?.fieldPath
          : leaf.unaryFilter.field?.fieldPath,
      )
      .map((path) => path ?? ""),
  );
}

export type LeafFilter = Exclude<Filter, { filterType?: undefined } | { filterType: "compositeFilter" }>;

/** The filters on single fields that a filter is made of. */
export function leavesOf(filter: Filter | undefined): readonly LeafFilter[] {
  switch (filter?.filterType) {
    case "compositeFilter":
      return filter.compositeFilter.filters.flatMap(leavesOf);
    case "fieldFilter":
    case "unaryFilter":
      return [filter];
    default:
      return [];
  }
}

function onField(name: string | undefined, holds: ValuePredicate): Predicate {
  if (name === documentId) return (document) => holds(reference(document.name));
  const path = parseFieldPath(name);
  return (document) => {
    const value = valueAt(document.fields, path);
    return value !== undefined && holds(value);
  };
}

function unaryPredicate({ op }: UnaryFilter): ValuePredicate {
  switch (op) {
    case "IS_NAN":
      return isNaNValue;
    case "IS_NULL":
      return isNull;
    case "IS_NOT_NAN":
      return (value) => !isNaNValue(value) && !isNull(value);
    default:
      return (value) => !isNull(value);
  }
}

function fieldPredicate({ op, value: operand = nullValue }: FieldFilter): ValuePredicate {
  const listed = elementsOf(operand);
  const isListed = isOneOf(listed.filter(isComparable));
  switch (op) {
    case "EQUAL":
      return (value) => equalValues(value, operand);
    case "NOT_EQUAL":
      return (value) => !isNull(value) && !isNull(operand) && !equalValues(value, operand);
    case "ARRAY_CONTAINS":
      return (value) => elementsOf(value).some((element) => equalValues(element, operand));
    case "IN":
      return isListed;
    case "NOT_IN":
      return listed.some(isNull) ? () => false : (value) => !isNull(value) && !isListed(value);
    case "ARRAY_CONTAINS_ANY":
      return (value) => elementsOf(value).some(isListed);
    case "LESS_THAN":
      return compared(operand, (order) => order < 0);
    case "LESS_THAN_OR_EQUAL":
      return compared(operand, (order) => order <= 0);
    case "GREATER_THAN":
      return compared(operand, (order) => order > 0);
    default:
      return compared(operand, (order) => order >= 0);
  }
}

function isOneOf(values: readonly Value[]): ValuePredicate {
  return (value) => values.some((each) => equalValues(value, each));
}

/** Only values of the operand's type are before or after it; null and NaN are neither. */
function compared(operand: Value, holds: (order: number) => boolean): ValuePredicate {
  return (value) =>
    rankOf(value) === rankOf(operand) &&
    isComparable(value) &&
    isComparable(operand) &&
    holds(compareValues(value, operand));
}

function isNull(value: Value): boolean {
  return value.valueType === "nullValue";
}

/** Neither null nor NaN is before or after anything; listed for `in` and its like, they are passed over. */
function isComparable(value: Value): boolean {
  return !isNull(value) && !isNaNValue(value);
}
