// FedLesScan: the published vector to the digit, and what the default does better.
import { describe, expect, it } from "vitest";
import { cooldownLeft } from "../../../../shared/core/methods/selection/cooldown.ts";
import {
  type Cluster,
  startOf,
  takeFrom,
} from "../../../../shared/core/methods/selection/fedlesscan/clusters.ts";
import { searchEpsilon } from "../../../../shared/core/methods/selection/fedlesscan/epsilonSearch.ts";
import { featuresOf } from "../../../../shared/core/methods/selection/fedlesscan/features.ts";
import { behaviour } from "../../../../shared/core/methods/selection/fedlesscan/index.ts";
import { FedlesscanOptions } from "../../../../shared/core/methods/selection/fedlesscan/options.ts";
import type { FedlesscanState } from "../../../../shared/core/methods/selection/fedlesscan/state.ts";
import { tierOf } from "../../../../shared/core/methods/selection/fedlesscan/tiers.ts";
import { missedItsLast } from "../../../../shared/core/methods/selection/missedItsLast.ts";
import { movingAverage } from "../../../../shared/core/methods/selection/movingAverage.ts";
import type {
  RosterEntry,
  Selection,
  SelectionInput,
} from "../../../../shared/core/methods/selection/strategy.ts";
import { randomFrom } from "../../../../shared/core/random.ts";
import { CohortGroup, MAX_GROUPS } from "../../../../shared/core/schemas/round.ts";

const MINUTE = 60_000;
const NOW = 10_000_000;

const client = (clientId: string, change: Partial<RosterEntry> = {}): RosterEntry => ({
  clientId,
  trainMsHistory: [],
  missedRounds: [],
  cooldownRounds: 0,
  invocations: (change.trainMsHistory?.length ?? 0) + (change.missedRounds?.length ?? 0),
  lastSelectedRound: null,
  busyUntilMs: null,
  lastSeenMs: NOW,
  ...change,
});
const options = (change: object = {}) =>
  FedlesscanOptions.parse({ strategy: "fedlesscan", cohortSize: 4, ...change });
const select = (
  clients: readonly RosterEntry[],
  change: Partial<SelectionInput<FedlesscanOptions, FedlesscanState>> = {},
  seed = 1,
): Selection<FedlesscanState> =>
  behaviour.select(
    { round: 7, cohortSize: 4, clients, nowMs: NOW, options: options(), ...change },
    randomFrom(seed),
  );
const why = (selection: Selection, clientId: string) =>
  selection.considered.find((one) => one.clientId === clientId);
const ids = (prefix: string, count: number) => Array.from({ length: count }, (_, i) => `${prefix}${i}`);

/** The vector of the published code: minutes, and missed rounds counted from 0. Its round is 6, ours 7. */
const vector = (
  [
    ["a", [0.5, 0.52], []],
    ["b", [0.55, 0.51, 0.53], []],
    ["c", [1, 1.1], []],
    ["d", [1.05, 1.02], []],
    ["e", [2, 2.2], []],
    ["f", [0.6], [1]],
    ["g", [], [0, 2]],
    ["h", [0.5], [0, 3]],
  ] as const
).map(([clientId, minutes, missed]) =>
  client(clientId, {
    trainMsHistory: minutes.map((value) => value * MINUTE),
    missedRounds: missed.map((round) => round + 1),
  }),
);

describe("the published vector", () => {
  const paper = options({ paperFaithful: true });
  const features = featuresOf(vector, 7, NOW, paper);

  it("has its features", () => {
    const expected = [
      [0.51, 0],
      [0.53, 0],
      [1.05, 0],
      [1.035, 0],
      [2.1, 0],
      [0.6, 1.1],
      [0, 1.43],
      [0.5, 1.87],
    ];
    features.forEach(({ predictedMs, penaltyMs }, i) => {
      expect(predictedMs / MINUTE).toBeCloseTo(Number(expected[i]?.[0]), 12);
      expect(penaltyMs / MINUTE).toBeCloseTo(Number(expected[i]?.[1]), 12);
    });
  });

  it("has its reach, its score and its clusters", () => {
    const found = searchEpsilon(
      Float64Array.from(features, ({ predictedMs }) => predictedMs),
      Float64Array.from(features, ({ penaltyMs }) => penaltyMs),
      paper.epsilon,
      paper.minSamples,
    );
    expect(found.eps).toBe(1.11);
    expect(found.score).toBeCloseTo(17.953, 3);
    expect([...found.labels]).toEqual([0, 0, 0, 0, -1, 1, 1, 1]);
    const { groups } = select(vector, { options: paper, totalRounds: 10, state: { clusteringSince: 2 } });
    expect(groups?.map(({ size, note }) => [size, note !== undefined])).toEqual([
      [4, false],
      [3, false],
      [1, true],
    ]);
    const means = groups?.map(({ figures }) => figures.reduce((sum, { value }) => sum + value, 0));
    [0.78125, 1.83333, 2.1].forEach((mean, i) => {
      expect(Number(means?.[i]) / MINUTE).toBeCloseTo(mean, 4);
    });
  });

  it.each([
    [2, 0],
    [4, 0],
    [7, 1],
    [10, 1],
  ])("in round %i begins with cluster %i", (round, cluster) => {
    const three = [1, 2, 3].map((meanMs): Cluster => ({ members: [], meanMs, noise: meanMs === 3 }));
    expect(startOf(three, { round, since: 2, totalRounds: 10 }, true)).toBe(cluster);
  });

  it("in round 7 takes the second cluster, then goes on to the third", () => {
    const { cohort } = select(vector, { options: paper, totalRounds: 10, state: { clusteringSince: 2 } });
    expect(cohort).toEqual(["e", "f", "g", "h"]);
  });
});

describe("tiers", () => {
  it("a cooldown of k bars exactly the k rounds after the miss", () => {
    const missed = client("a", { missedRounds: [3], cooldownRounds: 2 });
    expect([4, 5, 6].map((round) => tierOf(missed, round))).toEqual([
      "straggler",
      "straggler",
      "participant",
    ]);
    expect([4, 5, 6].map((round) => cooldownLeft(missed, round))).toEqual([2, 1, 0]);
  });

  it("a rookie has neither finished nor missed; a forgiven miss leaves no straggler", () => {
    expect(tierOf(client("a"), 1)).toBe("rookie");
    expect(tierOf(client("a", { trainMsHistory: [1], cooldownRounds: 8 }), 2)).toBe("participant");
  });

  it("misses its last until it is heard of again", () => {
    expect(missedItsLast(client("a", { missedRounds: [3], lastSelectedRound: 3 }))).toBe(true);
    expect(missedItsLast(client("a", { missedRounds: [3], lastSelectedRound: 4 }))).toBe(false);
    expect(missedItsLast(client("a", { lastSelectedRound: 4 }))).toBe(false);
  });
});

describe("features", () => {
  it("averages begin with the first value", () => {
    expect(movingAverage([], 0.5)).toBe(0);
    expect(movingAverage([8], 0.5)).toBe(8);
    expect(movingAverage([8, 4, 2], 0.5)).toBe(4);
  });

  it("a client gone idle is predicted to start cold: as it used to, or as the others do", () => {
    const known = { trainMsHistory: [1_000], coldStartMsHistory: [4_000] };
    const seen = (idleMs: number) => ({ lastSeenMs: NOW - idleMs });
    const clients = [
      client("warm", { ...known, ...seen(299_999) }),
      client("cold", { ...known, ...seen(300_000) }),
      client("unknown", { trainMsHistory: [1_000], ...seen(300_000) }),
      client("unseen", { trainMsHistory: [1_000], lastSeenMs: null }),
    ];
    const predicted = featuresOf(clients, 7, NOW, options()).map(({ predictedMs }) => predictedMs);
    expect(predicted).toEqual([1_000, 5_000, 5_000, 5_000]);
    const published = featuresOf(clients, 7, NOW, options({ paperFaithful: true }));
    expect(published.map(({ predictedMs }) => predictedMs)).toEqual([1_000, 1_000, 1_000, 1_000]);
  });
});

describe("walking the clusters", () => {
  const cluster = (invocations: readonly number[], noise = false): Cluster => ({
    members: invocations.map((count, i) => ({
      client: client(`${noise}${count}-${i}`, { invocations: count }),
      predictedMs: 10 - i,
      penaltyMs: 0,
    })),
    meanMs: 0,
    noise,
  });
  const taken = (clusters: readonly Cluster[], start: number, count: number, paper = false) =>
    takeFrom(clusters, start, count, paper).map(
      (one) => `${one.cluster}:${one.member.client.invocations}:${one.member.predictedMs}`,
    );

  it("takes clusters whole while they fit, and goes round", () => {
    expect(taken([cluster([1]), cluster([2]), cluster([3])], 1, 3)).toEqual(["1:2:10", "2:3:10", "0:1:10"]);
    expect(taken([cluster([1])], 0, 5)).toEqual(["0:1:10"]);
    expect(taken([], 0, 5)).toEqual([]);
  });

  it("takes the least invoked; ties by speed, or as published by name", () => {
    const one = [cluster([5, 2, 2, 7])];
    expect(taken(one, 0, 2)).toEqual(["0:2:8", "0:2:9"]);
    expect(taken(one, 0, 2, true)).toEqual(["0:2:9", "0:2:8"]);
    expect(taken(one, 0, 1)).toEqual(["0:2:8"]);
  });

  it("does not begin with noise, but as published, and never with the slowest of several", () => {
    const clusters = [cluster([1], true), cluster([1]), cluster([1]), cluster([1], true)];
    const at = (round: number, paper: boolean) =>
      startOf(clusters, { round, since: 1, totalRounds: 9 }, paper);
    expect([1, 5, 9, 50].map((round) => at(round, false))).toEqual([1, 1, 1, 1]);
    expect([1, 5, 9, 50].map((round) => at(round, true))).toEqual([0, 1, 2, 2]);
    for (const paper of [true, false]) {
      expect(startOf([cluster([1], true)], { round: 1, since: 1, totalRounds: 1 }, paper)).toBe(0);
      expect(startOf([], { round: 1, since: 1, totalRounds: 1 }, paper)).toBe(0);
      expect(startOf(clusters, { round: 900, since: 1, totalRounds: Infinity }, paper)).toBe(paper ? 0 : 1);
    }
  });

  it("begins with a cluster for as long as its members' share, or as published for an equal share", () => {
    const sizes = [6, 1, 2, 90];
    const clusters = sizes.map((size) => cluster(Array<number>(size).fill(1)));
    const starts = (paper: boolean) =>
      Array.from({ length: 9 }, (_, i) =>
        startOf(clusters, { round: i + 1, since: 1, totalRounds: 9 }, paper),
      );
    expect(starts(false)).toEqual([0, 0, 0, 0, 0, 0, 1, 2, 2]);
    expect(starts(true)).toEqual([0, 0, 0, 1, 1, 1, 2, 2, 2]);
  });
});

describe("as published", () => {
  const paper = options({ paperFaithful: true });
  const busy = { busyUntilMs: NOW + 1 };

  it("rookies go first, drawn where there are too many", () => {
    const rookies = ids("r", 30).map((id) => client(id));
    const cohorts = [1, 2, 3].map((seed) => select([...vector, ...rookies], { options: paper }, seed).cohort);
    for (const cohort of cohorts) expect(cohort.every((id) => id.startsWith("r"))).toBe(true);
    expect(new Set(cohorts.map(String)).size).toBe(3);
    const selection = select([...vector, ...rookies], { options: paper });
    expect(why(selection, "a")?.reason).toBe(
      "participant, predicted 30.6 s, invoked 2 times: rookies filled the cohort",
    );
    expect(selection).toMatchObject({ groups: [], state: null });
  });

  it("clusters are used since the first round that took from them", () => {
    expect(select(vector, { options: paper }).state).toEqual({ clusteringSince: 7 });
    const since = { clusteringSince: 3 };
    expect(select(vector, { options: paper, state: since }).state).toEqual(since);
  });

  it("a client at work may be chosen again, which the default never does", () => {
    const clients = [client("a", busy), client("b")];
    expect(select(clients, { options: paper }).cohort).toEqual(["a", "b"]);
    const mended = select(clients);
    expect(mended.cohort).toEqual(["b"]);
    expect(why(mended, "a")).toMatchObject({ chosen: false, reason: "busy" });
  });

  it("without participants there is nothing to cluster, and stragglers fill up", () => {
    const clients = ids("s", 5).map((id) => client(id, { missedRounds: [6], cooldownRounds: 4 }));
    expect(select(clients, { options: paper }).cohort).toHaveLength(4);
    expect(select(clients).cohort).toHaveLength(4);
  });
});

describe("by default", () => {
  const good = ids("g", 40).map((id, i) => client(id, { trainMsHistory: [1_000 + i] }));
  const rookies = ids("r", 40).map((id) => client(id));
  const back = (id: string, finished: number, missed: number) =>
    client(id, {
      trainMsHistory: Array<number>(finished).fill(1_000),
      missedRounds: Array.from({ length: missed }, (_, i) => i + 1),
      lastSelectedRound: missed,
    });
  const count = ({ cohort }: Selection, prefix: string) =>
    cohort.filter((id) => id.startsWith(prefix)).length;

  it.each([
    [0, 0],
    [0.01, 1],
    [0.1, 2],
    [0.11, 3],
    [0.5, 10],
    [1, 20],
  ])("with a share of %d explores %i of 20", (explorationShare, explored) => {
    const change = { round: 10, cohortSize: 20, options: options({ explorationShare, explorationRisk: 1 }) };
    expect(count(select([...good, ...rookies], change), "r")).toBe(explored);
  });

  it.each([
    ["no client failed", 0, 10, 10],
    ["a fifth failed", 10, 6, 0],
    ["half failed", 40, 2, 0],
    ["most failed", 400, 1, 0],
  ])(
    "where %s, explores as many as its risk allows, %d of 20, and between %d",
    (_, crashed, due, between) => {
      const barred = ids("x", crashed).map((id) => client(id, { missedRounds: [6], cooldownRounds: 99 }));
      const explored = (round: number, explorationRisk: number) => {
        const change = { round, cohortSize: 20, options: options({ explorationRisk, explorationEvery: 3 }) };
        return count(select([...good, ...rookies, ...barred], change), "r");
      };
      // Every third round spends what three may: 3 * 0.02 * 20 = 1.2 failures.
      expect([7, 8, 9, 10].map((round) => explored(round, 0.02))).toEqual([between, between, due, between]);
      expect(explored(9, 1)).toBe(10);
    },
  );

  it("knows that a client is too slow for a round, and tries it as it tries others that fail", () => {
    const slow = ids("s", 9).map((id) => client(id, { trainMsHistory: [9_000, 5_001, 5_001] }));
    const clients = [...good, ...slow];
    const at = (round: number, lateAfterMs: number | null) =>
      select(clients, {
        round,
        cohortSize: 45,
        lateAfterMs,
        totalRounds: 60,
        options: options({ cohortSize: 45 }),
      });
    // Eighty per cent of five thousand and one, and twenty of nine thousand: 6,000.5 ms on average.
    expect(count(at(7, 6_001), "s")).toBe(5);
    const late = at(7, 6_000);
    expect(late.groups?.reduce((sum, { size }) => sum + size, 0)).toBe(40);
    const [reason] = late.considered.flatMap((one) => (one.clientId === "s0" ? one.reason : []));
    expect(reason).toContain("participant too slow for a round, 6.0 s of work");
    const roomy = (round: number) => select(clients, { round, cohortSize: 20, lateAfterMs: 5_000 });
    expect([8, 9, 10, 11].map((round) => count(roomy(round), "s"))).toEqual([0, 0, 2, 0]);
    expect(count(select(clients, { round: 10, cohortSize: 20, lateAfterMs: null }), "s")).toBe(0);
  });

  it("explores more while too few are known to be good, and only as many as there are", () => {
    const change = { cohortSize: 20 };
    expect(count(select([...good.slice(0, 5), ...rookies], change), "r")).toBe(15);
    expect(count(select([...good, ...rookies.slice(0, 1)], change), "g")).toBe(19);
  });

  it("explores the likeliest to succeed first", () => {
    const barred = ids("x", 40).map((id) => client(id, { missedRounds: [6], cooldownRounds: 9 }));
    const clients = [...good, ...rookies, ...barred, back("often", 6, 1), back("never", 0, 2)];
    const due = { round: 10, cohortSize: 20 };
    expect(select(clients, due).cohort).toContain("often");
    const few = select([...good, back("never", 0, 3), client("rookie")], {
      ...due,
      options: options({ explorationShare: 0.05 }),
    });
    expect(few.cohort).toContain("rookie");
    expect(why(few, "never")?.reason).toBe(
      "participant on probation, missed 3 rounds, last 3: 1 of 2 unproven clients were due before it",
    );
  });

  it("predicts that a client it tries is as it was, or if new, no slower than the slowest known", () => {
    const clients = [
      ...good.slice(0, 5).map((one) => ({ ...one, coldStartMsHistory: [200] })),
      back("often", 6, 3),
      client("rookie", { lastSeenMs: null }),
    ];
    const predicted = (change: object) => {
      const selection = select(clients, { cohortSize: 7, options: options(change) });
      return ["often", "rookie"].map((clientId) => why(selection, clientId)?.predictedMs);
    };
    expect(predicted({})).toEqual([1_000, 1_204]);
    expect(predicted({ paperFaithful: true })[1]).toBeUndefined();
    expect(why(select([client("rookie")]), "rookie")?.predictedMs).toBeUndefined();
  });

  it("puts noise on both sides of everyone where it belongs", () => {
    const group = ids("m", 20).map((id, i) => client(id, { trainMsHistory: [20_000 + 10 * i] }));
    const lone = [client("fast", { trainMsHistory: [1_000] }), client("slow", { trainMsHistory: [39_000] })];
    const sizes = ({ groups }: Selection) => groups?.map(({ size }) => size);
    expect(sizes(select([...group, ...lone]))).toEqual([1, 20, 1]);
    expect(sizes(select([...group, ...lone], { options: options({ paperFaithful: true }) }))).not.toEqual([
      1, 20, 1,
    ]);
  });

  it("gives every reason in words and numbers", () => {
    const clients = [
      ...ids("f", 3).map((id) => client(id, { trainMsHistory: [1_000] })),
      client("f3", { trainMsHistory: [1_001, 1_001], missedRounds: [2], lastSelectedRound: 5 }),
      ...ids("s", 2).map((id) => client(id, { trainMsHistory: [30_000] })),
      client("rookie"),
      client("barred", { missedRounds: [4, 6], cooldownRounds: 2, lastSelectedRound: 6 }),
      client("busy", { busyUntilMs: NOW + 1, lastSelectedRound: 5 }),
    ];
    const everyRound = options({ missPenalty: 0.01, explorationEvery: 1 });
    const selection = select(clients, { cohortSize: 3, options: everyRound });
    const reasons = Object.fromEntries(
      selection.considered.map(({ clientId, reason }) => [clientId, reason]),
    );
    expect(reasons).toMatchInlineSnapshot(`
      {
        "barred": "straggler, missed 2 rounds, last 6, sits out 2 more rounds",
        "busy": "busy since round 5",
        "f0": "participant, cluster 1 of 3, predicted 1.0 s, invoked 1 time: taken 1st of 3",
        "f1": "participant, cluster 1 of 3, predicted 1.0 s, invoked 1 time: taken 2nd of 3",
        "f2": "participant, cluster 1 of 3, predicted 1.0 s, invoked 1 time: others of its cluster were due before it",
        "f3": "participant, noise, place 2 of 3, predicted 1.0 s plus 0.1 s for misses, invoked 3 times: the cohort was full before its turn",
        "rookie": "rookie, never invoked: taken 3rd of 3",
        "s0": "participant, cluster 3 of 3, predicted 30.0 s, invoked 1 time: the cohort was full before its turn",
        "s1": "participant, cluster 3 of 3, predicted 30.0 s, invoked 1 time: the cohort was full before its turn",
      }
    `);
    expect(why(selection, "f0")).toMatchObject({
      tier: "participant",
      predictedMs: 1_000,
      group: "cluster 1",
      rank: 1,
    });
    const all = select(clients, { cohortSize: 8 });
    expect(why(all, "barred")?.reason).toBe(
      "straggler, missed 2 rounds, last 6, sits out 2 more rounds: too few others are free, taken 8th of 8",
    );
  });

  it("reports a bounded number of clusters, whose sizes add up", () => {
    // Pairs, each near, all apart, and as many alone.
    const apart = Array.from({ length: 400 }, (_, i) =>
      client(`c${i}`, { trainMsHistory: [1.03 ** Math.floor(i / 2) * 1_000 + (i % 2)] }),
    );
    const grid = { from: 0.001, below: 0.0011, step: 0.001 };
    const { groups = [], considered } = select(apart, { options: options({ epsilon: grid }) });
    expect(groups).toHaveLength(MAX_GROUPS);
    expect(groups.reduce((sum, { size }) => sum + size, 0)).toBe(400);
    expect(groups.reduce((sum, { chosen }) => sum + chosen, 0)).toBe(4);
    for (const group of groups) expect(CohortGroup.safeParse(group).success, group.name).toBe(true);
    const names = groups.map(({ name }) => name);
    expect(names.at(-1)).toMatch(/^clusters 50 to \d+$/);
    expect(new Set(considered.map(({ group }) => group))).toEqual(new Set(names));
  });
});

describe("FedlesscanOptions", () => {
  it("has the published numbers as its defaults, and those of its own budget", () => {
    expect(options()).toEqual({
      strategy: "fedlesscan",
      cohortSize: 4,
      paperFaithful: false,
      explorationShare: 0.5,
      explorationRisk: 0.02,
      explorationEvery: 5,
      idleSeconds: 300,
      timeSmoothing: 0.5,
      missSmoothing: 0.8,
      missPenalty: 1.5,
      epsilon: { from: 0.01, below: 2, step: 0.1 },
      minSamples: 2,
    });
  });

  it.each([
    { explorationShare: 1.1 },
    { timeSmoothing: 0 },
    { missPenalty: -1 },
    { explorationEvery: 0 },
    { explorationEvery: 2.5 },
    { epsilon: { from: 0 } },
    { minSamples: 0 },
    { tolerance: 2 },
  ])("refuses %j", (change) => {
    expect(() => options(change)).toThrow();
  });
});
