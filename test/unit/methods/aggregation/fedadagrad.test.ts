// FedAdagrad: two rounds by hand, over one coordinate at a time, and statistics that it leaves alone.
import { expect, it } from "vitest";
import type { Weights } from "../../../../shared/core/updates/weights.ts";
import { fold, row, valuesOf } from "../../../support/folding.ts";

const steps = [0.5, -2, 0];

async function round(base: Weights, state: Weights | null, options: object, scale = 1) {
  return fold({
    aggregation: { strategy: "fedadagrad", ...options },
    model: [{ name: "w", shape: [3] }],
    base,
    // The average of these is `steps`.
    updates: [
      { delta: row(...steps.map((step) => scale * (step + 1))), samples: 10 },
      { delta: row(...steps.map((step) => scale * (step - 1))), samples: 10 },
    ],
    state,
  });
}

const options = { serverLearningRate: 0.1, beta1: 0.9, tau: 0.001 };

it("equals two rounds computed by hand", async () => {
  const first = await round(row(1, 1, 1), null, options);
  expect(first.state?.map(({ name }) => name)).toEqual(["mean/w", "square/w"]);
  const second = await round(first.weights, first.state, options, 0.1);
  for (const [i, step] of steps.entries()) {
    // The oracle: the formula of the paper, in 64 bits.
    let [w, m, v] = [1, 0, 1e-6];
    for (const delta of [step, 0.1 * step]) {
      m = 0.9 * m + 0.1 * delta;
      v += delta ** 2;
      w += (0.1 * m) / (Math.sqrt(v) + 0.001);
    }
    expect(valuesOf(second.weights)[i]).toBeCloseTo(w, 5);
    expect(valuesOf(second.state ?? [])[i]).toBeCloseTo(m, 6);
    expect(valuesOf(second.state ?? [])[3 + i]).toBeCloseTo(v, 6);
  }
});

it("stays where it is when no client moved", async () => {
  const { weights } = await fold({
    aggregation: { strategy: "fedadagrad" },
    model: [{ name: "w", shape: [3] }],
    base: row(1, 2, 3),
    updates: [{ delta: row(0, 0, 0) }],
  });
  expect(valuesOf(weights)).toEqual([1, 2, 3]);
});

it("adapts from the first step: large and small gradients make steps of one size", async () => {
  const { weights } = await fold({
    aggregation: { strategy: "fedadagrad", tau: 1e-9, serverLearningRate: 0.1 },
    model: [{ name: "w", shape: [3] }],
    base: row(0, 0, 0),
    updates: [{ delta: row(1e-3, -1, 1e3) }],
  });
  for (const [i, value] of [0.1, -0.1, 0.1].entries()) expect(valuesOf(weights)[i]).toBeCloseTo(value, 5);
});

it("never forgets: the n-th of equal steps is 1/√n of the first", async () => {
  let [base, state]: [Weights, Weights | null] = [row(0, 0, 0), null];
  const sizes: number[] = [];
  for (let n = 1; n <= 9; n++) {
    const next = await round(base, state, { tau: 1e-9, serverLearningRate: 1 });
    sizes.push((valuesOf(next.weights)[0] ?? 0) - (valuesOf(base)[0] ?? 0));
    [base, state] = [next.weights, next.state];
  }
  for (const [i, size] of sizes.entries()) expect(size).toBeCloseTo(1 / Math.sqrt(i + 1), 4);
});
