// Labels as people write them: read where one reading is possible, else refused with the shape and the type
// to write.
import { describe, expect, test } from "vitest";
import { fitData, oneHot } from "../../../shared/cloud/tensors/labels.ts";
import type { LossName } from "../../../shared/cloud/tensors/losses.ts";

const dataset = (shape: readonly number[], values: readonly number[], features: readonly number[] = [4]) => {
  const rows = shape[0] ?? 0;
  const size = features.reduce((product, each) => product * each, rows);
  return {
    x: { shape: [rows, ...features], values: new Float32Array(size) },
    y: { shape, values: Float32Array.from(values) },
  };
};
const model = (...outputShape: (number | null)[]) => ({ inputShape: [4], outputShape });
const [sparse, categorical] = ["sparseCategoricalCrossentropy", "categoricalCrossentropy"] as const;
const [binary, squared] = ["binaryCrossentropy", "meanSquaredError"] as const;

describe("labels that can be read in one way", () => {
  test.each<[string, LossName, number[], number[], (number | null)[], number[], number[]]>([
    ["class numbers", sparse, [2], [2, 0], [3], [2], [2, 0]],
    ["class numbers in a column", sparse, [2, 1], [2, 0], [3], [2], [2, 0]],
    ["one-hot classes", sparse, [2, 3], [0, 0, 1, 1, 0, 0], [3], [2], [2, 0]],
    ["class numbers by position", sparse, [1, 2], [1, 0], [2, 3], [1, 2], [1, 0]],
    ["class numbers by position, each in a list", sparse, [1, 2, 1], [1, 0], [2, 3], [1, 2], [1, 0]],
    ["one-hot classes by position", sparse, [1, 2, 3], [0, 1, 0, 1, 0, 0], [2, 3], [1, 2], [1, 0]],
    ["class numbers by any position", sparse, [1, 2], [1, 0], [null, 3], [1, 2], [1, 0]],
    ["one-hot", categorical, [2, 3], [0, 0, 1, 1, 0, 0], [3], [2, 3], [0, 0, 1, 1, 0, 0]],
    ["probabilities", categorical, [1, 2], [0.25, 0.75], [2], [1, 2], [0.25, 0.75]],
    ["class numbers for one-hot", categorical, [2], [2, 0], [3], [2, 3], [0, 0, 1, 1, 0, 0]],
    ["a column of class numbers", categorical, [2, 1], [2, 0], [3], [2, 3], [0, 0, 1, 1, 0, 0]],
    ["flat binary labels", binary, [3], [0, 1, 1], [1], [3, 1], [0, 1, 1]],
    ["a column of binary labels", binary, [3, 1], [0, 1, 1], [1], [3, 1], [0, 1, 1]],
    ["several labels at once", binary, [2, 2], [0, 1, 1, 1], [2], [2, 2], [0, 1, 1, 1]],
    ["flat targets", squared, [2], [-3.5, 70], [1], [2, 1], [-3.5, 70]],
    ["targets", squared, [1, 2], [-3.5, 70], [2], [1, 2], [-3.5, 70]],
    ["targets of absolute errors", "meanAbsoluteError", [2], [-3.5, 70], [1], [2, 1], [-3.5, 70]],
    ["targets of huber", "huber", [2, 1], [-3.5, 70], [1], [2, 1], [-3.5, 70]],
    ["counts", "poisson", [2], [0, 7.5], [1], [2, 1], [0, 7.5]],
    ["signs", "hinge", [3], [-1, 1, 1], [1], [3, 1], [-1, 1, 1]],
    ["bits for signs", "hinge", [3], [0, 1, 1], [1], [3, 1], [-1, 1, 1]],
    ["ones for signs", "hinge", [2], [1, 1], [1], [2, 1], [1, 1]],
    ["shares", "kullbackLeiblerDivergence", [1, 2], [0.25, 0.75], [2], [1, 2], [0.25, 0.75]],
    ["class numbers for shares", "kullbackLeiblerDivergence", [1], [1], [2], [1, 2], [0, 1]],
  ])("%s with %s of shape %j", (_, loss, shape, values, output, wanted, read) => {
    const data = dataset(shape, values);
    const before = structuredClone(data);
    const { y } = fitData(data, model(...output), loss);
    const { shape: kept, values: stored, oneHot: classes } = y;
    const whole = classes === undefined ? y : { shape: [...kept, classes], values: oneHot(stored, classes) };
    expect(whole).toEqual({ shape: wanted, values: Float32Array.from(read) });
    expect(data).toEqual(before);
  });

  test("samples without their one channel", () => {
    const data = dataset([2], [0, 1], [28, 28]);
    const { x } = fitData(data, { inputShape: [28, 28, 1], outputShape: [3] }, sparse);
    expect(x.shape).toEqual([2, 28, 28, 1]);
    expect(x.values).toBe(data.x.values);
  });
});

describe("labels that cannot", () => {
  test.each<[string, LossName, number[], number[], (number | null)[], RegExp]>([
    [
      "of two columns for three classes",
      sparse,
      [1, 2],
      [0, 1],
      [3],
      /y have the shape \[1, 2\], .* takes \[1\]: .*0 to 2 as int32/,
    ],
    [
      "of probabilities",
      sparse,
      [2, 2],
      [0, 1, 0.5, 0.5],
      [2],
      /row 1 of them is not one-hot.*categoricalCrossentropy/,
    ],
    ["of two classes at once", sparse, [1, 3], [0, 1, 1], [3], /row 0 of them is not one-hot/],
    ["of no class at all", sparse, [1, 3], [0, 0, 0], [3], /row 0 of them is not one-hot/],
    [
      "beyond the classes",
      sparse,
      [3],
      [0, 733, 3],
      [3],
      /^2 of the labels y are not whole numbers in 0\.\.2, .* row 1/,
    ],
    ["below zero", categorical, [2], [0, -733], [3], /^1 of the labels y are not whole numbers in 0\.\.2/],
    ["between two classes", categorical, [2], [0, 0.733], [3], /^1 of the labels/],
    [
      "of another width",
      categorical,
      [1, 4],
      [0, 1, 0, 0],
      [3],
      /\[1, 4\], .* takes \[1, 3\]: write one-hot/,
    ],
    [
      "flat for two outputs",
      binary,
      [2],
      [0, 1],
      [2],
      /\[2\], .* takes \[2, 2\]: write a 0 or 1 .* uint8, bool/,
    ],
    ["one-hot for one output", binary, [1, 2], [0, 1], [1], /\[1, 2\], .* takes \[1, 1\]: write a 0 or 1/],
    ["of minus one and one", binary, [2], [-1, 1], [1], /^1 of the labels y are not numbers from 0 to 1/],
    ["of three signs", "hinge", [3], [-1, 0, 1], [1], /^1 of the labels y are not -1 or 1, .* row 1/],
    ["no sign", "hinge", [2], [733, 1], [1], /^1 of the labels y are not -1 or 1, or 0 or 1/],
    ["counts below zero", "poisson", [2], [0, -733], [1], /^1 of the labels y are not numbers from 0/],
    [
      "flat for two absolute errors",
      "meanAbsoluteError",
      [2],
      [0, 1],
      [2],
      /\[2\], this model with meanAbsoluteError takes \[2, 2\]: write one number/,
    ],
    [
      "flat for two targets",
      squared,
      [2],
      [0, 1],
      [2],
      /\[2\], .* takes \[2, 2\]: write one number .* float32/,
    ],
  ])("%s: %s", (_, loss, shape, values, output, message) => {
    const fit = () => fitData(dataset(shape, values), model(...output), loss);
    expect(fit).toThrow(
      expect.objectContaining({ code: "invalid-argument", message: expect.stringMatching(message) }),
    );
    expect(fit, "values are somebody's data").not.toThrow(/733/);
  });

  test("samples of another shape", () => {
    expect(() => fitData(dataset([1], [0], [5]), model(3), sparse)).toThrow(
      "The samples x have the shape [1, 5], this model takes [1, 4].",
    );
  });
});
