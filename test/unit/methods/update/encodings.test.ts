// What every encoding in the registry must do; a new folder is tested by being there.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodingOf } from "../../../../shared/core/methods/update/encodingOf.ts";
import { encodingNames } from "../../../../shared/core/methods/update/encodings.ts";
import { encodeUpdate, readUpdate } from "../../../../shared/core/methods/update/update.ts";
import { decodeDelta } from "../../../../shared/core/methods/update/updateMethod.ts";
import { randomFrom } from "../../../../shared/core/random.ts";
import type { ModelShape, Weights } from "../../../../shared/core/updates/weights.ts";

const model: ModelShape = [
  { name: "z", shape: [3, 2] },
  { name: "mean", shape: [2], role: "statistic" },
  { name: "frozen", shape: [5], role: "frozen" },
  { name: "a", shape: [] },
  { name: "none", shape: [0] },
];
const sent = model.filter(({ role }) => role !== "frozen");

function delta(values: readonly number[], mean: readonly number[] = [1e-8, 123_456.789]): Weights {
  return [
    { name: "z", shape: [3, 2], values: Float32Array.from(values.slice(0, 6)) },
    { name: "mean", shape: [2], values: Float32Array.from(mean) },
    { name: "a", shape: [], values: Float32Array.from(values.slice(6, 7)) },
    { name: "none", shape: [0], values: new Float32Array() },
  ];
}

const value = fc.float({ noNaN: true, min: -1_000, max: 1_000 });
const seven = fc.array(value, { minLength: 7, maxLength: 7 });

describe.each(encodingNames)("%s", (encoding) => {
  const facts = { encoding, baseVersion: 3, model, random: randomFrom(1) };
  const expected = { model, encoding, baseVersion: 3, sha256: "0" };
  const roundTrip = (given: Weights): Weights => {
    const checked = readUpdate(encodeUpdate(given, { ...facts, random: randomFrom(1) }), "0", expected);
    if (!checked.ok) throw new Error(checked.problems[0]?.message);
    return checked.delta;
  };

  it("gives shapes back, statistics as they are, and values as near as it says", () => {
    fc.assert(
      fc.property(seven, (values) => {
        const given = delta(values);
        const before = structuredClone(given);
        const back = roundTrip(given);
        expect(given).toEqual(before);
        expect(back.map(({ name, shape }) => ({ name, shape }))).toEqual(
          sent.map(({ name, shape }) => ({ name, shape })),
        );
        expect(back[1]?.values).toEqual(given[1]?.values);
        for (const [k, { values: was }] of given.entries()) {
          const largest = was.reduce((most, one) => Math.max(most, Math.abs(one)), 0);
          for (const [i, one] of was.entries()) {
            const error = Math.abs((back[k]?.values[i] ?? Number.NaN) - one);
            expect(error).toBeLessThanOrEqual(
              encoding === "int8" ? (1.0001 * largest) / 127 + 1e-40 : 1e-7 + Math.abs(one) / 2_000,
            );
          }
        }
      }),
    );
  });

  it("makes the tensors of its layout, and the same bytes of the same chance", () => {
    const made = encodingOf(encoding).encode(delta([1, 2, 3, 4, 5, 6, 7]), model, randomFrom(1));
    const shapes = made.map(({ name, shape, dtype }) => ({ name, shape: [...shape], dtype }));
    const byName = (a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : 1);
    expect(shapes.sort(byName)).toEqual(
      encodingOf(encoding)
        .layout(sent)
        .map(({ name, shape, dtype }) => ({ name, shape: [...shape], dtype }))
        .sort(byName),
    );
    const again = encodingOf(encoding).encode(delta([1, 2, 3, 4, 5, 6, 7]), model, randomFrom(1));
    expect(again).toEqual(made);
  });

  it("gives runs of elements as it gives the whole", () => {
    const tensors = encodingOf(encoding).encode(delta([1, -2, 3, 0.4, -5, 6, 7]), model, randomFrom(1));
    const whole = decodeDelta(encodingOf(encoding), tensors, sent);
    const names = sent.map(({ name }) => name).sort();
    const side = tensors.filter(({ name }) => !names.includes(name));
    const z = tensors.find(({ name }) => name === "z");
    if (z === undefined) throw new Error("there is no z");
    const bytes = z.data.byteLength / 6;
    for (let begin = 0; begin < 6; begin++) {
      const part = { ...z, shape: [6 - begin], data: z.data.slice(begin * bytes) };
      expect(encodingOf(encoding).values(part, side, names)).toEqual(whole[0]?.values.slice(begin));
    }
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])("lets %d be refused", (bad) => {
    const file = encodeUpdate(delta([1, 2, bad, 4, 5, 6, 7]), facts);
    const checked = readUpdate(file, "0", expected);
    expect(checked).toMatchObject({
      ok: false,
      problems: expect.arrayContaining([expect.objectContaining({ code: "not-finite" })]),
    });
  });

  it("takes zeros, and what is hardly more", () => {
    for (const size of [0, 1e-45, 1e-40]) {
      const [z] = roundTrip(delta(new Array(7).fill(size)));
      for (const one of z?.values ?? []) expect(Math.abs(one)).toBeLessThanOrEqual(2 * size);
    }
  });

  it("does not take another encoding's file for its own", () => {
    for (const other of encodingNames.filter((name) => name !== encoding)) {
      const file = encodeUpdate(delta([1, 2, 3, 4, 5, 6, 7]), { ...facts, encoding: other });
      expect(readUpdate(file, "0", expected)).toMatchObject({
        ok: false,
        problems: expect.arrayContaining([expect.objectContaining({ code: "wrong-encoding" })]),
      });
    }
  });
});

it("int8 keeps the mean, and cannot without chance", () => {
  const random = randomFrom(7);
  const given: Weights = [{ name: "w", shape: [3], values: Float32Array.of(1, 0.1234, -0.0567) }];
  const shape: ModelShape = [{ name: "w", shape: [3] }];
  const sums = [0, 0, 0];
  const times = 4_000;
  for (let i = 0; i < times; i++) {
    const [w] = decodeDelta(encodingOf("int8"), encodingOf("int8").encode(given, shape, random), shape);
    for (const k of [0, 1, 2]) sums[k] = (sums[k] ?? 0) + (w?.values[k] ?? Number.NaN) / times;
  }
  // The standard error of a mean of 4,000: half a step of 1/127 over the root, four times.
  for (const [k, value] of [1, 0.1234, -0.0567].entries())
    expect(Math.abs((sums[k] ?? 9) - value)).toBeLessThan(3e-4);
  expect(() => encodingOf("int8").encode(given, shape)).toThrow(
    expect.objectContaining({ code: "invalid-argument" }),
  );
});

it("a quarter and a half of the bytes", () => {
  const shape: ModelShape = [{ name: "w", shape: [10_000] }];
  const given: Weights = [{ name: "w", shape: [10_000], values: new Float32Array(10_000).fill(0.5) }];
  const bytes = (encoding: (typeof encodingNames)[number]) =>
    encodeUpdate(given, { encoding, baseVersion: 0, model: shape, random: randomFrom(1) }).byteLength;
  expect(bytes("f16") / bytes("f32")).toBeLessThan(0.51);
  expect(bytes("int8") / bytes("f32")).toBeLessThan(0.26);
});
