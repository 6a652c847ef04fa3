// Metrics of models whose outputs each say yes or no: of the one output's yes, or the plain mean over several
// outputs.
import type { Loss } from "../schemas/loss.ts";
import { type RocSums, rocSums } from "./auc.ts";
import { classScores, macro } from "./macro.ts";
import type { MetricSums } from "./predictions.ts";

/** Outputs above it mean yes: probabilities for cross-entropy, and distances for hinge. */
const thresholdOf = (loss: Loss) => (loss === "hinge" ? 0 : 0.5);

export function binaryMetrics(asked: ReadonlySet<string>, loss: Loss): MetricSums {
  const threshold = thresholdOf(loss);
  const needsCurve = asked.has("auc");
  const needsClasses = needsCurve || ["precision", "recall", "f1"].some((metric) => asked.has(metric));
  const isAsked = needsClasses || asked.has("binaryAccuracy");
  let [right, count] = [0, 0];
  let sums: Sums | null = null;
  return {
    add: ({ labels, outputs, width }) => {
      if (!isAsked) return;
      sums ??= sumsFor(width, needsCurve);
      const { hits, predicted, actual, roc } = sums;
      for (let i = 0; i < outputs.length; i++) {
        const output = i % width;
        const score = outputs[i] ?? 0;
        const isYes = (labels[i] ?? 0) > threshold;
        const saysYes = score > threshold;
        if (isYes) actual[output] = (actual[output] ?? 0) + 1;
        if (saysYes) predicted[output] = (predicted[output] ?? 0) + 1;
        if (isYes && saysYes) hits[output] = (hits[output] ?? 0) + 1;
        if (isYes === saysYes) right++;
        roc?.add(output, score, isYes);
      }
      count += outputs.length;
    },
    result: () => {
      if (sums === null) return { metrics: {}, details: null };
      const classes = classScores(sums, sums.roc === null ? null : sums.roc.area);
      const shares = asked.has("binaryAccuracy") ? { binaryAccuracy: right / count } : {};
      return {
        metrics: { ...shares, ...macro(classes, asked) },
        details: needsClasses ? { classes, confusion: null } : null,
      };
    },
  };
}

interface Sums {
  readonly hits: Float64Array;
  readonly predicted: Float64Array;
  readonly actual: Float64Array;
  readonly roc: RocSums | null;
}

function sumsFor(width: number, wantsAuc: boolean): Sums {
  return {
    hits: new Float64Array(width),
    predicted: new Float64Array(width),
    actual: new Float64Array(width),
    roc: wantsAuc ? rocSums(width) : null,
  };
}
