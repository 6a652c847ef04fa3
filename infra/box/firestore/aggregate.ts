// Counts the results of a query.
import { FlError } from "../../../shared/core/errors.ts";
import type { StoredDocument } from "./documents.ts";
import type { Aggregation, Fields, Value } from "./messages.ts";
import { integer } from "./values.ts";

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

function prepareAggregation(aggregation: Aggregation): (documents: readonly StoredDocument[]) => Value {
  switch (aggregation.operator) {
    case "count": {
      const upTo = Number(aggregation.count.upTo?.value ?? Number.POSITIVE_INFINITY);
      return (documents) => integer(Math.min(documents.length, upTo));
    }
    case "sum":
    case "avg":
      throw new FlError(
        "invalid-argument",
        "The embedded server counts, and neither sums nor averages: read the documents, or use the official emulator.",
      );
    default:
      throw new FlError("invalid-argument", "An aggregation must be a count.");
  }
}
