// Publishing a round: what the fold of its inputs makes of the round and the run.
import { describe, expect, it } from "vitest";
import { AggregationOptions } from "../../../shared/core/methods/aggregation/options.ts";
import { MAX_LATE } from "../../../shared/core/round/inbox.ts";
import { MAX_PREWARMED } from "../../../shared/core/round/prewarm.ts";
import { afterPublish, type FoldResult, publish, whyDegraded } from "../../../shared/core/round/publish.ts";
import type { Invocation } from "../../../shared/core/schemas/invocation.ts";
import { MAX_METRICS } from "../../../shared/core/schemas/metric.ts";
import {
  type ConsumedUpdate,
  MAX_GROUPS,
  MAX_STATE_BYTES,
  Round,
  RoundStatus,
} from "../../../shared/core/schemas/round.ts";
import { Run, RunStatus } from "../../../shared/core/schemas/run.ts";
import { MAX_SIGNALS_READ } from "../../../shared/core/schemas/signals.ts";
import { MAX_COHORT } from "../../../shared/core/schemas/spec.ts";
import {
  buildInvocation,
  buildReported,
  buildRound,
  buildRun,
  buildSpec,
  deepFreeze,
  T0,
} from "../../support/builders.ts";
import { isValid, storedBytes } from "../../support/documents.ts";

const NOW = T0 + 70_000;
const consumed = (overrides: Partial<ConsumedUpdate> = {}): ConsumedUpdate => ({
  round: 1,
  clientId: "client-a",
  attempt: 1,
  samples: 10,
  staleness: 0,
  weight: 1,
  ...overrides,
});
const rejected = (clientId: string, round = 1) => ({
  round,
  clientId,
  attempt: 1,
  fate: "rejected" as const,
  reason: "nan",
});

describe("whyDegraded", () => {
  const run = buildRun({ spec: buildSpec({ round: { minUpdates: 2 } }) });
  it.each([
    [[], true],
    [[consumed()], true],
    [[consumed(), consumed({ clientId: "client-b" })], false],
    [[consumed(), consumed({ round: 0 })], false],
  ])("%#: late updates count like those in time", (updates, degraded) => {
    expect(whyDegraded(run, updates) !== null).toBe(degraded);
  });

  it("asks for as many as the aggregation needs, whatever the round does, and says so", () => {
    const seven = Array.from({ length: 7 }, (_, i) => consumed({ clientId: `client-${i}` }));
    const robust = (aggregation: object, minUpdates = 1) => {
      const parsed = AggregationOptions.parse(aggregation);
      return buildRun({ spec: { ...buildSpec({ round: { minUpdates } }), aggregation: parsed } });
    };
    const krum = robust({ strategy: "multi-krum", maxMalicious: 2 });
    expect(whyDegraded(krum, seven)).toBeNull();
    expect(whyDegraded(krum, seven.slice(1))).toBe(
      "6 updates could be folded, and aggregation.strategy multi-krum needs 7 against 2 that may be bad: the model was carried over. Invite more clients (selection.cohortSize), or lower aggregation.maxMalicious.",
    );
    const bucketed = robust({ strategy: "trimmed-mean", maxMalicious: 1, before: { step: "bucketing" } });
    expect(whyDegraded(bucketed, seven.slice(0, 4))).toContain("needs 5 against 1");
    expect(whyDegraded(bucketed, seven.slice(0, 5))).toBeNull();
    expect(whyDegraded(robust({ strategy: "median" }), seven.slice(0, 2))).toMatch(
      /median needs 3: the model was carried over\. Invite more clients \(selection\.cohortSize\)\.$/,
    );
    expect(whyDegraded(robust({ strategy: "fedavg" }), []), "what the run asks for, where it is enough").toBe(
      "0 updates could be folded, and round.minUpdates is 1: the model was carried over.",
    );
    expect(whyDegraded(robust({ strategy: "geometric-median" }, 3), seven.slice(0, 2))).toBe(
      "2 updates could be folded, and round.minUpdates is 3: the model was carried over.",
    );
  });
});

const aggregating = deepFreeze(
  buildRound({
    status: "aggregating",
    closeReason: "deadline",
    aggregatingAt: T0 + 60_000,
    inputs: [{ round: 1, clientId: "client-a", attempt: 1 }],
    timings: { trainingMs: 60_000, aggregateMs: null, evaluateMs: null, wallMs: null },
  }),
);
const running = deepFreeze(
  buildRun({
    status: "running",
    round: 1,
    openRound: 1,
    openRequest: { number: 1, pending: false },
    modelVersion: 0,
    totals: {
      invoked: 3,
      inTime: 3,
      late: 1,
      failed: 0,
      rejected: 0,
      missed: 0,
      costUsd: 0.5,
      preparationUsd: 0.1,
      wallMs: 1_000,
    },
  }),
);
const fold = (overrides: Partial<FoldResult> = {}): FoldResult => ({
  consumed: [consumed()],
  dropped: [],
  newVersion: 1,
  aggregateMs: 40,
  aggregateCostUsd: 0.0001,
  ...overrides,
});

/** client-a is in time, client-b failed, client-c claimed and was not heard from. */
const cohort = deepFreeze([
  buildReported(),
  buildInvocation({ clientId: "client-b", status: "failed", attempt: 1, coldStart: false, costUsd: 0.002 }),
  buildInvocation({
    clientId: "client-c",
    status: "training",
    attempt: 1,
    coldStart: true,
    claimedAt: T0 + 2_000,
  }),
]);

function publishWith(
  result: FoldResult = fold(),
  invocations: readonly Invocation[] = cohort,
  late: readonly Invocation[] = [],
  run: Run = running,
  round: Round = aggregating,
) {
  const published = publish(run, round, deepFreeze(result), invocations, late, () => 0.03, NOW);
  if (published === null) throw new Error("The round is over.");
  return published;
}

describe("publish", () => {
  it.each(RoundStatus.options)("a round that is %s", (status) => {
    const published = publish(running, { ...aggregating, status }, fold(), cohort, [], () => 0, NOW);
    // Over already: another aggregator, which folded the same, was faster; or the run was cancelled.
    if (status !== "aggregating") expect(published).toBeNull();
    else expect(published?.round.status).toBe("closed");
  });

  it("makes valid documents, the next request and what follows", () => {
    const { run, round, commands } = publishWith();
    expect(isValid(Round, round)).toBe(true);
    expect(isValid(Run, run)).toBe(true);
    expect(round).toMatchObject({
      status: "closed",
      newVersion: 1,
      inputs: null,
      closedAt: NOW,
      followedUp: false,
      closeReason: "deadline",
      consumed: [consumed()],
      timings: { trainingMs: 60_000, aggregateMs: 40, wallMs: 70_000 },
      counts: { invoked: 3, inTime: 1, late: 0, failed: 1, rejected: 0, missed: 1, coldStarts: 2 },
      eur: 1 / 3,
    });
    expect(run).toMatchObject({
      modelVersion: 1,
      openRound: null,
      openRequest: { number: 2, pending: true },
      totals: { invoked: 6, inTime: 4, late: 1, wallMs: 71_000 },
      eur: 4 / 6,
    });
    expect(commands).toEqual([
      { kind: "evaluate", runId: "run-1", round: 1, version: 1 },
      { kind: "open-round", runId: "run-1", request: 2 },
    ]);
  });

  it("reports each how it ended, what was learned, and until when it may be busy", () => {
    expect(publishWith().round.outcomes).toEqual([
      {
        clientId: "client-a",
        round: 1,
        result: "in-time",
        trainMs: 10_000 - 2_000, // From claim to report, less the cold start: what it reports cannot be less.
        coldStartMs: 2_000,
        busyUntilAt: null,
        reportedAt: T0 + 11_000,
        costUsd: 0.001,
      },
      {
        clientId: "client-b",
        round: 1,
        result: "failed",
        trainMs: null,
        coldStartMs: null,
        busyUntilAt: null,
        costUsd: 0.002,
      },
      {
        clientId: "client-c",
        round: 1,
        result: "missed",
        trainMs: null,
        coldStartMs: null,
        busyUntilAt: T0 + 2_000 + 540_000,
        costUsd: 0.03,
      },
    ]);
  });

  it("a client that never claimed is not busy: it is refused from now on", () => {
    const { round } = publishWith(fold(), [buildInvocation()]);
    expect(round.outcomes[0]).toMatchObject({ result: "missed", busyUntilAt: null });
  });

  it("an update that came after the waiting but before the inputs were fixed is folded, and so in time", () => {
    const { round } = publishWith(fold(), [buildReported({ status: "late" })]);
    expect(round.outcomes[0]).toMatchObject({ result: "in-time", busyUntilAt: null, costUsd: 0.001 });
    expect(round).toMatchObject({ eur: 1, counts: { invoked: 1, inTime: 1, missed: 0 } });
  });

  it("one that came after the inputs were fixed is missed, at the cost it reported, and no longer busy", () => {
    const { round } = publishWith(fold(), [buildReported({ clientId: "client-b", status: "late" })]);
    expect(round.outcomes[0]).toMatchObject({
      result: "missed",
      trainMs: null,
      coldStartMs: null,
      busyUntilAt: null,
      costUsd: 0.001,
    });
    expect(round).toMatchObject({ eur: 0, counts: { inTime: 0, missed: 1 } });
  });

  it("another attempt's update is not the one that was fixed", () => {
    const second = { attempt: 2, sizeBytes: 500, sha256: "0".repeat(64) };
    const { round } = publishWith(fold(), [buildReported({ attempt: 2, update: second })]);
    expect(round.outcomes[0]?.result).toBe("missed");
  });

  it("a rejected update does not count as in time", () => {
    const dropped = [rejected("client-a"), rejected("client-z", 0)];
    const { round } = publishWith(fold({ consumed: [], dropped, newVersion: null }));
    expect(round.outcomes[0]).toMatchObject({ result: "rejected", trainMs: 8_000 });
    expect(round.eur).toBe(0);
    const { invoked, inTime, failed, missed, rejected: count } = round.counts;
    expect(count, "the late one is not of this cohort").toBe(1);
    expect(inTime + failed + missed + count).toBe(invoked);
  });

  it("carries the model over: the version stays, the round is degraded, and nothing is scored", () => {
    const { run, round, commands } = publishWith(fold({ consumed: [], newVersion: null }));
    expect(round).toMatchObject({ status: "degraded", newVersion: null, consumed: [], eur: 1 / 3 });
    expect(run.modelVersion).toBe(0);
    expect(commands).toEqual([{ kind: "open-round", runId: "run-1", request: 2 }]);
    expect(round).not.toHaveProperty("degradedReason");
  });

  it("says why a round made no version, and nothing of it where one was made", () => {
    const degraded = "Too few.";
    const without = publishWith(fold({ consumed: [], newVersion: null, degraded }));
    expect(without.round.degradedReason).toBe(degraded);
    expect(publishWith(fold({ degraded })).round).not.toHaveProperty("degradedReason");
  });

  it("an empty cohort has no EUR, and takes none from the run's", () => {
    const { run, round } = publishWith(fold({ consumed: [], newVersion: null }), []);
    expect(round).toMatchObject({ eur: null, counts: { invoked: 0 }, costUsd: 0.0001 });
    expect(run.eur).toBe(1);
    const first = deepFreeze({ ...running, totals: { ...running.totals, invoked: 0, inTime: 0 } });
    expect(publishWith(fold({ consumed: [], newVersion: null }), [], [], first).run.eur).toBeNull();
  });

  it("counts late updates that were folded, and charges of a late one what was not charged yet", () => {
    const late = buildReported({
      clientId: "client-z",
      round: 0,
      status: "late",
      costUsd: 0.005,
      chargedUsd: 0.003,
    });
    const result = fold({
      consumed: [consumed(), consumed({ clientId: "client-z", round: 0, staleness: 1 })],
    });
    const { run, round } = publishWith(result, cohort, [late]);
    expect(round.counts.late).toBe(1);
    expect(round.outcomes.at(-1)).toEqual({
      clientId: "client-z",
      round: 0,
      result: "late",
      trainMs: 8_000,
      coldStartMs: 2_000,
      busyUntilAt: null,
      reportedAt: T0 + 11_000,
      costUsd: 0.002,
    });
    expect(round.costUsd).toBe(0.0351);
    expect(run.totals).toMatchObject({ late: 2, costUsd: 0.5351, invoked: 6, inTime: 4 });
    const dearer = { ...late, chargedUsd: 0.009 };
    expect(publishWith(result, cohort, [dearer]).round.outcomes.at(-1)?.costUsd).toBe(0);
  });

  it("adds amounts exactly, in any order: a budget is met to the nanodollar", () => {
    const dear = Array.from({ length: 10 }, (_, i) => buildReported({ clientId: `c${i}`, costUsd: 0.1 }));
    const { run, round } = publishWith(fold({ aggregateCostUsd: 0 }), dear, [], {
      ...running,
      totals: { ...running.totals, costUsd: 0.7 },
    });
    expect(round.costUsd).toBe(1);
    expect(run.totals.costUsd).toBe(1.7);
  });

  it("counts no negative time by a clock that is behind the opener's", () => {
    const { run, round } = publish(running, aggregating, fold(), [], [], () => 0, T0 - 5) ?? {};
    expect(round?.timings.wallMs).toBe(0);
    expect(run?.totals.wallMs).toBe(1_000);
  });

  it.each(RunStatus.options)("of a run that is %s asks for the next round only where it runs", (status) => {
    const { run, commands } = publishWith(fold(), cohort, [], { ...running, status });
    const asks = commands.some(({ kind }) => kind === "open-round");
    expect(asks).toBe(status === "running");
    expect(run).toMatchObject({ status, openRound: null, modelVersion: 1 });
  });

  it("leaves the run's open round alone when it is another one", () => {
    const { run, commands } = publishWith(fold(), cohort, [], { ...running, round: 2, openRound: 2 });
    expect(run).toMatchObject({ openRound: 2, openRequest: { number: 1, pending: false } });
    expect(commands.map(({ kind }) => kind)).toEqual(["evaluate"]);
  });

  it("keeps its document below what Firestore takes, with the largest cohort and as many late updates as it takes", () => {
    const name = (i: number, kind: string) => `${kind}${i}`.padEnd(63, "x");
    const big = Array.from({ length: MAX_COHORT }, (_, i) =>
      buildReported({ clientId: name(i, "c"), round: 9_999 }),
    );
    const late = Array.from({ length: MAX_LATE }, (_, i) =>
      buildReported({ clientId: name(i, "l"), round: 9_998, status: "late" }),
    );
    const inputs = [...big, ...late].map(({ clientId, round }) => ({ round, clientId, attempt: 9_999 }));
    const long = (prefix: string, length: number) => prefix.padEnd(length, "x");
    const signals = Object.fromEntries(
      Array.from({ length: MAX_SIGNALS_READ }, (_, i) => [long(`s${i}`, 40), i]),
    );
    const metrics = Object.fromEntries(
      Array.from({ length: MAX_METRICS }, (_, i) => [long(`m${i}`, 40), i / 3]),
    );
    const groups = Array.from({ length: MAX_GROUPS }, (_, i) => ({
      name: long(`${i}`, 40),
      size: 20,
      chosen: 20,
      note: long("n", 60),
      figures: Array.from({ length: 4 }, (_, k) => ({ name: long(`f${k}`, 40), value: 1.5 })),
    }));
    const full = {
      ...aggregating,
      groups,
      selectionState: long("s", MAX_STATE_BYTES),
      signals: Object.keys(signals),
      round: 9_999,
      cohort: big.map(({ clientId }) => clientId),
      notChosen: Array.from({ length: 200 }, (_, i) => ({ clientId: name(i, "n"), reason: "x".repeat(100) })),
      inputs,
      prewarmed: { clientIds: big.slice(0, MAX_PREWARMED).map((_, i) => name(i, "w")), costUsd: 1.5 },
    };
    const below = (round: Round) => expect(storedBytes(round)).toBeLessThan(1_048_576);
    below(full);

    const ends: Record<string, (invocation: Invocation) => Invocation> = {
      // Of every kind of outcome, the one that takes the most room.
      "in time or rejected": (invocation) => invocation,
      failed: (invocation) => ({ ...invocation, status: "failed", update: null }),
      "missed, at work": ({ clientId, round }) =>
        buildInvocation({ clientId, round, status: "training", coldStart: true, claimedAt: T0 }),
    };
    const taken = inputs.map((update) =>
      consumed({ ...update, toldSamples: 1e12, weight: 1e-5, scale: 0.5 }),
    );
    const refused = inputs.map((update) => ({
      ...update,
      fate: "rejected" as const,
      reason: "€".repeat(5_000), // Three bytes each.
    }));
    const folds = [
      fold({ consumed: taken }),
      fold({ consumed: [], newVersion: null, dropped: refused }),
      fold({ consumed: taken.slice(0, MAX_COHORT), dropped: refused.slice(MAX_COHORT) }),
    ];
    for (const end of Object.values(ends)) {
      for (const result of folds) {
        const withSignals = (invocation: Invocation) => ({
          ...invocation,
          signals,
          update: invocation.update && { ...invocation.update, attempt: 9_999 },
          evaluation: { version: full.baseVersion, samples: 1e12, metrics },
        });
        const { round } = publishWith(
          result,
          big.map(end).map(withSignals),
          late.map(withSignals),
          running,
          full,
        );
        below(round);
        expect(isValid(Round, round)).toBe(true);
        const hasScores = big.map(end).some(({ update }) => update !== null) && result.newVersion !== null;
        expect(Object.keys(round.federated?.metrics ?? {})).toHaveLength(hasScores ? MAX_METRICS : 0);
        // What does not fit is left out of all of them, and the round says so.
        expect(round.signalsLeftOut).toMatch(/no room for signals/);
        expect(round.outcomes.some((outcome) => "signals" in outcome)).toBe(false);
      }
    }
  });

  it("keeps the signals of the largest cohort where names are as people give them", () => {
    const signals = { "loss-after": 1, "gradient-norm": 2 };
    const cohort = Array.from({ length: MAX_COHORT }, (_, i) =>
      buildReported({ clientId: `hospital-north-${i}`, signals }),
    );
    const inputs = cohort.map(({ clientId }) => ({ round: 1, clientId, attempt: 1 }));
    const ids = cohort.map(({ clientId }) => clientId);
    const open = { ...aggregating, cohort: ids, inputs, signals: Object.keys(signals) };
    const { round } = publishWith(fold(), cohort, [], running, open);
    expect(round).not.toHaveProperty("signalsLeftOut");
    for (const outcome of round.outcomes) expect(outcome.signals).toEqual(signals);
    expect(storedBytes(round)).toBeLessThan(1_048_576);
  });

  it("keeps a reason whole where there are few", () => {
    const reason = "y".repeat(1_000);
    const few = Array.from({ length: 100 }, (_, i) => ({ ...rejected(`c${i}`), reason: `${reason}!` }));
    const { round } = publishWith(fold({ dropped: few }));
    expect(round.dropped.map((update) => update.reason)).toEqual(few.map(() => reason));
    const wide = [{ ...rejected("c"), reason: "€".repeat(1_000) }];
    expect(publishWith(fold({ dropped: wide })).round.dropped[0]?.reason, "cut between characters").toBe(
      "€".repeat(333),
    );
  });
});

describe("afterPublish", () => {
  const closed = deepFreeze(buildRound({ status: "closed", newVersion: 1 }));
  const asking = deepFreeze({ ...running, openRound: null, openRequest: { number: 2, pending: true } });
  const kinds = (run: Run, round: Round) => afterPublish(run, round).map(({ kind }) => kind);

  it("asks again for what is still to be done, and for no more", () => {
    expect(kinds(asking, closed)).toEqual(["evaluate", "open-round"]);
    expect(kinds(asking, { ...closed, accuracy: 0.5 })).toEqual(["open-round"]);
    expect(kinds(asking, { ...closed, unscoredReason: "no data" })).toEqual(["open-round"]);
    expect(kinds(asking, { ...closed, newVersion: null })).toEqual(["open-round"]);
    expect(kinds({ ...asking, openRequest: { number: 2, pending: false } }, closed)).toEqual(["evaluate"]);
    expect(kinds({ ...asking, status: "paused" }, closed)).toEqual(["evaluate"]);
    expect(kinds({ ...asking, round: 2 }, closed), "a later round has its own").toEqual(["evaluate"]);
  });
});
