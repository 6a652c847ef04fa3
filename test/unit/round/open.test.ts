// Opening a round: when it may open, what is waited for, and the documents and tasks it consists of.
import { describe, expect, it } from "vitest";
import * as z from "zod";
import type {
  Consideration,
  RosterEntry,
  Selection,
} from "../../../shared/core/methods/selection/strategy.ts";
import { control } from "../../../shared/core/round/control.ts";
import {
  checkQuorumFeasible,
  closeTask,
  completed,
  mayOpen,
  pauseForClients,
  planRound,
  scoresAwaited,
  tasksOfRound,
  waits,
  wake,
} from "../../../shared/core/round/open.ts";
import { nothingLearned } from "../../../shared/core/round/shortfall.ts";
import { SCORE_PATIENCE_MS } from "../../../shared/core/round/sweep.ts";
import { MAX_ROUND } from "../../../shared/core/schemas/ids.ts";
import { Invocation, InvocationStatus } from "../../../shared/core/schemas/invocation.ts";
import { Round, RoundStatus } from "../../../shared/core/schemas/round.ts";
import { type Run, Run as RunSchema, RunStatus, type Waiting } from "../../../shared/core/schemas/run.ts";
import {
  buildClient,
  buildInvocation,
  buildRound,
  buildRun,
  buildSpec,
  deepFreeze,
  T0,
} from "../../support/builders.ts";
import { isValid } from "../../support/documents.ts";

const NOW = T0 + 5_000;
const asked = (overrides: Partial<Run> = {}) =>
  buildRun({ status: "running", round: 3, openRequest: { number: 7, pending: true }, ...overrides });

describe("mayOpen", () => {
  it.each(RunStatus.options)("for a run that is %s", (status) => {
    const verdict = mayOpen(deepFreeze(asked({ status })), 7);
    const may = status === "running" || status === "ready" || status === "paused";
    expect(verdict).toEqual(
      may ? { kind: "open", round: 4, baseVersion: 0 } : { kind: "ignore", reason: `run is ${status}` },
    );
  });

  it.each([
    ["an older request", asked(), 6],
    ["a request that was not made", asked(), 8],
    ["a repeated request", asked({ openRequest: { number: 7, pending: false } }), 7],
    [
      "a request dropped by a pause",
      asked({ status: "paused", openRequest: { number: 7, pending: false } }),
      7,
    ],
    ["an open round", asked({ openRound: 3 }), 7],
    ["a run without a model", asked({ modelVersion: null }), 7],
  ])("ignores %s", (_what, run, request) => {
    expect(mayOpen(deepFreeze(run), request).kind).toBe("ignore");
  });

  it("starts from the version that there is, which is not the number of rounds", () => {
    expect(mayOpen(asked({ modelVersion: 2 }), 7)).toMatchObject({ round: 4, baseVersion: 2 });
  });

  it("stops a run that advances by itself at its stop rule; a triggered round is the operator's own wish", () => {
    const spec = buildSpec({ stop: { rounds: 3 } });
    expect(mayOpen(asked({ spec }), 7)).toEqual({ kind: "stop", reason: "all 3 rounds are done" });
    expect(mayOpen(asked({ spec, status: "ready" }), 7).kind).toBe("open");
    expect(mayOpen(asked({ spec, status: "paused" }), 7).kind).toBe("open");
  });

  it.each(["running", "ready", "paused"] as const)("opens no round beyond the last, %s", (status) => {
    const spec = buildSpec({ stop: { rounds: 9_999 } });
    expect(mayOpen(asked({ spec, status, round: MAX_ROUND - 1 }), 7)).toMatchObject({ round: MAX_ROUND });
    expect(mayOpen(asked({ spec, status, round: MAX_ROUND }), 7).kind).toBe("stop");
  });
});

describe("what becomes of a request that opens no round", () => {
  it("completed: the run ends with the reason", () => {
    const run = completed(deepFreeze(asked()), "all done", null, NOW);
    expect(run).toMatchObject({ status: "completed", statusReason: "all done", endedAt: NOW });
    expect(run.openRequest).toEqual({ number: 7, pending: false });
  });

  it.each([
    ["running", "paused"],
    ["ready", "ready"],
    ["paused", "paused"],
  ] as const)("pauseForClients: %s becomes %s", (before, after) => {
    const run = pauseForClients(deepFreeze(asked({ status: before })), "too few", NOW);
    expect(run).toMatchObject({ status: after, statusReason: "too few", endedAt: null });
    expect(run.openRequest).toEqual({ number: 7, pending: false });
  });

  const waiting: Waiting = {
    what: "clients",
    clientIds: ["d", "e"],
    count: 2,
    sinceAt: NOW,
    untilAt: NOW + 9_000,
  };

  it("waits: a request of another name, at that time; the old one is ignored", () => {
    const { run, commands } = waits(deepFreeze(asked()), "two are at work", waiting, NOW);
    expect(run).toMatchObject({ status: "running", statusReason: "two are at work", waiting });
    expect(run.openRequest).toEqual({ number: 8, pending: true });
    expect(commands).toEqual([{ kind: "open-round", runId: "run-1", request: 8, atMs: NOW + 9_000 }]);
    expect(isValid(RunSchema, run)).toBe(true);
    expect(mayOpen(run, 7).kind).toBe("ignore");
    expect(mayOpen(run, 8).kind).toBe("open");
  });

  it("wake: a run that waits looks again at once, under yet another name", () => {
    const before = waits(asked(), "two are at work", waiting, NOW).run;
    const woken = wake(deepFreeze(before), NOW + 2_000, NOW + 2_001);
    expect(woken?.commands).toEqual([{ kind: "open-round", runId: "run-1", request: 9 }]);
    expect(woken?.run).toMatchObject({ waiting: null, statusReason: null, updatedAt: NOW + 2_001 });
    expect(woken?.run.openRequest).toEqual({ number: 9, pending: true });
  });

  it.each([
    ["does not wait", asked(), NOW],
    ["is paused since", { ...asked({ waiting }), openRequest: { number: 8, pending: false } }, NOW],
    ["has looked since, whatever clocks say", asked({ waiting }), NOW - 10_001],
  ])("wake: not a run that %s", (_what, run, reportedAt) => {
    expect(wake(deepFreeze(run), reportedAt, NOW)).toBeNull();
  });

  it("wake: a report a little before the run began to wait may have been overlooked", () => {
    expect(wake(asked({ waiting }), NOW - 10_000, NOW)).not.toBeNull();
  });

  it("what ends the waiting ends what is said of it", () => {
    const run = deepFreeze(waits(asked(), "two are at work", waiting, NOW).run);
    expect(completed(run, "done", null, NOW)).toMatchObject({ waiting: null, statusReason: "done" });
    expect(pauseForClients(run, "too few", NOW)).toMatchObject({ waiting: null, statusReason: "too few" });
    expect(control(run, "pause", NOW).run).toMatchObject({ waiting: null, statusReason: null });
    expect(control(run, "cancel", NOW).run).toMatchObject({ waiting: null });
  });

  it("a run written before runs said so waits for nothing", () => {
    const { waiting: _unknown, ...old } = z.encode(RunSchema, buildRun());
    expect(RunSchema.parse(old).waiting).toBeNull();
  });
});

describe("checkQuorumFeasible", () => {
  const entry = (clientId: string, busyUntilMs: number | null): RosterEntry => ({
    clientId,
    trainMsHistory: [],
    missedRounds: [],
    cooldownRounds: 0,
    invocations: 0,
    lastSelectedRound: null,
    busyUntilMs,
  });
  const roster = deepFreeze([
    entry("a", null),
    entry("b", NOW + 300),
    entry("c", NOW),
    entry("d", NOW + 100),
    entry("e", NOW + 200),
  ]);

  it("as many as needed are enough", () => {
    expect(checkQuorumFeasible(2, 2, roster, NOW)).toEqual({ kind: "enough" });
    expect(checkQuorumFeasible(3, 2, [], NOW)).toEqual({ kind: "enough" });
  });

  it("looks again at a whole millisecond, though simulated clients are busy for fractions of one", () => {
    const verdict = checkQuorumFeasible(1, 2, [entry("a", NOW + 0.25)], NOW);
    expect(verdict).toMatchObject({ kind: "wait", waiting: { untilAt: NOW + 1 } });
  });

  it.each([
    [1, 2, 100],
    [1, 3, 200],
    [0, 3, 300],
  ])("%i of %i: waits for the last that is needed", (have, need, waitMs) => {
    expect(checkQuorumFeasible(have, need, roster, NOW)).toMatchObject({
      kind: "wait",
      reason: expect.stringContaining(
        `${have} of the ${need} clients that a round needs at the least are available; busy, or with a call on its way: b, d, e.`,
      ),
      waiting: {
        what: "clients",
        clientIds: ["b", "d", "e"],
        count: 3,
        sinceAt: NOW,
        untilAt: NOW + waitMs,
      },
    });
  });

  it("names those who are free first, and counts the others", () => {
    const many = Array.from({ length: 25 }, (_, i) => entry(`c${String(i).padStart(2, "0")}`, NOW + 25 - i));
    const verdict = checkQuorumFeasible(0, 1, deepFreeze(many), NOW);
    if (verdict.kind !== "wait") throw new Error(verdict.kind);
    expect(verdict.waiting).toMatchObject({ count: 25, untilAt: NOW + 1 });
    expect(verdict.waiting.clientIds).toEqual(many.slice(5).map(({ clientId }) => clientId));
    expect(verdict.reason).toContain("c24 and 5 more");
  });

  it("pauses when the busy ones would not make up the number; one that is free from now on is not busy", () => {
    const verdict = checkQuorumFeasible(1, 5, roster, NOW);
    expect(verdict.kind).toBe("pause");
    expect(verdict).toMatchObject({ reason: expect.stringContaining("1 of the 5 clients") });
    expect(checkQuorumFeasible(0, 1, [], NOW).kind).toBe("pause");
    expect(checkQuorumFeasible(0, 1, [entry("c", NOW)], NOW).kind).toBe("pause");
  });
});

function considered(clientId: string, rank: number | null, tier?: string): Consideration {
  const reason = rank === null ? "not drawn" : `drawn ${rank}`;
  return { clientId, chosen: rank !== null, rank, reason, ...(tier === undefined ? {} : { tier }) };
}

describe("planRound", () => {
  const clients = new Map(["b", "a", "d"].map((clientId) => [clientId, buildClient({ clientId })]));
  const selection: Pick<Selection, "cohort" | "considered"> = deepFreeze({
    cohort: ["a", "b", "gone"],
    considered: [
      considered("gone", 3),
      considered("d", null),
      considered("b", 1, "rookie"),
      considered("a", 2),
    ],
  });
  const run = deepFreeze(asked({ modelVersion: 2, statusReason: "was held back" }));
  const plan = planRound(
    run,
    { round: 4, baseVersion: 2 },
    { selection, clients, rosterAsOfAt: T0 + 1, openUsd: 0.25 },
    NOW,
  );

  it("is three kinds of valid documents", () => {
    expect(isValid(Round, plan.round)).toBe(true);
    for (const invocation of plan.invocations) expect(isValid(Invocation, invocation)).toBe(true);
    expect(plan.round).toMatchObject({
      status: "training",
      cohort: ["a", "b"],
      notChosen: [{ clientId: "d", reason: "not drawn" }],
      consideredCount: 4,
      counts: { invoked: 2 },
      deadlineAt: NOW + 60_000,
      baseVersion: 2,
      rosterAsOfAt: T0 + 1,
      openedAt: NOW,
    });
  });

  it("invites the cohort, each with its reason, from what is registered", () => {
    expect(plan.invocations.map(({ clientId, reason, tier }) => ({ clientId, reason, tier }))).toEqual([
      { clientId: "a", reason: "drawn 2", tier: null },
      { clientId: "b", reason: "drawn 1", tier: "rookie" },
    ]);
    expect(plan.invocations[0]).toMatchObject({
      status: "invoked",
      attempt: 0,
      baseVersion: 2,
      round: 4,
      serviceAccount: "a@silo.iam.gserviceaccount.com",
      invokedAt: NOW,
    });
  });

  it("opens the round in the run, whose request is done", () => {
    expect(plan.run).toEqual({
      ...run,
      round: 4,
      openRound: 4,
      openRequest: { number: 7, pending: false },
      statusReason: null,
      updatedAt: NOW,
    });
    expect(mayOpen(plan.run, 7).kind).toBe("ignore");
  });

  it("rounds a fractional deadline up to a whole millisecond", () => {
    const fraction = asked({ spec: buildSpec({ round: { deadlineSeconds: 1.00001 } }) });
    const { round } = planRound(
      fraction,
      { round: 4, baseVersion: 2 },
      { selection, clients, rosterAsOfAt: T0, openUsd: 0 },
      NOW,
    );
    expect(round.deadlineAt).toBe(NOW + 1_001);
    const chosen = { selection, clients, rosterAsOfAt: T0, openUsd: 0 };
    const later = planRound(fraction, { round: 4, baseVersion: 2 }, chosen, NOW, NOW + 7_000).round;
    expect(later, "the choice took a while").toMatchObject({ openedAt: NOW, deadlineAt: NOW + 8_001 });
  });

  it("keeps 200 reasons of those left out, and counts all", () => {
    const many = Array.from({ length: 201 }, (_, i) => considered(`c${i}`, null));
    const { round } = planRound(
      run,
      { round: 4, baseVersion: 2 },
      {
        selection: { cohort: ["a"], considered: [considered("a", 1), ...many] },
        clients,
        rosterAsOfAt: T0,
        openUsd: 0,
      },
      NOW,
    );
    expect(round.notChosen).toHaveLength(200);
    expect(round.consideredCount).toBe(202);
  });
});

describe("tasksOfRound", () => {
  it.each(RoundStatus.options)("of a round that is %s", (status) => {
    const tasks = tasksOfRound(deepFreeze(buildRound({ status })), [deepFreeze(buildInvocation())]);
    expect(tasks).toHaveLength(status === "training" ? 2 : 0);
  });

  it.each(InvocationStatus.options)(
    "calls a client whose invocation is %s only while it was not heard",
    (status) => {
      const tasks = tasksOfRound(buildRound(), [buildInvocation({ status })]);
      expect(tasks.filter(({ kind }) => kind === "invoke")).toHaveLength(status === "invoked" ? 1 : 0);
    },
  );

  it("asks for the deadline first: with it the round ends, whatever becomes of the calls", () => {
    const [first, second] = tasksOfRound(buildRound(), [buildInvocation()]);
    expect(first).toEqual({
      kind: "close-round",
      runId: "run-1",
      round: 1,
      pass: 1,
      atMs: T0 + 60_000,
    });
    expect(second).toEqual({
      kind: "invoke",
      runId: "run-1",
      round: 1,
      clientId: "client-a",
      url: "https://client-a.example.org/",
      timeoutSeconds: 540,
    });
  });

  it("the extension has a deadline task of its own", () => {
    expect(closeTask(buildRound({ extended: true, deadlineAt: T0 + 120_000 }))).toMatchObject({
      pass: 2,
      atMs: T0 + 120_000,
    });
  });
});

describe("the end of a run", () => {
  it("waits for scores, looking less and less often, and not for ever", () => {
    const first = scoresAwaited(deepFreeze(asked()), 2, NOW);
    expect(first).toEqual({ what: "score", clientIds: [], count: 2, sinceAt: NOW, untilAt: NOW + 200 });
    const later = (ms: number) => scoresAwaited(asked({ waiting: first }), 1, NOW + ms);
    expect(later(10_000)).toMatchObject({ sinceAt: NOW, untilAt: NOW + 15_000 });
    expect(later(600_000)).toMatchObject({ untilAt: NOW + 630_000 });
    expect(later(SCORE_PATIENCE_MS - 1)).not.toBeNull();
    expect(later(SCORE_PATIENCE_MS)).toBeNull();
    expect(scoresAwaited(asked({ waiting: first }), 0, NOW + 1)).toBeNull();
  });

  const failed = (clientId: string, message: string) =>
    buildInvocation({ clientId, status: "failed", failure: { code: "internal", message } });
  const totals = { ...buildRun().totals, invoked: 3, failed: 2, missed: 1 };

  it("without a version is a failure, with the commonest reason of its last round", () => {
    const run = deepFreeze(asked({ totals }));
    const last = [failed("a", "no data"), failed("b", "no data"), buildInvocation({ status: "missed" })];
    const shortfall = nothingLearned(run, deepFreeze(last));
    expect(completed(run, "all 3 rounds are done", shortfall, NOW)).toMatchObject({
      status: "failed",
      statusReason:
        "all 3 rounds are done; no round made a version: of 3 invocations 2 failed, 0 were rejected and 1 were missed." +
        " In round 3, 2 of 3 for this reason: no data",
      endedAt: NOW,
      swept: false,
    });
  });

  it("of clients that cannot be called says what to check", () => {
    const last = [buildInvocation({ status: "missed" })];
    expect(nothingLearned(asked({ totals }), last)).toMatch(/never claimed: check that the client's url/);
    const claimed = [buildInvocation({ status: "missed", claimedAt: T0 })];
    expect(nothingLearned(asked({ totals }), claimed)).toMatch(/it claimed, and had not reported/);
  });

  it("counts one reason where only names and addresses differ", () => {
    const named = (clientId: string, message: (at: string, as: string) => string) => {
      const [url, serviceAccount] = [`https://${clientId}.example.org/`, `${clientId}@silo.example.org`];
      const failure = { code: "unavailable", message: message(url, serviceAccount) };
      return buildInvocation({ clientId, url, serviceAccount, status: "missed", failure });
    };
    const refused = (at: string, as: string) => `The call to ${at} was refused, as ${as} by x-${as}.`;
    const last = [named("a", () => "It ran out of memory."), named("b", refused), named("c", refused)];
    const shortfall = nothingLearned(asked({ totals }), deepFreeze(last));
    expect(shortfall).toContain("2 of 3 for this reason: The call to https://b.example.org/ was refused");
  });

  it.each([
    ["with a version", { modelVersion: 1 }],
    ["before its first round", { round: 0 }],
  ])("%s is none", (_what, overrides) => {
    expect(nothingLearned(asked(overrides), [])).toBeNull();
  });
});
