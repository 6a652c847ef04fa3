// Series: columns of rounds, their sizes, and when a block is as it stays.
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import * as z from "zod";
import { randomFrom } from "../../../shared/core/random.ts";
import { SeriesColumns, type SeriesRound } from "../../../shared/core/round/series.ts";
import {
  blockOf,
  lastFullBlock,
  roundsOfBlock,
  staysAsItIs,
} from "../../../shared/core/round/seriesBlocks.ts";
import { MAX_ROUND } from "../../../shared/core/schemas/ids.ts";
import type { Outcome } from "../../../shared/core/schemas/round.ts";
import { Series } from "../../../shared/core/schemas/series.ts";
import { buildOutcome, buildRound, buildRun, buildSpec, deepFreeze, T0 } from "../../support/builders.ts";

const ABOUT = { runId: "run-1", block: 0, final: false };

function seriesOf(rounds: readonly SeriesRound[], withOutcomes = true): Series {
  const columns = new SeriesColumns();
  for (const round of rounds) columns.add(round);
  return columns.series(ABOUT, withOutcomes);
}

describe("blocks", () => {
  test.each([
    [1, 0, 1, 100],
    [100, 0, 1, 100],
    [101, 1, 101, 200],
    [MAX_ROUND, 99, 9_901, 10_000],
  ])("round %i is in block %i, of the rounds %i to %i", (round, block, from, to) => {
    expect(blockOf(round)).toBe(block);
    expect(roundsOfBlock(block)).toEqual({ from, to });
  });

  test.each([
    [0, null],
    [1, null],
    [100, null],
    [101, 0],
    [200, 0],
    [201, 1],
  ])("of a run in round %i the last full one is %s", (round, block) => {
    expect(lastFullBlock({ round })).toBe(block);
  });
});

describe("staysAsItIs", () => {
  const spec = buildSpec({
    aggregation: { strategy: "fedavg", staleness: { weight: "constant", maxRounds: 2 } },
  });
  const run = buildRun({ spec, status: "running", round: 104 });
  const last = buildRound({
    round: 100,
    status: "closed",
    newVersion: 100,
    loss: 0.5,
    followedUp: true,
    aggregatingAt: T0,
    closedAt: T0 + 1_000,
  });
  // Half an hour of work, a minute to upload and the grace.
  const over = T0 + 1_800_000 + 60_000 + 5_000;

  test.each([
    ["all is over", run, last, [], over, true],
    ["a call may still go on", run, last, [], over - 1, false],
    ["a late update may still be folded", { ...run, round: 101 }, last, [], over, false],
    ["its score is awaited", run, { ...last, loss: null }, [], over, false],
    ["the score of a round before is awaited", run, last, [{ round: 7 }], over, false],
    ["only the score of a later round is awaited", run, last, [{ round: 101 }], over, true],
    ["it is not followed up", run, { ...last, followedUp: false }, [], over, false],
  ] as const)("%s", (_name, ofRun, round, unscored, nowMs, stays) => {
    expect(staysAsItIs(ofRun, round, unscored, nowMs)).toBe(stays);
  });
});

describe("SeriesColumns", () => {
  it("has a round's figures, computed by hand", () => {
    const outcomes: Outcome[] = [
      buildOutcome({ clientId: "b", round: 7, result: "in-time", trainMs: 1_234.6, costUsd: 0.00123456 }),
      buildOutcome({
        clientId: "a",
        round: 7,
        result: "missed",
        trainMs: null,
        coldStartMs: null,
        costUsd: 0,
      }),
      buildOutcome({ clientId: "b", round: 6, result: "late", coldStartMs: 99.5, costUsd: 1 }),
    ];
    const first = buildRound({
      round: 7,
      status: "closed",
      closeReason: "deadline",
      newVersion: 6,
      deadlineAt: T0 + 60_000,
      accuracy: 0.123456789,
      loss: 2,
      metrics: { accuracy: 0.123456789, loss: 2, f1: 1 / 3 },
      eur: 2 / 3,
      costUsd: 0.012345678,
      counts: { invoked: 2, inTime: 1, late: 1, failed: 0, rejected: 0, missed: 1, coldStarts: 0 },
      timings: { trainingMs: 10.4, aggregateMs: 20.5, evaluateMs: null, wallMs: 30 },
      participation: { clients: 3, invited: 2, evenness: 0.5 },
      outcomes,
    });
    const second = buildRound({
      round: 9,
      openedAt: T0 + 5,
      metrics: { auc: 0.9 },
      federated: {
        version: 1,
        clients: 2,
        samples: 3,
        metrics: { loss: { mean: 0.25, spread: 0.1, clients: 2 } },
      },
    });
    const { rounds, outcomes: columns } = seriesOf(deepFreeze([first, second]));
    expect(rounds).toMatchObject({
      round: [7, 9],
      status: ["closed", "training"],
      closeReason: ["deadline", null],
      newVersion: [6, null],
      openedAtMs: [T0, T0 + 5],
      deadlineMs: [60_000, 59_995],
      accuracy: [0.123457, null],
      loss: [2, null],
      metrics: { f1: [0.333333, null], auc: [null, 0.9] },
      federated: { loss: [null, 0.25] },
      eur: [0.666667, null],
      participation: [0.5, null],
      invoked: [2, 3],
      late: [1, 0],
      costUsd: [0.01235, null],
      trainingMs: [10, null],
      aggregateMs: [21, null],
      wallMs: [30, null],
    });
    expect(columns).toEqual({
      clients: ["b", "a"],
      results: ["in-time", "late", "failed", "rejected", "missed", "goes-on"],
      perRound: [3, 0],
      client: [0, 1, 0],
      result: [0, 4, 1],
      trainMs: [1_235, null, 5_000],
      coldStartMs: [null, null, 100],
      costMicroUsd: [1_235, 0, 1_000_000],
      lateAt: [2],
      lateRound: [6],
    });
  });

  it("leaves outcomes out where they are not asked for", () => {
    expect(seriesOf([buildRound()], false)).not.toHaveProperty("outcomes");
  });

  it("keeps metrics whose names are those of objects' own parts", () => {
    const { rounds } = seriesOf([buildRound({ metrics: { constructor: 1, toString: 2 } }), buildRound()]);
    expect(Object.entries(rounds.metrics)).toEqual([
      ["constructor", [1, null]],
      ["toString", [2, null]],
    ]);
  });

  it("without a round is a block of empty columns", () => {
    const series = seriesOf([]);
    expect(z.encode(Series, series)).toEqual(series);
    expect(series.rounds.round).toEqual([]);
  });

  it("has columns of one length, that fulfil the schema, and the same bytes for the same rounds", () => {
    const metric = fc.constantFrom("f1", "auc", "r2", "constructor");
    const outcome = fc.record({
      clientId: fc.constantFrom("a", "b", "c", "d"),
      round: fc.integer({ min: 1, max: 9 }),
      result: fc.constantFrom("in-time" as const, "late" as const, "missed" as const),
      trainMs: fc.option(fc.double({ min: 0, max: 1e9, noNaN: true })),
      costUsd: fc.double({ min: 0, max: 1e3, noNaN: true }),
    });
    const round = fc.record({
      metrics: fc.dictionary(metric, fc.double({ min: -1e9, max: 1e9, noNaN: true })),
      loss: fc.option(fc.double({ noNaN: true, noDefaultInfinity: true })),
      outcomes: fc.array(outcome.map(buildOutcome), { maxLength: 5 }),
    });
    fc.assert(
      fc.property(fc.array(round, { maxLength: 9 }), (parts) => {
        const rounds = parts.map((part, i) => buildRound({ round: i + 1, ...part }));
        const series: Series = seriesOf(rounds);
        expect(z.safeEncode(Series, series).success).toBe(true);
        const { metrics, federated, ...columns } = series.rounds;
        for (const column of [
          ...Object.values(columns),
          ...Object.values(metrics),
          ...Object.values(federated),
        ])
          expect(column).toHaveLength(rounds.length);
        const all = rounds.flatMap(({ outcomes }) => outcomes);
        const { clients, client, result, trainMs, costMicroUsd, perRound } = series.outcomes ?? {};
        expect([result, trainMs, costMicroUsd].map((column) => column?.length)).toEqual(
          [all, all, all].map(({ length }) => length),
        );
        expect(client?.map((place) => clients?.[place])).toEqual(all.map(({ clientId }) => clientId));
        expect(perRound).toEqual(rounds.map(({ outcomes }) => outcomes.length));
        expect(JSON.stringify(seriesOf(rounds))).toBe(JSON.stringify(series));
      }),
    );
  });
});

describe("sizes of 1,000 rounds of 200 clients, as JSON", () => {
  const random = randomFrom("series");
  const client = (i: number) => `hospital-${String(i).padStart(3, "0")}`;
  const outcomeOf = (round: number, i: number): Outcome => {
    const isCold = random.next() < 0.1;
    const result = random.next() < 0.9 ? "in-time" : random.next() < 0.5 ? "missed" : "late";
    return buildOutcome({
      clientId: client(i),
      round: result === "late" ? Math.max(1, round - 1) : round,
      result,
      trainMs: 5_000 + 40_000 * random.next(),
      coldStartMs: isCold ? 9_000 * random.next() : null,
      costUsd: 0.002 * random.next(),
    });
  };
  const roundOf = (round: number) =>
    buildRound({
      round,
      status: "closed",
      closeReason: "all-reported",
      newVersion: round,
      accuracy: random.next(),
      loss: random.next(),
      eur: random.next(),
      costUsd: random.next(),
      counts: { invoked: 200, inTime: 180, late: 10, failed: 0, rejected: 0, missed: 10, coldStarts: 20 },
      costs: {
        clientsUsd: random.next() / 10,
        coordinatorUsd: random.next() / 1_000,
        aggregatorUsd: random.next() / 1_000,
        evaluatorUsd: random.next() / 1_000,
        prewarmUsd: 0,
        afterwardsUsd: 0,
      },
      timings: {
        trainingMs: 60_000 * random.next(),
        aggregateMs: 9_000 * random.next(),
        evaluateMs: 9_000 * random.next(),
        wallMs: 90_000 * random.next(),
      },
      participation: { clients: 200, invited: 200, evenness: random.next() },
      outcomes: Array.from({ length: 200 }, (_, i) => outcomeOf(round, i)),
    });

  it("are 0.2 MB of figures and 5 MB with outcomes, at most", () => {
    const bytes = { figures: 0, withOutcomes: 0 };
    for (let block = 0; block < 10; block++) {
      const columns = new SeriesColumns();
      const { from, to } = roundsOfBlock(block);
      for (let round = from; round <= to; round++) columns.add(roundOf(round));
      const about = { ...ABOUT, block };
      bytes.figures += JSON.stringify(columns.series(about, false)).length;
      bytes.withOutcomes += JSON.stringify(columns.series(about, true)).length;
    }
    expect(bytes.figures).toBeLessThan(200_000);
    expect(bytes.withOutcomes).toBeLessThan(5_000_000);
  });
});
