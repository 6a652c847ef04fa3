// What the three adaptive server optimizers have in common, as tests: two rounds by hand, over one coordinate
// at a time; they differ in how they remember squares.
import { expect, it } from "vitest";
import type { Weights } from "../../shared/core/updates/weights.ts";
import { fold, row, valuesOf } from "./folding.ts";

const steps = [0.5, -2, 0];
const model = [{ name: "w", shape: [3] }];

interface Adaptive {
  readonly strategy: "fedadagrad" | "fedadam" | "fedyogi";
  /** The paper's formula of the next mean square, in 64 bits; `beta2` is .99 where there is one. */
  readonly nextSquare: (square: number, delta: number) => number;
  readonly beta2?: number;
  /** Options with which it does not remember earlier rounds. */
  readonly withoutMemory: object;
}

/** A round whose updates average to `scale` times 0.5, −2 and 0. */
export async function adaptiveRound(
  base: Weights,
  state: Weights | null,
  aggregation: Parameters<typeof fold>[0]["aggregation"],
  scale = 1,
) {
  return fold({
    aggregation,
    model,
    base,
    updates: [
      { delta: row(...steps.map((step) => scale * (step + 1))), samples: 10 },
      { delta: row(...steps.map((step) => scale * (step - 1))), samples: 10 },
    ],
    state,
  });
}

export function adaptiveServerTests({ strategy, nextSquare, beta2, withoutMemory }: Adaptive): void {
  const ofSquares = beta2 === undefined ? {} : { beta2 };

  it("equals two rounds computed by hand", async () => {
    const options = { strategy, serverLearningRate: 0.1, beta1: 0.9, tau: 0.001, ...ofSquares };
    const first = await adaptiveRound(row(1, 1, 1), null, options);
    expect(first.state?.map(({ name }) => name)).toEqual(["mean/w", "square/w"]);
    const second = await adaptiveRound(first.weights, first.state, options, 0.1);
    for (const [i, step] of steps.entries()) {
      let [w, m, v] = [1, 0, 1e-6];
      for (const delta of [step, 0.1 * step]) {
        m = 0.9 * m + 0.1 * delta;
        v = nextSquare(v, delta);
        w += (0.1 * m) / (Math.sqrt(v) + 0.001);
      }
      expect(valuesOf(second.weights)[i]).toBeCloseTo(w, 5);
      expect(valuesOf(second.state ?? [])[i]).toBeCloseTo(m, 6);
      expect(valuesOf(second.state ?? [])[3 + i]).toBeCloseTo(v, 6);
    }
  });

  it("stays where it is when no client moved", async () => {
    const updates = [{ delta: row(0, 0, 0) }];
    const { weights } = await fold({ aggregation: { strategy }, model, base: row(1, 2, 3), updates });
    expect(valuesOf(weights)).toEqual([1, 2, 3]);
  });

  it("adapts: large and small gradients make steps of one size", async () => {
    const { weights } = await fold({
      aggregation: { strategy, tau: 1e-9, serverLearningRate: 0.1, ...withoutMemory },
      model,
      base: row(0, 0, 0),
      updates: [{ delta: row(1e-3, -1, 1e3) }],
    });
    for (const [i, value] of [0.1, -0.1, 0.1].entries()) expect(valuesOf(weights)[i]).toBeCloseTo(value, 5);
  });
}
