// When a round stops waiting, and why: every bound, both causes, every status.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SelectionOptions } from "../../../shared/core/methods/selection/options.ts";
import {
  answeredInstead,
  claimedByOlder,
  claimedByOther,
  closeRound,
  givenUp,
  leftCalling,
  quorumCount,
  refusedClaim,
} from "../../../shared/core/round/close.ts";
import { missedReason } from "../../../shared/core/round/shortfall.ts";
import { Invocation, InvocationStatus } from "../../../shared/core/schemas/invocation.ts";
import { Round, RoundStatus } from "../../../shared/core/schemas/round.ts";
import { RoundSpec } from "../../../shared/core/schemas/spec.ts";
import { buildInvocation, buildRound, deepFreeze, T0 } from "../../support/builders.ts";
import { isValid } from "../../support/documents.ts";

const RANDOM: SelectionOptions = { strategy: "random", cohortSize: 4 };
const cohortOf = (size: number) => Array.from({ length: size }, (_, i) => `c${i}`);
const rules = (overrides: Partial<RoundSpec> = {}) => RoundSpec.parse(overrides);
const spec = (overrides: Partial<RoundSpec> = {}, selection: SelectionOptions = RANDOM) => ({
  round: rules(overrides),
  selection,
});
const DEADLINE = T0 + 60_000;
const round = deepFreeze(buildRound({ cohort: cohortOf(4) }));

describe("quorumCount", () => {
  it.each([
    [7, 1, 1, 7],
    [7, 0.5, 1, 4],
    [8, 0.5, 1, 4],
    [7, 0.01, 1, 1],
    [10, 0.3, 1, 3], // 10 * 0.3 is 3.0000000000000004 as a float.
    [3, 0.7, 1, 3],
    [100, 0.07, 1, 7],
    [7, 0.5, 6, 6],
    [2, 1, 3, 3],
    [0, 1, 1, 1],
  ])("of %i at %f with at least %i is %i", (invoked, quorum, minUpdates, count) => {
    expect(quorumCount(invoked, rules({ quorum, minUpdates }))).toBe(count);
  });

  it("is the least number of updates that is the quorum's share", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 2_000 }),
        fc.integer({ min: 1, max: 100 }),
        (invoked, percent) => {
          const count = quorumCount(invoked, rules({ quorum: percent / 100 }));
          expect(count * 100).toBeGreaterThanOrEqual(invoked * percent);
          expect((count - 1) * 100).toBeLessThan(invoked * percent);
        },
      ),
    );
  });
});

describe("closeRound", () => {
  it.each(RoundStatus.options)("leaves a round that is %s alone unless it trains", (status) => {
    const counts = { reported: 4, failed: 0 };
    const verdict = closeRound({ ...round, status }, spec(), counts, "deadline", DEADLINE + 1);
    expect(verdict.kind).toBe(status === "training" ? "aggregate" : "wait");
  });

  it.each([
    // Waits for the quorum of all four unless the spec says otherwise.
    { reported: 3, failed: 0, rules: {}, reason: null },
    { reported: 4, failed: 0, rules: {}, reason: "all-reported" },
    { reported: 3, failed: 1, rules: {}, reason: "all-reported" },
    { reported: 0, failed: 4, rules: {}, reason: "all-reported" },
    { reported: 1, failed: 0, rules: { quorum: 0.5 }, reason: null },
    { reported: 2, failed: 0, rules: { quorum: 0.5 }, reason: "quorum" },
    { reported: 1, failed: 2, rules: { quorum: 0.5 }, reason: null },
    { reported: 2, failed: 0, rules: { quorum: 0.5, minUpdates: 3 }, reason: null },
    { reported: 3, failed: 0, rules: { quorum: 0.5, minUpdates: 3 }, reason: "quorum" },
  ])(
    "on a report: $reported in, $failed failed, $rules: $reason",
    ({ reported, failed, rules: said, reason }) => {
      for (const nowMs of [T0 + 1, DEADLINE + 1]) {
        const verdict = closeRound(round, spec(said), { reported, failed }, "report", nowMs);
        if (reason === null) expect(verdict).toEqual({ kind: "wait" });
        else
          expect(verdict).toMatchObject({
            kind: "aggregate",
            round: { status: "aggregating", closeReason: reason },
          });
      }
    },
  );

  it.each([
    { atMs: DEADLINE - 1, reported: 3, minUpdates: 3, kind: "wait" },
    { atMs: DEADLINE, reported: 3, minUpdates: 3, kind: "aggregate" },
    { atMs: DEADLINE, reported: 2, minUpdates: 3, kind: "extend" },
    { atMs: DEADLINE, reported: 0, minUpdates: 1, kind: "extend" },
    { atMs: DEADLINE + 9e6, reported: 1, minUpdates: 1, kind: "aggregate" },
  ])(
    "at the deadline: $reported of at least $minUpdates at $atMs",
    ({ atMs, reported, minUpdates, kind }) => {
      const verdict = closeRound(round, spec({ minUpdates }), { reported, failed: 0 }, "deadline", atMs);
      expect(verdict.kind).toBe(kind);
      if (verdict.kind === "aggregate") expect(verdict.round.closeReason).toBe("deadline");
    },
  );

  it("extends once, by the same time from now, and then moves on whatever there is", () => {
    const late = DEADLINE + 2_000;
    const none = { reported: 0, failed: 0 };
    const first = closeRound(round, spec(), none, "deadline", late);
    if (first.kind !== "extend") throw new Error(first.kind);
    expect(first.round).toEqual({ ...round, extended: true, deadlineAt: late + 60_000 });
    const extended = deepFreeze(first.round);
    expect(closeRound(extended, spec(), none, "deadline", late + 59_999).kind).toBe("wait");
    expect(closeRound(extended, spec(), none, "deadline", late + 60_000)).toMatchObject({
      kind: "aggregate",
      round: { closeReason: "too-few-updates" },
    });
    const some = { reported: 1, failed: 0 };
    expect(closeRound(extended, spec({ minUpdates: 1 }), some, "deadline", late + 60_000)).toMatchObject({
      round: { closeReason: "deadline" },
    });
  });

  it("asks for the task of the extension, then for the fold, and for pre-warming only where the run wants it", () => {
    const at = { runId: round.runId, round: round.round };
    const none = { reported: 0, failed: 0 };
    const extended = closeRound(round, spec(), none, "deadline", DEADLINE);
    expect(extended).toMatchObject({
      kind: "extend",
      commands: [{ kind: "close-round", ...at, pass: 2, atMs: DEADLINE + 60_000 }],
    });
    const all = { reported: 4, failed: 0 };
    expect(closeRound(round, spec(), all, "report", T0)).toMatchObject({
      kind: "aggregate",
      commands: [{ kind: "aggregate", ...at }],
    });
    const prewarming = spec({ prewarm: { idleSeconds: 300 } });
    expect(closeRound(round, prewarming, all, "report", T0)).toMatchObject({
      commands: [
        { kind: "aggregate", ...at },
        { kind: "prewarm", ...at },
      ],
    });
  });

  it("an empty cohort moves on at once", () => {
    const empty = buildRound({ cohort: [] });
    for (const cause of ["report", "deadline"] as const) {
      const verdict = closeRound(empty, spec(), { reported: 0, failed: 0 }, cause, T0);
      expect(verdict).toMatchObject({ kind: "aggregate", round: { closeReason: "all-reported" } });
    }
  });

  it("is a valid document even by a clock that is behind the opener's", () => {
    const verdict = closeRound(round, spec(), { reported: 4, failed: 0 }, "report", T0 - 30);
    if (verdict.kind !== "aggregate") throw new Error(verdict.kind);
    expect(verdict.round).toEqual({
      ...round,
      status: "aggregating",
      closeReason: "all-reported",
      aggregatingAt: T0 - 30,
      timings: { ...round.timings, trainingMs: 0 },
    });
    expect(isValid(Round, verdict.round)).toBe(true);
  });

  it("reports how long it waited", () => {
    const verdict = closeRound(round, spec(), { reported: 4, failed: 0 }, "report", T0 + 1_234);
    expect(verdict).toMatchObject({ round: { timings: { trainingMs: 1_234 } } });
  });
});

describe("givenUp", () => {
  it.each(InvocationStatus.options)("an invocation that is %s", (status) => {
    const invocation = deepFreeze(buildInvocation({ status, attempt: 1, claimedAt: T0 + 1_000 }));
    const ended = givenUp(invocation, DEADLINE);
    if (status !== "invoked" && status !== "training") return expect(ended).toBeNull();
    expect(ended).toMatchObject({ status, endedAt: DEADLINE, failure: { code: "unavailable" } });
    expect(isValid(Invocation, ended)).toBe(true);
    expect(givenUp(deepFreeze(ended ?? invocation), DEADLINE + 1), "noted once").toBeNull();
  });

  it("names the address that never claimed, and who was to claim", () => {
    const never = buildInvocation();
    const message = givenUp(never, DEADLINE)?.failure?.message;
    expect(message).toContain(never.url);
    expect(message).toContain(never.serviceAccount);
    expect(givenUp(buildInvocation({ claimedAt: T0 }), DEADLINE)?.failure?.message).toContain(
      "without a report",
    );
  });
});

describe("a deadline that is not extended", () => {
  const none = { reported: 0, failed: 0 };
  const published = SelectionOptions.parse({ strategy: "fedlesscan", cohortSize: 4, paperFaithful: true });
  const own = SelectionOptions.parse({ strategy: "fedlesscan", cohortSize: 4 });

  it.each([
    ["the spec says so", spec({ extend: false })],
    ["the run keeps to what was published", spec({}, published)],
    ["it does, whatever the spec says", spec({ extend: true }, published)],
  ])("closes the round without an update: %s", (_why, said) => {
    expect(closeRound(round, said, none, "deadline", DEADLINE)).toMatchObject({
      kind: "aggregate",
      round: { closeReason: "too-few-updates", extended: false },
    });
  });

  it("is the exception", () => {
    expect(closeRound(round, spec(), none, "deadline", DEADLINE).kind).toBe("extend");
    expect(closeRound(round, spec({}, own), none, "deadline", DEADLINE).kind).toBe("extend");
  });
});

describe("leftCalling", () => {
  const unclaimed = deepFreeze(
    buildInvocation({ capacity: { memoryMib: 512, vcpu: 1, timeoutSeconds: 60 } }),
  );

  it("a client is busy until the call on its way must have ended", () => {
    const left = leftCalling(unclaimed, T0 + 5_000.7, DEADLINE);
    expect(left).toEqual({ ...unclaimed, callUntilAt: T0 + 65_000, updatedAt: DEADLINE });
    expect(isValid(Invocation, left)).toBe(true);
    expect(leftCalling(deepFreeze(left ?? unclaimed), T0 + 5_000.7, DEADLINE), "noted once").toBeNull();
  });

  it("a queue waits for 15 s at the least", () => {
    const quick = buildInvocation({ capacity: { memoryMib: 512, vcpu: 1, timeoutSeconds: 2 } });
    expect(leftCalling(quick, DEADLINE - 1_000, DEADLINE)?.callUntilAt).toBe(DEADLINE + 14_000);
  });

  it("a call of a moment ago says nothing of its client", () => {
    expect(leftCalling(unclaimed, DEADLINE - 999, DEADLINE)).toBeNull();
  });

  it("a call that must have ended by now keeps no client busy", () => {
    expect(leftCalling(unclaimed, DEADLINE - 60_000, DEADLINE)).toBeNull();
    expect(leftCalling(unclaimed, DEADLINE - 59_999, DEADLINE)?.callUntilAt).toBe(DEADLINE + 1);
  });

  it.each(InvocationStatus.options)(
    "of one that has claimed and is %s, its claim says how long",
    (status) => {
      const claimed = buildInvocation({ status, attempt: 1, claimedAt: T0 + 1 });
      expect(leftCalling(claimed, DEADLINE, DEADLINE)).toBeNull();
    },
  );
});

describe("refusedClaim", () => {
  const over = buildRound({ status: "aggregating" });

  it("is noted at the first claim that comes too late, and once", () => {
    const invocation = deepFreeze(buildInvocation({ callUntilAt: DEADLINE }));
    const refused = refusedClaim(over, invocation, T0 + 9);
    expect(refused).toEqual({ ...invocation, refusedAt: T0 + 9, updatedAt: T0 + 9 });
    expect(isValid(Invocation, refused)).toBe(true);
    expect(refusedClaim(over, deepFreeze(refused ?? invocation), T0 + 10)).toBeNull();
  });

  it("is not noted while the round trains, nor of a client that has claimed before", () => {
    expect(refusedClaim(buildRound(), buildInvocation(), T0)).toBeNull();
    expect(refusedClaim(over, buildInvocation({ attempt: 1, claimedAt: T0 }), T0)).toBeNull();
  });
});

describe("what was seen of an invocation that was not claimed", () => {
  const invocation = deepFreeze(buildInvocation());

  it("is how the queue's last call to its client ended", () => {
    const noted = answeredInstead(invocation, "HTTP status code 401", DEADLINE);
    expect(noted?.failure).toMatchObject({ code: "unavailable" });
    expect(noted?.failure?.message).toContain(`${invocation.url} ended with: HTTP status code 401`);
    expect(isValid(Invocation, noted)).toBe(true);
    expect(answeredInstead(invocation, null, DEADLINE)).toBeNull();
  });

  it("is which other account tried to claim it", () => {
    const noted = claimedByOther(invocation, "other@silo.iam.gserviceaccount.com", DEADLINE);
    expect(noted?.failure?.message).toContain("claim it as other@silo.iam.gserviceaccount.com was refused");
    expect(noted?.failure?.message).toContain(invocation.serviceAccount);
    expect(isValid(Invocation, noted)).toBe(true);
    expect(isValid(Invocation, claimedByOther(invocation, "x".repeat(5_000), DEADLINE))).toBe(true);
  });

  it("what the queue saw comes first: another account cannot hide it", () => {
    const noted = deepFreeze(claimedByOther(invocation, "other@example.org", DEADLINE) ?? invocation);
    expect(claimedByOther(noted, "third@example.org", DEADLINE)).toBeNull();
    const answered = answeredInstead(noted, "HTTP status code 403", DEADLINE);
    expect(answered?.failure?.message).toMatch(
      /^The last call to .* HTTP status code 403.* other@example.org/,
    );
    const ended = givenUp(noted, DEADLINE);
    expect(ended?.failure?.message).toMatch(/^The calls to .* ended and nothing claimed.* other@example.org/);
    expect(missedReason(ended ?? noted)).toBe(ended?.failure?.message);
  });

  it("is that its client knows too little, once, and beside another account's attempt", () => {
    const releases = { known: 1, needed: 2 };
    const noted = deepFreeze(claimedByOlder(invocation, releases, DEADLINE) ?? invocation);
    expect(noted).toMatchObject({ status: "invoked", attempt: 0, failure: { code: "failed-precondition" } });
    expect(noted.failure?.message).toMatch(/knows release 1 .* needs 2: deploy/);
    expect(isValid(Invocation, noted)).toBe(true);
    expect(claimedByOlder(noted, releases, DEADLINE)).toBeNull();
    expect(answeredInstead(noted, "HTTP status code 503", DEADLINE)).toBeNull();
    const ended = givenUp(noted, DEADLINE);
    expect(ended).toMatchObject({ endedAt: DEADLINE, failure: { message: noted.failure?.message } });
    const other = deepFreeze(claimedByOther(invocation, "other@example.org", DEADLINE) ?? invocation);
    expect(claimedByOlder(other, releases, DEADLINE)?.failure?.message).toMatch(/deploy.* other@example.org/);
    const claimed = buildInvocation({ status: "training", attempt: 1, claimedAt: T0 });
    expect(claimedByOlder(claimed, releases, DEADLINE)).toBeNull();
  });

  it("is noted once, and stays when the queue gives up", () => {
    const noted = deepFreeze(answeredInstead(invocation, "HTTP status code 403", DEADLINE) ?? invocation);
    expect(answeredInstead(noted, "HTTP status code 500", DEADLINE)).toBeNull();
    expect(claimedByOther(noted, "other@example.org", DEADLINE)).toBeNull();
    expect(givenUp(noted, DEADLINE)).toMatchObject({ endedAt: DEADLINE, failure: noted.failure });
  });

  it.each(InvocationStatus.options)("is not noted on one that was claimed and is %s", (status) => {
    const claimed = buildInvocation({ status, attempt: 1, claimedAt: T0 });
    expect(answeredInstead(claimed, "HTTP status code 503", DEADLINE)).toBeNull();
    expect(claimedByOther(claimed, "other@example.org", DEADLINE)).toBeNull();
  });
});
