// Metrics of models that predict numbers.
import type { Metrics } from "../schemas/metric.ts";
import type { MetricSums } from "./predictions.ts";

export function numberMetrics(asked: ReadonlySet<string>): MetricSums {
  let [count, absolute, squared] = [0, 0, 0];
  let columns: readonly Column[] = [];
  return {
    add: ({ labels, outputs, width }) => {
      if (columns.length === 0) {
        columns = Array.from({ length: width }, (_, i) => newColumn(labels[i] ?? 0));
      }
      for (let i = 0; i < outputs.length; i++) {
        const label = labels[i] ?? 0;
        const error = (outputs[i] ?? 0) - label;
        absolute += Math.abs(error);
        squared += error * error;
        const column = columns[i % width];
        if (column === undefined) continue;
        const shifted = label - column.origin;
        column.count++;
        column.sum += shifted;
        column.squares += shifted * shifted;
        column.residual += error * error;
      }
      count += outputs.length;
    },
    result: () => {
      if (count === 0) return { metrics: {}, details: null };
      const all: readonly (readonly [string, number | null])[] = [
        ["meanAbsoluteError", absolute / count],
        ["rootMeanSquaredError", Math.sqrt(squared / count)],
        ["r2", r2(columns)],
      ];
      const metrics: Metrics = Object.fromEntries(
        all.flatMap(([name, value]) =>
          asked.has(name) && value !== null && Number.isFinite(value) ? [[name, value]] : [],
        ),
      );
      return { metrics, details: null };
    },
  };
}

/** Sums of one output's targets, less one of them: so that a large mean does not drown their spread. */
interface Column {
  readonly origin: number;
  count: number;
  sum: number;
  squares: number;
  residual: number;
}

function newColumn(origin: number): Column {
  return { origin, count: 0, sum: 0, squares: 0, residual: 0 };
}

/**
 * The coefficient of determination, the plain mean over outputs whose targets differ (r2_score of
 * scikit-learn, R2Score of Keras). Null where no output's do: there is nothing to explain.
 */
function r2(columns: readonly Column[]): number | null {
  const each = columns.flatMap(({ count, sum, squares, residual }) => {
    const variation = squares - (sum * sum) / count;
    return variation > 0 ? 1 - residual / variation : [];
  });
  return each.length === 0 ? null : each.reduce((sum, value) => sum + value, 0) / each.length;
}
