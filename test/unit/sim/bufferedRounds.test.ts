// Buffered rounds where clients differ much in speed: as good a model in a third of the time of rounds that
// wait for their cohort, of no more updates; and what holds of such a run from its first round to its last.
import { describe, expect, it } from "vitest";
import { Scenario } from "../../../infra/sim/scenario/scenario.ts";
import { invocationCost } from "../../../shared/core/cost/cost.ts";
import { priceTables } from "../../../shared/core/cost/prices.ts";
import { randomFrom } from "../../../shared/core/random.ts";
import { carriedFrom, invocationKey, listedIn } from "../../../shared/core/round/buffered.ts";
import { updateKey } from "../../../shared/core/round/inbox.ts";
import { simulated } from "../../support/simulated.ts";
import { cloud, softmaxLearner } from "../../support/softmaxLearner.ts";

const CLASSES = 10;
const CLIENTS = 60;

/** Log-normal speeds (sigma 1), warm instances, nothing lost. */
const scenario = Scenario.parse({
  description: "speeds",
  clients: CLIENTS,
  cohortSize: 20,
  rounds: 150,
  deadlineSeconds: 1_800,
  capacity: { timeoutSeconds: 1_800 },
  work: { seconds: 10, clientSpread: 1, callSpread: 0.1 },
  coldStart: { seconds: 0 },
  stragglers: { slow: 1 },
  crash: { manner: "dies" },
  dispatchSeconds: 0,
  aggregateSeconds: 0.1,
  accounting: "platform",
});

function learner(seed: number, steps = 4) {
  const draw = cloud(CLASSES, 16, 1.2, seed);
  const labels = (clientId: string) => {
    const random = randomFrom(seed, "labels", clientId);
    const shares = Array.from({ length: CLASSES }, () => random.gamma(0.5) + 1e-9);
    const total = shares.reduce((sum, share) => sum + share, 0);
    return Array.from({ length: 60 }, () => {
      let left = random.next() * total;
      return Math.max(
        0,
        shares.findIndex((share) => {
          left -= share;
          return left < 0;
        }),
      );
    });
  };
  const data = new Map<string, ReturnType<typeof draw>>();
  return softmaxLearner({
    classes: CLASSES,
    features: 16,
    clientData: (clientId) => {
      const known = data.get(clientId) ?? draw(labels(clientId), randomFrom(seed, "points", clientId));
      data.set(clientId, known);
      return known;
    },
    test: draw(
      Array.from({ length: 500 }, (_, i) => i % CLASSES),
      randomFrom(seed, "test"),
    ),
    learningRate: 0.05,
    batchSize: 10,
    steps: () => steps,
    seed,
  });
}

const TARGET = 0.8;
const stop = (rounds: number) => ({ rounds, targetAccuracy: TARGET });

const buffered = (size: number, rounds: number, more: object = {}) => ({
  round: { buffer: { size } },
  aggregation: { strategy: "fedbuff", staleness: { weight: "polynomial", maxRounds: 500 }, ...more },
  stop: stop(rounds),
});

/** What it took until a version had the target; fails where none did. */
async function reach(seed: number, spec: Readonly<Record<string, unknown>>) {
  const { run, rounds } = await simulated({
    scenario,
    strategy: "random",
    seed,
    spec,
    learner: learner(seed),
  });
  expect(run).toMatchObject({ status: "completed", statusReason: expect.stringContaining("accuracy") });
  const updates = rounds.reduce((sum, { round }) => sum + round.consumed.length, 0);
  return { seconds: (rounds.at(-1)?.round.closedAt ?? 0) / 1_000, updates, run, rounds };
}

describe("buffered rounds", () => {
  it.each([1, 2, 3])("take a third of the time, of no more updates (seed %i)", async (seed) => {
    const waiting = await reach(seed, { stop: stop(150) });
    const five = await reach(seed, buffered(5, 600));
    expect(five.seconds).toBeLessThanOrEqual(waiting.seconds / 3);
    expect(five.updates).toBeLessThanOrEqual(waiting.updates);
  });

  it("are not slower than a version of each update, which takes more of them", async () => {
    const five = await reach(3, buffered(5, 600));
    const one = await reach(3, buffered(1, 3_000, { serverLearningRate: 0.3 }));
    expect(five.seconds).toBeLessThanOrEqual(one.seconds);
    expect(five.updates).toBeLessThanOrEqual(one.updates);
  });

  it("keep so many clients at work, miss none, and count no update twice", async () => {
    const { run, rounds } = await reach(1, buffered(5, 600));
    const used = rounds.flatMap(({ round }) => round.consumed.map(updateKey));
    expect(new Set(used).size).toBe(used.length);
    for (const { round } of rounds) {
      expect(round).toMatchObject({ status: "closed", closeReason: "quorum" });
      expect(round.consumed.length).toBeGreaterThanOrEqual(5);
      // Some updates may wait that came while the version before was made.
      expect(listedIn(round).length).toBeGreaterThanOrEqual(20);
      expect(listedIn(round).length).toBeLessThanOrEqual(25);
    }
    expect(run).toMatchObject({ eur: 1, totals: { missed: 0, failed: 0 } });
    const staleness = rounds.flatMap(({ round }) => round.consumed.map((update) => update.staleness));
    // Four versions of five updates each are made while twenty clients train once.
    const mean = staleness.reduce((sum, one) => sum + one, 0) / staleness.length;
    expect(mean).toBeGreaterThan(2);
    expect(mean).toBeLessThan(4);
    expect(Math.max(...staleness)).toBeGreaterThan(5);
  });

  it("give the place of a client that dies to another at its deadline, and charge each call once", async () => {
    const { run, rounds } = await simulated({
      scenario: {
        ...scenario,
        deadlineSeconds: 60,
        stragglers: { crash: 1, slow: 0, flaky: 0 },
        attempts: 1,
      },
      strategy: "random",
      seed: 2,
      level: 0.3,
      spec: { ...buffered(5, 80), stop: { rounds: 80 } },
    });
    expect(run).toMatchObject({ status: "completed", round: 80 });
    const { invoked, inTime, failed, rejected, missed } = run.totals;
    const last = rounds.at(-1)?.round;
    const goOn = last === undefined ? 0 : (carriedFrom(run.spec, last)?.length ?? 0);
    expect(inTime + failed + rejected + missed + goOn).toBe(invoked);
    expect(missed).toBeGreaterThan(20);
    expect(run.eur).toBeCloseTo(inTime / (inTime + missed), 12);
    const charged = rounds.flatMap(({ round }) => round.outcomes.filter(({ costUsd }) => costUsd > 0));
    const keys = charged.map(invocationKey);
    expect(new Set(keys).size).toBe(keys.length);
    // A call that was seen to be over by its client's deadline is charged until then, never to its time-out.
    const outcomes = rounds.flatMap(({ round }) => round.outcomes);
    const alive = new Set(
      outcomes.flatMap(({ result, clientId }) => (result === "in-time" ? [clientId] : [])),
    );
    const carried = last === undefined ? [] : (carriedFrom(run.spec, last) ?? []);
    const notOver = carried.filter(({ clientId }) => !alive.has(clientId)).length;
    const afterUsd = run.totals.costUsd - rounds.reduce((sum, { round }) => sum + (round.costUsd ?? 0), 0);
    const timeOutUsd = invocationCost(
      { durationMs: 1_800_000, ...scenario.capacity },
      priceTables["cloud-run-2026"],
    );
    expect(afterUsd).toBeLessThan((notOver + 1) * timeOutUsd);
  });

  it("come to the same bytes whenever they are simulated", async () => {
    const one = await reach(3, buffered(5, 600));
    expect((await reach(3, buffered(5, 600))).rounds).toEqual(one.rounds);
  });
});

/** A version of each update (Downpour SGD), of so many steps between a fetch of the model and a push. */
async function pushedAfter(steps: number, seed: number) {
  const { run, rounds } = await simulated({
    ...{ scenario, strategy: "random", seed, learner: learner(seed, steps) },
    spec: { ...buffered(1, 3_000, { serverLearningRate: 0.3 }), training: { localEpochs: steps } },
    // A call takes two seconds and then as long as its steps.
    population: (drawn) => ({
      ...drawn,
      conduct: (call) => {
        const conduct = drawn.conduct(call);
        return { ...conduct, workMs: 2_000 + (conduct.workMs * steps) / 4 };
      },
    }),
  });
  expect(run).toMatchObject({ status: "completed", statusReason: expect.stringContaining("accuracy") });
  const staleness = rounds.flatMap(({ round }) => round.consumed.map((update) => update.staleness));
  const pushes = staleness.length;
  return {
    transfers: run.totals.invoked + run.totals.inTime,
    steps: steps * pushes,
    staleness: staleness.reduce((sum, one) => sum + one, 0) / pushes,
  };
}

describe("a version of each update", () => {
  it.each([1, 2, 3])("takes less traffic to the target with four steps a push (seed %i)", async (seed) => {
    const [one, four] = [await pushedAfter(1, seed), await pushedAfter(4, seed)];
    expect(four.transfers).toBeLessThan(0.4 * one.transfers);
    // Of about as much training, and of updates that are as late: by the twenty clients at work.
    expect(four.steps).toBeLessThan(1.4 * one.steps);
    for (const { staleness } of [one, four]) {
      expect(staleness).toBeGreaterThan(12);
      expect(staleness).toBeLessThan(20);
    }
  });
});
