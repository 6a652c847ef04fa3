// The block geometric median: which block, what the memory holds, and that an attack does not live on in it
// unless that is asked for.
import { expect, it } from "vitest";
import { blockOf } from "../../../../shared/core/methods/aggregation/bgmd/index.ts";
import { flatLayout } from "../../../../shared/core/updates/flat.ts";
import type { Weights } from "../../../../shared/core/updates/weights.ts";
import { fold, row, valuesOf } from "../../../support/folding.ts";
import { seven } from "./seven.ts";

async function rounds(rows: readonly (readonly number[])[], count: number, options: object) {
  let state: Weights | null = null;
  const made: { step: number[]; memory: number[] }[] = [];
  for (let round = 0; round < count; round++) {
    const folded = await fold({
      aggregation: { strategy: "bgmd", ...options },
      model: [{ name: "w", shape: [rows[0]?.length ?? 0] }],
      base: row(...(rows[0] ?? []).map(() => 0)),
      updates: rows.map((values) => ({ delta: row(...values) })),
      state,
    });
    state = folded.state;
    made.push({ step: valuesOf(folded.weights), memory: valuesOf(folded.state ?? []) });
  }
  return made;
}

function expectClose(actual: readonly number[] | undefined, expected: readonly number[], digits = 5): void {
  for (const [k, value] of expected.entries()) expect(actual?.[k]).toBeCloseTo(value, digits);
}

it("steps in one coordinate after the other, and remembers the medians of the others", async () => {
  const [first, second, third] = await rounds(seven, 3, { share: 0.34 });
  // Medians are 1, 1.9, 2.9; the geometric median of a column is its median.
  expectClose(first?.step, [0, 0, 2.9], 3);
  expectClose(first?.memory, [1, 1.9, 0]);
  expectClose(second?.step, [0, 3.8, 0], 3);
  expectClose(second?.memory, [2, 0, 2.9]);
  expectClose(third?.step, [0, 0, 5.8], 3);
  expectClose(third?.memory, [3, 1.9, 0]);
});

it("as published lets one update choose the block, and keeps what it says", async () => {
  const [first, second] = await rounds(seven, 2, { share: 0.34, paperFaithful: true });
  expectClose(first?.step, [1.0000005, 0, 0], 3);
  expectClose(first?.memory, [0, -1.4285714286, -2.1714285714]);
  expectClose(second?.step, [1.0000005, 0, 0], 3);
  expectClose(second?.memory, [0, -2.8571428571, -4.3428571429]);
});

it("is the geometric median with a block of everything", async () => {
  const [whole] = await rounds(seven, 1, { share: 1 });
  const { weights } = await fold({
    aggregation: { strategy: "geometric-median" },
    model: [{ name: "w", shape: [3] }],
    base: row(0, 0, 0),
    updates: seven.map((values) => ({ delta: row(...values) })),
  });
  expectClose(whole?.step, valuesOf(weights), 6);
  expect(whole?.memory).toEqual([0, 0, 0]);
});

it("lets no minority decide on the block or stay in the memory, however far it goes", async () => {
  const rows = [...seven.slice(0, 5), [1e6, -1e6, 1e6], [1e6, -1e6, -1e6]];
  for (const { step, memory } of await rounds(rows, 6, { share: 0.34 })) {
    for (const value of [...step, ...memory]) expect(value).toBeGreaterThanOrEqual(0);
    expect(Math.max(...step, ...memory)).toBeLessThan(20);
  }
});

it("has a block of the highest scores, of equal ones the first, one at the least, without statistics", () => {
  const layout = flatLayout([
    { name: "a", shape: [4] },
    { name: "b", shape: [2], role: "statistic" },
    { name: "c", shape: [4] },
  ]);
  const scores = Float32Array.of(1, 3, 2, 2, 9, 9, 2, 0, 2, 5);
  const block = (share: number) => [...blockOf(scores, layout, share)].flatMap((one, k) => (one ? [k] : []));
  expect(block(0.5)).toEqual([1, 2, 3, 9]);
  expect(block(1e-9)).toEqual([9]);
  expect(block(1)).toEqual([0, 1, 2, 3, 6, 7, 8, 9]);
  expect([...blockOf(new Float32Array(0), flatLayout([]), 0.1)]).toEqual([]);
});
