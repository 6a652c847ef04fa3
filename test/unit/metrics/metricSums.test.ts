// Metrics against what Keras and scikit-learn compute (test/vectors/metrics.py), and at their edges.
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MAX_AUC_OUTPUTS } from "../../../shared/core/metrics/auc.ts";
import { metricSums, needOutputs } from "../../../shared/core/metrics/metricSums.ts";
import type { Loss } from "../../../shared/core/schemas/loss.ts";

interface Case {
  readonly loss: Loss;
  readonly width: number;
  readonly labels: readonly number[];
  readonly outputs: readonly number[];
  readonly metrics: Readonly<Record<string, number>>;
  readonly confusion?: readonly (readonly number[])[];
  readonly byClass?: Readonly<Record<"precision" | "recall" | "f1" | "support", readonly number[]>>;
  readonly kerasF1?: number;
}
const { cases } = JSON.parse(
  readFileSync(new URL("../../vectors/metrics.json", import.meta.url), "utf8"),
) as { cases: readonly Case[] };

const SPARSE = "sparseCategoricalCrossentropy";
const BINARY = "binaryCrossentropy";
const SQUARED = "meanSquaredError";

function computed(
  metrics: readonly string[],
  loss: Loss,
  width: number,
  labels: readonly number[],
  outputs: readonly number[],
) {
  const sums = metricSums(metrics, loss);
  sums.add({ labels: Float32Array.from(labels), outputs: Float32Array.from(outputs), width });
  return sums.result();
}

describe.each(cases)("$loss with $width outputs", ({ loss, width, labels, outputs, ...expected }) => {
  const names = Object.keys(expected.metrics);
  const { metrics, details } = computed(names, loss, width, labels, outputs);

  it.each(names)("%s", (name) => {
    expect(metrics[name]).toBeCloseTo(expected.metrics[name] ?? Number.NaN, 6);
  });

  it("by class", () => {
    if (expected.confusion !== undefined) expect(details?.confusion).toEqual(expected.confusion);
    for (const [name, values] of Object.entries(expected.byClass ?? {})) {
      const own = details?.classes.map((scores) => scores[name as "f1"] ?? 0);
      expect(own?.map((value) => value.toFixed(9))).toEqual(values.map((value) => value.toFixed(9)));
    }
    if (expected.kerasF1 !== undefined) expect(metrics["f1"]).toBeCloseTo(expected.kerasF1, 6);
    expect(details === null).toBe(loss === SQUARED);
  });

  it("however the rows fall into batches", () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 17 }), { minLength: 1, maxLength: 10 });
    const labelsEach = labels.length / (outputs.length / width);
    fc.assert(
      fc.property(sizes, (batches) => {
        const sums = metricSums(names, loss);
        for (let row = 0, i = 0; row < outputs.length / width; i++) {
          const end = Math.min(row + (batches[i % batches.length] ?? 1), outputs.length / width);
          sums.add({
            labels: labels.slice(row * labelsEach, end * labelsEach),
            outputs: outputs.slice(row * width, end * width).map(Math.fround),
            width,
          });
          row = end;
        }
        const again = sums.result();
        expect(again.details).toEqual(details);
        for (const name of names) expect(again.metrics[name]).toBeCloseTo(metrics[name] ?? Number.NaN, 9);
      }),
      { numRuns: 10 },
    );
  });
});

describe("what is not defined for the data", () => {
  it("is left out: nothing was added", () => {
    for (const loss of [SPARSE, BINARY, SQUARED] as const) {
      const all = ["binaryAccuracy", "f1", "auc", "r2", "top5Accuracy", "meanAbsoluteError"];
      expect(metricSums(all, loss).result()).toEqual({ metrics: {}, details: null });
    }
  });

  it("is left out: auc where all rows are of one class", () => {
    expect(computed(["auc", "recall"], BINARY, 1, [1, 1], [0.2, 0.9]).metrics).toEqual({ recall: 0.5 });
  });

  it("is left out: r2 of targets that do not differ, also where they are large", () => {
    const { metrics } = computed(["r2", "meanAbsoluteError"], SQUARED, 1, [1e7, 1e7, 1e7], [0, 1, 2]);
    expect(Object.keys(metrics)).toEqual(["meanAbsoluteError"]);
  });

  it("does not count: a class that occurs neither in labels nor in predictions", () => {
    const { metrics, details } = computed(["f1", "precision"], SPARSE, 3, [0, 1], [1, 0, 0, 0, 1, 0]);
    expect(metrics).toEqual({ f1: 1, precision: 1 });
    expect(details?.classes[2]).toEqual({ precision: null, recall: null, f1: null, auc: null, support: 0 });
  });

  it("counts as 0: the precision of a class that was never predicted, and is there", () => {
    expect(computed(["precision"], SPARSE, 2, [0, 1], [1, 0, 1, 0]).metrics).toEqual({ precision: 0.25 });
  });
});

describe("edges", () => {
  it("an output of exactly 0.5 means no, as in Keras; for hinge one of exactly 0", () => {
    expect(computed(["recall"], BINARY, 1, [1, 1], [0.5, 0.51]).metrics).toEqual({ recall: 0.5 });
    expect(computed(["recall"], "hinge", 1, [1, 1, -1], [0, 0.01, 3]).metrics).toEqual({ recall: 0.5 });
  });

  it("the share of single outputs that are right has no details, and comes beside those that have", () => {
    const [labels, outputs] = [
      [1, 0, 1, 1],
      [0.9, 0.2, 0.5, 0.6],
    ];
    expect(computed(["binaryAccuracy"], BINARY, 2, labels, outputs)).toEqual({
      metrics: { binaryAccuracy: 0.75 },
      details: null,
    });
    const both = computed(["binaryAccuracy", "recall"], "hinge", 1, [1, -1, -1], [0.1, 0, 3]);
    expect(both.metrics).toEqual({ binaryAccuracy: 2 / 3, recall: 1 });
    expect(both.details?.classes).toHaveLength(1);
  });

  it("outputs beyond 0 and 1 count as those for auc", () => {
    expect(computed(["auc"], BINARY, 1, [1, 0], [7, -7]).metrics).toEqual({ auc: 1 });
    expect(computed(["auc"], BINARY, 1, [1, 0], [1, 1]).metrics).toEqual({ auc: 0.5 });
  });

  it("of equal outputs the first is the guess, and all of them are among the first k", () => {
    const { metrics } = computed(["recall", "top1Accuracy"], SPARSE, 2, [0, 1], [0.5, 0.5, 0.5, 0.5]);
    expect(metrics).toEqual({ recall: 0.5, top1Accuracy: 1 });
  });

  it("an output that is not a number is never among the first k", () => {
    expect(computed(["top2Accuracy"], SPARSE, 2, [0], [Number.NaN, 1]).metrics).toEqual({ top2Accuracy: 0 });
  });

  it("more classes than outputs to choose from are all among the first k", () => {
    expect(computed(["top9Accuracy"], SPARSE, 2, [0], [0, 1]).metrics).toEqual({ top9Accuracy: 1 });
  });

  it("keeps no confusion matrix of more than 100 classes, and no curves of more than 1,000", () => {
    const row = (width: number) => Array.from({ length: width }, (_, i) => i / width);
    expect(computed(["f1"], SPARSE, 100, [99], row(100)).details?.confusion).toHaveLength(100);
    expect(computed(["f1"], SPARSE, 101, [99], row(101)).details?.confusion).toBeNull();
    expect(() => computed(["auc"], SPARSE, MAX_AUC_OUTPUTS, [1], row(MAX_AUC_OUTPUTS))).not.toThrow();
    expect(() => computed(["auc"], SPARSE, MAX_AUC_OUTPUTS + 1, [1], row(MAX_AUC_OUTPUTS + 1))).toThrow(
      /at most 1000 outputs, and the model has 1001: leave it out/,
    );
  });

  it("only metrics of single outputs need them", () => {
    expect(needOutputs(["loss", "accuracy", "perplexity"])).toBe(false);
    expect(needOutputs(["loss", "top5Accuracy"])).toBe(true);
  });
});
