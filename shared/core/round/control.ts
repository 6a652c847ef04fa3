// What an operator may do to a run: start, pause, resume, cancel, and trigger one round.
import { sumUsd } from "../cost/cost.ts";
import { FlError } from "../errors.ts";
import type { Command } from "../protocol/commands.ts";
import type { ModelInfo } from "../schemas/model.ts";
import type { Round } from "../schemas/round.ts";
import type { Run, RunStatus } from "../schemas/run.ts";
import type { StoredRunSpec } from "../schemas/spec.ts";
import { helped } from "./needsPerson.ts";
import { hasEnded } from "./sweep.ts";
import { groupOf } from "./teachingGroup.ts";

export type ControlAction = "start" | "pause" | "resume" | "cancel";

export interface RunDecision {
  readonly run: Run;
  readonly commands: readonly Command[];
}

const LEGAL: Record<ControlAction, readonly RunStatus[]> = {
  start: ["preparing", "ready"],
  pause: ["running"],
  resume: ["paused"],
  cancel: ["preparing", "ready", "running", "paused"],
};

/**
 * The run after an operator's action, and what to do next.
 *
 * Starting a run that is still being prepared is remembered. Pausing lets the open round finish. Cancelling
 * ends the open round with it (see `cancelRound`).
 *
 * @throws FlError("failed-precondition") naming the status the run is in, when the action is not legal there.
 */
export function control(run: Run, action: ControlAction, nowMs: number): RunDecision {
  if (!LEGAL[action].includes(run.status) || (action === "start" && run.startWhenReady)) {
    throw illegal(action, run);
  }
  const changed = { ...run, updatedAt: nowMs };
  switch (action) {
    case "start":
      if (run.status === "preparing") return { run: { ...changed, startWhenReady: true }, commands: [] };
      return advance({ ...changed, status: "running", startedAt: run.startedAt ?? nowMs });
    case "resume":
      return advance({ ...changed, status: "running", statusReason: null });
    case "pause":
      // A request under way is dropped; a resume makes a new one.
      return {
        run: {
          ...changed,
          status: "paused",
          statusReason: run.waiting === null ? run.statusReason : null,
          waiting: null,
          openRequest: { ...run.openRequest, pending: false },
        },
        commands: [],
      };
    case "cancel":
      return {
        run: {
          ...changed,
          status: "cancelled",
          statusReason: "cancelled by an operator",
          waiting: null,
          openRound: null,
          endedAt: nowMs,
        },
        commands: [{ kind: "sweep", runId: run.runId, pass: 1 }],
      };
  }
}

/** The open round of a run that is being cancelled. Its clients learn of it at their next claim or report. */
export function cancelRound(round: Round, nowMs: number): Round {
  if (round.status !== "training" && round.status !== "aggregating") return round;
  return { ...round, status: "cancelled", closeReason: "cancelled", inputs: null, closedAt: nowMs };
}

/**
 * One round on an operator's request, of a run that does not advance by itself.
 *
 * @throws FlError("failed-precondition") when the run is not ready or paused, or a round is open or being
 *   opened.
 */
export function trigger(run: Run, nowMs: number): RunDecision {
  if (run.status !== "ready" && run.status !== "paused") throw illegal("trigger a round of", run);
  if (run.openRound !== null || run.openRequest.pending) {
    const which =
      run.openRound === null ? `round ${run.round + 1} is being opened` : `round ${run.openRound} is open`;
    throw new FlError(
      "failed-precondition",
      `Run ${run.runId} is ${run.status} and ${which}: wait until it has closed.`,
      {
        retry: { afterMs: 5_000 },
      },
    );
  }
  return requestRound({ ...run, updatedAt: nowMs, startedAt: run.startedAt ?? nowMs });
}

/**
 * The initial weights exist: the run is ready, or already running when a start was asked for meanwhile.
 *
 * @param preparationUsd what making them cost.
 */
export function prepared(run: Run, model: ModelInfo, preparationUsd: number, nowMs: number): RunDecision {
  if (run.status !== "preparing") return { run, commands: [] };
  const totals = {
    ...run.totals,
    preparationUsd,
    costUsd: sumUsd([run.totals.costUsd, preparationUsd]),
  };
  const ready: Run = { ...helped(run), status: "ready", model, modelVersion: 0, totals, updatedAt: nowMs };
  if (!run.startWhenReady) return { run: ready, commands: [] };
  return advance({ ...ready, status: "running", startWhenReady: false, startedAt: nowMs });
}

/** The model cannot be built: the run has failed, with the reason where an operator looks. */
export function unpreparable(run: Run, reason: string, nowMs: number): Run {
  if (run.status !== "preparing") return run;
  return { ...run, status: "failed", statusReason: reason, endedAt: nowMs, swept: true, updatedAt: nowMs };
}

/** Asks for the next round, unless one is open or asked for already. */
export function advance(run: Run): RunDecision {
  if (run.openRound !== null || run.openRequest.pending) return { run, commands: [] };
  return requestRound(run);
}

function requestRound(run: Run): RunDecision {
  const request = run.openRequest.number + 1;
  return {
    run: { ...run, openRequest: { number: request, pending: true } },
    commands: [{ kind: "open-round", runId: run.runId, request }],
  };
}

/** What may be done instead. */
const REMEDIES: Partial<Record<Run["status"], string>> = {
  preparing: ". Wait until it is ready; it may be started before",
  ready: ". Start it",
  paused: ". Resume it",
  completed: ". Create another run",
  cancelled: ". Create another run",
  failed: ". Create another run",
};

function illegal(what: string, run: Run): FlError {
  const remembered = run.status === "preparing" && run.startWhenReady;
  const hint = remembered ? " and will start when it is prepared" : (REMEDIES[run.status] ?? "");
  return new FlError("failed-precondition", `Cannot ${what} run ${run.runId}: it is ${run.status}${hint}.`, {
    retry: "never",
  });
}

/** A new run: its initial weights are still to be made. */
export function createRun(runId: string, spec: StoredRunSpec, createdBy: string, nowMs: number): Run {
  const group = groupOf(spec);
  return {
    runId,
    spec,
    status: "preparing",
    statusReason: null,
    waiting: null,
    ...(group === null ? {} : { teaches: group }),
    startWhenReady: false,
    round: 0,
    openRound: null,
    openRequest: { number: 0, pending: false },
    model: null,
    modelVersion: null,
    evaluatedVersion: null,
    best: null,
    accuracy: null,
    loss: null,
    unscoredReason: null,
    eur: null,
    totals: {
      invoked: 0,
      inTime: 0,
      late: 0,
      failed: 0,
      rejected: 0,
      missed: 0,
      costUsd: 0,
      preparationUsd: 0,
      wallMs: 0,
    },
    createdBy,
    labels: {},
    notes: "",
    createdAt: nowMs,
    startedAt: null,
    endedAt: null,
    swept: false,
    updatedAt: nowMs,
  };
}

/** What the run as it stands is waiting for; asking for it again is harmless. */
export function pendingCommands(run: Run): readonly Command[] {
  if (run.status === "preparing") return [{ kind: "prepare", runId: run.runId }];
  if (hasEnded(run)) return run.swept ? [] : [{ kind: "sweep", runId: run.runId, pass: 1 }];
  if (!run.openRequest.pending) return [];
  return [{ kind: "open-round", runId: run.runId, request: run.openRequest.number }];
}
