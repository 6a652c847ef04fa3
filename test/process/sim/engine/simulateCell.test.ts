// One simulated run from its first round to its last: determinism, and what crashes, lateness and time-outs
// come to.
import { describe, expect, it } from "vitest";
import { type CellResult, simulateCell } from "../../../../infra/sim/cell.ts";
import { noLearner } from "../../../../infra/sim/engine/learner.ts";
import { simulateRun } from "../../../../infra/sim/engine/simulateRun.ts";
import type { ClosedRound } from "../../../../infra/sim/engine/world.ts";
import { simulateGrid } from "../../../../infra/sim/grid.ts";
import { populationOf, specOf } from "../../../../infra/sim/source.ts";
import { invocationCost } from "../../../../shared/core/cost/cost.ts";
import { priceTables } from "../../../../shared/core/cost/prices.ts";
import { FlError } from "../../../../shared/core/errors.ts";
import { buildCell, buildScenario, buildSource } from "../../../unit/sim/builders.ts";

const prices = priceTables["cloud-run-2026"];
const wakingUsd = invocationCost({ durationMs: 2_000, memoryMib: 2_048, vcpu: 1 }, prices);
/** Opening a round, a claim, or a report. */
const coordinatingUsd = invocationCost({ durationMs: 1, memoryMib: 512, vcpu: 1 }, prices);
const aggregatingUsd = invocationCost({ durationMs: 5_000, memoryMib: 2_048, vcpu: 1 }, prices);
const messy = buildScenario({
  work: { seconds: 10, clientSpread: 0.3, callSpread: 0.2, hiccups: { probability: 0.1, factor: [2, 4] } },
  coldStart: { seconds: 2, spread: 0.3 },
  stragglers: { crash: 0.4, slow: 0.3, flaky: 0.3 },
  crash: { manner: "dies" },
  slowFactor: [4, 8],
  rounds: 12,
});

/** Every round of a run as it was published. */
async function roundsOf(scenario = messy, strategy = "fedlesscan", over: object = {}, level = 0.4) {
  const source = buildSource(scenario);
  const choice = { strategy, paperFaithful: false, level, seed: 3 };
  const spec = specOf(source, choice, { ...over });
  const population = populationOf(source, choice.level, choice.seed);
  const rounds: ClosedRound[] = [];
  const { run } = await simulateRun({
    spec,
    population,
    learner: noLearner(population.samples),
    prices,
    workFactor: 1,
    ignoresBusy: false,
    onRound: (closed) => rounds.push(closed),
  });
  return { run, rounds };
}

describe("the same cell", () => {
  it.each(["fedavg", "fedprox", "fedlesscan"])("of %s gives the same bytes", async (strategy) => {
    const cell = buildCell({ source: buildSource(messy), strategy, stragglers: 0.4 });
    expect(JSON.stringify(await simulateCell(cell))).toBe(JSON.stringify(await simulateCell(cell)));
  });

  it("gives other bytes under another seed", async () => {
    const of = (seed: number) =>
      simulateCell(buildCell({ source: buildSource(messy), stragglers: 0.4, seed }));
    expect(JSON.stringify((await of(1)).points)).not.toBe(JSON.stringify((await of(2)).points));
  });

  it("gives the same bytes in one thread and in two, in the order of the cells", async () => {
    const cells = ["fedlesscan", "fedavg"].flatMap((strategy) =>
      [1, 2].map((seed) => buildCell({ source: buildSource(messy), strategy, seed, stragglers: 0.4 })),
    );
    const inThreads = async (workers: number): Promise<[string, number]> => {
      let done = 0;
      const results: readonly CellResult[] = await simulateGrid(cells, workers, () => {
        done += 1;
      });
      return [JSON.stringify(results), done];
    };
    const [one, two] = [await inThreads(1), await inThreads(2)];
    expect(one).toEqual(two);
    expect(one[1]).toBe(4);
  });
});

describe("a run that wakes its clients", () => {
  const idling = buildScenario({
    ...{ rounds: 6, clients: 10, cohortSize: 5 },
    coldStart: { seconds: 2, spread: 0, idleSeconds: 12 },
  });

  it.each(["fedavg", "fedlesscan"])("of %s has cold starts in its first round only", async (strategy) => {
    const without = await roundsOf(idling, strategy, {}, 0);
    expect(without.rounds.slice(1).some(({ round }) => round.counts.coldStarts > 0)).toBe(true);
    const { run, rounds } = await roundsOf(idling, strategy, { round: { prewarm: { idleSeconds: 12 } } }, 0);
    expect(rounds.map(({ round }) => round.counts.coldStarts)).toEqual([5, 0, 0, 0, 0, 0]);
    expect(run.totals.wallMs).toBeLessThan(without.run.totals.wallMs);
    expect(rounds.at(-1)?.round.prewarmed, "nothing follows the last round").toBeUndefined();
    for (const [i, { round, cohort }] of rounds.entries()) {
      const cohortUsd = cohort.reduce((sum, { costUsd }) => sum + (costUsd ?? 0), 0);
      const wokenUsd = (round.prewarmed?.clientIds.length ?? 0) * wakingUsd;
      expect(round.costUsd).toBeCloseTo(cohortUsd + wokenUsd + aggregatingUsd + coordinatingUsd, 9);
      const next = rounds[i + 1]?.round.cohort ?? [];
      for (const woken of round.prewarmed?.clientIds ?? []) expect(next).toContain(woken);
    }
  });
});

describe("a run without stragglers", () => {
  it.each(["fedavg", "fedlesscan"])(
    "of %s has every update in time, and takes what its calls take",
    async (strategy) => {
      const { row, points } = await simulateCell(buildCell({ strategy }));
      expect(row).toMatchObject({ rounds: 4, eur: 1, lateUsed: 0, accuracy: null });
      expect(points.map(({ eur }) => eur)).toEqual([1, 1, 1, 1]);
      // Each round 0.05 s to dispatch, 10 s of work, 5 s to aggregate, and 2 s of a cold start where anybody
      // had one.
      expect(60_000 * row.timeMinutes).toBeGreaterThanOrEqual(4 * 15_050 + 2_000);
      expect(60_000 * row.timeMinutes).toBeLessThanOrEqual(4 * 17_050);
    },
  );

  it("costs what its calls and aggregations cost", async () => {
    const { run, rounds } = await roundsOf(buildScenario(), "fedavg", {}, 0);
    const capacity = { memoryMib: 2_048, vcpu: 1 };
    const expected = rounds
      .map(({ round }) => round.counts)
      .reduce(
        (usd, { invoked, coldStarts }) =>
          usd +
          coldStarts * invocationCost({ durationMs: 12_000, ...capacity }, prices) +
          (invoked - coldStarts) * invocationCost({ durationMs: 10_000, ...capacity }, prices) +
          invocationCost({ durationMs: 5_000, ...capacity }, prices) +
          (1 + 2 * invoked) * coordinatingUsd,
        0,
      );
    expect(run.totals.costUsd).toBeCloseTo(expected, 9);
  });
});

describe("a straggler", () => {
  it("that crashes is charged as published: its time-out, and the round lasts it", async () => {
    const source = buildSource(
      buildScenario({ cohortSize: 20, rounds: 1, accounting: "published", accountedTimeoutSeconds: 50 }),
    );
    const { row } = await simulateCell(buildCell({ source, paperFaithful: true, stragglers: 0.1 }));
    const usd = (seconds: number) => (seconds + 0.1) * 2.9e-5 + 4e-7;
    expect(row).toMatchObject({ eur: 0.9, timeMinutes: 50 / 60 });
    expect(row.costUsd).toBeCloseTo(18 * usd(12) + 2 * usd(50), 9);
  });

  it("that fails at once does not hold the platform's round up", async () => {
    const { rounds } = await roundsOf(buildScenario({ cohortSize: 20, rounds: 1 }), "fedavg", {}, 0.1);
    expect(rounds[0]?.round).toMatchObject({
      closeReason: "all-reported",
      counts: { invoked: 20, inTime: 18, failed: 2 },
      timings: { trainingMs: 12_050 },
    });
  });

  it("that is slow joins a later round, once, and is not missed for good", async () => {
    const slow = buildScenario({
      clients: 6,
      cohortSize: 3,
      stragglers: { slow: 1 },
      slowFactor: [8, 8],
      rounds: 8,
    });
    const { run, rounds } = await roundsOf(slow, "fedavg", {}, 0.5);
    const late = rounds.flatMap(({ round }) => round.consumed.filter(({ staleness }) => staleness > 0));
    expect(late.length).toBeGreaterThan(0);
    expect(new Set(late.map((update) => `${update.round} ${update.clientId}`)).size).toBe(late.length);
    expect(run.totals.late).toBe(late.length);
    for (const { staleness } of late) expect(staleness).toBeLessThanOrEqual(2);
  });

  it("that is slow submits what it has where the run says so", async () => {
    const slow = buildScenario({ stragglers: { slow: 1 }, slowFactor: [8, 8] });
    const { rounds } = await roundsOf(slow, "fedavg", { round: { onDeadline: "submit-partial" } }, 0.5);
    for (const { round } of rounds) expect(round).toMatchObject({ eur: 1, closeReason: "all-reported" });
  });

  it("that never answers is tried again as the queue would, and missed at the deadline", async () => {
    const dying = buildScenario({ cohortSize: 20, rounds: 1, crash: { manner: "dies", afterShare: 0.5 } });
    const { rounds } = await roundsOf(dying, "fedavg", {}, 0.1);
    const [only] = rounds;
    expect(only?.round).toMatchObject({ closeReason: "deadline", counts: { inTime: 18, missed: 2 } });
    // Three deliveries, each claimed: the queue's retries.
    expect(only?.cohort.filter(({ attempt }) => attempt === 3)).toHaveLength(2);
  });
});

describe("the platform's default", () => {
  it("never chooses a client that may still be at work; the published controller may", async () => {
    const slow = buildScenario({
      clients: 8,
      cohortSize: 4,
      stragglers: { slow: 1 },
      slowFactor: [9, 9],
      rounds: 10,
    });
    const { rounds } = await roundsOf(slow, "fedavg", {}, 0.5);
    const busyUntil = new Map<string, number>();
    for (const { round } of rounds) {
      for (const clientId of round.cohort)
        expect(round.openedAt).toBeGreaterThanOrEqual(busyUntil.get(clientId) ?? 0);
      for (const { clientId, busyUntilAt } of round.outcomes) busyUntil.set(clientId, busyUntilAt ?? 0);
    }
    expect([...busyUntil.values()].some((until) => until > 0)).toBe(true);
  });

  it("pauses a run without clients left, and says why", async () => {
    const gone = buildScenario({ stragglers: { crash: 1 }, crash: { manner: "dies" } });
    const { run } = await roundsOf(gone, "fedlesscan", { round: { minUpdates: 5 } }, 1);
    expect(["paused", "failed"]).toContain(run.status);
    expect(run.statusReason).not.toBe(null);
  });
});

describe("a run that asks for labels", () => {
  const labelled = buildScenario({
    clients: 40,
    labels: { site: { north: 0.5, south: 0.25 }, scanner: { old: 0.5 } },
  });
  const asking = (labels: object) => ({ selection: { clients: { labels } } });
  const labelsOf = populationOf(buildSource(labelled), 0.4, 3).labels;

  it.each(["fedavg", "fedlesscan"])(
    "invites clients that have them, under %s, and all of those",
    async (strategy) => {
      for (const labels of [{ site: "north" }, { site: "south", scanner: "old" }]) {
        const { run, rounds } = await roundsOf({ ...labelled, rounds: 12 }, strategy, asking(labels), 0);
        expect(run.status).toBe("completed");
        const invited = new Set(rounds.flatMap(({ round }) => round.cohort));
        for (const clientId of invited) expect(labelsOf?.(clientId)).toMatchObject(labels);
        const { clientIds } = populationOf(buildSource(labelled), 0, 3);
        const wanted = clientIds.filter((clientId) =>
          Object.entries(labels).every(([name, value]) => labelsOf?.(clientId)[name] === value),
        );
        expect(wanted.length).toBeGreaterThan(2);
        expect(wanted.length).toBeLessThan(40);
        for (const { round } of rounds)
          expect(wanted).toEqual(expect.arrayContaining(round.notChosen.map((one) => one.clientId)));
        if (strategy === "fedavg") expect([...invited].toSorted()).toEqual(wanted);
      }
    },
  );

  it("draws the same where no labels are asked for", async () => {
    const plain = buildScenario({ clients: 40 });
    const of = async (scenario: typeof plain) =>
      (await roundsOf(scenario, "fedavg", {}, 0)).rounds.map(({ round }) => round.cohort);
    expect(await of(labelled)).toEqual(await of(plain));
  });

  it("that no client has never begins, and says what it asks for", async () => {
    const { run } = await roundsOf(labelled, "fedavg", asking({ site: "west" }), 0);
    expect(run).toMatchObject({ status: "paused", round: 0 });
    const reason =
      "0 of the 1 clients that a round needs at the least are available: register more clients, then resume. The run takes clients with the label site=west only";
    expect(run.statusReason).toBe(reason);
    const cell = buildCell({ source: buildSource(labelled), spec: asking({ site: "west" }) });
    await expect(simulateCell(cell)).rejects.toThrow(
      new FlError("failed-precondition", `test, seed 1: no round can open: ${reason}.`),
    );
  });

  it.each([
    ["shares of more than everybody", { site: { north: 0.6, south: 0.6 } }],
    ["a name that no client can have", { "../x": { north: 1 } }],
    ["a value that no client can have", { site: { ["n".repeat(64)]: 1 } }],
    ["a share below nothing", { site: { north: -0.1 } }],
  ])("of %s is refused with its scenario", (_what, labels) => {
    expect(() => buildScenario({ labels })).toThrow(/labels/);
  });
});

it("what cannot train says so", async () => {
  await expect(simulateCell(buildCell({ train: "real" }))).rejects.toThrow(
    new FlError("invalid-argument", "test has no data to train on: use --train off."),
  );
});

describe("a round whose clients are all late", () => {
  const allLate = (aggregateSeconds: number) =>
    buildScenario({
      clients: 10,
      cohortSize: 10,
      deadlineSeconds: 8,
      work: { seconds: 20, clientSpread: 0, callSpread: 0 },
      coldStart: { seconds: 0 },
      dispatchSeconds: 0,
      aggregateSeconds,
      maxStaleness: 2,
    });

  it.each([
    ["while it is folded", 5],
    ["once it is folded", 1],
  ])("does not hold up the next one when they have reported %s", async (_when, aggregateSeconds) => {
    const { run, rounds } = await roundsOf(allLate(aggregateSeconds), "fedavg", {}, 0);
    expect(run).toMatchObject({ status: "completed", round: 4, waiting: null });
    expect(rounds.map(({ round }) => round.cohort.length)).toEqual([10, 10, 10, 10]);
    expect((run.endedAt ?? 0) / 1_000).toBeLessThanOrEqual(84);
    // Each but the last round's updates are in a version.
    expect(run.totals).toMatchObject({ invoked: 40, inTime: 0, late: 30 });
  });
});
