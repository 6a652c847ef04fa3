// Steps of one model in a process of its own: what a step takes once it is recorded, and what the first ones
// take.
import { loadTensors } from "../../../shared/cloud/tensors/loadTensors.ts";
import { createTensorTrainer } from "../../../shared/cloud/tensors/tensorTrainer.ts";
import { TrainingOptions } from "../../../shared/core/methods/training/options.ts";
import { initialWeights } from "../../../shared/core/models/initialWeights.ts";
import { randomFrom } from "../../../shared/core/random.ts";
import { STEP_BATCH, STEP_LEARNING_RATE, stepModels } from "./stepModels.ts";

const WARM_STEPS = 20;

const [index, steps] = process.argv.slice(2).map(Number);
const chosen = stepModels[index ?? -1];
if (chosen === undefined || steps === undefined) throw new Error("usage: trainingStepAlone.ts MODEL STEPS");
const { topology, inputShape, classes, tokens } = chosen;
const tensors = await loadTensors();
const trainer = createTensorTrainer(tensors);
const { shapes } = { shapes: await trainer.describe(topology) };
const random = randomFrom(1, "bench", "step");
const size = inputShape.reduce((product, each) => product * each, 1);

/** The milliseconds of so many steps in one task of an instance that has trained before. */
async function trainMs(count: number): Promise<number> {
  const samples = count * STEP_BATCH;
  const draw = () => (tokens === null ? random.next() : Math.floor(random.next() * tokens));
  const { timings } = await trainer.train({
    topology,
    weights: initialWeights(topology, shapes, 1),
    data: {
      x: { shape: [samples, ...inputShape], values: Float32Array.from({ length: samples * size }, draw) },
      y: { shape: [samples], values: Float32Array.from({ length: samples }, (_, i) => i % classes) },
    },
    training: TrainingOptions.parse({
      batchSize: STEP_BATCH,
      optimizer: { name: "adam", learningRate: STEP_LEARNING_RATE },
    }),
    seed: 1,
    round: 1,
    clientId: "bench",
  });
  return timings.trainMs;
}

const firstMs = await trainMs(WARM_STEPS);
const shortMs = await trainMs(WARM_STEPS);
const longMs = await trainMs(WARM_STEPS + steps);
process.send?.({
  stepMs: (longMs - shortMs) / steps,
  firstMs,
  backend: `${tensors.backend} ${tensors.version}`,
});
