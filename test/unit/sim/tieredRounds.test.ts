// Tiers that do not wait for each other, where slow clients hold classes of their own: sooner at a model
// than rounds that wait for the slowest, and better at the slow clients' classes than a buffer that all fill.
import { describe, expect, it } from "vitest";
import { drawPopulation } from "../../../infra/sim/population/drawPopulation.ts";
import { Scenario } from "../../../infra/sim/scenario/scenario.ts";
import { randomFrom } from "../../../shared/core/random.ts";
import { listedIn } from "../../../shared/core/round/buffered.ts";
import { updateKey } from "../../../shared/core/round/inbox.ts";
import { simulated } from "../../support/simulated.ts";
import { cloud, softmaxLearner } from "../../support/softmaxLearner.ts";

const CLASSES = 10;
const CLIENTS = 60;

/** Log-normal speeds (sigma 0.6), warm instances, nothing lost. */
const scenario = Scenario.parse({
  description: "speeds",
  clients: CLIENTS,
  cohortSize: 15,
  rounds: 150,
  deadlineSeconds: 1_800,
  capacity: { timeoutSeconds: 1_800 },
  work: { seconds: 10, clientSpread: 0.6, callSpread: 0.1 },
  coldStart: { seconds: 0 },
  stragglers: { slow: 1 },
  crash: { manner: "dies" },
  dispatchSeconds: 0,
  aggregateSeconds: 0.1,
  accounting: "platform",
});

/** The slowest third of the clients. */
function slowestOf(seed: number): ReadonlySet<string> {
  const { clientIds, conduct } = drawPopulation(scenario, 0, seed);
  const workMs = (clientId: string) =>
    conduct({ clientId, round: 1, delivery: 1, atMs: 0, workFactor: 1 }).workMs;
  const bySpeed = clientIds.map((clientId) => ({ clientId, ms: workMs(clientId) }));
  bySpeed.sort((a, b) => a.ms - b.ms);
  return new Set(bySpeed.slice((2 * CLIENTS) / 3).map(({ clientId }) => clientId));
}

interface Task {
  readonly features: number;
  readonly spread: number;
  readonly hidden?: number;
  readonly steps: number;
  /** Classes from here on are the slow clients'. */
  readonly ownFrom: number;
  /** Of a slow client's samples, those of its own classes; the others are of any. */
  readonly ownShare: number;
}

/** A hidden layer, and half of the classes with the slow clients alone: learned in tens of rounds. */
const HARD: Task = { features: 32, spread: 2, hidden: 24, steps: 6, ownFrom: 5, ownShare: 1 };

/** Learned within a few rounds: what is left in the end is what the updates are weighed by. */
const EASY: Task = { features: 16, spread: 1.2, steps: 4, ownFrom: 8, ownShare: 0.8 };

function learner(seed: number, { features, spread, ownFrom, ownShare, steps, ...more }: Task) {
  const slow = slowestOf(seed);
  const draw = cloud(CLASSES, features, spread, seed);
  const labels = (clientId: string) => {
    const random = randomFrom(seed, "labels", clientId);
    return Array.from({ length: 60 }, () => {
      if (!slow.has(clientId)) return random.int(ownFrom);
      return random.next() < ownShare ? ownFrom + random.int(CLASSES - ownFrom) : random.int(CLASSES);
    });
  };
  const data = new Map<string, ReturnType<typeof draw>>();
  return softmaxLearner({
    classes: CLASSES,
    features,
    ...more,
    clientData: (clientId) => {
      const known = data.get(clientId) ?? draw(labels(clientId), randomFrom(seed, "points", clientId));
      data.set(clientId, known);
      return known;
    },
    test: draw(
      Array.from({ length: 300 }, (_, i) => i % CLASSES),
      randomFrom(seed, "test"),
    ),
    learningRate: 0.05,
    batchSize: 10,
    steps: () => steps,
    seed,
  });
}

const constant = { weight: "constant", maxRounds: 500 };
const FEDAT = { aggregation: { strategy: "fedat", staleness: constant } };
const FEDBUFF = {
  round: { buffer: { size: 5 } },
  aggregation: { strategy: "fedbuff", staleness: constant },
};

async function played(seed: number, task: Task, spec: object, stop: object) {
  const trained = learner(seed, task);
  const of = { scenario, strategy: "random", seed, learner: trained };
  const { run, rounds } = await simulated({ ...of, spec: { ...spec, stop } });
  const versions = run.modelVersion ?? 0;
  return { run, rounds, seconds: secondsOf(rounds), slow: ofSlow(trained.classAccuracy(versions), task) };
}

function secondsOf(rounds: readonly { readonly round: { readonly closedAt: number | null } }[]): number {
  return (rounds.at(-1)?.round.closedAt ?? 0) / 1_000;
}

function ofSlow(each: readonly number[], { ownFrom }: Task): number {
  const own = each.slice(ownFrom);
  return own.reduce((sum, one) => sum + one, 0) / own.length;
}

describe("tiers that do not wait for each other", () => {
  it.each([1, 2, 3])("reach the target sooner than rounds that wait for all (seed %i)", async (seed) => {
    const stop = { rounds: 400, targetAccuracy: 0.65 };
    const [waiting, tiers] = [await played(seed, HARD, {}, stop), await played(seed, HARD, FEDAT, stop)];
    for (const { run } of [waiting, tiers]) expect(run.statusReason).toContain("accuracy");
    expect(tiers.seconds).toBeLessThan(0.9 * waiting.seconds);
  });

  it.each([1, 2, 3])("know the slow clients' classes better than a buffer does (seed %i)", async (seed) => {
    // As many updates of each, long after both have learned.
    const stop = { rounds: 60 };
    const [buffer, tiers] = [await played(seed, EASY, FEDBUFF, stop), await played(seed, EASY, FEDAT, stop)];
    expect(tiers.slow).toBeGreaterThan(buffer.slow);
  });

  it("are made of the roster, wait for their own cohort alone, and say which version is whose", async () => {
    const { run, rounds } = await played(1, EASY, FEDAT, { rounds: 60 });
    const used = rounds.flatMap(({ round }) => round.consumed.map(updateKey));
    expect(new Set(used).size).toBe(used.length);
    const slow = slowestOf(1);
    const places = [0, 0, 0];
    const inTier3 = { early: 0, late: 0 };
    for (const { round } of rounds) {
      expect(round).toMatchObject({ status: "closed", closeReason: "all-reported" });
      expect(round.consumed).toHaveLength(5);
      // All of a cohort, and so of one round.
      expect(new Set(round.consumed.map((update) => update.round)).size).toBe(1);
      places[(round.tier ?? 0) - 1] = (places[(round.tier ?? 0) - 1] ?? 0) + 1;
      if (round.tier !== 3) continue;
      const slowOnes = round.consumed.filter(({ clientId }) => slow.has(clientId)).length;
      inTier3[round.round <= 20 ? "early" : "late"] += slowOnes / 5;
    }
    expect(run.tiers?.map(({ versions }) => versions)).toEqual(places);
    const [fast = 0, middle = 0, slowest = 0] = places;
    expect(fast).toBeGreaterThan(middle);
    expect(middle).toBeGreaterThan(slowest);
    expect(slowest).toBeGreaterThan(5);
    const lateRounds = rounds.filter(({ round }) => round.tier === 3 && round.round > 20).length;
    expect(inTier3.late / lateRounds).toBeGreaterThan(0.7);
  });

  it("go on where one of them is gone: its place is taken at its clients' deadline", async () => {
    const dead = slowestOf(2);
    const { run, rounds } = await simulated({
      scenario: { ...scenario, deadlineSeconds: 60, attempts: 1 },
      strategy: "random",
      seed: 2,
      spec: { ...FEDAT, stop: { rounds: 90 } },
      learner: learner(2, EASY),
      population: (drawn) => ({
        ...drawn,
        conduct: (call) => {
          const conduct = drawn.conduct(call);
          return dead.has(call.clientId) ? { ...conduct, ending: "silence" } : conduct;
        },
      }),
    });
    expect(run).toMatchObject({ status: "completed", round: 90 });
    expect(run.totals.missed).toBeGreaterThan(10);
    const made = rounds.filter(({ round }) => round.status === "closed").length;
    expect(made).toBeGreaterThan(80);
    // Who was silent is in the slowest tier, and the fastest makes versions as fast as ever.
    // Once each client was invited, that is: until then any tier may have some that are gone.
    const known = rounds.slice(50).map(({ round }) => `${round.tier} ${round.closeReason}`);
    expect(new Set(known)).toEqual(new Set(["1 all-reported", "2 all-reported"]));
    for (const { round } of rounds) {
      if (round.closeReason !== "deadline") continue;
      expect(round.outcomes.some(({ result }) => result === "missed")).toBe(true);
      // At its clients' own deadline, not at that of the round which was open.
      const due = listedIn(round).flatMap(({ tier, dueAt }) => (tier === round.tier ? [dueAt] : []));
      expect(due).toContain(round.aggregatingAt);
    }
  });

  it("come to the same bytes whenever they are simulated", async () => {
    const one = await played(3, EASY, FEDAT, { rounds: 20 });
    expect((await played(3, EASY, FEDAT, { rounds: 20 })).rounds).toEqual(one.rounds);
  });
});
