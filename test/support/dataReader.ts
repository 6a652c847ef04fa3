// A process of its own that brings data as a function does, perhaps trains or scores a model on them, and
// reports the memory that it took. `dataReader.ts JOB`, the job as JSON, with the function's variables in
// its environment.
import { readFileSync } from "node:fs";
import { connect as connectClient } from "../../functions/client/deps.ts";
import { ClientEnv } from "../../functions/client/env.ts";
import { connect as connectEvaluator } from "../../functions/evaluator/deps.ts";
import { EvaluatorEnv } from "../../functions/evaluator/env.ts";
import { readEnv } from "../../shared/cloud/env.ts";
import type { LossName } from "../../shared/cloud/tensors/losses.ts";
import { FlError } from "../../shared/core/errors.ts";
import { elementCount } from "../../shared/core/updates/safetensors.ts";
import { buildSpec } from "./builders.ts";

export interface DataJob {
  readonly function: "client" | "evaluator";
  /**
   * What comes after the data are there; nothing when absent. A model from the samples to `outputs` numbers.
   */
  readonly model?: {
    readonly loss: LossName;
    readonly inputs: number;
    readonly outputs: number;
    readonly batchSize?: number;
  };
}

export interface DataMeasured {
  readonly peakMib: number;
  readonly refusal: { readonly code: string; readonly message: string } | null;
}

const job: DataJob = JSON.parse(process.argv[2] ?? "{}");
let refusal: DataMeasured["refusal"] = null;
try {
  await work();
} catch (error) {
  if (!(error instanceof FlError)) throw error;
  refusal = { code: error.code, message: error.message };
}
const measured: DataMeasured = { peakMib: peakMib(), refusal };
process.send?.(measured);
process.disconnect?.();

async function work(): Promise<void> {
  const deps =
    job.function === "client"
      ? connectClient(readEnv(ClientEnv), 0)
      : connectEvaluator(readEnv(EvaluatorEnv), 0);
  const data =
    "readData" in deps ? await deps.readData({ clientId: "clinic-07" }) : await deps.evaluationData();
  if (job.model === undefined) return;
  const { loss, inputs, outputs, batchSize = 1_024 } = job.model;
  const trainer = await deps.trainer();
  const activation =
    loss === "meanSquaredError" ? "linear" : loss === "binaryCrossentropy" ? "sigmoid" : "softmax";
  const config = { name: "out", units: outputs, activation, batch_input_shape: [null, inputs] };
  const layers = [{ class_name: "Dense", config }];
  const topology = { model_config: { class_name: "Sequential", config: { name: "probe", layers } } };
  const shapes = await trainer.describe(topology);
  const weights = shapes.map(({ name, shape }) => ({
    name,
    shape,
    values: new Float32Array(elementCount(shape)),
  }));
  if (job.function === "evaluator") {
    await trainer.evaluate({ topology, weights, data, loss, batchSize });
    return;
  }
  const { training } = buildSpec({ training: { loss, batchSize } });
  await trainer.train({ topology, weights, data, training, seed: 1, round: 1, clientId: "clinic-07" });
}

/** The most physical memory that this process ever had. */
function peakMib(): number {
  const status = readFileSync("/proc/self/status", "utf8");
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) / 1_024;
}
