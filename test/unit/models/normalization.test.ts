// Normalization with given numbers as a Rescaling: what Keras computes, by hand; and which options cannot be.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { normalizationProblems, rescalingOf } from "../../../shared/core/models/normalization.ts";

describe("Normalization with a mean and a variance", () => {
  it("is a scale and an offset for each feature", () => {
    expect(rescalingOf({ name: "n", axis: [-1], mean: [1, 0], variance: [4, 0.25], invert: false })).toEqual({
      name: "n",
      scale: [0.5, 2],
      offset: [-0.5, 0],
    });
  });

  it("is one of each for all, whatever the axis", () => {
    expect(rescalingOf({ axis: null, mean: 3, variance: 1 })).toEqual({ scale: 1, offset: -3 });
    expect(rescalingOf({ axis: 1, mean: 3, variance: 1 })).toEqual({ scale: 1, offset: -3 });
  });

  it("divides by 1e-7 at the least", () => {
    expect(rescalingOf({ mean: 0, variance: 0 })).toEqual({ scale: 1e7, offset: 0 });
  });

  it("is undone by its inverse", () => {
    const number = fc.double({ min: -1e3, max: 1e3, noNaN: true });
    const positive = fc.double({ min: 1e-3, max: 1e3, noNaN: true });
    fc.assert(
      fc.property(number, positive, number, (mean, variance, x) => {
        const [there, back] = [false, true].map((invert) => rescalingOf({ mean, variance, invert }));
        const y = x * Number(there?.["scale"]) + Number(there?.["offset"]);
        expect(y).toBeCloseTo((x - mean) / Math.sqrt(variance), 4);
        expect(y * Number(back?.["scale"]) + Number(back?.["offset"])).toBeCloseTo(x, 4);
      }),
    );
  });

  it.each<[string, object, RegExp]>([
    ["what adapt has measured", { axis: [-1] }, /must be given.*adapt\(\)/],
    ["a mean alone", { mean: 1 }, /must be given/],
    ["a variance below 0", { mean: 1, variance: -1 }, /must be given/],
    ["what is no number", { mean: ["1"], variance: [1] }, /must be given/],
    ["no numbers", { mean: [], variance: [] }, /must be given/],
    ["lists in lists", { mean: [[1]], variance: [[1]] }, /must be given/],
    ["other lengths", { mean: [1, 2], variance: [1] }, /as many values as each other/],
    ["a list and a number", { mean: [1], variance: 1 }, /as many values as each other/],
    ["features elsewhere", { axis: 1, mean: [1, 2], variance: [1, 2] }, /axis must be -1/],
    ["two axes", { axis: [1, 2], mean: [1, 2], variance: [1, 2] }, /axis must be -1/],
  ])("cannot be of %s", (_, config, why) => {
    expect(normalizationProblems({ ...config }).join()).toMatch(why);
    expect(rescalingOf({ ...config })).toBeUndefined();
  });
});
