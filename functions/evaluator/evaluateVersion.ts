// Scores a model version on the evaluation data and writes the score down; decides nothing else.
import { invocationCost } from "../../shared/core/cost/cost.ts";
import { priceTables } from "../../shared/core/cost/prices.ts";
import { FlError } from "../../shared/core/errors.ts";
import { readTopology } from "../../shared/core/models/topology.ts";
import { refs } from "../../shared/core/ports/store.ts";
import { recordEvaluation } from "../../shared/core/round/evaluation.ts";
import { modelObject, topologyObject } from "../../shared/core/round/objects.ts";
import type { EvaluateTask } from "../../shared/core/schemas/tasks.ts";
import { decodeSafetensors } from "../../shared/core/updates/safetensors.ts";
import { weightsOf } from "../../shared/core/updates/weights.ts";
import type { EvaluatorDeps } from "./deps.ts";

/** Samples at a time: enough to keep the cores busy, little enough for a small instance. */
const BATCH_SIZE = 250;

export async function evaluateVersion(task: EvaluateTask, deps: EvaluatorDeps): Promise<string> {
  const { store, objects, nowMs, capacity } = deps;
  const [runRef, roundRef] = [refs.run(task.runId), refs.round(task.runId, task.round)];
  const [run, round] = await Promise.all([store.get(runRef), store.get(roundRef)]);
  if (run === null || round === null || run.model === null) {
    throw new FlError("not-found", `There is no round ${task.round} of run ${task.runId}.`);
  }
  if (round.newVersion !== task.version || round.accuracy !== null) return "nothing to score";

  const startedMs = nowMs();
  const [trainer, data, topology, model] = await Promise.all([
    deps.trainer(),
    deps.evaluationData(),
    objects.read(topologyObject(task.runId)),
    objects.read(modelObject(task.runId, task.version)),
  ]);
  const { accuracy, loss } = await trainer.evaluate({
    topology: readTopology(topology),
    weights: weightsOf(decodeSafetensors(model).tensors, run.model.parameters),
    data,
    loss: run.spec.training.loss,
    batchSize: BATCH_SIZE,
  });
  const evaluateMs = Math.max(0, nowMs() - startedMs);
  const costUsd = invocationCost({ durationMs: evaluateMs, ...capacity }, priceTables["cloud-run-2026"]);
  await store.transact(async (transaction) => {
    const currentRun = await transaction.get(runRef);
    const currentRound = await transaction.get(roundRef);
    if (currentRun === null || currentRound === null)
      throw new FlError("not-found", `Run ${task.runId} is gone.`);
    const scored = recordEvaluation(
      currentRun,
      currentRound,
      task.version,
      { accuracy, loss, evaluateMs, costUsd },
      nowMs(),
    );
    transaction.set(runRef, scored.run);
    transaction.set(roundRef, scored.round);
  });
  deps.log.info("version scored", { runId: task.runId, version: task.version, accuracy, loss });
  return `accuracy ${accuracy.toFixed(4)}`;
}
