// How initial weights are distributed, against what Keras itself draws (test/vectors/keras/initializers.py).
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { draw, readInitializer } from "../../../shared/core/models/initializers.ts";
import { randomFrom } from "../../../shared/core/random.ts";

interface Case {
  readonly initializer: { readonly class_name: string; readonly config: Readonly<Record<string, unknown>> };
  readonly shape: readonly number[];
  readonly mean: number;
  readonly variance: number;
  readonly fourthMoment: number | null;
  readonly least: number;
  readonly greatest: number;
}

const cases: readonly Case[] = JSON.parse(
  readFileSync(new URL("../../vectors/keras/initializers.json", import.meta.url), "utf8"),
);

const VALUES = 60_000;

/** Values drawn anew until there are many. */
function drawn({ initializer, shape }: Case): Float64Array {
  const read = readInitializer(initializer);
  if (read === undefined) throw new Error("no initializer");
  const parts: number[] = [];
  for (let i = 0; parts.length < VALUES; i++) {
    parts.push(...draw(read, shape, randomFrom(7, "initializers", i)));
  }
  return Float64Array.from(parts);
}

const meanOf = (values: Float64Array, of: (value: number) => number) =>
  values.reduce((sum, value) => sum + of(value), 0) / values.length;

test("every initializer of Keras that there is here is a case", () => {
  expect(new Set(cases.map(({ initializer }) => initializer.class_name)).size).toBe(15);
});

test.each(
  cases.map(
    (each) =>
      [each.initializer.class_name, JSON.stringify(each.initializer.config), each.shape, each] as const,
  ),
)("%s %s of %j is distributed as in Keras", (name, _config, _shape, wanted) => {
  const values = drawn(wanted);
  const mean = meanOf(values, (value) => value);
  const variance = meanOf(values, (value) => (value - mean) ** 2);
  if (wanted.fourthMoment === null) {
    expect([mean, variance]).toEqual([wanted.mean, 0]);
    return;
  }
  const deviation = Math.sqrt(wanted.variance);
  // Five standard errors of the difference of two means of so many; the matrices of Orthogonal are closer
  // still.
  expect(Math.abs(mean - wanted.mean)).toBeLessThan((7 * deviation) / Math.sqrt(VALUES));
  expect(Math.abs(variance / wanted.variance - 1)).toBeLessThan(0.03);
  const fourth = meanOf(values, (value) => (value - mean) ** 4) / variance ** 2;
  expect(Math.abs(fourth / wanted.fourthMoment - 1)).toBeLessThan(0.08);
  // Where the tails are cut off, they are cut off there; a normal one's farthest value is left to chance.
  const [least, greatest] = [
    values.reduce((a, b) => Math.min(a, b)),
    values.reduce((a, b) => Math.max(a, b)),
  ];
  const room = wanted.fourthMoment < 2.9 && name !== "Orthogonal" ? 0.02 : 1.5;
  expect(Math.abs(least - wanted.least) / deviation).toBeLessThan(room);
  expect(Math.abs(greatest - wanted.greatest) / deviation).toBeLessThan(room);
});
