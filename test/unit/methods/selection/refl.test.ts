// REFL's selection: availability by hand, the order of its groups, and wasted work where clients come and go.
import { describe, expect, it } from "vitest";
import type { Learner } from "../../../../infra/sim/engine/learner.ts";
import type { Call, Conduct, Population } from "../../../../infra/sim/population/population.ts";
import { unreachable } from "../../../../infra/sim/population/population.ts";
import { availabilityAt } from "../../../../shared/core/methods/selection/refl/availability.ts";
import { ReflOptions } from "../../../../shared/core/methods/selection/refl/face.ts";
import { behaviour } from "../../../../shared/core/methods/selection/refl/index.ts";
import {
  openedAtMs,
  type ReflState,
  remembered,
} from "../../../../shared/core/methods/selection/refl/state.ts";
import type { RosterEntry } from "../../../../shared/core/methods/selection/strategy.ts";
import { randomFrom } from "../../../../shared/core/random.ts";
import { simulated } from "../../../support/simulated.ts";
import { cloud, type Rows, softmaxLearner } from "../../../support/softmaxLearner.ts";
import { buildScenario } from "../../sim/builders.ts";

const NOW = 1_000_000;
const HOUR = 3_600_000;
const client = (clientId: string, change: Partial<RosterEntry> = {}): RosterEntry => ({
  clientId,
  trainMsHistory: [10_000],
  missedRounds: [],
  cooldownRounds: 0,
  invocations: 1,
  lastSelectedRound: 1,
  lastSeenMs: NOW - 1_000,
  busyUntilMs: null,
  ...change,
});
const leaves = (inSeconds: number, forSeconds = 1_000) => ({
  signals: { "available-seconds": inSeconds + 1, "away-seconds": forSeconds },
});
const select = (clients: readonly RosterEntry[], change: object = {}, state: ReflState | null = null) => {
  const options = ReflOptions.parse({ strategy: "refl", cohortSize: 1, ...change });
  const input = { round: 10, cohortSize: options.cohortSize, clients, nowMs: NOW, options, state };
  return behaviour.select(input, randomFrom(1));
};

describe("what is kept", () => {
  it("is when rounds were opened, and how long they last on average", () => {
    const first = remembered(null, 1, 1_000, 0.25);
    expect(first).toEqual({ round: 1, openedAtMs: [1_000], roundMs: null });
    const second = remembered(first, 2, 5_000, 0.25);
    expect(second.roundMs).toBe(4_000);
    const third = remembered(second, 3, 6_000, 0.25);
    expect(third.roundMs).toBe(0.75 * 1_000 + 0.25 * 4_000);
    expect([0, 1, 2, 3].map((round) => openedAtMs(third, round))).toEqual([undefined, 1_000, 5_000, 6_000]);
  });

  it("has no rounds from before a gap, and no more than 200", () => {
    const state = remembered({ round: 3, openedAtMs: [1, 2, 3], roundMs: 7 }, 5, 9, 0.25);
    expect(state).toEqual({ round: 5, openedAtMs: [9], roundMs: 7 });
    let long = state;
    for (let round = 6; round < 400; round++) long = remembered(long, round, 10 * round, 0.25);
    expect(long.openedAtMs).toHaveLength(200);
    expect(openedAtMs(long, 399)).toBe(3_990);
    expect(openedAtMs(long, 199)).toBeUndefined();
  });
});

describe("availability", () => {
  const state: ReflState = { round: 10, openedAtMs: [0, HOUR], roundMs: HOUR };
  const at = (one: RosterEntry, ms: number) => availabilityAt(one, [ms], state, 86_400)[0] ?? Number.NaN;

  it("is as a client's own forecast says, day after day", () => {
    const one = client("a", { lastSeenMs: 0, signals: { "available-seconds": 60, "away-seconds": 30 } });
    expect([0, 60_000, 60_001, 89_999].map((ms) => at(one, ms))).toEqual([1, 1, 0, 0]);
    expect(at(one, 90_000)).toBe(1);
    // A day later the same.
    expect([60_000, 60_001, 90_000].map((ms) => at(one, 24 * HOUR + ms))).toEqual([1, 0, 1]);
  });

  it("is low at the time of day of a miss, and not at other times", () => {
    const one = client("a", { lastSeenMs: null, missedRounds: [10] });
    expect(at(one, HOUR)).toBeLessThan(0.25);
    expect(at(one, 25 * HOUR)).toBe(at(one, HOUR));
    expect(at(one, 13 * HOUR)).toBeGreaterThan(0.99);
  });

  it("is what was seen last where a client was seen and missed at the same time of day", () => {
    const often = client("a", { lastSeenMs: HOUR, missedRounds: [9, 10] });
    const seldom = client("b", { lastSeenMs: HOUR, missedRounds: [10] });
    expect(at(often, HOUR)).toBeLessThan(0.5);
    expect(at(seldom, HOUR)).toBeGreaterThan(0.5);
  });

  it.each([
    [{ "available-seconds": -1e30, "away-seconds": 1e30 }],
    [{ "available-seconds": 1e30, "away-seconds": -1e30 }],
    [{ "available-seconds": 5, "away-seconds": 0 }],
  ])("is a share whatever is reported, such as %j", (signals) => {
    for (const ms of [0, HOUR, 1e15]) {
      const share = at(client("a", { lastSeenMs: 0, signals }), ms);
      expect(share).toBeGreaterThanOrEqual(0);
      expect(share).toBeLessThanOrEqual(1);
    }
  });
});

describe("selection", () => {
  const clients = [
    client("away", leaves(-0.5)),
    client("resting", { lastSelectedRound: 5 }),
    client("staying", leaves(10_000)),
    client("soon", leaves(15)),
    client("too-soon", leaves(12)),
  ];

  it("takes first who can finish and will then be gone, and never who cannot while others can", () => {
    const ranks = select(clients, { cohortSize: 5 }).considered.map(({ clientId, rank }) => [rank, clientId]);
    const order = ranks.sort((a, b) => Number(a[0]) - Number(b[0])).map(([, id]) => id);
    expect(order.slice(0, 3)).toEqual(["soon", "staying", "resting"]);
    expect(select(clients, { cohortSize: 3 }).cohort).toEqual(["resting", "soon", "staying"]);
  });

  it("lets a client rest for as many rounds, inclusive", () => {
    const group = (lastSelectedRound: number) =>
      select([client("a", { lastSelectedRound })]).considered[0]?.group;
    expect([5, 4].map(group)).toEqual(["rests", "available"]);
  });

  it("says why", () => {
    const { considered } = select(clients);
    expect(considered.map(({ reason }) => reason)).toEqual([
      "expected to be away, or gone before it has finished: not taken",
      "rests until round 10: not taken",
      "can finish now, and is expected to be gone a round later: taken 1st of 1",
      "expected to stay: not taken",
      "expected to be away, or gone before it has finished: not taken",
    ]);
  });
});

/** Every client is there for half of twenty minutes of its own, and loses the work at which it leaves. */
function comingAndGoing(drawn: Population, seed: number) {
  const [periodMs, onlineMs] = [1_200_000, 600_000];
  const phase = new Map(drawn.clientIds.map((id) => [id, periodMs * randomFrom(seed, "there", id).next()]));
  const leavesInMs = (id: string, atMs: number) => onlineMs - ((atMs + (phase.get(id) ?? 0)) % periodMs);
  const doneAtMs = new Map<string, number>();
  const workMs = new Map<string, number>();
  const conduct = (call: Call): Conduct => {
    const { clientId, round, atMs } = call;
    const thereMs = leavesInMs(clientId, atMs);
    if (thereMs <= 0) return unreachable;
    const whole = drawn.conduct(call);
    const takesMs = whole.coldStartMs + whole.workMs;
    const isCut = takesMs > thereMs;
    const doneMs = isCut ? Math.max(0, thereMs - whole.coldStartMs) : whole.workMs;
    workMs.set(`${round}/${clientId}`, doneMs);
    doneAtMs.set(clientId, atMs + takesMs);
    return isCut ? { ...whole, workMs: doneMs, ending: "silence" } : whole;
  };
  const population: Population = {
    ...drawn,
    conduct,
    learned: (clientId) => {
      const inMs = leavesInMs(clientId, doneAtMs.get(clientId) ?? 0);
      const signals = { "available-seconds": inMs / 1_000, "away-seconds": (periodMs - onlineMs) / 1_000 };
      return { lossBefore: null, lossAfter: null, signals };
    },
  };
  return { population, workMs };
}

/** Each client has points of two of ten classes. */
function learner(seed: number): Learner {
  const [classes, features, samples] = [10, 16, 40];
  const draw = cloud(classes, features, 1.2, seed);
  const data = new Map<string, Rows>();
  const clientData = (clientId: string): Rows => {
    const own = randomFrom(seed, "points", clientId);
    const labels = [own.int(classes), own.int(classes)];
    const known =
      data.get(clientId) ??
      draw(
        Array.from({ length: samples }, (_, i) => labels[i % 2] ?? 0),
        own,
      );
    data.set(clientId, known);
    return known;
  };
  const test = draw(
    Array.from({ length: 500 }, (_, i) => i % classes),
    randomFrom(seed, "test"),
  );
  // What its clients report is their availability alone, which is the population's.
  const { learned: _, ...rest } = softmaxLearner({
    ...{ classes, features, clientData, test, seed },
    ...{ learningRate: 0.1, batchSize: 10, steps: () => 8 },
  });
  return rest;
}

it("wastes less than half of the work that uniform selection does, of more clients, for as good a model", async () => {
  const scenario = buildScenario({
    clients: 100,
    cohortSize: 10,
    rounds: 60,
    deadlineSeconds: 150,
    maxStaleness: 5,
    work: { seconds: 60, clientSpread: 0.4, callSpread: 0.1 },
    coldStart: { seconds: 3 },
  });
  const seeds = [1, 2, 3];
  const of = async (strategy: string) => {
    let [wasted, distinct, updates, accuracy] = [0, 0, 0, 0];
    for (const seed of seeds) {
      let worked = new Map<string, number>();
      const { rounds, scores } = await simulated({
        ...{ scenario, strategy, seed, learner: learner(seed) },
        spec: strategy === "refl" ? { selection: { periodSeconds: 1_200, restRounds: 8 } } : {},
        population: (drawn) => {
          const made = comingAndGoing(drawn, seed);
          worked = made.workMs;
          return made.population;
        },
      });
      const consumed = rounds.flatMap(({ round }) => round.consumed);
      for (const { round, clientId } of consumed) worked.delete(`${round}/${clientId}`);
      wasted += [...worked.values()].reduce((sum, ms) => sum + ms, 0);
      distinct += new Set(consumed.slice(0, 100).map(({ clientId }) => clientId)).size;
      updates += consumed.length;
      accuracy += (scores.at(-1)?.accuracy ?? 0) / seeds.length;
    }
    return { wasted, distinct, updates, accuracy };
  };
  const [refl, random] = [await of("refl"), await of("random")];
  expect(refl.wasted).toBeLessThan(0.5 * random.wasted);
  expect(refl.distinct).toBeGreaterThan(random.distinct);
  expect(refl.updates).toBeGreaterThan(random.updates);
  expect(refl.accuracy).toBeGreaterThanOrEqual(random.accuracy - 0.01);
});
