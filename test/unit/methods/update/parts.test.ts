// Updates that have a part of the parameters: checked against the parts that the client was to train.
import { describe, expect, it } from "vitest";
import { encodingNames } from "../../../../shared/core/methods/update/encodings.ts";
import { encodeUpdate, readUpdate } from "../../../../shared/core/methods/update/update.ts";
import type { UpdateExpectation } from "../../../../shared/core/methods/update/validate.ts";
import { randomFrom } from "../../../../shared/core/random.ts";
import { cutToCovers } from "../../../../shared/core/updates/covers.ts";
import type { ModelShape, Weight, Weights } from "../../../../shared/core/updates/weights.ts";

const model: ModelShape = [
  { name: "kernel", shape: [2, 3] },
  { name: "bias", shape: [3] },
  { name: "mean", shape: [2], role: "statistic" },
  { name: "fixed", shape: [2], role: "frozen" },
];
const covers = [
  { name: "mean", at: [1], shape: [1] },
  { name: "kernel", at: [0, 1], shape: [2, 2] },
];
const sha256 = "ab".repeat(32);
const weight = (name: string, shape: number[], ...values: number[]): Weight => ({
  name,
  shape,
  values: Float32Array.from(values),
});
const whole: Weights = [
  weight("kernel", [2, 3], 9, 1, 0, 9, -1, 0.5),
  weight("bias", [3], 9, 9, 9),
  weight("mean", [2], 9, 4),
];
const parts = cutToCovers(whole, model, covers);

function problemsOf(delta: Weights, expected: Partial<UpdateExpectation> = {}): readonly string[] {
  const file = encodeUpdate(delta, { encoding: "f32", baseVersion: 3, model });
  const wanted = { model, covers, encoding: "f32" as const, baseVersion: 3, sha256, ...expected };
  const check = readUpdate(file, sha256, wanted);
  return check.ok ? [] : check.problems.map(({ code, tensor, message }) => `${code} ${tensor}: ${message}`);
}

describe("an update of parts", () => {
  it.each(encodingNames)("comes back from its file with its places: %s", (encoding) => {
    const random = randomFrom(1);
    const file = encodeUpdate(parts, { encoding, baseVersion: 3, model, random });
    const check = readUpdate(file, sha256, { model, covers, encoding, baseVersion: 3, sha256 });
    if (!check.ok) throw new Error(JSON.stringify(check.problems));
    expect(check.delta.map(({ name, shape, at }) => ({ name, shape, at }))).toEqual([
      { name: "kernel", shape: [2, 2], at: [0, 1] },
      { name: "mean", shape: [1], at: [1] },
    ]);
    const [kernel, mean] = check.delta;
    expect([...(mean?.values ?? [])]).toEqual([4]);
    for (const [i, value] of [1, 0, -1, 0.5].entries()) {
      expect(Math.abs((kernel?.values[i] ?? Number.NaN) - value)).toBeLessThan(0.01);
    }
    // Of its trained values alone.
    expect(check.norm).toBeCloseTo(1.5, 1);
  });

  it("may have no statistics where it was to have none, and then need not say what they are", () => {
    const some = [{ name: "bias", at: [0], shape: [1] }];
    const delta = cutToCovers(whole, model, some);
    const file = encodeUpdate(delta, { encoding: "f32", baseVersion: 3 });
    const check = readUpdate(file, sha256, { model, covers: some, encoding: "f32", baseVersion: 3, sha256 });
    expect(check).toMatchObject({ ok: true, delta: [{ name: "bias", at: [0] }] });
  });

  it("is refused where it is the whole, or the whole is expected", () => {
    expect(problemsOf(whole)).toEqual([
      expect.stringMatching(/^wrong-shape kernel: .*\[2, ?3\], expected \[2, ?2\]/),
      expect.stringMatching(/^wrong-shape mean: /),
      expect.stringMatching(/^unexpected-tensor bias: .*not assigned to this client: leave it out/),
    ]);
    const wholeExpected = { model, encoding: "f32" as const, baseVersion: 3, sha256 };
    const file = encodeUpdate(parts, { encoding: "f32", baseVersion: 3, model });
    expect(readUpdate(file, sha256, wholeExpected)).toMatchObject({
      ok: false,
      problems: [{ code: "wrong-shape" }, { code: "missing-tensor" }, { code: "wrong-shape" }],
    });
  });

  it("is refused with a part missing, or with one that the model does not have", () => {
    expect(problemsOf(parts.slice(1))).toEqual([expect.stringMatching(/^missing-tensor kernel: /)]);
    expect(problemsOf([...parts, weight("fixed", [2], 0, 0)])).toEqual([
      expect.stringMatching(/^unexpected-tensor fixed: .*frozen/),
    ]);
    expect(problemsOf([...parts, weight("other", [1], 0)])).toEqual([
      expect.stringMatching(/^unexpected-tensor other: .*has no tensor/),
    ]);
  });

  it("is bounded by the norm of its part", () => {
    const norm = { action: "reject", max: 1.4 } as const;
    expect(problemsOf(parts, { norm })).toEqual([expect.stringMatching(/^norm-too-large /)]);
    expect(problemsOf(parts, { norm: { ...norm, max: 1.6 } })).toEqual([]);
  });
});
