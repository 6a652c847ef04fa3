// Tensors that training methods work with beside the parameters: their shapes, and their way through an
// update.
import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import {
  besideShape,
  gotShape,
  pickedFrom,
  updateShape,
  zerosOf,
} from "../../../../shared/core/methods/training/methodTensors.ts";
import { TrainingOptions } from "../../../../shared/core/methods/training/options.ts";
import type { EncodingName } from "../../../../shared/core/methods/update/encodings.ts";
import { makeUpdate } from "../../../../shared/core/methods/update/makeUpdate.ts";
import { readUpdate } from "../../../../shared/core/methods/update/update.ts";
import { joinParts } from "../../../../shared/core/updates/safetensors.ts";
import type { ModelShape, Weights } from "../../../../shared/core/updates/weights.ts";
import { deepFreeze } from "../../../support/builders.ts";

const model: ModelShape = deepFreeze([
  { name: "a/kernel", shape: [2] },
  { name: "f/kernel", shape: [1], role: "frozen" as const },
  { name: "n/mean", shape: [1], role: "statistic" as const },
]);
const scaffold = TrainingOptions.parse({ method: "scaffold" });
const control = [{ name: "control/a/kernel", shape: [2] }];

it("are one for each name and trained parameter, and none of other methods", () => {
  expect(gotShape(scaffold, model)).toEqual(control);
  expect(besideShape(scaffold, model)).toEqual(control);
  expect(updateShape(scaffold, model)).toEqual([...model, ...control]);
  expect(updateShape(TrainingOptions.parse({}), model)).toEqual(model);
});

it("are picked from others by name, zeros where there are none, and never half of them", () => {
  const [zeros] = zerosOf(control);
  expect(pickedFrom(null, control)).toEqual([zeros]);
  const all = [
    { name: "other", shape: [1], values: Float32Array.of(1) },
    { ...zeros, name: "control/a/kernel", shape: [2], values: Float32Array.of(1, 2) },
  ];
  expect(pickedFrom(all, control)).toEqual(all.slice(1));
  expect(() => pickedFrom(all.slice(0, 1), control)).toThrow(/control\/a\/kernel" is missing/);
});

describe("in an update", () => {
  const of = (kernel: readonly number[], mean: number): Weights => [
    { name: "a/kernel", shape: [2], values: Float32Array.from(kernel) },
    { name: "f/kernel", shape: [1], values: Float32Array.of(9) },
    { name: "n/mean", shape: [1], values: Float32Array.of(mean) },
  ];
  const beside = (...values: readonly number[]) => [
    { name: "control/a/kernel", shape: [2], values: Float32Array.from(values) },
  ];
  const read = (encoding: EncodingName, more: object = {}, norm?: { action: "reject"; max: number }) => {
    const about = { encoding, baseVersion: 3, model, seed: 1, round: 1, clientId: "a" };
    const file = joinParts(
      makeUpdate(of([4, 0], 7), of([1, 0], 5), { ...about, beside: beside(0, 4), ...more }),
    );
    const sha256 = createHash("sha256").update(file).digest("hex");
    const expected = { model: updateShape(scaffold, model), encoding, baseVersion: 3, sha256 };
    return readUpdate(file, sha256, norm === undefined ? expected : { ...expected, norm });
  };
  const valuesOf = (check: ReturnType<typeof read>) =>
    check.ok ? check.delta.map(({ name, values }) => [name, ...values]) : check.problems;

  it.each(["f32", "f16", "int8"] as const)("they travel as more of the delta: %s", (encoding) => {
    expect(valuesOf(read(encoding))).toEqual([
      ["a/kernel", 3, 0],
      ["n/mean", 7],
      ["control/a/kernel", 0, 4],
    ]);
  });

  it("they count for its length, which clients and the server bound", () => {
    expect(read("f32")).toMatchObject({ ok: true, norm: 5 });
    expect(read("f32", {}, { action: "reject", max: 4.9 })).toMatchObject({
      ok: false,
      problems: [{ code: "norm-too-large" }],
    });
    const clipped = read("f32", { transforms: [{ transform: "clip", maxNorm: 1 }] });
    expect(valuesOf(clipped)).toEqual([
      ["a/kernel", expect.closeTo(0.6, 5), 0],
      ["n/mean", 7],
      ["control/a/kernel", 0, expect.closeTo(0.8, 5)],
    ]);
  });

  it("they must be there, and be numbers", () => {
    expect(read("f32", { beside: [] })).toMatchObject({
      problems: [{ code: "missing-tensor", tensor: "control/a/kernel" }],
    });
    expect(read("f32", { beside: beside(0, Number.NaN) })).toMatchObject({
      problems: [{ code: "not-finite", tensor: "control/a/kernel" }],
    });
  });
});
