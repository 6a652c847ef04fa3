// An update's file: what clients write is accepted whole, and everything else is refused with the right
// reason.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodingOf } from "../../../../shared/core/methods/update/encodingOf.ts";
import type { NormRule } from "../../../../shared/core/methods/update/norm-bound/face.ts";
import { encodeUpdate, readUpdate } from "../../../../shared/core/methods/update/update.ts";
import { decodeDelta } from "../../../../shared/core/methods/update/updateMethod.ts";
import {
  checkUpdate,
  type ReceivedUpdate,
  type UpdateExpectation,
  type UpdateProblem,
} from "../../../../shared/core/methods/update/validate.ts";
import {
  decodeSafetensors,
  encodeSafetensors,
  floatTensor,
} from "../../../../shared/core/updates/safetensors.ts";
import type { Weight, Weights } from "../../../../shared/core/updates/weights.ts";

const sha256 = "ab".repeat(32);
const model = [
  { name: "kernel", shape: [2, 2] },
  { name: "bias", shape: [] },
];
const expected: UpdateExpectation = { model, encoding: "f32", baseVersion: 3, sha256 };
const kernel = (...values: number[]): Weight => ({
  name: "kernel",
  shape: [2, 2],
  values: Float32Array.from(values),
});
const bias = (value: number): Weight => ({ name: "bias", shape: [], values: Float32Array.of(value) });
const delta: Weights = [kernel(1, -2, 0, 4), bias(2)];

function received(weights: Weights = delta, change: Partial<ReceivedUpdate> = {}): ReceivedUpdate {
  const tensors = encodingOf("f32").encode(weights, []);
  return { tensors, metadata: { encoding: "f32", baseVersion: "3" }, sha256, ...change };
}

function problemsOf(
  update: ReceivedUpdate,
  expectation: UpdateExpectation = expected,
): readonly UpdateProblem[] {
  const check = checkUpdate(update, expectation);
  return check.ok ? [] : check.problems;
}

describe("a good update", () => {
  it("comes back from its file in the model's order, with its norm", () => {
    const file = encodeUpdate(delta.toReversed(), { encoding: "f32", baseVersion: 3 });
    expect(readUpdate(file, sha256, expected)).toEqual({ ok: true, delta, norm: 5, scale: 1 });
    expect({ ...decodeSafetensors(file).metadata }).toEqual({ encoding: "f32", baseVersion: "3" });
  });

  it("may be zero, tiny or at the limit of the norm", () => {
    expect(checkUpdate(received([kernel(0, 0, -0, 0), bias(0)]), expected)).toMatchObject({
      ok: true,
      norm: 0,
    });
    expect(checkUpdate(received([kernel(1e-45, 0, 0, 0), bias(0)]), expected)).toMatchObject({ ok: true });
    const norm = { action: "reject", max: 5 } as const;
    expect(checkUpdate(received(), { ...expected, norm })).toMatchObject({ ok: true, norm: 5, scale: 1 });
  });

  it("above the norm to clip at is shortened to it, not copied", () => {
    const norm = { action: "clip", max: 2 } as const;
    const update = received();
    const check = checkUpdate(update, { ...expected, norm });
    expect(check).toMatchObject({ ok: true, norm: 5, scale: 0.4, delta });
    expect(check.ok && check.delta[0]?.values.buffer).toBe(update.tensors[0]?.data.buffer);
    expect(checkUpdate(update, { ...expected, norm: { ...norm, max: 5 } })).toMatchObject({ scale: 1 });
  });

  it("may carry other metadata", () => {
    const metadata = { encoding: "f32", baseVersion: "3", note: "x" };
    expect(problemsOf(received(delta, { metadata }))).toEqual([]);
  });

  it("is left as it was", () => {
    const update = received([kernel(1, 2, 3, 4), bias(5)]);
    checkUpdate(update, expected);
    expect(update).toEqual(received([kernel(1, 2, 3, 4), bias(5)]));
  });
});

describe("a bad update", () => {
  const integers = { name: "kernel", dtype: "I32" as const, shape: [2, 2], data: new Uint8Array(16) };
  it.each<[ReceivedUpdate, UpdateProblem]>([
    [
      received(delta, { sha256: "00" }),
      {
        code: "wrong-checksum",
        tensor: null,
        message:
          "The bytes do not have the SHA-256 that the client reported: upload the very file that is reported.",
      },
    ],
    [
      received(delta, { metadata: { encoding: "int8", baseVersion: "3" } }),
      {
        code: "wrong-encoding",
        tensor: null,
        message: 'The update is encoded as "int8", expected "f32": encode as the grant says.',
      },
    ],
    [
      received(delta, { metadata: { encoding: "f32", baseVersion: "03" } }),
      {
        code: "wrong-base-version",
        tensor: null,
        message: 'The update starts from model version "03", expected "3": train from the grant\'s model.',
      },
    ],
    [
      received(delta, { metadata: { encoding: "f32" } }),
      {
        code: "wrong-base-version",
        tensor: null,
        message: 'The update starts from model version nothing, expected "3": train from the grant\'s model.',
      },
    ],
    [
      received([kernel(1, 2, 3, 4)]),
      {
        code: "missing-tensor",
        tensor: "bias",
        message: 'Tensor "bias" is missing: send every parameter of the grant.',
      },
    ],
    [
      received([...delta, { ...bias(1), name: "extra" }]),
      {
        code: "unexpected-tensor",
        tensor: "extra",
        message: 'The model has no tensor "extra": send the parameters of the grant only.',
      },
    ],
    [
      received(delta, { tensors: [integers, ...encodingOf("f32").encode([bias(1)], [])] }),
      { code: "wrong-dtype", tensor: "kernel", message: 'Tensor "kernel" is I32, expected F32.' },
    ],
    [
      received([{ ...kernel(1, 2, 3, 4), shape: [4] }, bias(1)]),
      {
        code: "wrong-shape",
        tensor: "kernel",
        message: 'Tensor "kernel" has the shape [4], expected [2, 2].',
      },
    ],
    [
      received([kernel(1, 2, Number.NaN, Number.NaN), bias(1)]),
      {
        code: "not-finite",
        tensor: "kernel",
        message: 'Tensor "kernel" holds NaN at index 2: lower the learning rate or check the data.',
      },
    ],
    [
      received([kernel(1, 2, 3, 4), bias(Number.NEGATIVE_INFINITY)]),
      {
        code: "not-finite",
        tensor: "bias",
        message: 'Tensor "bias" holds -Infinity at index 0: lower the learning rate or check the data.',
      },
    ],
    [
      received([kernel(1e30, 1e30, 0, 0), bias(0)]),
      {
        code: "norm-too-large",
        tensor: null,
        message: `The update's L2 norm is ${Math.sqrt(2 * Math.fround(1e30) ** 2)}, at most 1e+30 is allowed: lower the learning rate, or see aggregation.norm.`,
      },
    ],
  ])("is refused with its reason: $1.code", (update, problem) => {
    expect(problemsOf(update)).toEqual([problem]);
  });

  it("is refused above the norm asked for, and above what float32 can add up, whatever is asked for", () => {
    const codes = (update: ReceivedUpdate, norm: NormRule) =>
      problemsOf(update, { ...expected, norm }).map(({ code }) => code);
    expect(codes(received(), { action: "reject", max: 4.999 })).toEqual(["norm-too-large"]);
    const absurd = received([kernel(1e30, 1e30, 0, 0), bias(0)]);
    expect(codes(absurd, { action: "none" })).toEqual(["norm-too-large"]);
    expect(codes(absurd, { action: "clip", max: 1 })).toEqual(["norm-too-large"]);
    expect(codes(absurd, { action: "reject", max: 1e38 })).toEqual(["norm-too-large"]);
  });

  it("gets every problem at once, those of values last", () => {
    const update = received([{ ...bias(Number.NaN), name: "x" }], { metadata: {}, sha256: "" });
    const codes = problemsOf(update).map(({ code }) => code);
    expect(codes).toEqual([
      "wrong-checksum",
      "wrong-encoding",
      "wrong-base-version",
      "missing-tensor",
      "missing-tensor",
      "unexpected-tensor",
    ]);
  });

  it("costs at most 20 short problems, fit to be stored", () => {
    const name = `${"x".repeat(79)}\u{1f600}${"y".repeat(1_000)}`;
    const weights = Array.from({ length: 100 }, (_, i) => ({ ...bias(1), name: `${name}${i}` }));
    const problems = problemsOf(received(weights));
    expect(problems).toHaveLength(20);
    for (const { message, tensor } of problems) {
      expect(message.length).toBeLessThan(200);
      expect(tensor?.isWellFormed() ?? true).toBe(true);
    }
  });

  it("that is not safetensors is refused, not thrown", () => {
    const cut = encodeUpdate(delta, { encoding: "f32", baseVersion: 3 }).subarray(0, 100);
    expect(readUpdate(cut, sha256, expected)).toMatchObject({
      ok: false,
      problems: [{ code: "unreadable" }],
    });
    const long = encodeSafetensors([], { k: "x".repeat(100) });
    expect(readUpdate(long, sha256, expected, { maxHeaderBytes: 50 })).toMatchObject({
      ok: false,
      problems: [
        { code: "unreadable", tensor: null, message: expect.stringContaining("more than the 50 bytes") },
      ],
    });
  });

  it("never gets through with a value that is not finite, wherever it is", () => {
    const value = fc.float({ noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 });
    const values = fc.tuple(value, value, value, value, value);
    const bad = fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY);
    fc.assert(
      fc.property(values, fc.nat(4), bad, (five, at, poison) => {
        const poisoned = five.map((x, i) => (i === at ? poison : x));
        const weights = [kernel(...poisoned.slice(0, 4)), bias(poisoned[4] ?? 0)];
        expect(problemsOf(received(weights)).map(({ code }) => code)).toEqual(["not-finite"]);
        const fine = checkUpdate(received([kernel(...five.slice(0, 4)), bias(five[4])]), expected);
        expect(fine).toMatchObject({ ok: true });
      }),
    );
  });

  it("meets random bytes with reasons", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        expect(readUpdate(bytes, sha256, expected).ok).toBe(false);
      }),
    );
  });
});

describe("the f32 encoding", () => {
  it("makes what its layout says", () => {
    const made = encodingOf("f32")
      .encode(delta, [])
      .map(({ name, shape, dtype }) => ({ name, shape, dtype }));
    expect(made).toEqual(encodingOf("f32").layout(model));
    expect(
      decodeDelta(
        encodingOf("f32"),
        [floatTensor("bias", [], Float32Array.of(1))],
        [{ name: "bias", shape: [] }],
      ),
    ).toEqual([bias(1)]);
  });
});
