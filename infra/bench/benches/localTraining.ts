// Local training beside what TensorFlow.js does by itself: milliseconds a step of the same model on the same
// data.

import { median } from "simple-statistics";
import { loadTensors, type Tensors } from "../../../shared/cloud/tensors/loadTensors.ts";
import { createTensorTrainer } from "../../../shared/cloud/tensors/tensorTrainer.ts";
import { TrainingOptions } from "../../../shared/core/methods/training/options.ts";
import { modelSpec } from "../../../shared/core/models/builtinModels.ts";
import { initialWeights } from "../../../shared/core/models/initialWeights.ts";
import { toLayersTopology } from "../../../shared/core/models/topology.ts";
import type { TrainTask } from "../../../shared/core/ports/trainer.ts";
import type { LayersTopology } from "../../../shared/core/schemas/model.ts";
import type { Bench } from "../bench.ts";

const SAMPLES = 320;
const BATCH = 32;
const REPEATS = 5;
const LEARNING_RATE = 0.001;

export const localTraining: Bench = {
  name: "local-training",
  about: "a step of mnist-cnn in the client's trainer, beside TensorFlow.js's own model.fit",
  async run() {
    const tensors = await loadTensors();
    const topology = toLayersTopology(modelSpec("mnist-cnn"));
    const x = Float32Array.from({ length: SAMPLES * 784 }, (_, i) => ((i * 7919) % 256) / 255);
    const y = Float32Array.from({ length: SAMPLES }, (_, i) => i % 10);
    const trainer = createTensorTrainer(tensors);
    const shapes = await trainer.describe(topology);
    const task: TrainTask = {
      topology,
      weights: initialWeights(topology, shapes, 1),
      data: { x: { shape: [SAMPLES, 28, 28, 1], values: x }, y: { shape: [SAMPLES], values: y } },
      training: TrainingOptions.parse({
        batchSize: BATCH,
        optimizer: { name: "adam", learningRate: LEARNING_RATE },
      }),
      seed: 1,
      round: 1,
      clientId: "bench",
    };
    // Only the steps are compared: neither building the model nor, of ours, measuring the loss before and
    // after.
    const [ours, stock]: [number[], number[]] = [[], []];
    for (let turn = 0; turn <= REPEATS; turn++) {
      ours.push((await trainer.train(task)).timings.trainMs);
      stock.push(await stockFit(tensors, topology, x, y));
    }
    const stepMs = (times: readonly number[]) => median(times.slice(1)) / (SAMPLES / BATCH);
    const note = `${tensors.backend} ${tensors.version}, ${BATCH} images a step`;
    return [
      { name: "the client's trainer", value: stepMs(ours), unit: "ms", note },
      { name: "model.fit", value: stepMs(stock), unit: "ms", note: "the same model, optimiser and data" },
      { name: "trainer ÷ model.fit", value: stepMs(ours) / stepMs(stock), unit: "x" },
    ];
  },
};

/** The stock way: build, compile, fit one epoch. The milliseconds of the fit alone. */
async function stockFit({ tf }: Tensors, topology: LayersTopology, x: Float32Array, y: Float32Array) {
  const model = await tf.models.modelFromJSON(
    structuredClone(topology) as Parameters<typeof tf.models.modelFromJSON>[0],
  );
  const optimizer = tf.train.adam(LEARNING_RATE);
  model.compile({ optimizer, loss: "sparseCategoricalCrossentropy" });
  const [inputs, labels] = [tf.tensor(x, [SAMPLES, 28, 28, 1]), tf.tensor(y, [SAMPLES, 1])];
  const startedMs = performance.now();
  await model.fit(inputs, labels, { epochs: 1, batchSize: BATCH, shuffle: true, verbose: 0 });
  const fitMs = performance.now() - startedMs;
  tf.dispose([inputs, labels]);
  optimizer.dispose();
  model.dispose();
  return fitMs;
}
