// What SCAFFOLD and FedDyn have in common, as tests: they learn from skewed clients where FedAvg drifts, and
// what the server keeps is the mean of what clients keep, also after some of it was lost.
import { describe, expect, it } from "vitest";
import { specIssues } from "./builders.ts";
import { type Federated, type FederationTask, federate } from "./hookedFederation.ts";
import { trainFederation } from "./softmaxFederation.ts";

export interface Drifting {
  readonly method: "scaffold" | "feddyn";
  readonly strategy: "scaffold-server" | "feddyn-server";
  /** For quadratic losses, and for skewed classes. */
  readonly options?: Readonly<Record<string, unknown>>;
  readonly skewOptions?: Readonly<Record<string, unknown>>;
  /** What clients and server keep. */
  readonly name: string;
}

/** Quadratic losses of 10 clients, a / 2 (w − t)², whose optima lie apart. */
const QUADRATIC = {
  start: Float32Array.of(0, 0),
  gradient: (client: number, [x = 0, y = 0]: Float64Array) =>
    Float64Array.of((1 + client / 5) * (x - client), (2 - client / 10) * (y + client ** 2 / 10)),
  steps: 10,
  learningRate: 0.05,
  clients: 10,
} satisfies Partial<FederationTask>;
const all = Array.from({ length: 10 }, (_, client) => client);
/** The minimum of the sum of the losses. */
const OPTIMUM = [0, 1].map((axis) => {
  const slope = (at: number) =>
    all.reduce((sum, client) => sum + (QUADRATIC.gradient(client, Float64Array.of(at, at))[axis] ?? 0), 0);
  return -slope(0) / (slope(1) - slope(0));
});

export function driftSuite({ method, strategy, options = {}, skewOptions = {}, name }: Drifting): void {
  const run = (more: Pick<FederationTask, "cohorts"> & Partial<FederationTask>, recovery = 0.1) =>
    federate({
      ...QUADRATIC,
      aggregation: { strategy },
      training: { method, ...options, recovery },
      ...more,
    });
  const error = ({ state, kept }: Federated): number => {
    const means = [0, 1].map(
      (axis) => [...kept.values()].reduce((sum, [own]) => sum + (own?.values[axis] ?? 0), 0) / 10,
    );
    return Math.hypot(...means.map((mean, axis) => (state?.[0]?.values[axis] ?? 0) - mean));
  };
  const distance = ({ versions }: Federated): number =>
    Math.hypot(...OPTIMUM.map((optimum, axis) => (versions.at(-1)?.[axis] ?? 0) - optimum));

  it("ends at the optimum of the common loss, where FedAvg does not", async () => {
    const cohorts = Array.from({ length: 80 }, () => all);
    expect(distance(await run({ cohorts }))).toBeLessThan(1e-3);
    const average = await federate({ ...QUADRATIC, aggregation: { strategy: "fedavg" }, cohorts });
    expect(distance(average)).toBeGreaterThan(0.1);
  });

  it.each([10, 4])(
    "needs fewer rounds than FedAvg, with %i of 10 clients in each, two classes each",
    async (cohort) => {
      const common = { clients: 10, attackers: 0, seed: 2, classesEach: 2, steps: 20, cohort };
      const average = await trainFederation({ ...common, rounds: 24, aggregation: { strategy: "fedavg" } });
      const target = Math.min(...average.losses());
      const { losses } = await trainFederation({
        ...common,
        rounds: 12,
        aggregation: { strategy },
        training: { method, ...skewOptions, optimizer: { name: "sgd", learningRate: 0.5 } },
      });
      expect(Math.min(...losses())).toBeLessThan(target);
    },
  );

  describe("what the server keeps", () => {
    it.each([0, 0.1, 1])(
      "is the mean of what all clients keep, where all take part: recovery %d",
      async (recovery) => {
        const done = await run({ cohorts: [all, all, all] }, recovery);
        expect(done.state?.map((tensor) => tensor.name)).toEqual([`${name}/w`]);
        expect(Math.hypot(...(done.state?.[0]?.values ?? []))).toBeGreaterThan(0.01);
        expect(error(done)).toBeLessThan(1e-5);
      },
    );

    it("is so with a part of the clients in each round, where nothing is forgotten", async () => {
      const cohorts = [[0, 3, 4], [1, 2, 9], [5, 6, 7, 8], [0, 9], all];
      expect(error(await run({ cohorts }, 0))).toBeLessThan(1e-5);
    });

    const mishap: FederationTask["mishap"] = (client, round) => {
      if (round > 6) return null;
      if (client === round) return "update";
      if (client === round + 1) return "state";
      return client === round + 2 ? "late" : null;
    };

    it("recovers from lost updates and states, and late ones", async () => {
      const cohorts = (rounds: number) => Array.from({ length: rounds }, () => all);
      const soon = await run({ cohorts: cohorts(7), mishap });
      const later = await run({ cohorts: cohorts(47), mishap });
      expect(error(soon)).toBeGreaterThan(1e-3);
      // In each of 40 rounds a tenth of it is forgotten.
      expect(error(later)).toBeLessThan(0.03 * error(soon));
    });

    it("stays wrong where nothing is forgotten, and so does the model", async () => {
      const cohorts = Array.from({ length: 90 }, () => all);
      const [paper, ours] = [await run({ cohorts, mishap }, 0), await run({ cohorts, mishap })];
      expect(error(paper)).toBeGreaterThan(1e-3);
      expect(distance(ours)).toBeLessThan(0.05 * distance(paper));
    });

    it("counts an update that is late as one of its own time", async () => {
      const late: FederationTask["mishap"] = (client, round) => (round === 1 && client < 5 ? "late" : null);
      const done = await run({ cohorts: [all, [9]], mishap: late }, 0);
      expect(error(done)).toBeLessThan(error(await run({ cohorts: [all], mishap: late }, 0)));
    });
  });

  it("is refused without its other half, and with layers of the clients' own", () => {
    const [training, aggregation] = [{ method }, { strategy }];
    expect(specIssues({ training, aggregation })).toEqual([]);
    expect(specIssues({ training })).toEqual([
      expect.stringMatching(`^aggregation.strategy: must be ${strategy}`),
    ]);
    expect(specIssues({ aggregation })).toEqual([
      expect.stringMatching(`^training.method: must be ${method}`),
    ]);
    expect(specIssues({ training: { ...training, local: ["output"] }, aggregation })).toEqual([
      expect.stringMatching("^training.local: cannot be had"),
    ]);
  });
}
