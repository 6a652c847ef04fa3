// What a sweep makes of the invocations that an ended run leaves behind, and how long it waits for clients at
// work.
import { describe, expect, it } from "vitest";
import {
  atWorkUntil,
  hasEnded,
  isLeftBehind,
  linkSeconds,
  linksUntil,
  SCORE_PATIENCE_MS,
  scoreAwaitedUntil,
  sweepInvocation,
  swept,
} from "../../../shared/core/round/sweep.ts";
import { Capacity } from "../../../shared/core/schemas/client.ts";
import { Invocation, InvocationStatus } from "../../../shared/core/schemas/invocation.ts";
import { RunStatus } from "../../../shared/core/schemas/run.ts";
import {
  buildInvocation,
  buildReported,
  buildRound,
  buildRun,
  buildSpec,
  deepFreeze,
  T0,
} from "../../support/builders.ts";
import { isValid } from "../../support/documents.ts";

const NOW = T0 + 70_000;
const cancelled = deepFreeze(buildRun({ status: "cancelled" }));
const LIMIT = T0 + 1_000 + 540_000;
const working = deepFreeze(buildInvocation({ status: "training", attempt: 1, claimedAt: T0 + 1_000 }));

describe("how long a sweep waits for a score", () => {
  const ended = deepFreeze(buildRun({ status: "completed", endedAt: T0 }));

  it("is a little at first, a minute at most, and an hour in all", () => {
    const pauses = [1, 2, 9, 10, 1_000].map((pass) => (scoreAwaitedUntil(ended, pass, NOW) ?? 0) - NOW);
    expect(pauses).toEqual([200, 400, 51_200, 60_000, 60_000]);
    expect(scoreAwaitedUntil(ended, 70, T0 + SCORE_PATIENCE_MS - 1)).not.toBeNull();
    expect(scoreAwaitedUntil(ended, 70, T0 + SCORE_PATIENCE_MS)).toBeNull();
  });

  it("counts from the last change where the end is not known", () => {
    const unknown = { ...ended, endedAt: null, updatedAt: T0 + 5 };
    expect(scoreAwaitedUntil(unknown, 1, T0 + SCORE_PATIENCE_MS)).not.toBeNull();
  });
});

describe("hasEnded and swept", () => {
  it.each(RunStatus.options)("a run that is %s", (status) => {
    const run = deepFreeze(buildRun({ status }));
    const ended = ["completed", "cancelled", "failed"].includes(status);
    expect(hasEnded(run)).toBe(ended);
    if (ended) expect(swept(run, NOW)).toEqual({ ...run, swept: true, updatedAt: NOW });
    else expect(swept(run, NOW)).toBe(run);
    const done = deepFreeze({ ...run, swept: true });
    expect(swept(done, NOW)).toBe(done);
  });
});

describe("sweepInvocation", () => {
  const ends: Partial<Record<InvocationStatus, "cancelled" | "expired">> = {
    invoked: "cancelled",
    training: "cancelled",
    reported: "expired",
    late: "expired",
  };

  it.each(InvocationStatus.options)("one that is %s", (status) => {
    const invocation = deepFreeze({
      ...(status === "invoked" ? buildInvocation() : buildReported()),
      status,
    });
    const end = ends[status];
    for (const run of [cancelled, buildRun({ status: "completed" })]) {
      const after = sweepInvocation(run, invocation, LIMIT);
      if (end === undefined) expect(after).toBeNull();
      else {
        expect(after).toEqual({
          ...invocation,
          status: end,
          failure: { code: end, message: `the run is ${run.status}` },
          updatedAt: LIMIT,
        });
        expect(isValid(Invocation, after as Invocation)).toBe(true);
        expect(sweepInvocation(run, after as Invocation, LIMIT), "repeated, it changes nothing").toBeNull();
      }
    }
  });

  it("leaves a client that may still be at work the time of its function", () => {
    expect(sweepInvocation(cancelled, working, LIMIT - 1)).toBeNull();
    expect(sweepInvocation(cancelled, working, LIMIT)).toMatchObject({ status: "cancelled" });
  });
});

describe("atWorkUntil", () => {
  it("is the function's time-out after the claim, exclusive", () => {
    expect(atWorkUntil(working, LIMIT - 1)).toBe(LIMIT);
    expect(atWorkUntil(working, LIMIT)).toBeNull();
  });

  it("is no client that has not claimed, or whose only attempt has reported", () => {
    expect(atWorkUntil(buildInvocation(), T0)).toBeNull();
    expect(atWorkUntil(buildReported(), T0 + 12_000)).toBeNull();
  });

  it.each(InvocationStatus.options)("is the other attempt where two were made, %s or not", (status) => {
    const twice = buildReported({ status, attempt: 2 });
    expect(atWorkUntil(twice, LIMIT - 1)).toBe(LIMIT);
    expect(atWorkUntil(twice, LIMIT)).toBeNull();
  });
});

describe("isLeftBehind", () => {
  const run = buildRun({
    status: "completed",
    round: 5,
    spec: buildSpec({ aggregation: { staleness: { weight: "paper", maxRounds: 1 } } }),
  });
  const closed = (round: number, aggregatingAt: number | null, closedAt: number | null) =>
    buildRound({ round, status: "closed", aggregatingAt, closedAt });

  it("is a round whose updates may wait, however old", () => {
    const old = (round: number) => isLeftBehind(run, closed(round, T0, T0 + 1), T0 + 9e9);
    expect([5, 4, 3].map(old)).toEqual([true, true, false]);
  });

  it("and one that trained within the longest that a client may work and upload (exclusive)", () => {
    const at = (nowMs: number, round = closed(1, T0, T0 + 5_000)) => isLeftBehind(run, round, nowMs);
    expect(at(T0 + 1_864_999)).toBe(true);
    expect(at(T0 + 1_865_000)).toBe(false);
    const cancelledInTraining = closed(1, null, T0 + 5_000);
    expect(at(T0 + 1_869_999, cancelledInTraining)).toBe(true);
    expect(at(T0 + 1_870_000, cancelledInTraining)).toBe(false);
  });

  it("lasts as long as any client's function may", () => {
    expect(Capacity.safeParse({ timeoutSeconds: 1_800 }).success).toBe(true);
    expect(Capacity.safeParse({ timeoutSeconds: 1_801 }).success).toBe(false);
  });
});

describe("linksUntil", () => {
  const claimed = buildInvocation({ status: "training", attempt: 1, claimedAt: T0 });

  it.each([
    ["a client at work", claimed],
    ["one that has reported", { ...claimed, status: "consumed" as const, reportedAt: T0 + 1 }],
  ])("of %s: a little after every link has expired", (_who, invocation) => {
    const untilMs = linksUntil(invocation, T0) ?? 0;
    for (const signedMs of [T0, T0 + 999, T0 + 5_001]) {
      expect(signedMs + 1_000 * linkSeconds(invocation, signedMs)).toBeLessThan(untilMs);
    }
    expect(untilMs).toBe(T0 + 605_000);
    expect(linksUntil(invocation, untilMs - 1)).toBe(untilMs);
    expect(linksUntil(invocation, untilMs)).toBeNull();
  });

  it("of one that never claimed: it has none", () => {
    expect(linksUntil(buildInvocation(), T0)).toBeNull();
  });
});
