// What a watchdog expects to be under way, over every status of a run and its last round.
import { describe, expect, it } from "vitest";
import { MAX_WORK_MS } from "../../../shared/core/round/sweep.ts";
import { CLAIM_GRACE_MS, expectedCommands } from "../../../shared/core/round/watch.ts";
import { type Round, RoundStatus } from "../../../shared/core/schemas/round.ts";
import { RunStatus } from "../../../shared/core/schemas/run.ts";
import { buildInvocation, buildRound, buildRun, deepFreeze, T0 } from "../../support/builders.ts";

const NOW = T0 + CLAIM_GRACE_MS;
/** When no client can be at work any more for a run that ended at T0. */
const LATER = T0 + MAX_WORK_MS + CLAIM_GRACE_MS;
const running = deepFreeze(buildRun({ status: "running", round: 1, openRound: 1 }));
const between = deepFreeze({ ...running, openRound: null, openRequest: { number: 2, pending: true } });
const open = { kind: "open-round", runId: "run-1", request: 2 };
const prepare = { kind: "prepare", runId: "run-1" };
const sweep = { kind: "sweep", runId: "run-1", pass: 1 };
const aggregate = { kind: "aggregate", runId: "run-1", round: 1 };
const evaluate = { kind: "evaluate", runId: "run-1", round: 1, version: 1 };
const close = { kind: "close-round", runId: "run-1", round: 1, pass: 1, atMs: T0 + 60_000 };

describe("expectedCommands", () => {
  it.each(RunStatus.options)("before the first round, of a run that is %s", (status) => {
    const idle = buildRun({ status, openRequest: { number: 2, pending: false } });
    const asking = buildRun({ status, openRequest: { number: 2, pending: true } });
    const ended = ["completed", "cancelled", "failed"].includes(status);
    const always = status === "preparing" ? [prepare] : ended ? [sweep] : null;
    expect(expectedCommands(idle, null, [], [], LATER)).toEqual(always ?? []);
    expect(expectedCommands(asking, null, [], [], LATER)).toEqual(always ?? [open]);
    if (ended) expect(expectedCommands({ ...asking, swept: true }, null, [], [], LATER)).toEqual([]);
  });

  it("a round in training: its deadline, which comes whatever becomes of the clients", () => {
    expect(expectedCommands(running, buildRound(), [], [], NOW)).toEqual([close]);
    const extended = buildRound({ extended: true, deadlineAt: T0 + 120_000 });
    expect(expectedCommands(running, extended, [], [], NOW)).toEqual([
      { ...close, pass: 2, atMs: T0 + 120_000 },
    ]);
  });

  it("and the calls of clients that have not claimed for a while (inclusive)", () => {
    const early = buildInvocation({ clientId: "client-a", invokedAt: T0 + 1 });
    const overdue = buildInvocation({ clientId: "client-b", invokedAt: T0 });
    expect(expectedCommands(running, buildRound(), deepFreeze([early]), [], NOW)).toEqual([close]);
    expect(expectedCommands(running, buildRound(), deepFreeze([early, overdue]), [], NOW)).toEqual([
      close,
      {
        kind: "invoke",
        runId: "run-1",
        round: 1,
        clientId: "client-b",
        url: overdue.url,
        timeoutSeconds: 540,
      },
    ]);
  });

  it.each(RoundStatus.options)("a round that is %s, with a request for the next one", (status) => {
    const round = deepFreeze(
      buildRound({ status, newVersion: status === "closed" ? 1 : null, followedUp: true }),
    );
    const expected = {
      training: [close],
      aggregating: [aggregate],
      closed: [open],
      degraded: [open],
      cancelled: [open],
    };
    expect(expectedCommands(between, round, [], [], NOW)).toEqual(expected[status]);
  });

  it.each(["training", "aggregating", "closed", "degraded", "cancelled"] as const)(
    "the scores that rounds wait for, whatever the last round does (%s)",
    (status) => {
      const closed = buildRound({ status: "closed", newVersion: 1, followedUp: true });
      const last = deepFreeze(buildRound({ round: 3, status, newVersion: null, followedUp: true }));
      const again = (...unscored: Round[]) =>
        expectedCommands(between, last, [], deepFreeze(unscored), NOW).filter(
          ({ kind }) => kind === "evaluate",
        );
      const second = { ...closed, round: 2, newVersion: 2 };
      expect(again(closed, second)).toEqual([evaluate, { ...evaluate, round: 2, version: 2 }]);
      expect(again({ ...closed, followedUp: false }), "its aggregator asks for it").toEqual([]);
      expect(again({ ...closed, unscoredReason: "x" }), "given up").toEqual([]);
      expect(again({ ...closed, accuracy: 0 }), "done").toEqual([]);
    },
  );

  it("nothing of what is done: a request that opened its round", () => {
    const closed = buildRound({ status: "closed", newVersion: 1, followedUp: true });
    const idle = deepFreeze({
      ...between,
      status: "paused" as const,
      openRequest: { number: 2, pending: false },
    });
    expect(expectedCommands(idle, { ...closed, accuracy: 0 }, [], [], NOW)).toEqual([]);
  });

  it.each(["closed", "degraded"] as const)(
    "a round that is %s and not folded into the roster: its aggregator, which asks for what follows",
    (status) => {
      const round = deepFreeze(buildRound({ status, newVersion: status === "closed" ? 1 : null }));
      expect(expectedCommands(between, round, [], [], NOW)).toEqual([aggregate]);
    },
  );

  it("a run that has ended: its last score at once, a sweep when none can be waiting any more", () => {
    const closed = deepFreeze(buildRound({ status: "closed", newVersion: 1, followedUp: true }));
    const completed = deepFreeze({ ...between, status: "completed" as const, endedAt: T0 });
    expect(expectedCommands(completed, closed, [], [closed], LATER - 1)).toEqual([evaluate]);
    expect(expectedCommands(completed, closed, [], [closed], LATER)).toEqual([evaluate, sweep]);
    const cancelled = deepFreeze({ ...completed, status: "cancelled" as const });
    expect(expectedCommands(cancelled, closed, [], [closed], LATER), "its score is not awaited").toEqual([
      sweep,
    ]);
  });
});
