// A model's sent parameters as one row.
import { expect, it } from "vitest";
import { flatLayout, segmentsWithin } from "../../../shared/core/updates/flat.ts";

const model = [
  { name: "z", shape: [2, 3] },
  { name: "frozen", shape: [9], role: "frozen" as const },
  { name: "a", shape: [] },
  { name: "m", shape: [4], role: "statistic" as const },
  { name: "none", shape: [0] },
];

it("has them by name, without frozen ones", () => {
  const { count, segments } = flatLayout(model);
  expect(count).toBe(11);
  expect(segments.map(({ name, start, length, role }) => [name, start, length, role])).toEqual([
    ["a", 0, 1, "trained"],
    ["m", 1, 4, "statistic"],
    ["none", 5, 0, "trained"],
    ["z", 5, 6, "trained"],
  ]);
});

it("cuts a block into parts of parameters", () => {
  const parts = (begin: number, end: number) =>
    segmentsWithin(flatLayout(model), begin, end).map((part) => [part.segment.name, part.begin, part.end]);
  expect(parts(0, 11)).toEqual([
    ["a", 0, 1],
    ["m", 1, 5],
    ["z", 5, 11],
  ]);
  expect(parts(3, 6)).toEqual([
    ["m", 3, 5],
    ["z", 5, 6],
  ]);
  expect(parts(4, 4)).toEqual([]);
});
