// Count, sum and average over the results of a query.
import { FlError } from "../../../shared/core/errors.ts";
import type { StoredDocument } from "./documents.ts";
import { type FieldPath, parseFieldPath, valueAt } from "./fieldPaths.ts";
import type { Aggregation, FieldReference, Fields, NumberValue, Value } from "./messages.ts";
import { isReserved } from "./names.ts";
import { double, integer, isNumber, nullValue } from "./values.ts";

const maxAggregations = 5;

/**
 * Checks the aggregations and returns what computes them all, by alias (`field_1`, … for those without one).
 *
 * @throws FlError("invalid-argument") when there are none, too many, two of one alias, or one without an
 *   operator
 */
export function prepareAggregations(
  aggregations: readonly Aggregation[],
): (documents: readonly StoredDocument[]) => Fields {
  if (aggregations.length === 0 || aggregations.length > maxAggregations) {
    throw new FlError("invalid-argument", `A query has 1 to ${maxAggregations} aggregations.`);
  }
  let unnamed = 0;
  const byAlias = new Map(
    aggregations.map((each) => [each.alias || `field_${++unnamed}`, prepareAggregation(each)] as const),
  );
  if (byAlias.size < aggregations.length) {
    throw new FlError("invalid-argument", "Two aggregations have the same alias.");
  }
  return (documents) =>
    Object.fromEntries([...byAlias].map(([alias, compute]) => [alias, compute(documents)] as const));
}

/**
 * The fields that are summed or averaged; a document that lacks one of them is not aggregated over, nor
 * counted.
 */
export function aggregatedFields(aggregations: readonly Aggregation[]): readonly FieldPath[] {
  return aggregations
    .filter((each) => each.operator === "sum" || each.operator === "avg")
    .map((each) => pathOf(each.operator === "sum" ? each.sum.field : each.avg.field));
}

function prepareAggregation(aggregation: Aggregation): (documents: readonly StoredDocument[]) => Value {
  switch (aggregation.operator) {
    case "count": {
      const upTo = Number(aggregation.count.upTo?.value ?? Number.POSITIVE_INFINITY);
      return (documents) => integer(Math.min(documents.length, upTo));
    }
    case "sum": {
      const numbers = prepareNumbers(aggregation.sum.field);
      return (documents) => sum(numbers(documents));
    }
    case "avg": {
      const numbers = prepareNumbers(aggregation.avg.field);
      return (documents) => average(numbers(documents));
    }
    default:
      throw new FlError("invalid-argument", "An aggregation is neither count, sum nor average.");
  }
}

function pathOf(field: FieldReference | undefined): FieldPath {
  const path = parseFieldPath(field?.fieldPath);
  if (path.some(isReserved)) {
    throw new FlError("invalid-argument", `"${field?.fieldPath}" cannot be aggregated over.`);
  }
  return path;
}

/** What is not a number counts for nothing. */
function prepareNumbers(
  field: FieldReference | undefined,
): (documents: readonly StoredDocument[]) => readonly NumberValue[] {
  const path = pathOf(field);
  return (documents) =>
    documents
      .map((document) => valueAt(document.fields, path))
      .filter((value) => value !== undefined && isNumber(value));
}

/** An integer as long as all are integers and the sum fits 64 bits. */
function sum(numbers: readonly NumberValue[]): Value {
  if (numbers.every((each) => each.valueType === "integerValue")) {
    const exact = numbers.reduce((total, each) => total + BigInt(each.integerValue), 0n);
    return BigInt.asIntN(64, exact) === exact ? integer(exact) : double(Number(exact));
  }
  return double(total(numbers));
}

function average(numbers: readonly NumberValue[]): Value {
  return numbers.length === 0 ? nullValue : double(total(numbers) / numbers.length);
}

function total(numbers: readonly NumberValue[]): number {
  return numbers.reduce(
    (sumSoFar, each) =>
      sumSoFar + (each.valueType === "integerValue" ? Number(each.integerValue) : each.doubleValue),
    0,
  );
}
