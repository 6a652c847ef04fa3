// Which tensor of a file is which parameter, and what is wrong with a file that does not fit.
import { describe, expect, test } from "vitest";
import { checkGivenValues, givenWeights } from "../../../shared/core/models/givenWeights.ts";
import { shortTopology } from "../../../shared/core/models/shortLayers.ts";
import type { Dtype } from "../../../shared/core/updates/safetensors.ts";

const topology = shortTopology([4], ["BatchNormalization", { type: "Dense", units: 2 }]);
const model = [
  { name: "dense/kernel", shape: [4, 2] },
  { name: "dense/bias", shape: [2] },
];
const tensor = (name: string, shape: readonly number[], dtype: Dtype = "F32") => ({
  name,
  dtype,
  shape,
  begin: 0,
  end: 0,
});
const kernel = tensor("m/dense/kernel", [4, 2], "BF16");
const bias = tensor("dense/bias:0", [2], "F64");

describe("a file of weights", () => {
  test("gives each parameter its tensor, in the model's order", () => {
    const given = givenWeights(topology, model, [bias, kernel], false);
    expect(given.map(({ tensor: found }) => found)).toEqual([kernel, bias]);
  });

  test("may lack parameters and hold others, if that is said", () => {
    const given = givenWeights(topology, model, [kernel, tensor("head/kernel", [1], "I64")], true);
    expect(given.map(({ tensor: found }) => found)).toEqual([kernel, undefined]);
  });

  test.each([
    ["lacks one", [kernel], false, /it lacks "dense\/bias".*"partial": true/],
    ["has another", [kernel, bias, tensor("x", [1])], false, /the model has no "x"/],
    ["has a shape turned round", [tensor("dense/kernel", [2, 4]), bias], true, /shape \[2, 4\], the model's/],
    ["has whole numbers", [kernel, tensor("dense/bias", [2], "I32")], true, /is I32: write it as F32/],
    ["has nothing of it", [tensor("x", [1])], true, /none of its names is of the model's: "dense\/kernel"/],
    ["is empty", [], false, /it lacks "dense\/kernel", "dense\/bias"/],
    [
      "has very many others",
      [kernel, bias, ...Array.from({ length: 5_000 }, (_, i) => tensor(`${"n".repeat(300)}${i}`, [1]))],
      false,
      /^.{0,2000}and 4990 more.{0,100}$/,
    ],
  ])("that %s is refused", (_, tensors, partial, message) => {
    expect(() => givenWeights(topology, model, tensors, partial)).toThrow(message);
  });

  test.each([
    [[0.5, Number.NaN], undefined, /finite numbers.* number 1 of 2 is not/],
    [[Number.POSITIVE_INFINITY], undefined, /finite numbers.* number 0 of 1/],
    [[0, -0.5], 0, /numbers from 0 as 32-bit floats, and number 1 of 2/],
  ])("of the values %j is refused", (values, min, message) => {
    const parameter = {
      name: "b/moving_variance",
      shape: [values.length],
      ...(min === undefined ? {} : { min }),
    };
    expect(() => checkGivenValues(parameter, Float32Array.from(values))).toThrow(message);
  });

  test("of any finite values is taken", () => {
    checkGivenValues({ name: "a", shape: [2] }, Float32Array.of(-3e38, 0));
    checkGivenValues({ name: "a", shape: [1], min: 0 }, Float32Array.of(0));
  });
});
