// SCAFFOLD: the paper's algorithm by hand, what it does to drift, and what losses do to it.
import { describe, expect, it } from "vitest";
import { specIssues } from "../../../support/builders.ts";
import { driftSuite } from "../../../support/driftSuite.ts";
import { federate } from "../../../support/hookedFederation.ts";

const slopes = [1, 3, 0.5];
const optima = [2, -1, 4];
const gradient = (client: number, w: number) => (slopes[client] ?? 0) * (w - (optima[client] ?? 0));

const rate = 0.1;
const training = { method: "scaffold", recovery: 0 };
const aggregation = { strategy: "scaffold-server" };
const common = {
  start: Float32Array.of(1),
  gradient: (client: number, [w = 0]: Float64Array) => Float64Array.of(gradient(client, w)),
  learningRate: rate,
  aggregation,
};

describe("against the paper", () => {
  it("equals algorithm 1 with option II, of some clients in each round", async () => {
    const cohorts = [
      [0, 1],
      [1, 2],
      [0, 2],
      [0, 1, 2],
    ];
    const [steps, clients] = [4, 3];
    let [x, c] = [1, 0];
    const controls = [0, 0, 0];
    const expected: number[] = [];
    for (const cohort of cohorts) {
      const moves = cohort.map((client) => {
        let y = x;
        for (let k = 0; k < steps; k++) y -= rate * (gradient(client, y) - (controls[client] ?? 0) + c);
        const next = (controls[client] ?? 0) - c + (x - y) / (steps * rate);
        return { client, move: y - x, next, change: next - (controls[client] ?? 0) };
      });
      for (const { client, next } of moves) controls[client] = next;
      x += moves.reduce((sum, { move }) => sum + move, 0) / cohort.length;
      c += moves.reduce((sum, { change }) => sum + change, 0) / clients;
      expected.push(x);
    }
    const { versions, state, kept } = await federate({ ...common, training, steps, clients, cohorts });
    for (const [i, version] of versions.entries())
      expect(version[0]).toBeCloseTo(expected[i] ?? Number.NaN, 6);
    // Held as the step at the spec's learning rate.
    expect(state?.[0]?.values[0]).toBeCloseTo(rate * c, 6);
    for (const client of [0, 1, 2]) {
      expect(kept.get(client)?.[0]?.values[0]).toBeCloseTo(rate * (controls[client] ?? 0), 6);
    }
  });

  it.each([0, 0.1])("is plain gradient descent with a single client, recovery %d", async (recovery) => {
    const done = await federate({
      ...common,
      ...{ training: { ...training, recovery }, steps: 5, clients: 1, cohorts: [[0], [0], [0]] },
    });
    let w = 1;
    for (const version of done.versions) {
      for (let step = 0; step < 5; step++) w -= rate * gradient(0, w);
      expect(version[0]).toBeCloseTo(w, 6);
    }
  });

  it("holds controls in gradients, whatever rate a schedule gives a round", async () => {
    // Rates of rounds are the trainer's; half the spec's here.
    const halved = { ...training, optimizer: { name: "sgd", learningRate: 2 * rate } };
    const task = {
      ...common,
      steps: 4,
      clients: 3,
      cohorts: [
        [0, 1, 2],
        [0, 1, 2],
      ],
    };
    const [one, other] = [
      await federate({ ...task, training }),
      await federate({ ...task, training: halved }),
    ];
    for (const [i, version] of one.versions.entries()) {
      expect(other.versions[i]?.[0]).toBeCloseTo(version[0] ?? Number.NaN, 6);
    }
    expect(other.state?.[0]?.values[0]).toBeCloseTo(2 * (one.state?.[0]?.values[0] ?? Number.NaN), 6);
  });
});

driftSuite({ method: "scaffold", strategy: "scaffold-server", name: "control" });

it.each([
  [{ name: "adam" }, "training.optimizer.name"],
  [{ name: "momentum" }, "training.optimizer.name"],
  [{ name: "sgd", globalClipNorm: 1 }, "training.optimizer.globalClipNorm"],
])("is refused with %j, whose steps do not say what the mean gradient was", (optimizer, path) => {
  const issues = specIssues({ training: { method: "scaffold", optimizer }, aggregation });
  expect(issues).toEqual([expect.stringMatching(`^${path}: `)]);
});
