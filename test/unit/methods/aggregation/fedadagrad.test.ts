// FedAdagrad: two rounds by hand, over one coordinate at a time.
import { expect, it } from "vitest";
import type { Weights } from "../../../../shared/core/updates/weights.ts";
import { adaptiveRound, adaptiveServerTests } from "../../../support/adaptiveServer.ts";
import { row, valuesOf } from "../../../support/folding.ts";

adaptiveServerTests({
  strategy: "fedadagrad",
  nextSquare: (square, delta) => square + delta ** 2,
  withoutMemory: {},
});

it("never forgets: the n-th of equal steps is 1/√n of the first", async () => {
  let [base, state]: [Weights, Weights | null] = [row(0, 0, 0), null];
  const sizes: number[] = [];
  for (let n = 1; n <= 9; n++) {
    const next = await adaptiveRound(base, state, {
      strategy: "fedadagrad",
      tau: 1e-9,
      serverLearningRate: 1,
    });
    sizes.push((valuesOf(next.weights)[0] ?? 0) - (valuesOf(base)[0] ?? 0));
    [base, state] = [next.weights, next.state];
  }
  for (const [i, size] of sizes.entries()) expect(size).toBeCloseTo(1 / Math.sqrt(i + 1), 4);
});
