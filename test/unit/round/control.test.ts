// What an operator may do to a run, over every status there is.
import { describe, expect, it } from "vitest";
import {
  advance,
  type ControlAction,
  cancelRound,
  control,
  createRun,
  pendingCommands,
  prepared,
  trigger,
  unpreparable,
} from "../../../shared/core/round/control.ts";
import { RoundStatus } from "../../../shared/core/schemas/round.ts";
import { RunStatus } from "../../../shared/core/schemas/run.ts";
import { buildRound, buildRun, buildSpec, deepFreeze, T0 } from "../../support/builders.ts";
import { refusal } from "../../support/refusal.ts";

const NOW = T0 + 5_000;
const model = { parameters: [{ name: "w", shape: [2] }], parameterCount: 2, sizeBytes: 8 };

/** The status after the action; null where it is refused. */
const TABLE: Record<ControlAction, Record<RunStatus, RunStatus | null>> = {
  start: {
    preparing: "preparing",
    ready: "running",
    running: null,
    paused: null,
    completed: null,
    cancelled: null,
    failed: null,
  },
  pause: {
    preparing: null,
    ready: null,
    running: "paused",
    paused: null,
    completed: null,
    cancelled: null,
    failed: null,
  },
  resume: {
    preparing: null,
    ready: null,
    running: null,
    paused: "running",
    completed: null,
    cancelled: null,
    failed: null,
  },
  cancel: {
    preparing: "cancelled",
    ready: "cancelled",
    running: "cancelled",
    paused: "cancelled",
    completed: null,
    cancelled: null,
    failed: null,
  },
};
const actions = Object.keys(TABLE) as ControlAction[];
const cases = actions.flatMap((action) => RunStatus.options.map((status) => ({ action, status })));

describe("control", () => {
  it.each(cases)("$action a run that is $status", ({ action, status }) => {
    const run = deepFreeze(buildRun({ status }));
    const after = TABLE[action][status];
    if (after === null) {
      const error = refusal(() => control(run, action, NOW));
      expect(error).toMatchObject({ code: "failed-precondition", retry: "never" });
      expect(error.message).toMatch(new RegExp(`^Cannot ${action} run run-1: it is ${status}\\.`));
    } else {
      const decision = control(run, action, NOW);
      expect(decision.run).toMatchObject({ status: after, updatedAt: NOW });
    }
  });

  it("start asks for the first round, once", () => {
    const { run, commands } = control(deepFreeze(buildRun()), "start", NOW);
    expect(run).toMatchObject({ startedAt: NOW, openRequest: { number: 1, pending: true } });
    expect(commands).toEqual([{ kind: "open-round", runId: "run-1", request: 1 }]);
    expect(pendingCommands(run)).toEqual(commands);
    expect(refusal(() => control(run, "start", NOW)).message).toContain("it is running");
  });

  it("start after a trigger takes the round that is open or asked for as its first", () => {
    const asked = trigger(buildRun(), NOW).run;
    expect(control(asked, "start", NOW)).toMatchObject({
      run: { openRequest: { number: 1, pending: true } },
      commands: [],
    });
    const open = buildRun({ round: 1, openRound: 1, openRequest: { number: 1, pending: false } });
    expect(control(open, "start", NOW)).toMatchObject({
      run: { openRequest: { number: 1, pending: false } },
      commands: [],
    });
  });

  it("start keeps when the run was first started", () => {
    const { run } = control(buildRun({ startedAt: T0 + 1 }), "start", NOW);
    expect(run.startedAt).toBe(T0 + 1);
  });

  it("start is remembered while the run is being prepared, once", () => {
    const { run, commands } = control(buildRun({ status: "preparing" }), "start", NOW);
    expect(run).toMatchObject({ status: "preparing", startWhenReady: true, startedAt: null });
    expect(commands).toEqual([]);
    expect(refusal(() => control(run, "start", NOW)).message).toContain("will start when it is prepared");
  });

  it("pause drops a request under way; resume makes one of another name", () => {
    const running = control(buildRun(), "start", NOW).run;
    const paused = control(running, "pause", NOW);
    expect(paused.run.openRequest).toEqual({ number: 1, pending: false });
    expect(paused.commands).toEqual([]);
    const resumed = control(paused.run, "resume", NOW);
    expect(resumed.run.openRequest).toEqual({ number: 2, pending: true });
    expect(resumed.commands).toEqual([{ kind: "open-round", runId: "run-1", request: 2 }]);
  });

  it("resume waits for the round that is still open", () => {
    const paused = buildRun({
      status: "paused",
      round: 3,
      openRound: 3,
      openRequest: { number: 3, pending: false },
    });
    expect(control(paused, "resume", NOW)).toMatchObject({
      run: { status: "running", openRequest: { number: 3, pending: false } },
      commands: [],
    });
  });

  it("cancel ends the run and asks for nothing but a sweep, whatever was asked before", () => {
    const running = control(buildRun({ openRound: 1, round: 1 }), "start", NOW).run;
    const { run, commands } = control(running, "cancel", NOW);
    expect(run).toMatchObject({
      status: "cancelled",
      statusReason: "cancelled by an operator",
      openRound: null,
      endedAt: NOW,
    });
    const sweep = { kind: "sweep", runId: "run-1", pass: 1 };
    expect(commands).toEqual([sweep]);
    const asking = control(buildRun(), "start", NOW).run;
    expect(pendingCommands(control(asking, "cancel", NOW).run)).toEqual([sweep]);
  });

  it("says of an ended run what it is and what to do, even if a start was asked for meanwhile", () => {
    const asked = control(buildRun({ status: "preparing" }), "start", NOW).run;
    const cancelled = control(asked, "cancel", NOW).run;
    expect(refusal(() => control(cancelled, "start", NOW)).message).toBe(
      "Cannot start run run-1: it is cancelled. Create another run.",
    );
    const failed = unpreparable(asked, "no layers", NOW);
    expect(refusal(() => control(failed, "resume", NOW)).message).toBe(
      "Cannot resume run run-1: it is failed. Create another run.",
    );
  });
});

it.each<[RunStatus, ControlAction | "trigger", string]>([
  ["preparing", "trigger", "it is preparing. Wait until it is ready; it may be started before."],
  ["ready", "pause", "it is ready. Start it."],
  ["paused", "start", "it is paused. Resume it."],
  ["running", "resume", "it is running."],
])("of a %s run %s is refused with what to do", (status, action, message) => {
  const run = buildRun({ status });
  const refused = refusal(() => (action === "trigger" ? trigger(run, NOW) : control(run, action, NOW)));
  expect(refused.message.endsWith(message), refused.message).toBe(true);
});

describe("cancelRound", () => {
  it.each(RoundStatus.options)("a round that is %s", (status) => {
    const round = deepFreeze(
      buildRound({ status, inputs: [{ round: 1, clientId: "client-a", attempt: 1 }], closeReason: "quorum" }),
    );
    const after = cancelRound(round, NOW);
    if (status === "training" || status === "aggregating") {
      expect(after).toEqual({
        ...round,
        status: "cancelled",
        closeReason: "cancelled",
        inputs: null,
        closedAt: NOW,
      });
    } else {
      expect(after).toBe(round);
    }
  });
});

describe("trigger", () => {
  it.each(RunStatus.options)("a round of a run that is %s", (status) => {
    const run = deepFreeze(buildRun({ status }));
    if (status === "ready" || status === "paused") {
      expect(trigger(run, NOW)).toMatchObject({
        run: { status, startedAt: NOW, openRequest: { number: 1, pending: true } },
        commands: [{ kind: "open-round", runId: "run-1", request: 1 }],
      });
    } else {
      const error = refusal(() => trigger(run, NOW));
      expect(error).toMatchObject({ code: "failed-precondition", retry: "never" });
      expect(error.message).toContain(`it is ${status}`);
    }
  });

  it("waits until the round before it has closed, and says which", () => {
    const asked = trigger(buildRun(), NOW).run;
    const open = buildRun({ status: "paused", round: 4, openRound: 4 });
    const beingOpened = refusal(() => trigger(asked, NOW));
    expect(beingOpened).toMatchObject({ code: "failed-precondition", retry: { afterMs: 5_000 } });
    expect(beingOpened.message).toContain("round 1 is being opened");
    expect(refusal(() => trigger(open, NOW)).message).toContain("round 4 is open");
  });
});

describe("prepared", () => {
  it.each(RunStatus.options)("a run that is %s", (status) => {
    const run = deepFreeze(buildRun({ status, model: null, modelVersion: null }));
    const decision = prepared(run, model, 0.25, NOW);
    expect(decision.commands).toEqual([]);
    if (status === "preparing") {
      const totals = { ...run.totals, preparationUsd: 0.25, costUsd: 0.25 };
      expect(decision.run).toEqual({
        ...run,
        status: "ready",
        model,
        modelVersion: 0,
        totals,
        updatedAt: NOW,
      });
    } else {
      expect(decision.run).toBe(run);
    }
  });

  it("starts when a start was asked for", () => {
    const run = deepFreeze(buildRun({ status: "preparing", startWhenReady: true }));
    const decision = prepared(run, model, 0.25, NOW);
    expect(decision.run).toMatchObject({ status: "running", startWhenReady: false, startedAt: NOW });
    expect(decision.commands).toEqual([{ kind: "open-round", runId: "run-1", request: 1 }]);
    expect(prepared(decision.run, model, 0.25, NOW + 1), "a repeated task changes nothing").toEqual({
      run: decision.run,
      commands: [],
    });
  });
});

describe("unpreparable", () => {
  it.each(RunStatus.options)("a run that is %s", (status) => {
    const run = deepFreeze(buildRun({ status }));
    const after = unpreparable(run, "no layers", NOW);
    if (status === "preparing") {
      expect(after).toMatchObject({ status: "failed", statusReason: "no layers", endedAt: NOW });
      expect(after.swept, "it leaves nothing behind").toBe(true);
    } else {
      expect(after).toBe(run);
    }
  });
});

describe("advance", () => {
  it.each([
    { openRound: null, pending: false, asks: true },
    { openRound: null, pending: true, asks: false },
    { openRound: 2, pending: false, asks: false },
  ])("with round $openRound open and a request pending: $pending", ({ openRound, pending, asks }) => {
    const run = deepFreeze(buildRun({ status: "running", openRound, openRequest: { number: 2, pending } }));
    const decision = advance(run);
    expect(decision.commands).toHaveLength(asks ? 1 : 0);
    expect(decision.run.openRequest).toEqual(asks ? { number: 3, pending: true } : { number: 2, pending });
  });
});

describe("pendingCommands", () => {
  it.each(RunStatus.options)("of a run that is %s", (status) => {
    const idle = buildRun({ status, openRequest: { number: 4, pending: false } });
    const asking = buildRun({ status, openRequest: { number: 4, pending: true } });
    const prepare = { kind: "prepare", runId: "run-1" };
    const open = { kind: "open-round", runId: "run-1", request: 4 };
    const sweep = { kind: "sweep", runId: "run-1", pass: 1 };
    const ended = ["completed", "cancelled", "failed"].includes(status);
    const always = status === "preparing" ? [prepare] : ended ? [sweep] : null;
    expect(pendingCommands(idle)).toEqual(always ?? []);
    expect(pendingCommands(asking)).toEqual(always ?? [open]);
    if (ended) expect(pendingCommands({ ...asking, swept: true })).toEqual([]);
  });
});

describe("createRun", () => {
  it("is a valid document that waits to be prepared", () => {
    const run = createRun("run-9", deepFreeze(buildSpec()), "me@example.org", NOW);
    expect(run).toMatchObject({ runId: "run-9", status: "preparing", round: 0, modelVersion: null });
    expect([run.createdAt, run.updatedAt]).toEqual([NOW, NOW]);
    expect(pendingCommands(run)).toEqual([{ kind: "prepare", runId: "run-9" }]);
  });
});
