// Scores a model version on the evaluation data and writes the score down; decides nothing else.

import { meterCall } from "../../shared/cloud/callCost.ts";
import { readRound } from "../../shared/cloud/store/found.ts";
import { FlError } from "../../shared/core/errors.ts";
import { refs } from "../../shared/core/ports/store.ts";
import type { TaskBody } from "../../shared/core/protocol/tasks.ts";
import { pendingCommands } from "../../shared/core/round/control.ts";
import {
  awaitsScore,
  type Evaluation,
  evaluationOf,
  recordEvaluation,
  recordUnscored,
  whyUnscored,
} from "../../shared/core/round/evaluation.ts";
import { scoreObject } from "../../shared/core/round/objects.ts";
import type { Round } from "../../shared/core/schemas/round.ts";
import type { Run } from "../../shared/core/schemas/run.ts";
import type { EvaluatorDeps } from "./deps.ts";
import { scoreVersion } from "./scoreVersion.ts";

/** A version that cannot be scored is recorded as such: it is in the model's history all the same. */
export async function evaluateVersion(task: TaskBody<"evaluate">, deps: EvaluatorDeps): Promise<string> {
  const { run, round } = await readRound(deps.store, task.runId, task.round);
  if (!awaitsScore(round, task.version)) {
    // The instance that scored it may have died before the run that waited for it could go on.
    if (run.openRequest.pending) await deps.dispatch(pendingCommands(run));
    return "nothing to score";
  }
  const costSoFar = meterCall(deps);
  const unscored = whyUnscored(run);
  if (unscored !== null) {
    await record(task, deps, (currentRun, current) =>
      recordUnscored(currentRun, current, task.version, unscored, costSoFar()),
    );
    return unscored;
  }
  let evaluation: Omit<Evaluation, "costUsd">;
  try {
    ({ score: evaluation } = await scoreVersion(
      run,
      { version: task.version, ...evaluationOf(run.spec), details: scoreObject(task.runId, task.version) },
      deps,
    ));
  } catch (error) {
    if (!(error instanceof FlError) || error.retry !== "never") throw error;
    deps.log.error("version cannot be scored", { runId: task.runId, version: task.version, error });
    await record(task, deps, (currentRun, current) =>
      recordUnscored(currentRun, current, task.version, error.message, costSoFar()),
    );
    return error.message;
  }
  await record(task, deps, (currentRun, current) =>
    recordEvaluation(
      currentRun,
      current,
      task.version,
      { ...evaluation, costUsd: costSoFar() },
      deps.nowMs(),
    ),
  );
  const { accuracy, loss } = evaluation;
  if (!Number.isFinite(loss)) {
    deps.log.error("version cannot be used", { runId: task.runId, version: task.version, loss });
    return `version ${task.version} cannot be used: its loss is ${loss}`;
  }
  deps.log.info("version scored", { runId: task.runId, version: task.version, accuracy, loss });
  return accuracy === null ? `loss ${loss.toPrecision(4)}` : `accuracy ${accuracy.toFixed(4)}`;
}

async function record(
  task: TaskBody<"evaluate">,
  { store, dispatch }: EvaluatorDeps,
  change: (run: Run, round: Round) => { readonly run: Run; readonly round: Round },
): Promise<void> {
  const commands = await store.transact("record-score", async (transaction) => {
    const before = await readRound(transaction, task.runId, task.round);
    const after = change(before.run, before.round);
    if (after.run !== before.run) transaction.set(refs.run(task.runId), after.run);
    if (after.round !== before.round) transaction.set(refs.round(task.runId, task.round), after.round);
    const goesOn = after.run.openRequest.pending && !before.run.openRequest.pending;
    return goesOn ? pendingCommands(after.run) : [];
  });
  await dispatch(commands);
}
