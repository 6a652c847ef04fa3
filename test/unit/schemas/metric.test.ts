// Metrics and targets of a spec: what could never be met is refused when the run is created.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  BUILTIN_METRICS,
  compareScores,
  directionOf,
  isBuiltinMetric,
  Metrics,
  metricIn,
  metricOf,
  topOf,
  writtenMetric,
} from "../../../shared/core/schemas/metric.ts";
import { RunSpec } from "../../../shared/core/schemas/spec.ts";

const parse = (loss: string, metric: string | undefined, stop: object) =>
  RunSpec.safeParse({
    name: "n",
    model: { builtin: "tiny-mlp" },
    selection: { strategy: "random", cohortSize: 1 },
    training: { loss },
    ...(metric === undefined ? {} : { evaluation: { metric } }),
    stop,
  });
const [classes, numbers] = ["sparseCategoricalCrossentropy", "meanSquaredError"];

describe("a spec's metric", () => {
  it.each([
    [classes, undefined, {}, "accuracy"],
    [classes, undefined, { targetAccuracy: 0.9 }, "accuracy"],
    [classes, "accuracy", { targetAccuracy: 0.9 }, "accuracy"],
    [classes, "loss", { targetLoss: 0.1 }, "loss"],
    ["binaryCrossentropy", undefined, { targetAccuracy: 1 }, "accuracy"],
    [numbers, undefined, { targetLoss: 0.1 }, "loss"],
    [numbers, "loss", {}, "loss"],
    [classes, "f1", {}, "f1"],
    [classes, "top_3_accuracy", {}, "top3Accuracy"],
    [classes, undefined, { target: { metric: "F1Score", value: 0.9 } }, "f1"],
    [numbers, undefined, { target: { metric: "mae", value: 2 } }, "meanAbsoluteError"],
  ])("%s, metric %s, stop %j: %s", (loss, metric, stop, chosen) => {
    const parsed = parse(loss, metric, stop);
    expect(parsed.error).toBeUndefined();
    if (parsed.success) expect(metricOf(parsed.data)).toBe(chosen);
  });

  it.each([
    [numbers, undefined, { targetAccuracy: 0.9 }, "stop.targetAccuracy", /no accuracy; use stop\.targetLoss/],
    [numbers, "accuracy", {}, "evaluation.metric", /must be loss/],
    [classes, "loss", { targetAccuracy: 0.9 }, "stop.targetAccuracy", /metric is loss/],
    [classes, undefined, { targetLoss: 0.1 }, "stop.targetLoss", /"metric": "loss"/],
    [classes, "loss", { targetLoss: 0 }, "stop.targetLoss", /./],
    [
      classes,
      "acuracy",
      {},
      "evaluation.metric",
      /"acuracy" is not built in, there are loss, accuracy, binaryAccuracy, auc/,
    ],
    [classes, "constructor", {}, "evaluation.metric", /not built in/],
    [classes, "r2", {}, "evaluation.metric", /with sparse\w+ there is no r2; leave it out/],
    [classes, "binary_accuracy", {}, "evaluation.metric", /with sparse\w+ there is no binaryAccuracy/],
    [numbers, "top5Accuracy", {}, "evaluation.metric", /no top5Accuracy/],
    [classes, undefined, { target: { metric: "mse", value: 1 } }, "stop.target.metric", /not built in/],
    [classes, "f1", { targetAccuracy: 0.9 }, "stop.targetAccuracy", /metric is f1; use stop\.target$/],
    [classes, "f1", { target: { metric: "auc", value: 0.9 } }, "stop.target.metric", /must be f1/],
    [
      classes,
      undefined,
      { targetAccuracy: 0.9, target: { metric: "f1", value: 0.9 } },
      "stop.targetAccuracy",
      /metric is f1/,
    ],
  ])("%s, metric %s, stop %j is refused", (loss, metric, stop, path, message) => {
    const issues = parse(loss, metric, stop).error?.issues ?? [];
    expect(issues.map((issue) => issue.path.join("."))).toEqual([path]);
    expect(issues[0]?.message).toMatch(message);
  });
});

describe("metrics by name", () => {
  it("are read in each of Keras' spellings", () => {
    const written = ["mean_absolute_error", "MeanAbsoluteError", "MAE", "RMSE", "r2_score", "AUC", "acc"];
    expect(written.map(writtenMetric)).toEqual([
      ...Array(3).fill("meanAbsoluteError"),
      ...["rootMeanSquaredError", "r2", "auc", "accuracy"],
    ]);
    expect(["binary_accuracy", "BinaryAccuracy"].map(writtenMetric)).toEqual(Array(2).fill("binaryAccuracy"));
    expect(writtenMetric("top_5_categorical_accuracy")).toBe("top5Accuracy");
    expect([7, null, "mine", "constructor"].map(writtenMetric)).toEqual([7, null, "mine", "constructor"]);
  });

  it("are what they are written as, for all built-in ones", () => {
    for (const name of [...BUILTIN_METRICS, "top5Accuracy", "top9999Accuracy"]) {
      expect(writtenMetric(name)).toBe(name);
      expect(isBuiltinMetric(name)).toBe(true);
    }
    expect(["top0Accuracy", "top05Accuracy", "top10000Accuracy", "top-1Accuracy"].map(topOf)).toEqual(
      Array(4).fill(null),
    );
  });

  it("are found only where they are, and kept to their bounds", () => {
    expect(metricIn({}, "constructor")).toBeNull();
    expect(metricIn({ constructor: 3 } as unknown as Metrics, "constructor")).toBe(3);
    const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`m${i}`, i]));
    expect(Metrics.safeParse(many(32)).success).toBe(true);
    expect(Metrics.safeParse(many(33)).success).toBe(false);
    const hostile = JSON.parse('{ "__proto__": 1 }');
    expect(Metrics.safeParse(hostile).data ?? {}).not.toHaveProperty("__proto__", 1);
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, "1", null]) {
      expect(Metrics.safeParse({ m: value }).success).toBe(false);
    }
  });

  it("one of an own trainer is better in the direction that the spec says", () => {
    const of = (direction: "higher" | "lower") =>
      directionOf({
        training: { loss: "hinge" },
        evaluation: { metric: "regret", direction },
      });
    expect([of("higher"), of("lower")]).toEqual(["higher", "lower"]);
  });
});

describe("compareScores", () => {
  const score = (loss: number | null, metrics: Record<string, number> = {}) => ({
    accuracy: null,
    loss,
    metrics,
  });

  it("takes more, or less, by the metric; then the lower loss; and a score without the metric last", () => {
    expect(compareScores(score(9, { f1: 0.9 }), score(1, { f1: 0.8 }), "f1", "higher")).toBe(-1);
    const lower = compareScores(score(9, { rmse: 3 }), score(1, { rmse: 2 }), "rmse", "lower");
    expect(lower).toBe(1);
    expect(compareScores(score(2, { f1: 0.9 }), score(1, { f1: 0.9 + 1e-12 }), "f1", "higher")).toBe(1);
    expect(compareScores(score(0), score(1, { f1: -5 }), "f1", "higher")).toBe(1);
    expect(compareScores(score(0), score(1, { rmse: 1e300 }), "rmse", "lower")).toBe(1);
    expect(compareScores(score(0), score(0), "rmse", "lower")).toBe(0);
  });

  it("does not depend on the order of the two", () => {
    const any = fc.record({
      accuracy: fc.option(fc.double({ min: 0, max: 1, noNaN: true })),
      loss: fc.option(fc.double({ min: 0, max: 10, noNaN: true })),
      metrics: fc.option(fc.record({ f1: fc.double({ min: 0, max: 1, noNaN: true }) }), { nil: undefined }),
    });
    const metric = fc.constantFrom("accuracy", "loss", "f1", "constructor");
    fc.assert(
      fc.property(any, any, metric, fc.constantFrom("higher", "lower"), (a, b, name, direction) => {
        expect(compareScores(a, b, name, direction)).toBe(-compareScores(b, a, name, direction) + 0);
      }),
    );
  });
});
