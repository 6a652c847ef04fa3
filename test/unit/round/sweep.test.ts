// What a sweep makes of the invocations that an ended run leaves behind, and how long it waits for clients at work.
import { describe, expect, it } from "vitest";
import {
  atWorkUntil,
  hasEnded,
  sweepInvocation,
  swept,
  UNSWEPT_STATUSES,
} from "../../../shared/core/round/sweep.ts";
import { Invocation, InvocationStatus } from "../../../shared/core/schemas/invocation.ts";
import { RunStatus } from "../../../shared/core/schemas/run.ts";
import { buildInvocation, buildReported, buildRun, deepFreeze, T0 } from "../../support/builders.ts";
import { isValid } from "../../support/documents.ts";

const NOW = T0 + 70_000;
const cancelled = deepFreeze(buildRun({ status: "cancelled" }));
const LIMIT = T0 + 1_000 + 540_000;
const working = deepFreeze(buildInvocation({ status: "training", attempt: 1, claimedAt: T0 + 1_000 }));

describe("hasEnded and swept", () => {
  it.each(RunStatus.options)("a run that is %s", (status) => {
    const run = deepFreeze(buildRun({ status }));
    const ended = status === "completed" || status === "cancelled";
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
    if (end !== undefined) expect(UNSWEPT_STATUSES, "a sweep looks at it").toContain(status);
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

  it("is nobody who has not claimed, or has reported", () => {
    expect(atWorkUntil(buildInvocation(), T0)).toBeNull();
    expect(atWorkUntil(buildReported(), T0 + 12_000)).toBeNull();
  });

  it.each(InvocationStatus.options)(
    "whose invocation is %s may be at work: a sweep looks at it",
    (status) => {
      const may = atWorkUntil({ ...working, status }, NOW) !== null;
      expect(may, "by its times alone").toBe(true);
      // A report ends it, so of those that have none only these are left.
      const noReport: readonly InvocationStatus[] = ["invoked", "training", "missed", "cancelled"];
      if (noReport.includes(status)) expect(UNSWEPT_STATUSES).toContain(status);
    },
  );
});
