// Prepares a run: builds its model once to learn its parameters, and writes version 0 from the run's seed.
import { FlError } from "../../shared/core/errors.ts";
import { modelSpec } from "../../shared/core/models/builtinModels.ts";
import { initialWeights } from "../../shared/core/models/initialWeights.ts";
import { toLayersTopology } from "../../shared/core/models/topology.ts";
import { refs } from "../../shared/core/ports/store.ts";
import { pendingCommands, prepared, unpreparable } from "../../shared/core/round/control.ts";
import { modelObject, topologyObject } from "../../shared/core/round/objects.ts";
import { LayersTopology, type ModelInfo } from "../../shared/core/schemas/model.ts";
import type { Run } from "../../shared/core/schemas/run.ts";
import type { PrepareTask } from "../../shared/core/schemas/tasks.ts";
import { elementCount, encodeSafetensors } from "../../shared/core/updates/safetensors.ts";
import { tensorsOf } from "../../shared/core/updates/weights.ts";
import type { EvaluatorDeps } from "./deps.ts";

const BYTES_PER_VALUE = 4;

/** Makes the run ready, or fails it with the reason. Returns what came of it, in words; repeating it is harmless. */
export async function prepareRun(task: PrepareTask, deps: EvaluatorDeps): Promise<string> {
  const run = await readRun(task.runId, deps);
  if (run.status === "preparing") {
    try {
      const model = await writeInitialModel(run, deps);
      await changeRun(task.runId, deps, (current) => prepared(current, model, deps.nowMs()).run);
    } catch (error) {
      if (!(error instanceof FlError) || error.code !== "invalid-argument") throw error;
      await changeRun(task.runId, deps, (current) => unpreparable(current, error.message, deps.nowMs()));
      return `the model cannot be used: ${error.message}`;
    }
  }
  const after = await readRun(task.runId, deps);
  await deps.dispatch(pendingCommands(after));
  return `the run is ${after.status}`;
}

async function writeInitialModel(run: Run, { objects, trainer }: EvaluatorDeps): Promise<ModelInfo> {
  const topology = await topologyOf(run, objects);
  const shapes = await (await trainer()).describe(topology);
  const weights = initialWeights(topology, shapes, run.spec.seed);
  const metadata = { runId: run.runId, version: "0", round: "0" };
  if ("builtin" in run.spec.model) {
    await objects.write(topologyObject(run.runId), new TextEncoder().encode(JSON.stringify(topology)), {
      contentType: "application/json",
    });
  }
  await objects.write(modelObject(run.runId, 0), encodeSafetensors(tensorsOf(weights), metadata));
  const parameterCount = shapes.reduce((sum, { shape }) => sum + elementCount(shape), 0);
  return {
    parameters: shapes.map(({ name, shape }) => ({ name, shape: [...shape] })),
    parameterCount,
    sizeBytes: parameterCount * BYTES_PER_VALUE,
  };
}

/** @throws FlError("invalid-argument") for a built-in model there is none of, or a topology that is none. */
async function topologyOf(run: Run, objects: EvaluatorDeps["objects"]): Promise<LayersTopology> {
  const { model } = run.spec;
  if ("builtin" in model) return toLayersTopology(modelSpec(model.builtin));
  const text = new TextDecoder().decode(await objects.read(model.object));
  return LayersTopology.parse(JSON.parse(text));
}

async function readRun(runId: string, { store }: EvaluatorDeps): Promise<Run> {
  const run = await store.get(refs.run(runId));
  if (run === null) throw new FlError("not-found", `There is no run ${runId}.`);
  return run;
}

async function changeRun(runId: string, { store }: EvaluatorDeps, change: (run: Run) => Run): Promise<void> {
  await store.transact(async (transaction) => {
    const ref = refs.run(runId);
    const current = await transaction.get(ref);
    if (current !== null) transaction.set(ref, change(current));
  });
}
