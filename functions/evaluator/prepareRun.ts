// Prepares a run: builds its model once to learn its parameters, and writes version 0 from the run's seed, or
// from the values that were uploaded.

import { meterCall } from "../../shared/cloud/callCost.ts";
import { writeOnce } from "../../shared/cloud/objects/writeOnce.ts";
import { readRun } from "../../shared/cloud/store/found.ts";
import { FlError } from "../../shared/core/errors.ts";
import { modelSpec } from "../../shared/core/models/builtinModels.ts";
import { initialWeights } from "../../shared/core/models/initialWeights.ts";
import { markLocal } from "../../shared/core/models/localLayers.ts";
import {
  maxParameters,
  modelSize,
  whyTooDeep,
  whyTooLarge,
  whyTooMany,
} from "../../shared/core/models/modelSize.ts";
import { sequenceShapes } from "../../shared/core/models/parameterShapes.ts";
import { layersOf, readTopology, toLayersTopology } from "../../shared/core/models/topology.ts";
import { refs } from "../../shared/core/ports/store.ts";
import type { TaskBody } from "../../shared/core/protocol/tasks.ts";
import { pendingCommands, prepared, unpreparable } from "../../shared/core/round/control.ts";
import { evaluationOf, whyUnscored } from "../../shared/core/round/evaluation.ts";
import { modelObject, topologyObject } from "../../shared/core/round/objects.ts";
import { asksForScores, PROBED_SAMPLES, probeSamples } from "../../shared/core/round/testSet.ts";
import { type LayersTopology, ModelInfo } from "../../shared/core/schemas/model.ts";
import { missingCode } from "../../shared/core/schemas/ownCode.ts";
import type { Run } from "../../shared/core/schemas/run.ts";
import type { Step } from "../../shared/core/steps.ts";
import { encodeSafetensors, headerEnd } from "../../shared/core/updates/safetensors.ts";
import { type ModelShape, tensorsOf, type Weights } from "../../shared/core/updates/weights.ts";
import type { EvaluatorDeps } from "./deps.ts";
import { givenInitialWeights } from "./givenInitialWeights.ts";
import { namedInitialWeights } from "./namedInitialWeights.ts";

/** Enough of a reason to act on; TensorFlow's may quote whole layers. */
const REASON_LENGTH = 2_000;

/**
 * Makes the run ready, or fails it with the reason: whatever another try would end with as well. Returns what
 * came of it, in words; repeating it is harmless.
 */
export async function prepareRun(task: TaskBody<"prepare">, deps: EvaluatorDeps): Promise<string> {
  const costSoFar = meterCall(deps);
  const run = await readRun(deps.store, task.runId);
  if (run.status === "preparing") {
    try {
      checkOwnLayers(run, deps);
      const model = await writeInitialModel(run, deps);
      await changeRun(
        "prepare-run",
        task.runId,
        deps,
        (current) => prepared(current, model, costSoFar(), deps.nowMs()).run,
      );
    } catch (error) {
      if (!(error instanceof FlError) || error.retry !== "never") throw error;
      const reason = error.message.slice(0, REASON_LENGTH).toWellFormed();
      deps.log.warn("run cannot be prepared", { runId: task.runId, code: error.code, error });
      await changeRun("fail-run", task.runId, deps, (current) => unpreparable(current, reason, deps.nowMs()));
      return `the run cannot be prepared: ${reason}`;
    }
  }
  const after = await readRun(deps.store, task.runId);
  await deps.dispatch(pendingCommands(after));
  return `the run is ${after.status}`;
}

/** A model of the owners' own layers is built here, too. */
function checkOwnLayers({ spec }: Run, { code }: EvaluatorDeps): void {
  const { layers } = spec.requires ?? {};
  const missing = missingCode({ layers }, code);
  if (missing === null) return;
  throw new FlError(
    "failed-precondition",
    `The run requires of this deployment ${missing}: deploy an evaluator that is bundled with it (docs/own-code.md).`,
    { retry: "never" },
  );
}

/**
 * Scores the initial weights on some samples where the run says how it wants to be scored: what could not be
 * scored later is known now. A run that says nothing may go without a test set.
 */
async function checkEvaluation(
  run: Run,
  topology: LayersTopology,
  weights: Weights,
  deps: EvaluatorDeps,
): Promise<void> {
  const { spec } = run;
  const asking = asksForScores(spec);
  if (asking === null || whyUnscored({ ...run, model: null }) !== null) return;
  const { data: name, metrics } = evaluationOf(spec);
  try {
    const data = await deps.evaluationData(name);
    const trainer = await deps.trainer();
    await trainer.evaluate({
      topology,
      weights,
      data: probeSamples("batches" in data ? data.first : data),
      loss: spec.training.loss,
      metrics,
      batchSize: PROBED_SAMPLES,
    });
  } catch (cause) {
    if (!(cause instanceof FlError) || cause.retry !== "never") throw cause;
    throw new FlError(
      cause.code,
      `${asking} needs a test set that fits the model: ${cause.message} Or create the run without it.`,
      { cause },
    );
  }
}

async function writeInitialModel(run: Run, deps: EvaluatorDeps): Promise<ModelInfo> {
  const { model, weights } = await initialModel(run, deps);
  const file = encodeSafetensors(tensorsOf(weights), { runId: run.runId, version: "0", round: "0" });
  headerEnd(file); // Names every parameter, too: what its readers would refuse is not written.
  await writeOnce(deps.objects, modelObject(run.runId, 0), file, { step: "write-model" });
  return model;
}

interface InitialModel {
  readonly model: ModelInfo;
  readonly weights: Weights;
}

/** Without a topology there is nothing to build: TensorFlow is not loaded. */
async function initialModel(run: Run, deps: EvaluatorDeps): Promise<InitialModel> {
  const { model: source, training } = run.spec;
  const { memoryMib } = deps.capacity;
  if ("parameters" in source) {
    const { shapes, weights } = await namedInitialWeights(source, deps);
    return { model: checkSize(markLocal(shapes, training.local ?? []), memoryMib), weights };
  }
  const topology = await topologyOf(run, deps.objects);
  const drawn = await drawWeights(run, topology, memoryMib, deps);
  await checkEvaluation(run, topology, drawn.weights, deps);
  if ("builtin" in source) {
    const json = new TextEncoder().encode(JSON.stringify(topology));
    await writeOnce(deps.objects, topologyObject(run.runId), json, {
      step: "write-topology",
      contentType: "application/json",
    });
  }
  return drawn;
}

/**
 * Its size is computed before anything is allocated: a model too large for the memory would end the
 * function each time.
 */
async function drawWeights(
  run: Run,
  topology: LayersTopology,
  memoryMib: number,
  deps: EvaluatorDeps,
): Promise<InitialModel> {
  const trainer = await deps.trainer();
  try {
    const tooDeep = whyTooDeep(layersOf(topology).length);
    if (tooDeep !== null) throw tooLarge(tooDeep);
    const knownShapes = sequenceShapes(topology);
    if (knownShapes !== undefined) checkSize(knownShapes, memoryMib);
    const described = await trainer.describe(topology, maxParameters(memoryMib));
    const shapes = markLocal(described, run.spec.training.local ?? []);
    const model = checkSize(shapes, memoryMib);
    const { weights: given } = run.spec.model;
    const weights =
      given === undefined
        ? initialWeights(topology, shapes, run.spec.seed)
        : await givenInitialWeights(given, topology, shapes, run.spec.seed, deps);
    return { model, weights };
  } catch (cause) {
    if (cause instanceof FlError) throw cause;
    // Nothing but arithmetic on the topology: the same one fails again.
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new FlError("invalid-argument", `The model cannot be built from its topology: ${why}`, { cause });
  }
}

/**
 * The model as a run's document keeps it. Throws `invalid-argument` for one that a document, or the memory,
 * cannot hold.
 */
function checkSize(shapes: ModelShape, memoryMib: number): ModelInfo {
  const size = modelSize(shapes);
  if (size.parameterCount === 0) {
    throw new FlError(
      "invalid-argument",
      "The model has no parameters to train: give it a layer that learns.",
    );
  }
  const tooMuch = whyTooLarge(size, memoryMib);
  if (tooMuch !== null) {
    throw tooLarge(`${tooMuch}; give the evaluator and the aggregator more memory or use a smaller model`);
  }
  const tooMany = whyTooMany(shapes);
  if (tooMany !== null) throw tooLarge(tooMany);
  const model = ModelInfo.safeParse({ parameters: shapes, ...size });
  if (model.success) return model.data;
  const [issue] = model.error.issues;
  throw new FlError(
    "invalid-argument",
    `The model cannot be used: ${issue?.path.join(".")}: ${issue?.message}.`,
    { cause: model.error },
  );
}

function tooLarge(why: string): FlError {
  return new FlError("invalid-argument", `The model is too large: ${why}.`);
}

/** @throws FlError("invalid-argument") for an unknown built-in model, or an invalid topology. */
async function topologyOf(run: Run, objects: EvaluatorDeps["objects"]): Promise<LayersTopology> {
  const { model } = run.spec;
  if ("builtin" in model) return toLayersTopology(modelSpec(model.builtin));
  if ("object" in model) return readTopology(await objects.read(model.object));
  throw new FlError("internal", `Run ${run.runId} has no topology to build a model from.`);
}

async function changeRun(
  step: Step,
  runId: string,
  { store }: EvaluatorDeps,
  change: (run: Run) => Run,
): Promise<void> {
  await store.transact(step, async (transaction) => {
    const ref = refs.run(runId);
    const current = await transaction.get(ref);
    if (current !== null) transaction.set(ref, change(current));
  });
}
