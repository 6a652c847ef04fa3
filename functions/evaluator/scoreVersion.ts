// Computes the scores of a model version on a test set, and keeps what is too long for a document in a file.
import { writeOnce } from "../../shared/cloud/objects/writeOnce.ts";
import { FlError } from "../../shared/core/errors.ts";
import { readTopology } from "../../shared/core/models/topology.ts";
import type { Evaluation } from "../../shared/core/round/evaluation.ts";
import { modelObject, topologyObject } from "../../shared/core/round/objects.ts";
import type { Run } from "../../shared/core/schemas/run.ts";
import { decodeSafetensors } from "../../shared/core/updates/safetensors.ts";
import { weightsOf } from "../../shared/core/updates/weights.ts";
import type { EvaluatorDeps } from "./deps.ts";

export interface Scoring {
  readonly version: number;
  /** The test set; undefined: the deployment's only, unnamed one. */
  readonly data: string | undefined;
  /** Built-in metrics beside loss and accuracy. */
  readonly metrics: readonly string[];
  readonly batchSize: number;
  /** The object for scores by class; it is written where a metric asks for them. */
  readonly details: string;
}

/** @throws FlError with retry "never" for what no other try scores, such as a test set that does not fit */
export async function scoreVersion(
  run: Run,
  { version, data: name, metrics: asked, batchSize, details: object }: Scoring,
  deps: EvaluatorDeps,
): Promise<{ readonly score: Omit<Evaluation, "costUsd">; readonly hasDetails: boolean }> {
  const { objects, nowMs } = deps;
  const { runId, model: known, spec } = run;
  if (known === null) throw new FlError("failed-precondition", `Run ${runId} has no model.`);
  const startedMs = nowMs();
  const [trainer, data, topology, model] = await Promise.all([
    deps.trainer(),
    deps.evaluationData(name),
    objects.read(topologyObject(runId)),
    objects.read(modelObject(runId, version)),
  ]);
  const { accuracy, loss, metrics, details } = await trainer.evaluate({
    topology: readTopology(topology),
    weights: weightsOf(decodeSafetensors(model).tensors, known.parameters),
    data,
    loss: spec.training.loss,
    metrics: asked,
    batchSize,
  });
  if (details !== null) {
    const file = new TextEncoder().encode(JSON.stringify({ version, ...details }));
    await writeOnce(objects, object, file, { step: "write-score", contentType: "application/json" });
  }
  const evaluateMs = Math.max(0, nowMs() - startedMs);
  return {
    score: { accuracy, loss, metrics, evaluateMs, backend: trainer.backend },
    hasDetails: details !== null,
  };
}
