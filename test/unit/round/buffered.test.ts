// Buffered rounds: what one waits for, who may claim, what is decided at its close and what goes on.
import { describe, expect, it } from "vitest";
import { selectCohort } from "../../../shared/core/methods/selection/selectCohort.ts";
import { foldOutcome } from "../../../shared/core/roster/fold.ts";
import {
  carriedFrom,
  isOpenToClaims,
  listedIn,
  placesTaken,
  roundsAwaited,
} from "../../../shared/core/round/buffered.ts";
import { closeRound, refusedClaim } from "../../../shared/core/round/close.ts";
import { newlyLate } from "../../../shared/core/round/inbox.ts";
import { markAfter } from "../../../shared/core/round/marks.ts";
import { planRound } from "../../../shared/core/round/open.ts";
import { type BufferedFold, bufferedOutcomes } from "../../../shared/core/round/outcomes.ts";
import { claim, report } from "../../../shared/core/round/report.ts";
import { isLeftBehind } from "../../../shared/core/round/sweep.ts";
import type { Invocation } from "../../../shared/core/schemas/invocation.ts";
import type { Round } from "../../../shared/core/schemas/round.ts";
import {
  buildClient,
  buildInvocation,
  buildOutcome,
  buildRecord,
  buildReport,
  buildReported,
  buildRound,
  buildRun,
  buildSpec,
  deepFreeze,
  T0,
} from "../../support/builders.ts";

const DUE = T0 + 60_000;
const spec = buildSpec({
  selection: { strategy: "random", cohortSize: 4 },
  round: { buffer: { size: 2 } },
});
const older = { round: 1, clientId: "old", dueAt: DUE };
/** Round 3, opened half a minute after round 1, which waits for one client of that as well. */
const third = deepFreeze(
  buildRound({
    round: 3,
    cohort: ["client-a", "client-b"],
    carried: [older],
    wanted: 2,
    openedAt: T0 + 30_000,
    deadlineAt: T0 + 90_000,
  }),
);
const stopped = (at: number, more: Partial<Round> = {}): Round =>
  deepFreeze({ ...third, status: "aggregating", aggregatingAt: at, ...more });

const training = (more: Partial<Invocation>): Invocation =>
  buildInvocation({ status: "training", attempt: 1, claimedAt: T0 + 1_000, ...more });
const reported = (more: Partial<Invocation>): Invocation => buildReported({ round: 3, ...more });
const fold: BufferedFold = { settled: [], rejected: [], estimateUsd: () => 0.5 };
const update = (round: number, clientId: string) => ({ round, clientId, attempt: 1 });

describe("what a buffered round waits for", () => {
  it("is what it carries, each with its own deadline, and its own cohort", () => {
    expect(listedIn(third)).toEqual([
      older,
      { round: 3, clientId: "client-a", dueAt: T0 + 90_000 },
      { round: 3, clientId: "client-b", dueAt: T0 + 90_000 },
    ]);
    expect(roundsAwaited(third)).toEqual([1, 3]);
    expect(roundsAwaited(buildRound({ round: 7 }))).toEqual([7]);
  });

  it("is carried on until it is decided, and nothing where rounds wait for their cohort", () => {
    const outcomes = [
      buildOutcome({ round: 3, clientId: "client-a", result: "goes-on" }),
      buildOutcome({ round: 3, clientId: "client-b", result: "failed" }),
    ];
    expect(carriedFrom(spec, { ...third, outcomes })).toEqual([
      older,
      { round: 3, clientId: "client-a", dueAt: T0 + 90_000 },
    ]);
    const missed = buildOutcome({ round: 1, clientId: "old", result: "missed" });
    expect(carriedFrom(spec, { ...third, outcomes: [...outcomes, missed] })).toHaveLength(1);
    expect(carriedFrom(spec, null)).toEqual([]);
    expect(carriedFrom(buildSpec(), third)).toBeUndefined();
  });

  it("takes the places of those who are at work: not of one that has reported", () => {
    const carried = [older, { round: 2, clientId: "client-c", dueAt: DUE }];
    expect(placesTaken(carried, [{ round: 1, clientId: "old" }])).toBe(1);
    // At work for a round that the run has given up.
    expect(placesTaken(carried, [{ round: 1, clientId: "client-c" }])).toBe(0);
    expect(placesTaken(undefined, [older])).toBe(0);
  });
});

describe("opening a buffered round", () => {
  const roster = ["a", "b", "c", "d", "e"].map((clientId) => ({
    clientId,
    trainMsHistory: [],
    missedRounds: [],
    cooldownRounds: 0,
    invocations: 0,
    lastSelectedRound: null,
    busyUntilMs: null,
  }));
  const select = (taken: number) =>
    selectCohort({ spec }, 4, { roster, state: '"kept"', limit: 1_000, placesTaken: taken }, T0);

  it.each([
    [0, 4],
    [3, 1],
    [4, 0],
    [5, 0],
  ])("with %i at work invites %i", (taken, invited) => {
    expect(select(taken).cohort).toHaveLength(invited);
  });

  it("keeps the strategy's state where it asks nobody", () => {
    expect(select(4)).toMatchObject({ state: '"kept"', considered: [], stateProblem: null });
  });

  it("is for as many updates as fill the buffer, whatever its cohort", () => {
    const run = buildRun({ spec, round: 3 });
    const selection = { cohort: ["a"], considered: [{ clientId: "a", chosen: true, reason: "", rank: 1 }] };
    const clients = new Map([["a", buildClient({ clientId: "a" })]]);
    const chosen = { selection, clients, rosterAsOfAt: T0, openUsd: 0 };
    const { round } = planRound(run, { round: 4, baseVersion: 2 }, { ...chosen, carried: [older] }, T0);
    expect(round).toMatchObject({ wanted: 2, cohort: ["a"], carried: [older] });
    expect("carried" in planRound(run, { round: 4, baseVersion: 2 }, chosen, T0).round).toBe(false);
  });
});

describe("closing a buffered round", () => {
  const close = (reports: number, failed: number) =>
    closeRound(third, spec, { reported: reports, failed }, "report", T0 + 40_000);

  it.each([
    [1, 0, "wait"],
    [1, 1, "wait"],
    [2, 0, "aggregate"],
    [3, 0, "aggregate"],
    // Nobody is at work any more.
    [1, 2, "aggregate"],
  ])("with %i updates and %i failures: %s", (reports, failed, kind) => {
    expect(close(reports, failed).kind).toBe(kind);
  });
});

describe("who is still training when a buffered round closes", () => {
  const closed = stopped(T0 + 40_000, { status: "closed" });

  it.each(["training", "aggregating", "closed", "degraded"] as const)(
    "may claim while it is %s, until its own deadline",
    (status) => {
      const round = { ...third, status };
      expect(isOpenToClaims(round, T0 + 89_999)).toBe(true);
      expect(isOpenToClaims(round, T0 + 90_000)).toBe(status === "training");
    },
  );

  it("may not claim of a run that is cancelled, nor in a run that waits for its cohorts", () => {
    expect(isOpenToClaims({ ...third, status: "cancelled" }, T0)).toBe(false);
    expect(isOpenToClaims(buildRound({ status: "closed" }), T0)).toBe(false);
  });

  it("claims, and is refused once its deadline has passed", () => {
    const invocation = deepFreeze(buildInvocation({ round: 3 }));
    expect(claim(closed, invocation, true, 0, T0 + 89_999).kind).toBe("granted");
    expect(claim(closed, invocation, true, 0, T0 + 90_000).kind).toBe("over");
    expect(refusedClaim(closed, invocation, T0 + 89_999)).toBeNull();
    expect(refusedClaim(closed, invocation, T0 + 90_000)).toMatchObject({ refusedAt: T0 + 90_000 });
  });

  it("reports late, and its update waits; after it was missed it expires", () => {
    const run = buildRun({ spec, round: 4, openRound: 4 });
    const request = buildReport({ round: 3 });
    const stored = { sizeBytes: 500, generation: "7" };
    const say = (invocation: Invocation) =>
      report(run, closed, deepFreeze(invocation), request, stored, 0.01, T0 + 80_000);
    expect(say(training({ round: 3 }))).toMatchObject({
      invocation: { status: "late" },
      receipt: { status: "late" },
    });
    expect(say(training({ round: 3, status: "missed" }))).toMatchObject({
      invocation: { status: "expired", costUsd: 0.01 },
      receipt: { status: "expired", reason: expect.stringContaining("deadlineSeconds") },
    });
  });
});

describe("what a buffered round decides", () => {
  const cohort = [training({ round: 3, clientId: "client-a" }), reported({ clientId: "client-b" })];
  const decide = (
    at: number,
    own: readonly Invocation[],
    carried: readonly Invocation[],
    given: Partial<BufferedFold> = {},
  ) =>
    bufferedOutcomes(stopped(at), own, carried, { ...fold, ...given }).map(
      ({ round, clientId, result, busyUntilAt, costUsd }) => [round, clientId, result, busyUntilAt, costUsd],
    );

  it("is what it has settled; its own others go on, and of carried ones it says nothing", () => {
    const at = T0 + 40_000;
    expect(decide(at, cohort, [training({ clientId: "old" })], { settled: [update(3, "client-b")] })).toEqual(
      [
        [3, "client-a", "goes-on", T0 + 90_000 + 540_000, 0],
        [3, "client-b", "in-time", null, 0.001],
      ],
    );
  });

  it("is an old client's update as well, charged what no round was", () => {
    const old = buildReported({ clientId: "old", status: "late", costUsd: 0.003, chargedUsd: 0.001 });
    const settled = [update(1, "old")];
    expect(decide(T0 + 40_000, [], [old], { settled })).toEqual([[1, "old", "in-time", null, 0.002]]);
    const bad = { settled, rejected: settled };
    expect(decide(T0 + 40_000, [], [old], bad)).toEqual([[1, "old", "rejected", null, 0.002]]);
  });

  it("is that a client was missed, at its own deadline and not before", () => {
    const old = [training({ clientId: "old" })];
    expect(decide(DUE - 1, [], old)).toEqual([]);
    expect(decide(DUE, [], old)).toEqual([[1, "old", "missed", T0 + 1_000 + 540_000, 0.5]]);
    // Nobody can read what became of it.
    expect(decide(DUE - 1, [], [])).toEqual([]);
    expect(decide(DUE, [], [])).toEqual([[1, "old", "missed", null, 0]]);
  });

  it("is a failure at once, and what was too old when it came is no one's fault", () => {
    const failed = buildReported({ clientId: "old", status: "failed", update: null, training: null });
    expect(decide(T0 + 40_000, [], [failed])).toEqual([[1, "old", "failed", null, 0.001]]);
    const expired = buildReported({ clientId: "old", status: "expired" });
    expect(decide(T0 + 40_000, [], [expired])).toEqual([[1, "old", "in-time", null, 0.001]]);
  });

  it("is nothing of an update that waits for the next round: its client is free", () => {
    expect(decide(T0 + 40_000, [cohort[1] as Invocation], [])).toEqual([[3, "client-b", "goes-on", null, 0]]);
    expect(decide(DUE, [], [buildReported({ clientId: "old", status: "late" })])).toEqual([]);
  });

  it("concerns all that it carries", () => {
    const old = training({ clientId: "old" });
    expect(newlyLate([old, ...cohort], third, [])).toEqual([old]);
  });
});

describe("the record of a client that goes on", () => {
  const outcome = (result: "goes-on" | "in-time" | "missed", busyUntilAt: number | null) =>
    buildOutcome({ round: 3, result, busyUntilAt, trainMs: result === "in-time" ? 5_000 : null });
  const before = deepFreeze(buildRecord({ invocations: 1, lastSelectedRound: 1, cooldownRounds: 2 }));

  it("counts its invocation once, keeps it busy, and is neither a success nor a miss", () => {
    const during = foldOutcome(before, outcome("goes-on", 77));
    expect(during).toMatchObject({
      invocations: 2,
      lastSelectedRound: 3,
      busyUntilAt: 77,
      cooldownRounds: 2,
    });
    expect(during.missedRounds).toEqual([]);
    const after = foldOutcome(during, outcome("in-time", null));
    expect(after).toMatchObject({ invocations: 2, busyUntilAt: null, cooldownRounds: 0 });
    expect(after.trainMsHistory).toEqual([5_000]);
    expect(foldOutcome(during, outcome("missed", 99))).toMatchObject({
      invocations: 2,
      missedRounds: [3],
      cooldownRounds: 4,
    });
  });
});

describe("marks of a buffered round", () => {
  const missed = stopped(DUE, {
    status: "closed",
    outcomes: [buildOutcome({ round: 1, clientId: "old", result: "missed", costUsd: 0.5 })],
  });

  it("a silent client is missed, on top of what was charged before", () => {
    const marked = markAfter(missed, training({ clientId: "old", chargedUsd: 0.25 }), DUE + 1);
    expect(marked).toMatchObject({ status: "missed", chargedUsd: 0.75, costUsd: 0.75 });
  });

  it("a report between the decision and the mark expires: no round carries it any more", () => {
    const late = buildReported({ clientId: "old", status: "late", costUsd: 0.9 });
    const marked = markAfter(missed, deepFreeze(late), DUE + 1);
    expect(marked).toMatchObject({ status: "expired", chargedUsd: 0.5, costUsd: 0.9 });
    expect(marked === null ? null : markAfter(missed, marked, DUE + 2)).toBeNull();
  });

  it("what goes on keeps its status", () => {
    const round = stopped(T0 + 40_000, {
      status: "closed",
      outcomes: [buildOutcome({ round: 3, result: "goes-on", costUsd: 0 })],
    });
    expect(markAfter(round, training({ round: 3 }), DUE)).toBeNull();
  });
});

it("a sweep looks at a buffered round for as long as its clients could claim", () => {
  const run = buildRun({ spec, status: "completed", round: 99 });
  const round = { ...third, status: "closed" as const, aggregatingAt: T0 + 31_000 };
  const last = T0 + 90_000 + 1_800_000 + 65_000;
  expect(isLeftBehind(run, round, last - 1)).toBe(true);
  expect(isLeftBehind(run, round, last)).toBe(false);
});
