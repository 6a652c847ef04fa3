// IDX files: what is read, and that a broken one never passes for a whole one.
import { expect, test } from "vitest";
import { parseIdx } from "../../../infra/data/idx.ts";

const file = (header: readonly number[], sizes: readonly number[], values: readonly number[]) =>
  Uint8Array.from([
    ...header,
    ...sizes.flatMap((size) => [size >>> 24, size >>> 16, size >>> 8, size]),
    ...values,
  ]);

test("reads sizes and values", () => {
  const array = parseIdx(file([0, 0, 8, 2], [2, 3], [1, 2, 3, 4, 5, 6]));
  expect(array.shape).toEqual([2, 3]);
  expect([...array.values]).toEqual([1, 2, 3, 4, 5, 6]);
});

test("reads a view that does not begin where its buffer does", () => {
  const whole = file([9, 0, 0, 8, 1], [1], [7]);
  expect([...parseIdx(whole.subarray(1)).values]).toEqual([7]);
});

test("reads an array without values", () => {
  expect(parseIdx(file([0, 0, 8, 1], [0], [])).values).toHaveLength(0);
});

test.each([
  ["nothing", new Uint8Array(), "invalid-argument"],
  ["another magic number", file([1, 0, 8, 1], [0], []), "invalid-argument"],
  ["values that are not bytes", file([0, 0, 13, 1], [0], []), "invalid-argument"],
  ["no dimensions", file([0, 0, 8, 0], [], []), "invalid-argument"],
  ["a truncated header", file([0, 0, 8, 2], [2], []), "data-loss"],
  ["truncated values", file([0, 0, 8, 1], [3], [1, 2]), "data-loss"],
  ["bytes too many", file([0, 0, 8, 1], [1], [1, 2]), "data-loss"],
  [
    "sizes beyond all files",
    file([0, 0, 8, 3], [2 ** 32 - 1, 2 ** 32 - 1, 2 ** 32 - 1], []),
    "invalid-argument",
  ],
])("%s is refused", (_, bytes, code) => {
  expect(() => parseIdx(bytes)).toThrow(expect.objectContaining({ name: "FlError", code }));
});
