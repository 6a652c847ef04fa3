// FedDyn: the paper's algorithm by hand, what it does to drift, and what losses do to it.
import { describe, expect, it } from "vitest";
import { driftSuite } from "../../../support/driftSuite.ts";
import { federate } from "../../../support/hookedFederation.ts";

const slopes = [1, 3, 0.5];
const optima = [2, -1, 4];
const gradient = (client: number, w: number) => (slopes[client] ?? 0) * (w - (optima[client] ?? 0));
const [rate, alpha] = [0.1, 0.3];
const common = {
  start: Float32Array.of(1),
  gradient: (client: number, [w = 0]: Float64Array) => Float64Array.of(gradient(client, w)),
  learningRate: rate,
  aggregation: { strategy: "feddyn-server" },
};

describe("against the paper", () => {
  it("equals algorithm 1, of some clients in each round", async () => {
    const cohorts = [
      [0, 1],
      [1, 2],
      [0, 2],
      [0, 1, 2],
    ];
    const [steps, clients] = [4, 3];
    let [theta, h] = [1, 0];
    const lambdas = [0, 0, 0];
    const expected: number[] = [];
    for (const cohort of cohorts) {
      const ends = cohort.map((client) => {
        let own = theta;
        const lambda = lambdas[client] ?? 0;
        for (let k = 0; k < steps; k++) {
          own -= rate * (gradient(client, own) - lambda + alpha * (own - theta));
        }
        lambdas[client] = lambda - alpha * (own - theta);
        return own;
      });
      const before = theta;
      h -= (alpha / clients) * ends.reduce((sum, own) => sum + (own - before), 0);
      theta = ends.reduce((sum, own) => sum + own, 0) / cohort.length - h / alpha;
      expected.push(theta);
    }
    const { versions, state, kept } = await federate({
      ...common,
      ...{ training: { method: "feddyn", alpha, recovery: 0 }, steps, clients, cohorts },
    });
    for (const [i, version] of versions.entries())
      expect(version[0]).toBeCloseTo(expected[i] ?? Number.NaN, 5);
    expect(state?.[0]?.values[0]).toBeCloseTo(-h / alpha, 5);
    for (const client of [0, 1, 2]) {
      expect(kept.get(client)?.[0]?.values[0]).toBeCloseTo(-(lambdas[client] ?? 0) / alpha, 5);
    }
  });

  it("ends at a single client's own optimum, where its gradient is nothing", async () => {
    const { versions } = await federate({
      ...common,
      ...{ training: { method: "feddyn", alpha }, steps: 20, clients: 1 },
      cohorts: Array.from({ length: 60 }, () => [0]),
    });
    expect(versions.at(-1)?.[0]).toBeCloseTo(2, 4);
  });
});

driftSuite({
  ...{ method: "feddyn", strategy: "feddyn-server", name: "dual" },
  options: { alpha: 0.5 },
  skewOptions: { alpha: 0.1 },
});
