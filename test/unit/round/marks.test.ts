// Marks after a round: what became of each invocation, repeatable, and never undoing what a client has
// reported meanwhile.
import { describe, expect, it } from "vitest";
import { markAfter } from "../../../shared/core/round/marks.ts";
import { type ClaimVerdict, claim, report } from "../../../shared/core/round/report.ts";
import { missedReason } from "../../../shared/core/round/shortfall.ts";
import { Invocation, InvocationStatus } from "../../../shared/core/schemas/invocation.ts";
import type { Round } from "../../../shared/core/schemas/round.ts";
import {
  buildInvocation,
  buildOutcome,
  buildReport,
  buildReported,
  buildRound,
  buildRun,
  buildStored,
  deepFreeze,
  T0,
} from "../../support/builders.ts";
import { isValid } from "../../support/documents.ts";

const NOW = T0 + 70_000;
const published = (overrides: Partial<Round>) =>
  deepFreeze(buildRound({ round: 2, status: "closed", newVersion: 1, closedAt: NOW, ...overrides }));
const consuming = published({
  consumed: [{ round: 1, clientId: "client-a", attempt: 1, samples: 10, staleness: 1, weight: 0.25 }],
  outcomes: [buildOutcome({ round: 1, result: "late" })],
});
const missing = published({
  round: 1,
  outcomes: [buildOutcome({ round: 1, result: "missed", costUsd: 0.03, trainMs: null })],
});
const dropping = (fate: "rejected" | "expired") =>
  published({ dropped: [{ round: 1, clientId: "client-a", attempt: 1, fate, reason: "nan in conv1" }] });

/** Marked once and once more, a little later: the second time changes nothing. */
function marked(round: Round, invocation: Invocation): Invocation | null {
  const once = markAfter(round, deepFreeze(invocation), NOW);
  if (once !== null) {
    expect(isValid(Invocation, once)).toBe(true);
    expect(markAfter(round, deepFreeze(once), NOW + 1)).toBeNull();
  }
  return once;
}

describe("markAfter", () => {
  it.each(["reported", "late"] as const)("a consumed update that was %s", (status) => {
    const invocation = buildReported({ status, chargedUsd: 0.0004 });
    expect(marked(consuming, invocation)).toEqual({
      ...invocation,
      status: "consumed",
      staleness: 1,
      weight: 0.25,
      consumedInRound: 2,
      chargedUsd: 0.001,
      updatedAt: NOW,
    });
  });

  it("what was charged stays charged, even if it was more than was then reported", () => {
    const estimated = buildReported({ status: "late", chargedUsd: 0.04 });
    expect(marked(consuming, estimated)?.chargedUsd).toBe(0.04);
    expect(marked(dropping("rejected"), estimated)?.chargedUsd).toBe(0.04);
  });

  it.each(["rejected", "expired"] as const)("an update that was %s", (fate) => {
    const invocation = buildReported({ status: "late" });
    expect(marked(dropping(fate), invocation)).toEqual({
      ...invocation,
      status: fate,
      failure: { code: fate, message: "nan in conv1" },
      chargedUsd: 0.001,
      updatedAt: NOW,
    });
  });

  it.each(InvocationStatus.options)("a missed invocation that is %s", (status) => {
    const invocation = buildInvocation({ status });
    const after = marked(missing, invocation);
    if (status === "invoked" || status === "training") {
      expect(after).toEqual({
        ...invocation,
        status: "missed",
        failure: { code: "missed", message: missedReason(invocation) },
        costUsd: 0.03,
        costEstimated: true,
        chargedUsd: 0.03,
        updatedAt: NOW,
      });
    } else {
      // Somebody wrote to it between the close and this mark: only what was charged is noted.
      expect(after).toEqual({ ...invocation, chargedUsd: 0.03, updatedAt: NOW });
    }
  });

  it("has nothing to say of a miss that cost nothing once it has reported", () => {
    const free = published({ round: 1, outcomes: [buildOutcome({ result: "missed", costUsd: 0 })] });
    expect(markAfter(free, buildReported(), NOW)).toBeNull();
  });

  it.each(["in-time", "failed", "rejected"] as const)(
    "notes of an outcome %s by itself what was charged, once",
    (result) => {
      const round = published({ round: 1, outcomes: [buildOutcome({ result, costUsd: 0.03 })] });
      const noted = markAfter(round, deepFreeze(buildReported()), NOW);
      expect(noted).toEqual({ ...buildReported(), chargedUsd: 0.03, updatedAt: NOW });
      expect(markAfter(round, deepFreeze(noted ?? buildReported()), NOW + 1)).toBeNull();
    },
  );

  it("notes of a late one that waits on that all of it is charged", () => {
    const round = published({
      round: 2,
      outcomes: [buildOutcome({ round: 1, result: "late", costUsd: 0.02 })],
    });
    const late = deepFreeze(buildReported({ status: "late", costUsd: 0.05, chargedUsd: 0.03 }));
    expect(markAfter(round, late, NOW)).toEqual({ ...late, chargedUsd: 0.05, updatedAt: NOW });
  });

  it("distinguishes rounds, clients and attempts", () => {
    expect(markAfter(consuming, buildReported({ round: 2 }), NOW)).toBeNull();
    expect(markAfter(consuming, buildReported({ clientId: "client-b" }), NOW)).toBeNull();
    const second = { attempt: 2, sizeBytes: 500, sha256: "0".repeat(64) };
    expect(markAfter(consuming, buildReported({ attempt: 2, update: second }), NOW)).toBeNull();
    expect(markAfter(missing, buildInvocation({ round: 2 }), NOW)).toBeNull();
    expect(markAfter(missing, buildInvocation({ clientId: "client-b" }), NOW)).toBeNull();
  });
});

function granted(verdict: ClaimVerdict): Invocation {
  if (verdict.kind === "granted") return verdict.invocation;
  throw new Error(verdict.reason);
}

describe("a late report and a mark in either order", () => {
  const run = buildRun({ status: "running", round: 1 });
  const round = buildRound({ status: "closed" });
  const working = granted(claim(buildRound(), buildInvocation(), true, 0, T0 + 1_000));
  const reporting = (invocation: Invocation) =>
    report(run, round, invocation, buildReport(), buildStored(), 0.05, NOW).invocation ?? invocation;

  it("come to the same", () => {
    const markFirst = reporting(markAfter(missing, working, NOW) ?? working);
    const reportFirst = markAfter(missing, reporting(working), NOW);
    expect(markFirst).toEqual(reportFirst);
    expect(markFirst).toMatchObject({
      status: "late",
      costUsd: 0.05,
      costEstimated: false,
      chargedUsd: 0.03,
    });
  });

  it("a mark repeated after the report takes nothing back", () => {
    const late = reporting(markAfter(missing, working, NOW) ?? working);
    expect(markAfter(missing, late, NOW + 1)).toBeNull();
  });
});
