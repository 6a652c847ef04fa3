// Federated against central and local training: means, deviations, and the table of them.
import { describe, expect, it } from "vitest";
import { pooled } from "../../../../infra/cli/federate/baselines.ts";
import { comparisonLines, comparisonOf } from "../../../../infra/cli/federate/comparison.ts";

const trial = (seed: number, shift: number) => ({
  seed,
  central: { accuracy: 0.9 + shift, loss: 12.5 },
  local: { a: { accuracy: 0.4, loss: 30 }, b: { accuracy: 0.6, loss: 50 } },
  federated: { accuracy: 0.8 + shift, loss: 13, f1: 0.7 },
});

describe("comparisonOf", () => {
  it("averages over seeds, with their sample standard deviation, and local scores over clients", () => {
    const { metrics, seeds, ways } = comparisonOf([trial(1, 0), trial(2, 0.02)]);
    expect(metrics, "what all have").toEqual(["accuracy", "loss"]);
    expect(seeds).toEqual([1, 2]);
    expect(ways.map(({ way }) => way)).toEqual([
      "all data in one place",
      "each client alone, mean of 2",
      "federated",
    ]);
    const [central, local, federated] = ways.map(({ scores }) => scores["accuracy"]);
    expect(central?.mean).toBeCloseTo(0.91, 12);
    expect(central?.deviation).toBeCloseTo(0.02 / Math.SQRT2, 12);
    expect(local).toEqual({ mean: 0.5, deviation: 0 });
    expect(federated?.mean).toBeCloseTo(0.81, 12);
  });

  it("is a table that says over what it averages", () => {
    expect(comparisonLines(comparisonOf([trial(1, 0), trial(2, 0.02)]))).toEqual([
      "| trained on | accuracy | loss |",
      "|---|---|---|",
      "| all data in one place | 0.910 ± 0.014 | 12.5 |",
      "| each client alone, mean of 2 | 0.500 | 40.0 |",
      "| federated | 0.810 ± 0.014 | 13.0 |",
      "",
      "Mean ± standard deviation over the seeds 1, 2.",
    ]);
    expect(comparisonLines(comparisonOf([trial(7, 0)])).at(-1)).toBe("Seed 7.");
  });
});

describe("pooled", () => {
  const part = (shape: number[], ...values: number[]) => ({ shape, values: Float32Array.from(values) });

  it("has all samples in order, and leaves its parts alone", () => {
    const a = { x: part([1, 2], 1, 2), y: part([1], 0) };
    const b = { x: part([2, 2], 3, 4, 5, 6), y: part([2], 1, 1) };
    expect(pooled([a, b])).toEqual({ x: part([3, 2], 1, 2, 3, 4, 5, 6), y: part([3], 0, 1, 1) });
    expect(a.x.values).toEqual(Float32Array.of(1, 2));
  });

  it("refuses samples of different shapes", () => {
    const [a, b] = [part([1, 2], 1, 2), part([1, 3], 1, 2, 3)];
    const y = part([1], 0);
    expect(() =>
      pooled([
        { x: a, y },
        { x: b, y },
      ]),
    ).toThrow(/\[2\] and \[3\]/);
  });
});
