// What is said of a test set before it is read, and which of its samples show whether it fits.
import { describe, expect, test } from "vitest";
import {
  asksForScores,
  PROBED_SAMPLES,
  probeSamples,
  testSetLater,
} from "../../../shared/core/round/testSet.ts";
import { buildSpec } from "../../support/builders.ts";

const dataset = (labels: readonly number[], width = 1) => ({
  x: {
    shape: [labels.length / width, 2],
    values: Float32Array.from({ length: (2 * labels.length) / width }, (_, i) => i),
  },
  y: {
    shape: width === 1 ? [labels.length] : [labels.length / width, width],
    values: Float32Array.from(labels),
  },
});

describe("samples that are tried", () => {
  test("have the smallest and the largest label among them, wherever these are", () => {
    const labels = Array.from({ length: 100 }, (_, i) => (i === 57 ? 9 : i === 80 ? -1 : 3));
    const { x, y } = probeSamples(dataset(labels));
    expect(y).toEqual({ shape: [16], values: Float32Array.from([...new Array(14).fill(3), -1, 9]) });
    expect(x.shape).toEqual([16, 2]);
    expect([...x.values.subarray(28)]).toEqual([160, 161, 114, 115]);
  });

  test("are all of a few, each once, and copies", () => {
    const few = dataset([2, 0, 1]);
    const probe = probeSamples(few);
    expect([...probe.y.values]).toEqual([2, 0, 1]);
    probe.x.values[0] = 99;
    expect(few.x.values[0]).toBe(0);
  });

  test("are found by rows where labels have several values", () => {
    const { y } = probeSamples(dataset([0, 1, 0, 1, 5, 0], 2));
    expect(y).toEqual({ shape: [3, 2], values: Float32Array.from([0, 1, 0, 1, 5, 0]) });
  });

  test("may be none", () => {
    expect(
      probeSamples({
        x: { shape: [0, 2], values: new Float32Array(0) },
        y: { shape: [0], values: new Float32Array(0) },
      }),
    ).toEqual({
      x: { shape: [0, 2], values: new Float32Array(0) },
      y: { shape: [0], values: new Float32Array(0) },
    });
    expect(PROBED_SAMPLES).toBe(16);
  });
});

describe("a check of the spec", () => {
  test("says that a run which needs a test set fails early without one", () => {
    const spec = buildSpec({ stop: { rounds: 3, targetAccuracy: 0.9 } });
    expect(asksForScores(spec)).toBe("stop.targetAccuracy");
    expect(testSetLater(spec)).toEqual([
      {
        path: "stop.targetAccuracy",
        message: expect.stringMatching(/only the evaluator may read it.*fails then/),
      },
    ]);
  });

  test("says that another goes without a score", () => {
    const spec = buildSpec({ stop: { rounds: 3 } });
    expect(asksForScores(spec)).toBeNull();
    expect(testSetLater(spec)).toEqual([
      { path: "evaluation.data", message: expect.stringMatching(/versions go without a score/) },
    ]);
  });

  test("says nothing of a run that no test set scores", () => {
    expect(testSetLater(buildSpec({ evaluation: { central: false } }))).toEqual([]);
    expect(testSetLater(buildSpec({ training: { local: ["d*"] } }))).toEqual([]);
  });
});
