// Oort: its utility and its pacer by hand, what hostile reports do to it, and time to an accuracy in a
// simulation.
import { describe, expect, it } from "vitest";
import { OortOptions } from "../../../../shared/core/methods/selection/oort/face.ts";
import { behaviour } from "../../../../shared/core/methods/selection/oort/index.ts";
import { paced } from "../../../../shared/core/methods/selection/oort/pacer.ts";
import {
  preferredMs,
  rated,
  speedFactor,
  statisticalUtility,
} from "../../../../shared/core/methods/selection/oort/utility.ts";
import type { RosterEntry } from "../../../../shared/core/methods/selection/strategy.ts";
import { randomFrom } from "../../../../shared/core/random.ts";
import { simulated } from "../../../support/simulated.ts";
import { cloud, softmaxLearner } from "../../../support/softmaxLearner.ts";
import { buildScenario } from "../../sim/builders.ts";

const client = (clientId: string, change: Partial<RosterEntry> = {}): RosterEntry => ({
  clientId,
  trainMsHistory: [1_000],
  missedRounds: [],
  cooldownRounds: 0,
  invocations: 1,
  lastSelectedRound: 1,
  busyUntilMs: null,
  signals: { "loss-before": 1, samples: 10 },
  ...change,
});
const options = (change: object = {}) => OortOptions.parse({ strategy: "oort", cohortSize: 2, ...change });
const select = (clients: readonly RosterEntry[], change: object = {}, round = 10, seed = 1) => {
  const given = options(change);
  const input = { round, cohortSize: given.cohortSize, clients, nowMs: 1_000_000, options: given };
  return behaviour.select({ ...input, state: null }, randomFrom(seed));
};

describe("the statistical utility", () => {
  it("is samples times the root mean square of the loss, or the mean where there is no better", () => {
    expect(statisticalUtility({ signals: { "loss-before": 2, samples: 10 } })).toBe(20);
    expect(statisticalUtility({ signals: { "loss-before": 2, "loss-rms": 3, samples: 10 } })).toBe(30);
  });

  it.each([{}, { samples: 10 }, { "loss-before": 1 }])("is not known of %j", (signals) => {
    expect(statisticalUtility({ signals })).toBeNull();
  });

  it("is at least 0, whatever is reported", () => {
    expect(statisticalUtility({ signals: { "loss-before": -2, samples: 10 } })).toBe(20);
    expect(statisticalUtility({ signals: { "loss-before": 2, samples: -1e30 } })).toBe(0);
    expect(statisticalUtility({ signals: { "loss-before": 1e30, samples: 1e30 } })).toBeLessThan(
      Number.POSITIVE_INFINITY,
    );
  });
});

describe("the score", () => {
  it("equals a computation by hand", () => {
    const known = [
      client("a", { signals: { "loss-before": 1, samples: 10 }, lastSelectedRound: 4 }),
      client("b", { signals: { "loss-before": 2, samples: 10 }, lastSelectedRound: 9 }),
      client("c", { signals: { "loss-before": 3, samples: 10 }, trainMsHistory: [4_000] }),
    ];
    const scores = rated(known, 10, 2_000, options({ clipQuantile: 1 })).map(({ score }) => score);
    const age = (last: number) => Math.sqrt((0.1 * Math.log(10)) / last);
    // Utilities 10, 20 and 30 are scaled to 0, 1/2 and 1; c takes twice the preferred time.
    expect(scores[0]).toBeCloseTo(0 + age(4), 12);
    expect(scores[1]).toBeCloseTo(0.5 + age(9), 12);
    expect(scores[2]).toBeCloseTo((1 + age(1)) / 4, 12);
  });

  it("is not set by one outlier, even among few", () => {
    const known = [10, 20, 30, 1e60].map((samples, i) =>
      client(`c${i}`, { signals: { "loss-before": 1, samples } }),
    );
    const scores = rated(known, 1, Number.POSITIVE_INFINITY, options()).map(({ score }) => score);
    expect(scores).toEqual([0, 0.5, 1, 1]);
  });

  it("is finite where all are alike", () => {
    const [one, other] = rated([client("a"), client("b")], 1, 0, options());
    expect([one?.score, other?.score]).toEqual([0, 0]);
  });

  it("loses nothing at the preferred time, inclusive", () => {
    expect(speedFactor(1_000, 1_000, 2)).toBe(1);
    expect(speedFactor(2_000, 1_000, 2)).toBe(0.25);
    expect(speedFactor(1_000, Number.POSITIVE_INFINITY, 2)).toBe(1);
  });

  it("takes the preferred time from the known ones", () => {
    expect(preferredMs([5, 1, 3, 2, 4], 40)).toBe(3);
    expect(preferredMs([5, 1], 99.9)).toBe(5);
    expect(preferredMs([5, 1], 100)).toBe(Number.POSITIVE_INFINITY);
    expect(preferredMs([], 30)).toBe(Number.POSITIVE_INFINITY);
  });
});

describe("the pacer", () => {
  const pacer = options({ pacer: { startPercent: 30, stepPercent: 5, everyRounds: 2 } });
  const brought = (round: number, loss: number): RosterEntry[] => [
    client("a", { lastSelectedRound: round, signals: { "loss-before": loss, samples: 1 } }),
    // It missed that round, and what is known of it is older.
    client("b", {
      lastSelectedRound: round,
      missedRounds: [round],
      signals: { "loss-before": 99, samples: 1 },
    }),
  ];
  const play = (losses: readonly number[]) =>
    losses.reduce(
      (state, loss, i) => paced(state, brought(i + 1, loss), i + 2, pacer),
      paced(null, [], 1, pacer),
    );

  it("relaxes once two rounds bring less than the two before", () => {
    expect(play([4, 4, 3])).toEqual({ percent: 30, utilities: [4, 4, 3] });
    expect(play([4, 4, 3, 3])).toEqual({ percent: 35, utilities: [4, 4, 3, 3] });
    expect(play([3, 3, 3, 3]).percent).toBe(30);
    expect(play([3, 3, 4, 4]).percent).toBe(30);
  });

  it("does not go above all, and remembers no more than it needs", () => {
    const state = play(Array.from({ length: 100 }, (_, i) => 1_000 - i));
    expect(state.percent).toBe(100);
    expect(state.utilities).toHaveLength(4);
  });
});

describe("selection", () => {
  it("gives clients not tried yet the share that exploration has left", () => {
    const known = Array.from({ length: 100 }, (_, i) => client(`k${i}`));
    const untried = Array.from({ length: 100 }, (_, i) =>
      client(`u${i}`, { invocations: 0, trainMsHistory: [], signals: {}, lastSelectedRound: null }),
    );
    for (const [round, share] of [
      [1, 0.9 * 0.98],
      [30, 0.9 * 0.98 ** 30],
      [500, 0.2],
    ] as const) {
      const { cohort } = select([...known, ...untried], { cohortSize: 50 }, round);
      const explored = cohort.filter((id) => id.startsWith("u")).length;
      expect(explored).toBe(50 - Math.floor(50 * (1 - share) + 1e-9));
    }
  });

  it("takes of the known ones those near the best", () => {
    const known = Array.from({ length: 20 }, (_, i) =>
      client(`c${String(i).padStart(2, "0")}`, { signals: { "loss-before": i, samples: 1 } }),
    );
    const { cohort } = select(known, { cohortSize: 5, exploration: { initial: 0, least: 0 } });
    expect(cohort.every((id) => Number(id.slice(1)) >= 13)).toBe(true);
  });

  it("takes those that sit out only where too few others are free", () => {
    const resting = client("b", { missedRounds: [9], cooldownRounds: 2, lastSelectedRound: 9 });
    const { considered } = select([client("a"), resting, client("c")]);
    expect(considered.map(({ chosen }) => chosen)).toEqual([true, false, true]);
    expect(considered[1]?.reason).toBe("missed round 9, sits out 2 more: not taken");
    expect(select([client("a"), resting]).cohort).toEqual(["a", "b"]);
  });

  it("says what a client's place follows from", () => {
    const { considered } = select([client("a", { trainMsHistory: [61_000] }), client("b")], {
      cohortSize: 1,
    });
    expect(considered[0]?.reason).toMatch(
      /^utility 10\.0 in 61\.0 s, slower than 1\.0 s, score 0\.\d+: not taken$/,
    );
    expect(considered.map(({ predictedMs }) => predictedMs)).toEqual([61_000, 1_000]);
  });
});

/** Twenty-fold differences in speed, and fourfold ones in data. */
const scenario = buildScenario({
  clients: 60,
  cohortSize: 10,
  rounds: 30,
  deadlineSeconds: 600,
  work: { seconds: 30, clientSpread: 1, callSpread: 0.1 },
});

/** When each version was published, in seconds, and its loss on the test rows. */
async function trained(strategy: string, seed: number) {
  const draw = cloud(10, 12, 2, seed);
  const labels = (count: number) => Array.from({ length: count }, (_, i) => i % 10);
  const data = new Map<string, ReturnType<typeof draw>>();
  const clientData = (clientId: string) => {
    const random = randomFrom(seed, "data", clientId);
    const known = data.get(clientId) ?? draw(labels(20 + random.int(60)), random);
    data.set(clientId, known);
    return known;
  };
  const learner = softmaxLearner({
    ...{ classes: 10, features: 12, clientData, learningRate: 0.02, batchSize: 10, seed },
    test: draw(labels(200), randomFrom(seed, "test")),
    steps: () => 4,
  });
  const { rounds } = await simulated({ scenario, strategy, seed, learner });
  return rounds.map(({ round }) => ({
    seconds: (round.closedAt ?? Number.NaN) / 1_000,
    loss: learner.losses.get(round.newVersion ?? -1) ?? Number.POSITIVE_INFINITY,
  }));
}

it("reaches the loss of uniform selection in two thirds of the time where clients differ in speed", async () => {
  for (const seed of [1, 2]) {
    const [oort, random] = [await trained("oort", seed), await trained("random", seed)];
    const target = random[14] ?? { loss: Number.NaN, seconds: Number.NaN };
    const reached = oort.find(({ loss }) => loss <= target.loss)?.seconds ?? Number.POSITIVE_INFINITY;
    expect(reached).toBeLessThan((2 / 3) * target.seconds);
  }
});
