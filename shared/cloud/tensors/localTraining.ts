// The steps of local training: plain, or pulled back to the incoming weights (FedProx; Li, Sahu, Zaheer,
// Sanjabi, Talwalkar, Smith, "Federated optimization in heterogeneous networks", 2020).
import { setImmediate } from "node:timers/promises";
import type { Scalar, Tensor } from "@tensorflow/tfjs";
import { FlError } from "../../core/errors.ts";
import type { TrainProgress, TrainTask } from "../../core/ports/trainer.ts";
import { randomFrom } from "../../core/random.ts";
import { type Batch, batchOf } from "./batches.ts";
import { withDraws } from "./draws.ts";
import type { FittedData } from "./labels.ts";
import type { BuiltModel } from "./layersModel.ts";
import { lossNamed } from "./losses.ts";
import { type LocalOptimizer, makeOptimizer } from "./optimizer.ts";
import type { TensorFlow } from "./tensorFlow.ts";

/** A task whose data are in the shapes that model and loss take. */
export interface FittedTask extends TrainTask {
  readonly data: FittedData;
}

export interface StepsDone {
  readonly steps: number;
  readonly partial: boolean;
}

/** Trains the model in place. Leaves no tensors behind but the model's own. */
export async function trainLocally(
  tf: TensorFlow,
  model: BuiltModel,
  task: FittedTask,
  samples: number,
): Promise<StepsDone> {
  const optimizer = makeOptimizer(tf, task.training.optimizer);
  // The model's variables change under training, so what they are pulled back to is a copy.
  const anchors = task.training.proximalMu > 0 ? model.trained.map((variable) => variable.clone()) : [];
  try {
    return await runEpochs(tf, model, task, samples, optimizer, anchors);
  } finally {
    optimizer.dispose();
    tf.dispose([...anchors]);
  }
}

async function runEpochs(
  tf: TensorFlow,
  model: BuiltModel,
  task: FittedTask,
  samples: number,
  optimizer: LocalOptimizer,
  anchors: readonly Tensor[],
): Promise<StepsDone> {
  const { localEpochs, batchSize } = task.training;
  let steps = 0;
  for (let epoch = 1; epoch <= localEpochs; epoch++) {
    const { seed, round, clientId } = task;
    const order = randomFrom(seed, round, clientId, "shuffle", epoch).order(samples);
    let lossSum = 0;
    for (let start = 0; start < samples; start += batchSize) {
      if (task.deadlineMs !== undefined && Date.now() >= task.deadlineMs) return { steps, partial: true };
      const batch = order.subarray(start, start + batchSize);
      steps++;
      const loss = withDraws(randomFrom(seed, round, clientId, "draws", epoch, steps), () =>
        tf.tidy(() => step(tf, model, task, optimizer, anchors, batchOf(tf, task.data, batch))),
      );
      checkFinite(loss, `in step ${steps} of epoch ${epoch}`, task);
      lossSum += loss * batch.length;
      await setImmediate(); // Signals and other requests get their turn between steps.
    }
    const progress: TrainProgress = { epoch, steps, loss: lossSum / samples };
    task.onProgress?.(progress);
  }
  return { steps, partial: false };
}

/** One optimiser step; the loss it started from. Within `tf.tidy`. */
function step(
  tf: TensorFlow,
  model: BuiltModel,
  { training }: TrainTask,
  optimizer: LocalOptimizer,
  anchors: readonly Tensor[],
  { x, y }: Batch,
): number {
  const loss = lossNamed(tf, training.loss);
  const objective = (): Scalar =>
    model
      .penalties()
      .reduce<Scalar>(
        (sum, penalty) => tf.add(sum, tf.mean(penalty)),
        loss.mean(y, model.apply(x, { training: true })),
      );
  const { value, grads } = tf.variableGrads(objective, [...model.trained]);
  // The gradient of mu/2 ||w - anchor||² is mu (w - anchor): cheaper added here than derived.
  anchors.forEach((anchor, i) => {
    const variable = model.trained[i];
    const gradient = variable && grads[variable.name];
    if (variable === undefined || gradient === undefined || gradient === null) return;
    grads[variable.name] = tf.add(gradient, tf.mul(training.proximalMu, tf.sub(variable, anchor)));
  });
  optimizer.step(grads);
  return value.dataSync()[0] ?? Number.NaN;
}

/** Throws `invalid-argument` for a loss that is no number any more: no retry would end otherwise. */
export function checkFinite(loss: number, when: string, { training }: TrainTask): void {
  if (Number.isFinite(loss)) return;
  throw new FlError(
    "invalid-argument",
    `Training diverged: the loss is ${loss} ${when}. ` +
      `Lower training.optimizer.learningRate (${training.optimizer.learningRate}) or check the data.`,
  );
}
