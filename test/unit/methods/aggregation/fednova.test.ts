// FedNova: its formula by hand, what hostile step counts can do, and the objective that it keeps where FedAvg
// does not.
import { describe, expect, it } from "vitest";
import { countedSteps } from "../../../../shared/core/methods/aggregation/countedSamples.ts";
import { accumulated } from "../../../../shared/core/methods/aggregation/fednova/index.ts";
import { OptimizerSpec } from "../../../../shared/core/methods/training/optimizerOptions.ts";
import { fold, row, valuesOf } from "../../../support/folding.ts";

const model = [
  { name: "w", shape: [2] },
  { name: "mean", shape: [1], role: "statistic" as const },
];
const delta = (x: number, y: number, statistic = 0) => [
  ...row(x, y),
  { name: "mean", shape: [1], values: Float32Array.of(statistic) },
];
const base = delta(0, 0);
const steppedBy = async (
  updates: readonly { x: number; samples: number; steps: number; statistic?: number }[],
  options: object = {},
) => {
  const { weights, consumed } = await fold({
    aggregation: { strategy: "fednova", ...options },
    model,
    base,
    updates: updates.map(({ x, statistic, ...one }) => ({ ...one, delta: delta(x, -x, statistic) })),
  });
  return { values: valuesOf(weights), shares: consumed.map(({ weight }) => weight) };
};

it("is the mean step a local step times the mean number of steps", async () => {
  const { values, shares } = await steppedBy([
    { x: 2, samples: 10, steps: 5 },
    { x: 12, samples: 30, steps: 20 },
  ]);
  // p = 1/4, 3/4; τ_eff = 5/4 + 60/4 = 16.25; Σ p Δ/τ = 0.25 × 0.4 + 0.75 × 0.6 = 0.55.
  expect(values[0]).toBeCloseTo(16.25 * 0.55, 5);
  expect(values[1]).toBeCloseTo(-16.25 * 0.55, 5);
  expect(shares[0]).toBeCloseTo(0.25 / 5 / (0.25 / 5 + 0.75 / 20), 10);
});

it("is FedAvg where all do as many steps", async () => {
  const { values } = await steppedBy([
    { x: 2, samples: 10, steps: 7 },
    { x: 12, samples: 30, steps: 7 },
  ]);
  expect(values[0]).toBeCloseTo(9.5, 5);
});

it("leaves statistics among the clients' values", async () => {
  const { values } = await steppedBy([
    { x: 1, samples: 10, steps: 1, statistic: 4 },
    { x: 1, samples: 10, steps: 9, statistic: 6 },
  ]);
  expect(values[2]).toBeGreaterThan(4);
  expect(values[2]).toBeLessThan(6);
});

it("counts an update that stopped early for all its samples: its steps say how far it came", async () => {
  // Planned were 40 steps each, as batches have one sample.
  const { values } = await steppedBy([
    { x: 1, samples: 40, steps: 10 },
    { x: 4, samples: 40, steps: 40 },
  ]);
  expect(values[0]).toBeCloseTo(25 * 0.1, 5);
});

describe("what steps add up to", () => {
  const of = (optimizer: object, steps: number) =>
    accumulated(steps, { optimizer: OptimizerSpec.parse(optimizer) });

  it("is their number, and with momentum the sum of what each gradient adds to", () => {
    expect(of({ name: "sgd" }, 7)).toBe(7);
    expect(of({ name: "adam" }, 7)).toBe(7);
    for (const steps of [1, 2, 10]) {
      // The oracle: a velocity that gradients of 1 move.
      let [velocity, moved] = [0, 0];
      for (let i = 0; i < steps; i++) {
        velocity = 0.9 * velocity + 1;
        moved += velocity;
      }
      expect(of({ name: "momentum", momentum: 0.9 }, steps)).toBeCloseTo(moved, 9);
    }
    expect(of({ name: "momentum", momentum: 0 }, 7)).toBe(7);
  });
});

describe("steps as they count", () => {
  const counted = (steps: readonly number[], samples: readonly number[], ratio: number) =>
    countedSteps(
      steps.map((count) => ({ steps: count })),
      samples,
      ratio,
    );

  it("are those done, and at least 1", () => {
    expect(counted([5, 10, 20], [50, 100, 200], 10)).toEqual([5, 10, 20]);
    expect(counted([0], [3], 10)).toEqual([1]);
    expect(counted([], [], 10)).toEqual([]);
  });

  it("are no more than the ratio allows: one client cannot blow up everybody's step", async () => {
    expect(counted([10, 10, 1e15], [100, 100, 100], 10)).toEqual([10, 10, 100]);
    const { values } = await steppedBy(
      [
        { x: 1, samples: 10, steps: 10 },
        { x: 1, samples: 10, steps: 10 },
        { x: 1, samples: 10, steps: 1e15 },
      ],
      { maxSamplesRatio: 10 },
    );
    expect(values[0]).toBeLessThan(40);
  });

  it("are no fewer than the ratio allows: one client cannot blow up its own", () => {
    // 10 samples a step are usual; with 1 step for 1,000 samples it counts as one of 100 a step.
    expect(counted([10, 10, 1], [100, 100, 1_000], 10)).toEqual([10, 10, 10]);
  });
});

it("ends at the optimum of the common objective where clients do unequal work, and FedAvg does not", async () => {
  // Two clients pull to -1 and to 1 with gradient w - target; the second does 30 times as many steps.
  const local = (start: number, target: number, steps: number): number => {
    let w = start;
    for (let i = 0; i < steps; i++) w -= 0.01 * (w - target);
    return w - start;
  };
  const ends = async (strategy: string): Promise<number> => {
    let w = 0.3;
    for (let i = 0; i < 150; i++) {
      const { weights } = await fold({
        aggregation: { strategy },
        model: [{ name: "w", shape: [1] }],
        base: row(w),
        updates: [
          { delta: row(local(w, -1, 1)), samples: 30, steps: 1 },
          { delta: row(local(w, 1, 30)), samples: 30, steps: 30 },
        ],
      });
      w = valuesOf(weights)[0] ?? Number.NaN;
    }
    return w;
  };
  const [nova, avg] = [await ends("fednova"), await ends("fedavg")];
  expect(Math.abs(nova)).toBeLessThan(0.15);
  expect(avg).toBeGreaterThan(0.8);
});
