// Publishing a round: the lease, which updates are folded, and what the fold makes of the round and the run.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  afterPublish,
  candidates,
  type FoldResult,
  isDegraded,
  LEASE_MS,
  newlyLate,
  publish,
  takeLease,
  updateKey,
  updateOf,
} from "../../../shared/core/round/publish.ts";
import { type Invocation, InvocationStatus } from "../../../shared/core/schemas/invocation.ts";
import { type ConsumedUpdate, Round, RoundStatus } from "../../../shared/core/schemas/round.ts";
import { Run, RunStatus } from "../../../shared/core/schemas/run.ts";
import { MAX_COHORT } from "../../../shared/core/schemas/spec.ts";
import {
  buildInvocation,
  buildOutcome,
  buildReported,
  buildRound,
  buildRun,
  buildSpec,
  deepFreeze,
  T0,
} from "../../support/builders.ts";
import { isValid, storedBytes } from "../../support/documents.ts";
import { refusal } from "../../support/refusal.ts";

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

describe("takeLease", () => {
  const held = (expiresAt: number) => deepFreeze(buildRound({ lease: { owner: "one", expiresAt } }));

  it("is free at first, once it has run out, and to its holder", () => {
    const lease = { owner: "two", expiresAt: NOW + LEASE_MS };
    expect(takeLease(deepFreeze(buildRound()), "two", NOW).lease).toEqual(lease);
    expect(takeLease(held(NOW), "two", NOW).lease).toEqual(lease);
    expect(takeLease(held(NOW + 1), "one", NOW).lease).toEqual({ ...lease, owner: "one" });
  });

  it("is refused until it runs out, and says when that is", () => {
    expect(refusal(() => takeLease(held(NOW + 1), "two", NOW))).toMatchObject({
      code: "unavailable",
      retry: { afterMs: 1 },
    });
  });
});

describe("updateOf and updateKey", () => {
  it("the update of a report is named after its attempt, not the invocation's last", () => {
    const update = updateOf(buildReported({ attempt: 3 }));
    expect(update).toEqual({ round: 1, clientId: "client-a", attempt: 1 });
    expect(updateOf(buildInvocation({ attempt: 3 }))).toBeNull();
  });

  it("no two updates share a key", () => {
    const part = fc.record({
      round: fc.integer({ min: 1, max: 20 }),
      clientId: fc.constantFrom("a", "a-1", "1"),
      attempt: fc.integer({ min: 1, max: 20 }),
    });
    fc.assert(
      fc.property(part, part, (one, other) => {
        const same = JSON.stringify(Object.values(one)) === JSON.stringify(Object.values(other));
        expect(updateKey(one) === updateKey(other)).toBe(same);
      }),
    );
  });
});

describe("candidates", () => {
  it.each(InvocationStatus.options)("an update whose invocation is %s", (status) => {
    const waits = status === "reported" || status === "late";
    expect(candidates([deepFreeze(buildReported({ status }))], [])).toHaveLength(waits ? 1 : 0);
  });

  it("needs an update", () => {
    expect(candidates([buildInvocation({ status: "reported" })], [])).toEqual([]);
    expect(candidates([], [])).toEqual([]);
  });

  it("come by client name, then round, whatever order they are read in", () => {
    const places: [string, number][] = [
      ["b", 2],
      ["a", 3],
      ["b", 1],
      ["b-1", 1],
      ["B", 3],
      ["a", 1],
    ];
    const all = places.map(([clientId, round]) => buildReported({ clientId, round }));
    const order = ["B3", "a1", "a3", "b1", "b2", "b-11"];
    fc.assert(
      fc.property(fc.shuffledSubarray(all, { minLength: all.length }), (shuffled) => {
        const found = candidates(deepFreeze(shuffled), []);
        expect(found.map(({ clientId, round }) => `${clientId}${round}`)).toEqual(order);
      }),
    );
  });

  it("leave out what an earlier round has consumed or dropped, by round, client and attempt", () => {
    const waiting = buildReported({ round: 1, status: "late" });
    const settledBy = (overrides: Partial<Round>) =>
      candidates([waiting], [deepFreeze(buildRound({ round: 2, ...overrides }))]);
    expect(settledBy({ consumed: [consumed()] })).toEqual([]);
    expect(settledBy({ dropped: [rejected("client-a")] })).toEqual([]);
    expect(settledBy({ dropped: [{ ...rejected("client-a"), fate: "expired" }] })).toEqual([]);
    expect(settledBy({ consumed: [consumed({ attempt: 2 })] })).toEqual([waiting]);
    expect(settledBy({ consumed: [consumed({ round: 2 })] })).toEqual([waiting]);
    expect(settledBy({ consumed: [consumed({ clientId: "client-b" })] })).toEqual([waiting]);
  });
});

describe("newlyLate", () => {
  const round = buildRound({ round: 3 });
  const late = buildReported({ round: 1, status: "late" });
  const told = (number: number, result: "missed" | "late" | "in-time") =>
    deepFreeze(buildRound({ round: number, outcomes: [buildOutcome({ round: 1, result })] }));

  it("are those last counted as missed", () => {
    expect(newlyLate([late], round, [told(1, "missed")])).toEqual([late]);
    expect(newlyLate([late], round, [told(1, "missed"), told(2, "late")])).toEqual([]);
    expect(newlyLate([late], round, [told(1, "in-time")])).toEqual([]);
    expect(newlyLate([late], round, [])).toEqual([]);
  });

  it("are of earlier rounds, and told apart by round", () => {
    const fresh = buildReported({ round: 3 });
    expect(newlyLate([fresh], round, [told(1, "missed")])).toEqual([]);
    const other = buildReported({ round: 2, status: "late" });
    expect(newlyLate([other], round, [told(1, "missed")])).toEqual([]);
  });
});

describe("isDegraded", () => {
  const run = buildRun({ spec: buildSpec({ round: { minUpdates: 2 } }) });
  it.each([
    [[], true],
    [[consumed()], true],
    [[consumed(), consumed({ clientId: "client-b" })], false],
    [[consumed(), consumed({ round: 0 })], false],
  ])("%#: late updates count like those in time", (updates, degraded) => {
    expect(isDegraded(run, updates)).toBe(degraded);
  });
});

const OWNER = "aggregator-1";
const aggregating = deepFreeze(
  buildRound({
    status: "aggregating",
    closeReason: "deadline",
    aggregatingAt: T0 + 60_000,
    lease: { owner: OWNER, expiresAt: NOW + 1 },
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
    totals: { invoked: 3, inTime: 3, late: 1, costUsd: 0.5, wallMs: 1_000 },
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
  return publish(run, round, OWNER, deepFreeze(result), invocations, late, () => 0.03, NOW);
}

describe("publish", () => {
  it.each(RoundStatus.options)("a round that is %s", (status) => {
    const act = () => publishWith(fold(), cohort, [], running, { ...aggregating, status });
    if (status === "aggregating") expect(act().round.status).toBe("closed");
    else expect(refusal(act)).toMatchObject({ code: "aborted", retry: "soon" });
  });

  it.each([
    ["another's", { owner: "aggregator-2", expiresAt: NOW + 1 }],
    ["nobody's", null],
  ])("not when the lease is %s", (_whose, lease) => {
    expect(refusal(() => publishWith(fold(), cohort, [], running, { ...aggregating, lease }))).toMatchObject({
      code: "aborted",
    });
  });

  it("makes valid documents, the next request and what follows", () => {
    const { run, round, commands } = publishWith();
    expect(isValid(Round, round)).toBe(true);
    expect(isValid(Run, run)).toBe(true);
    expect(round).toMatchObject({
      status: "closed",
      newVersion: 1,
      lease: null,
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

  it("tells of each how it ended, what was learned, and until when it may be busy", () => {
    expect(publishWith().round.outcomes).toEqual([
      {
        clientId: "client-a",
        round: 1,
        result: "in-time",
        trainMs: 20 + 30 + 40 + 5_000 + 50, // From claim to upload: neither queue nor cold start.
        coldStartMs: 2_000,
        busyUntilAt: null,
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

  it("an update that came after the waiting but before the fold is folded, and so in time", () => {
    const { round } = publishWith(fold(), [buildReported({ status: "late" })]);
    expect(round.outcomes[0]).toMatchObject({ result: "in-time", busyUntilAt: null, costUsd: 0.001 });
    expect(round).toMatchObject({ eur: 1, counts: { invoked: 1, inTime: 1, missed: 0 } });
  });

  it("a rejected update is none in time", () => {
    const dropped = [rejected("client-a"), rejected("client-z", 0)];
    const { round } = publishWith(fold({ consumed: [], dropped, newVersion: null }));
    expect(round.outcomes[0]).toMatchObject({ result: "rejected", trainMs: 5_140 });
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
      trainMs: 5_140,
      coldStartMs: 2_000,
      busyUntilAt: null,
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
    const { run, round } = publish(running, aggregating, OWNER, fold(), [], [], () => 0, T0 - 5);
    expect(round.timings.wallMs).toBe(0);
    expect(run.totals.wallMs).toBe(1_000);
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

  it("keeps its document below what Firestore takes, with the largest cohort and as many late updates", () => {
    const size = MAX_COHORT;
    const name = (i: number, kind: string) => `${kind}${i}`.padEnd(63, "x");
    const big = Array.from({ length: size }, (_, i) =>
      buildReported({ clientId: name(i, "c"), round: 9_999 }),
    );
    const late = Array.from({ length: size }, (_, i) =>
      buildReported({ clientId: name(i, "l"), round: 9_998, status: "late" }),
    );
    const taken = [...big, ...late].map(({ clientId, round }) => consumed({ clientId, round, weight: 1e-5 }));
    const full = {
      ...aggregating,
      round: 9_999,
      cohort: big.map(({ clientId }) => clientId),
      notChosen: Array.from({ length: 200 }, (_, i) => ({ clientId: name(i, "n"), reason: "x".repeat(100) })),
    };
    const published = publishWith(fold({ consumed: taken }), big, late, running, full).round;
    expect(storedBytes(published)).toBeLessThan(1_048_576);

    const refused = [...big, ...late].map(({ clientId, round }) => ({
      ...rejected(clientId, round),
      reason: "y".repeat(5_000),
    }));
    const allBad = fold({ consumed: [], newVersion: null, dropped: refused });
    expect(storedBytes(publishWith(allBad, big, late, running, full).round)).toBeLessThan(1_048_576);
  });

  it("keeps a reason whole where there are few", () => {
    const reason = "y".repeat(1_000);
    const few = Array.from({ length: 200 }, (_, i) => ({ ...rejected(`c${i}`), reason: `${reason}!` }));
    const { round } = publishWith(fold({ dropped: few }));
    expect(round.dropped.map((update) => update.reason)).toEqual(few.map(() => reason));
  });
});

describe("afterPublish", () => {
  const closed = deepFreeze(buildRound({ status: "closed", newVersion: 1 }));
  const asking = deepFreeze({ ...running, openRound: null, openRequest: { number: 2, pending: true } });
  const kinds = (run: Run, round: Round) => afterPublish(run, round).map(({ kind }) => kind);

  it("asks again for what is still to be done, and for no more", () => {
    expect(kinds(asking, closed)).toEqual(["evaluate", "open-round"]);
    expect(kinds(asking, { ...closed, accuracy: 0.5 })).toEqual(["open-round"]);
    expect(kinds(asking, { ...closed, newVersion: null })).toEqual(["open-round"]);
    expect(kinds({ ...asking, openRequest: { number: 2, pending: false } }, closed)).toEqual(["evaluate"]);
    expect(kinds({ ...asking, status: "paused" }, closed)).toEqual(["evaluate"]);
    expect(kinds({ ...asking, round: 2 }, closed), "a later round has its own").toEqual(["evaluate"]);
  });
});
