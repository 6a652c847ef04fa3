// What the robust aggregations share: columns in order, whatever their length.
import { expect, it } from "vitest";
import { sortedColumns } from "../../../../shared/core/methods/aggregation/sortedColumns.ts";

it.each([1, 2, 3, 48, 49, 200])("gives the %d values of each coordinate in order", (count) => {
  const rows = Array.from({ length: count }, (_, i) => Float32Array.of(Math.sin(i), -i, i % 3));
  const columns: number[][] = [];
  sortedColumns(rows, (k, column) => {
    columns[k] = [...column];
  });
  for (const k of [0, 1, 2]) {
    const expected = rows.map((row) => row[k] ?? Number.NaN).sort((a, b) => a - b);
    expect(columns[k]).toEqual(expected.map((value) => value + 0));
  }
});

it("takes 0 and -0 for the same", () => {
  sortedColumns([Float32Array.of(-0), Float32Array.of(0)], (_, column) => {
    expect([...column].every((value) => Object.is(value, 0))).toBe(true);
  });
});
