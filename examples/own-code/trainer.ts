// A trainer without TensorFlow: softmax regression by gradient descent, in plain numbers. Its model is one
// dense layer, whatever that is called: a kernel [inputs, classes] and a bias [classes].
import type { About, Trained, Trainer, TrainingBatch } from "fedstratus/client";

export const about: About = { name: "softmax-regression", version: "1.0.0" };

const train: Trainer = async (input): Promise<Trained> => {
  const { parameters, data, training, random, deadlineMs, maxSteps } = input;
  const kernel = parameters.find(({ shape }) => shape.length === 2);
  const bias = parameters.find(({ shape }) => shape.length === 1);
  const classes = kernel?.shape[1];
  if (kernel === undefined || bias === undefined || classes === undefined || parameters.length !== 2) {
    throw new Error("This trainer is for a model of one dense layer.");
  }
  const model = {
    kernel: new Float32Array(input.weights.get(kernel.name) ?? []),
    bias: new Float32Array(input.weights.get(bias.name) ?? []),
    classes,
  };
  const rate = learningRateOf(training);
  let [steps, lossSum, seen] = [0, 0, 0];
  let partial = false;
  epochs: for (let epoch = 0; epoch < training.localEpochs; epoch++) {
    [lossSum, seen] = [0, 0];
    for await (const batch of data.batches(training.batchSize, random)) {
      if (steps === maxSteps) break epochs;
      if (deadlineMs !== undefined && Date.now() >= deadlineMs) {
        partial = true;
        break epochs;
      }
      lossSum += step(model, batch, rate);
      seen += batch.x.shape[0] ?? 0;
      steps++;
    }
  }
  if (seen > 0) input.log.metric("trainLoss", lossSum / seen);
  return {
    weights: new Map([
      [kernel.name, model.kernel],
      [bias.name, model.bias],
    ]),
    steps,
    partial,
  };
};

export default train;

interface Softmax {
  readonly kernel: Float32Array;
  readonly bias: Float32Array;
  readonly classes: number;
}

/** One step of gradient descent on the mean loss of a batch; the sum of its losses before the step. */
function step({ kernel, bias, classes }: Softmax, { x, y }: TrainingBatch, rate: number): number {
  const rows = x.shape[0] ?? 0;
  const inputs = rows === 0 ? 0 : x.values.length / rows;
  const [ofKernel, ofBias] = [new Float64Array(kernel.length), new Float64Array(classes)];
  let loss = 0;
  for (let row = 0; row < rows; row++) {
    const scores = Array.from({ length: classes }, (_, c) => {
      let score = bias[c] ?? 0;
      for (let i = 0; i < inputs; i++)
        score += (x.values[row * inputs + i] ?? 0) * (kernel[i * classes + c] ?? 0);
      return score;
    });
    const largest = Math.max(...scores);
    const powers = scores.map((score) => Math.exp(score - largest));
    const sum = powers.reduce((a, b) => a + b, 0);
    const label = y.values[row] ?? 0;
    loss -= Math.log((powers[label] ?? 0) / sum);
    for (let c = 0; c < classes; c++) {
      const error = (powers[c] ?? 0) / sum - (c === label ? 1 : 0);
      ofBias[c] = (ofBias[c] ?? 0) + error;
      for (let i = 0; i < inputs; i++) {
        const at = i * classes + c;
        ofKernel[at] = (ofKernel[at] ?? 0) + error * (x.values[row * inputs + i] ?? 0);
      }
    }
  }
  for (const [i, gradient] of ofKernel.entries()) kernel[i] = (kernel[i] ?? 0) - (rate * gradient) / rows;
  for (const [c, gradient] of ofBias.entries()) bias[c] = (bias[c] ?? 0) - (rate * gradient) / rows;
  return loss;
}

function learningRateOf(training: Readonly<Record<string, unknown>>): number {
  const { learningRate } = Object(training["optimizer"]) as { readonly learningRate?: unknown };
  return typeof learningRate === "number" ? learningRate : 0.01;
}
