// Claims and reports over every status of a run, a round and an invocation.
import { describe, expect, it } from "vitest";
import {
  type ClaimVerdict,
  claim,
  expiry,
  MAX_ATTEMPTS,
  report as reportOn,
  type StoredUpdate,
} from "../../../shared/core/round/report.ts";
import { keptWhileWaiting, released } from "../../../shared/core/round/retention.ts";
import { Invocation, InvocationStatus } from "../../../shared/core/schemas/invocation.ts";
import type { ReportRequest } from "../../../shared/core/schemas/protocol.ts";
import { type Round, RoundStatus } from "../../../shared/core/schemas/round.ts";
import { type Run, RunStatus } from "../../../shared/core/schemas/run.ts";
import {
  buildInvocation,
  buildReport,
  buildReported,
  buildRound,
  buildRun,
  buildSpec,
  buildStored,
  deepFreeze,
  T0,
} from "../../support/builders.ts";
import { isValid } from "../../support/documents.ts";
import { refusal } from "../../support/refusal.ts";

const NOW = T0 + 11_000;
const run = deepFreeze(buildRun({ status: "running", round: 1, openRound: 1 }));
const round = deepFreeze(buildRound());
const claimed = deepFreeze(buildInvocation({ status: "training", attempt: 1, claimedAt: T0 + 1_000 }));
const request = deepFreeze(buildReport());

/** A report of an update that lies in the bucket, unless it is said otherwise. */
function report(
  run: Run,
  round: Round,
  invocation: Invocation,
  request: ReportRequest,
  costUsd: number,
  nowMs: number,
  stored: StoredUpdate | null = buildStored(),
) {
  return reportOn(run, round, invocation, request, stored, costUsd, nowMs);
}

/** The result of a report whose update another attempt made. */
function updateOf(attempt: number): ReportRequest["result"] {
  const { result } = buildReport();
  if (result.kind === "failure") throw new Error("buildReport brings an update");
  return { ...result, update: { ...result.update, attempt } };
}

function granted(verdict: ClaimVerdict): Invocation {
  if (verdict.kind === "granted") return verdict.invocation;
  throw new Error(verdict.reason);
}

describe("claim", () => {
  it.each(InvocationStatus.options)("an invocation that is %s", (status) => {
    const invocation = deepFreeze(buildInvocation({ status }));
    const verdict = claim(round, invocation, true, 0.125, NOW);
    if (status === "invoked" || status === "training") {
      const next = {
        ...invocation,
        status: "training" as const,
        attempt: 1,
        coldStart: true,
        spentUsd: 0.125,
        claimedAt: NOW,
        updatedAt: NOW,
      };
      expect(verdict).toEqual({ kind: "granted", invocation: next });
      expect(isValid(Invocation, next)).toBe(true);
    } else {
      const reason = `Nothing to do for client-a in round 1: the invocation is ${status}.`;
      expect(verdict).toEqual({ kind: "over", reason });
    }
  });

  it.each(RoundStatus.options)("of a round that is %s", (status) => {
    const verdict = claim({ ...round, status }, claimed, false, 0.125, NOW);
    if (status === "training") expect(granted(verdict).attempt).toBe(2);
    else
      expect(verdict).toEqual({
        kind: "over",
        reason: `Nothing to do for client-a in round 1: round 1 is ${status}.`,
      });
  });

  it("a repeated claim is a new attempt; that there was a cold start is not forgotten", () => {
    const first = granted(claim(round, buildInvocation(), true, 0.125, NOW));
    const second = granted(claim(round, deepFreeze(first), false, 0.125, NOW + 1));
    expect(second).toMatchObject({ attempt: 2, coldStart: true, spentUsd: 0.125, claimedAt: NOW + 1 });
  });
});

describe("report", () => {
  it.each(InvocationStatus.options)("for an invocation that is %s", (status) => {
    const invocation = deepFreeze({ ...claimed, status });
    const { invocation: next, receipt } = report(run, round, invocation, request, 0.25, NOW);
    if (status === "training" || status === "missed") {
      expect(receipt).toEqual({ status: "reported", reason: null });
      expect(next).toMatchObject({ status: "reported", costUsd: 0.25, costEstimated: false });
    } else {
      expect(receipt).toEqual({ status: "ignored", reason: `the invocation is ${status} already` });
      expect(next).toBeNull();
    }
  });

  it.each(RoundStatus.options)("in a round that is %s", (status) => {
    const { invocation, receipt } = report(run, { ...round, status }, claimed, request, 0, NOW);
    const expected = {
      training: { status: "reported", reason: null },
      cancelled: { status: "ignored", reason: "the run is cancelled" },
      other: { status: "late", reason: `round 1 is ${status}` },
    };
    expect(receipt).toEqual(
      status === "training" || status === "cancelled" ? expected[status] : expected.other,
    );
    expect(invocation?.status).toBe(status === "cancelled" ? "cancelled" : receipt.status);
    if (status === "cancelled") return;
    expect(invocation?.update).toEqual({ attempt: 1, sizeBytes: 500, sha256: "0".repeat(64) });
  });

  it.each(RunStatus.options)("in a run that is %s, after the close", (status) => {
    const closed = { ...round, status: "closed" } as const;
    const { invocation, receipt } = report(
      { ...run, status, openRound: null },
      closed,
      claimed,
      request,
      0,
      NOW,
    );
    const expected =
      status === "cancelled" || status === "completed" || status === "failed" ? "expired" : "late";
    expect(receipt.status).toBe(expected);
    expect(invocation?.status).toBe(expected);
  });

  it("of a cancelled round ends its invocation with it; what the call cost stays on record", () => {
    const cancelled = deepFreeze({ ...round, status: "cancelled" as const });
    const failing = buildReport({ result: { kind: "failure", failure: { code: "x", message: "y" } } });
    for (const sent of [request, failing]) {
      const { invocation, receipt } = report(run, cancelled, claimed, sent, 0.25, NOW);
      expect(receipt).toEqual({ status: "ignored", reason: "the run is cancelled" });
      expect(invocation).toMatchObject({
        status: "cancelled",
        failure: { code: "cancelled", message: "the run is cancelled" },
        update: null,
        costUsd: 0.25,
        reportedAt: NOW,
      });
      if (invocation !== null) expect(isValid(Invocation, invocation)).toBe(true);
    }
  });

  it("is a valid document that holds all that was reported, and leaves the rest", () => {
    const { invocation } = report(run, round, claimed, request, 0.25, NOW);
    if (invocation === null) throw new Error("ignored");
    expect(isValid(Invocation, invocation)).toBe(true);
    expect(invocation).toEqual({
      ...buildReported(),
      updateGeneration: "7",
      deleteAt: buildReported().deleteAt + 3_650 * 86_400_000,
      costUsd: 0.25,
      reportedAt: NOW,
      updatedAt: NOW,
    });
  });

  it("an update counts for no more samples than its client's data card has (inclusive)", () => {
    const built = buildReport();
    const samples = built.result.kind === "update" ? built.result.training.samples : Number.NaN;
    const counted = (maxSamples: number | null) =>
      report(run, round, { ...claimed, maxSamples }, built, 0, NOW).invocation?.training?.samples;
    expect([null, samples + 1, samples, samples - 1, 1].map(counted)).toEqual([
      samples,
      samples,
      samples,
      samples - 1,
      1,
    ]);
  });

  it("counts no time on the way when the client's clock is ahead", () => {
    const ahead = buildReport({ sentAt: NOW + 60_000 });
    expect(report(run, round, claimed, ahead, 0, NOW).invocation?.timings?.reportMs).toBe(0);
  });

  it("the first report wins: an earlier attempt's counts too, a second one changes nothing", () => {
    const twice = deepFreeze({ ...claimed, attempt: 2 });
    const first = report(run, round, twice, request, 0, NOW).invocation;
    if (first === null) throw new Error("ignored");
    expect(first).toMatchObject({ status: "reported", attempt: 2, update: { attempt: 1 } });
    const second = deepFreeze(buildReport({ attempt: 2, result: updateOf(2) }));
    expect(report(run, round, first, second, 0, NOW + 1)).toEqual({
      invocation: null,
      receipt: { status: "ignored", reason: "the invocation is reported already" },
    });
  });

  it.each(["training", "closed"] as const)(
    "a failure ends the invocation, in a round that is %s",
    (status) => {
      const failure = { code: "invalid-argument", message: "no data" };
      const failing = buildReport({ result: { kind: "failure", failure } });
      const { invocation, receipt } = report(run, { ...round, status }, claimed, failing, 0.5, NOW);
      expect(receipt).toEqual({ status: "failed", reason: null });
      expect(invocation).toMatchObject({
        status: "failed",
        failure,
        update: null,
        training: null,
        costUsd: 0.5,
      });
    },
  );

  it("refuses an attempt that was never granted, and an update of another attempt", () => {
    const ahead = buildReport({ attempt: 2 });
    expect(refusal(() => report(run, round, claimed, ahead, 0, NOW))).toMatchObject({
      code: "failed-precondition",
      retry: "never",
    });
    const never = deepFreeze(buildInvocation());
    expect(refusal(() => report(run, round, never, request, 0, NOW)).message).toContain("claim first");
    const mixed = report.bind(
      null,
      run,
      round,
      { ...claimed, attempt: 2 },
      buildReport({ attempt: 2 }),
      0,
      NOW,
    );
    expect(refusal(mixed).message).toBe("Attempt 2 reports an update of attempt 1.");
  });
});

describe("what lies in the bucket under the name that is reported", () => {
  const closed = deepFreeze(buildRound({ status: "closed" }));

  it.each([
    ["in time", round],
    ["late", closed],
  ])("nothing: the invocation has failed, and says so, %s", (_when, itsRound) => {
    const { invocation, receipt } = report(run, itsRound, claimed, request, 0.1, NOW, null);
    const reason = "The client reported an update that it never uploaded: upload first.";
    expect(receipt).toEqual({ status: "failed", reason });
    expect(invocation).toMatchObject({
      ...{ status: "failed", update: null, updateGeneration: null, reportedAt: NOW, costUsd: 0.1 },
      failure: { code: "failed-precondition", message: reason },
    });
  });

  it.each([1, -1])("of a size %i off: likewise, with both sizes", (off) => {
    const stored = { ...buildStored(), sizeBytes: buildStored().sizeBytes + off };
    const { invocation, receipt } = report(run, round, claimed, request, 0, NOW, stored);
    expect(invocation?.status).toBe("failed");
    expect(receipt.reason).toContain(
      `has ${stored.sizeBytes} bytes, the client reported ${buildStored().sizeBytes}`,
    );
  });

  it("of that size: the invocation names the very write", () => {
    const { invocation } = report(run, round, claimed, request, 0, NOW);
    expect(invocation).toMatchObject({ status: "reported", updateGeneration: "7" });
  });

  it.each([
    ["a failure", { ...request, result: { kind: "failure", failure: { code: "internal", message: "x" } } }],
    ["a report that is too late for every round", request],
  ] as [string, ReportRequest][])("is not looked at for %s", (what, sent) => {
    const far = what.startsWith("a report") ? { ...run, openRound: 9, round: 9 } : run;
    const { receipt } = report(
      far,
      what.startsWith("a report") ? closed : round,
      claimed,
      sent,
      0,
      NOW,
      null,
    );
    expect(receipt.reason ?? "").not.toContain("never uploaded");
  });
});

describe("an update that waits", () => {
  const days = (count: number) => count * 86_400_000;
  const kept = report(run, round, claimed, request, 0, NOW).invocation ?? claimed;

  it("keeps its document, however long its run is paused", () => {
    expect(kept.deleteAt - claimed.deleteAt).toBe(days(3_650));
    expect(keptWhileWaiting(kept)).toBe(kept);
  });

  it("lets it go when it is settled: as the spec says, and a week later at the earliest", () => {
    expect(released(kept, NOW).deleteAt).toBe(claimed.deleteAt);
    const later = claimed.deleteAt + days(30);
    expect(released(kept, later).deleteAt).toBe(later + days(7));
    expect(released(claimed, later)).toBe(claimed);
  });

  it("differs in nothing that is stored from one that a spec keeps for the longest time", () => {
    const longest = { ...claimed, deleteAt: claimed.invokedAt + days(3_650) };
    expect(released(longest, NOW)).toBe(longest);
    expect(released(keptWhileWaiting(longest), NOW).deleteAt).toBe(longest.deleteAt);
  });
});

describe("a claim", () => {
  it.each([
    [MAX_ATTEMPTS - 1, "granted"],
    [MAX_ATTEMPTS, "over"],
  ])("after %i others is %s", (attempt, kind) => {
    const verdict = claim(round, deepFreeze({ ...claimed, attempt }), false, 0, NOW);
    expect(verdict.kind).toBe(kind);
    if (verdict.kind === "over") expect(verdict.reason).toContain("claimed 10 times and never reported");
  });
});

describe("a report after the close", () => {
  const closed = deepFreeze({ ...round, status: "closed" as const });
  const at = (overrides: Partial<Run>, maxRounds: number) =>
    report(
      {
        ...run,
        openRound: null,
        spec: buildSpec({ aggregation: { staleness: { weight: "paper", maxRounds } } }),
        ...overrides,
      },
      closed,
      claimed,
      request,
      0,
      NOW,
    );

  it.each([
    // The round that may take it in: the open one, else the next.
    { round: 1, openRound: null, maxRounds: 1, status: "late" },
    { round: 1, openRound: null, maxRounds: 0, status: "expired" },
    { round: 2, openRound: 2, maxRounds: 1, status: "late" },
    { round: 2, openRound: null, maxRounds: 1, status: "expired" },
    { round: 3, openRound: 3, maxRounds: 2, status: "late" },
    { round: 3, openRound: null, maxRounds: 2, status: "expired" },
    { round: 51, openRound: 51, maxRounds: 50, status: "late" },
  ])(
    "in round $round (open: $openRound), usable for $maxRounds: $status",
    ({ maxRounds, status, ...where }) => {
      expect(at(where, maxRounds).receipt.status).toBe(status);
    },
  );

  it("says why it expires, in the receipt and on the document", () => {
    const { invocation, receipt } = at({ round: 4 }, 2);
    expect(receipt.reason).toBe("it is 4 rounds old, and updates expire after 2");
    expect(invocation).toMatchObject({
      status: "expired",
      staleness: 4,
      failure: { code: "expired", message: receipt.reason },
    });
  });

  it("keeps what was charged for it while it was missed", () => {
    const missed = {
      ...claimed,
      status: "missed",
      costUsd: 0.1,
      costEstimated: true,
      chargedUsd: 0.1,
    } as const;
    const { invocation } = report({ ...run, openRound: null }, closed, missed, request, 0.3, NOW);
    expect(invocation).toMatchObject({ status: "late", costUsd: 0.3, costEstimated: false, chargedUsd: 0.1 });
  });
});

describe("expiry", () => {
  it.each([
    [0, "running", false],
    [2, "running", false],
    [3, "running", true],
    [0, "completed", true],
    [0, "cancelled", true],
    [0, "paused", false],
  ] as const)("staleness %i in a run that is %s: %s", (staleness, status, expires) => {
    expect(expiry({ ...run, status }, staleness) !== null).toBe(expires);
  });
});
