// Consensus ADMM: its formulas by hand, and what it makes of a convex model on skewed data beside FedAvg and
// one-shot averaging.
import { expect, it } from "vitest";
import { specIssues } from "../../../support/builders.ts";
import { type FederationTask, federate } from "../../../support/hookedFederation.ts";
import { trainFederation } from "../../../support/softmaxFederation.ts";

const slopes = [1, 3, 0.5];
const optima = [2, -1, 4];
const gradient = (client: number, w: number) => (slopes[client] ?? 0) * (w - (optima[client] ?? 0));
const [rate, rho, steps] = [0.1, 0.4, 6];
const task = {
  start: Float32Array.of(1),
  gradient: (client: number, [w = 0]: Float64Array) => Float64Array.of(gradient(client, w)),
  learningRate: rate,
  steps,
  clients: 3,
  aggregation: { strategy: "fedavg" },
  training: { method: "admm", rho },
} satisfies Partial<FederationTask>;

it("equals x, u, z by hand, of some clients in each round", async () => {
  const cohorts = [[0, 1], [1, 2], [0, 1, 2], [2]];
  let z = 1;
  const duals = [0, 0, 0];
  const expected: number[] = [];
  for (const cohort of cohorts) {
    const sent = cohort.map((client) => {
      const u = duals[client] ?? 0;
      let x = z;
      for (let k = 0; k < steps; k++) x -= rate * (gradient(client, x) + rho * (x - z + u));
      duals[client] = u + x - z;
      return x + (duals[client] ?? 0);
    });
    z = sent.reduce((sum, one) => sum + one, 0) / cohort.length;
    expected.push(z);
  }
  const { versions, kept } = await federate({ ...task, cohorts });
  for (const [i, version] of versions.entries()) expect(version[0]).toBeCloseTo(expected[i] ?? Number.NaN, 6);
  for (const client of [0, 1, 2]) {
    expect(kept.get(client)?.[0]?.values[0]).toBeCloseTo(duals[client] ?? 0, 6);
  }
});

it("is FedDyn where all clients take part in each round", async () => {
  const cohorts = Array.from({ length: 12 }, () => [0, 1, 2]);
  const admm = await federate({ ...task, cohorts });
  const feddyn = await federate({
    ...{ ...task, cohorts, aggregation: { strategy: "feddyn-server" } },
    training: { method: "feddyn", alpha: rho },
  });
  for (const [i, version] of admm.versions.entries()) {
    expect(version[0]).toBeCloseTo(feddyn.versions[i]?.[0] ?? Number.NaN, 5);
  }
});

it("forgets what was lost: a state that begins anew, an update that never comes", async () => {
  const all = [0, 1, 2];
  const mishap: FederationTask["mishap"] = (client, round) =>
    round > 5 || client !== round % 3 ? null : round % 2 === 0 ? "state" : "update";
  const { versions } = await federate({ ...task, mishap, cohorts: Array.from({ length: 120 }, () => all) });
  const weight = slopes.reduce((sum, slope) => sum + slope, 0);
  const optimum = slopes.reduce((sum, slope, i) => sum + (slope * (optima[i] ?? 0)) / weight, 0);
  expect(versions.at(-1)?.[0]).toBeCloseTo(optimum, 3);
});

it("ends below FedAvg after as many rounds on skewed classes, and both below one-shot averaging", async () => {
  const common = { clients: 10, attackers: 0, seed: 1, classesEach: 2, aggregation: { strategy: "fedavg" } };
  const rounds = 15;
  const lossOf = async (more: object) =>
    (await trainFederation({ ...common, steps: 20, rounds, ...more })).losses().at(-1) ?? Number.NaN;
  const average = await lossOf({});
  expect(await lossOf({ training: { method: "admm", rho: 0.05 } })).toBeLessThan(0.95 * average);
  // Every client does all its work in a single round.
  expect(await lossOf({ steps: 20 * rounds, rounds: 1 })).toBeGreaterThan(1.3 * average);
});

it("is refused with layers of the clients' own, and takes any aggregation", () => {
  expect(specIssues({ training: { method: "admm", local: ["output"] } })).toEqual([
    expect.stringMatching("^training.local: cannot be had"),
  ]);
  for (const aggregation of [{ strategy: "fedavg" }, { strategy: "norm-median" }]) {
    expect(specIssues({ training: { method: "admm" }, aggregation })).toEqual([]);
  }
});
