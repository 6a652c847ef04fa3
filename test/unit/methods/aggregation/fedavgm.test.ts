// FedAvgM: two rounds by hand, over one coordinate at a time, and statistics that it leaves alone.
import { expect, it } from "vitest";
import type { Weights } from "../../../../shared/core/updates/weights.ts";
import { fold, row, valuesOf } from "../../../support/folding.ts";

const steps = [0.5, -2, 0];

async function round(base: Weights, state: Weights | null, options: object, scale = 1) {
  return fold({
    aggregation: { strategy: "fedavgm", ...options },
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

it("keeps a share of the step before", async () => {
  const options = { serverLearningRate: 0.5, serverMomentum: 0.8 };
  const first = await round(row(1, 1, 1), null, options);
  expect(valuesOf(first.weights)).toEqual([1.25, 0, 1]);
  expect(first.state).toMatchObject([{ name: "momentum/w", shape: [3] }]);
  expect(valuesOf(first.state ?? [])).toEqual([0.5, -2, 0]);
  const second = await round(first.weights, first.state, options, 2);
  // v = .8 v + 2 step: 1.4, -5.6, 0.
  expect(valuesOf(second.state ?? [])).toEqual([1.4, -5.6, 0].map(Math.fround));
  for (const [i, value] of [1.95, -2.8, 1].entries())
    expect(valuesOf(second.weights)[i]).toBeCloseTo(value, 6);
});

it("is FedAvg without momentum", async () => {
  const { weights } = await round(row(1, 1, 1), null, { serverMomentum: 0 });
  expect(valuesOf(weights)).toEqual([1.5, -1, 1]);
});

it("does not step statistics, and keeps nothing of them", async () => {
  const statistic = (value: number): Weights => [{ name: "m", shape: [], values: Float32Array.of(value) }];
  const { weights, state } = await fold({
    aggregation: { strategy: "fedavgm" },
    model: [{ name: "m", shape: [], role: "statistic" }],
    base: statistic(5),
    updates: [{ delta: statistic(1) }, { delta: statistic(2) }],
  });
  expect(valuesOf(weights)).toEqual([1.5]);
  expect(state).toEqual([]);
});
