// Work that is sized: the epochs of a client by hand, what it is granted, and deadlines that are missed less.
import { describe, expect, it } from "vitest";
import { invocationCost } from "../../../shared/core/cost/cost.ts";
import { priceTables } from "../../../shared/core/cost/prices.ts";
import { selectionFaces } from "../../../shared/core/methods/registry/selectionFaces.ts";
import { grantedTraining, type SizedEntry, workSizes } from "../../../shared/core/round/sizing.ts";
import { Capacity } from "../../../shared/core/schemas/client.ts";
import { buildSpec } from "../../support/builders.ts";
import { simulated } from "../../support/simulated.ts";
import { buildScenario } from "../sim/builders.ts";

const NOW = 1_000_000;
const prices = priceTables["cloud-run-2026"];
const capacity = Capacity.parse({});
const spec = (sizing: object | undefined, localEpochs = 5) =>
  buildSpec({ training: { localEpochs }, round: { deadlineSeconds: 100, ...(sizing ? { sizing } : {}) } });
const entry = (clientId: string, epochMs: number, change: Partial<SizedEntry> = {}): SizedEntry => ({
  clientId,
  pace: { fixedMs: 10_000, epochMs, reports: 3 },
  lastSeenMs: NOW,
  ...change,
});
const sizeOf = (roster: readonly SizedEntry[], clientId: string, sizing: object = {}) =>
  workSizes(spec(sizing), roster, prices, NOW)?.(clientId, capacity);

describe("the epochs of a client", () => {
  it("are as many as fit into the share of the deadline, inclusive, and one at least", () => {
    // 80 s: 10 s and three epochs of 23.3 s, or five of 14 s to the millisecond.
    expect(sizeOf([entry("a", 23_300)], "a")).toBe(3);
    expect(sizeOf([entry("a", 14_000)], "a")).toBe(5);
    expect(sizeOf([entry("a", 14_001)], "a")).toBe(4);
    expect(sizeOf([entry("a", 500_000)], "a")).toBe(1);
    expect(sizeOf([entry("a", 10)], "a")).toBe(5);
  });

  it("leave room for a cold start where the client has gone idle", () => {
    const cold = { coldStartMsHistory: [20_000] };
    expect(sizeOf([entry("a", 14_000, cold)], "a")).toBe(5);
    expect(sizeOf([entry("a", 14_000, { ...cold, lastSeenMs: null })], "a")).toBe(3);
  });

  it("cost no more than they may", () => {
    const maxUsd = invocationCost({ ...capacity, durationMs: 10_000 + 2 * 5_000 }, prices);
    expect(sizeOf([entry("a", 5_000)], "a", { maxUsd })).toBe(2);
    expect(sizeOf([entry("a", 5_000)], "a", { maxUsd: 1e-9 })).toBe(1);
  });

  it("are the others' mean where nothing is known of it, and all where nothing is known of any", () => {
    expect(sizeOf([entry("a", 10_000), entry("b", 36_600)], "constructor")).toBe(3);
    expect(sizeOf([{ clientId: "a" }], "a")).toBe(5);
    expect(workSizes(spec(undefined), [entry("a", 1)], prices, NOW)).toBeNull();
  });
});

it("is granted as the run's training, with those epochs", () => {
  const { training } = spec({});
  expect(grantedTraining(training, { work: { localEpochs: 2, batchSize: 32 } })).toEqual({
    ...training,
    localEpochs: 2,
  });
  expect(grantedTraining(training, {})).toBe(training);
});

const scenario = buildScenario({
  clients: 40,
  cohortSize: 10,
  rounds: 40,
  deadlineSeconds: 60,
  work: { seconds: 45, clientSpread: 0.7, callSpread: 0.05 },
});

it.each(selectionFaces.map(({ name }) => name))(
  "misses fewer deadlines than fixed work under %s",
  async (strategy) => {
    const missed = async (sizing: object) => {
      const training = { localEpochs: 8 };
      const { rounds } = await simulated({ scenario, strategy, seed: 1, spec: { training, round: sizing } });
      const later = rounds.slice(20);
      const [invited, inTime] = later.reduce(
        ([all, good], { round }) =>
          [all + round.counts.invoked, good + round.counts.inTime] as [number, number],
        [0, 0] as [number, number],
      );
      return { share: 1 - inTime / invited, rounds };
    };
    const [fixed, sized] = [await missed({}), await missed({ sizing: {} })];
    expect(sized.share).toBeLessThan(0.05);
    if (strategy === "random") expect(fixed.share).toBeGreaterThan(0.3);
    expect(sized.share).toBeLessThanOrEqual(fixed.share);
    const epochs = new Set(sized.rounds.flatMap(({ cohort }) => cohort.map(({ work }) => work?.localEpochs)));
    expect(epochs.size).toBeGreaterThan(2);
    expect(fixed.rounds.flatMap(({ cohort }) => cohort).some(({ work }) => work !== undefined)).toBe(false);
  },
);
