// Scores a model version because somebody asked for it, and writes the score beside the run.
import { meterCall } from "../../shared/cloud/callCost.ts";
import { readRun } from "../../shared/cloud/store/found.ts";
import { FlError } from "../../shared/core/errors.ts";
import { refs } from "../../shared/core/ports/store.ts";
import type { TaskBody } from "../../shared/core/protocol/tasks.ts";
import {
  awaitsEvaluation,
  failedEvaluation,
  scoredEvaluation,
} from "../../shared/core/round/askedEvaluation.ts";
import { evaluationOf } from "../../shared/core/round/evaluation.ts";
import { askedScoreObject } from "../../shared/core/round/objects.ts";
import type { Evaluation } from "../../shared/core/schemas/evaluation.ts";
import type { EvaluatorDeps } from "./deps.ts";
import { scoreVersion } from "./scoreVersion.ts";

/** A version that cannot be scored is an answer, too. Repeating it changes nothing. */
export async function scoreAsked(
  { runId, version, number }: TaskBody<"score">,
  deps: EvaluatorDeps,
): Promise<string> {
  const { store, log, nowMs } = deps;
  const ref = refs.evaluation(runId, version);
  const asked = await store.get(ref);
  if (asked === null || !awaitsEvaluation(asked, number, nowMs())) return "nothing to score";
  const costSoFar = meterCall(deps);
  const run = await readRun(store, runId);
  const scored = await scoreVersion(
    run,
    {
      version,
      data: asked.data ?? undefined,
      metrics: asked.metricNames,
      batchSize: evaluationOf(run.spec).batchSize,
      details: askedScoreObject(runId, version, number),
    },
    deps,
  ).catch((error: unknown) => {
    if (!(error instanceof FlError) || error.retry !== "never") throw error;
    return error;
  });
  if (scored instanceof FlError) {
    log.error("version cannot be scored", { runId, version, number, error: scored });
    await record((current) => failedEvaluation(current, scored.message, costSoFar(), nowMs()));
    return scored.message;
  }
  const { score, hasDetails } = scored;
  await record((current) =>
    scoredEvaluation(current, { ...score, hasDetails, costUsd: costSoFar() }, nowMs()),
  );
  log.info("version scored, as asked", { runId, version, number, loss: score.loss });
  return `loss ${score.loss.toPrecision(4)}`;

  async function record(change: (current: Evaluation) => Evaluation): Promise<void> {
    await store.transact("record-evaluation", async (transaction) => {
      const current = await transaction.get(ref);
      // What was asked meanwhile, once nobody waited for this one any more, has a task of its own.
      if (current?.number !== number || current.status !== "asked") return;
      transaction.set(ref, change(current));
    });
  }
}
