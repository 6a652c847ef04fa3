// The losses a run can name: each the mean over a batch, and when a sample counts as predicted right.
import type { Scalar, Tensor } from "@tensorflow/tfjs";
import { FlError } from "../../core/errors.ts";
import type { TrainingOptions } from "../../core/methods/training/options.ts";
import { targetKind } from "../../core/schemas/metric.ts";
import type { Prediction } from "./finalActivation.ts";
import type { TensorFlow } from "./tensorFlow.ts";

export type LossName = TrainingOptions["loss"];

/** Both take labels and what the model says of a batch, and run within `tf.tidy`. */
export interface Loss {
  /** Mean over the batch (and over positions, where a sample has several labels). */
  mean(labels: Tensor, prediction: Prediction): Scalar;
  /**
   * One 0 or 1 for each label, or for each sample that has several at once. Its mean is the accuracy; null
   * where there is none.
   */
  readonly hits: ((labels: Tensor, output: Tensor) => Tensor) | null;
  /** Of losses that compare probabilities, for learning from those of other models; absent elsewhere. */
  readonly soft?: SoftLoss;
}

/** Both run within `tf.tidy`. */
export interface SoftLoss {
  /** The probabilities that a model gives: of the classes, summing to 1, or of each output. */
  probabilities(prediction: Prediction): Tensor;
  /** Mean cross-entropy of a prediction with probabilities in the place of labels. */
  mean(probabilities: Tensor, prediction: Prediction): Scalar;
}

/**
 * The labels of a batch as metrics take them: class numbers where one of several classes is right, else a
 * target for each output. Call within `tf.tidy`.
 */
export function labelsIn(tf: TensorFlow, labels: Tensor, output: Tensor, loss: LossName): Tensor {
  const isOneHot = targetKind(loss) === "classes" && labels.size === output.size && loss !== SPARSE;
  return isOneHot ? tf.argMax(labels, -1) : labels;
}

/** A method that distils is refused with such a loss when its run is created. */
export function withoutProbabilities(): FlError {
  return new FlError(
    "internal",
    "The loss compares no probabilities, and there is nothing to learn from teachers.",
  );
}

const SPARSE: LossName = "sparseCategoricalCrossentropy";

/** Keeps a logarithm finite; what Keras uses. */
const epsilon = 1e-7;

/**
 * A cross-entropy is computed from what goes into the model's softmax or sigmoid, where it ends in one:
 * probabilities that are rounded or clipped to 0 or 1 have no gradient. Elsewhere it is computed from the
 * clipped outputs. Both are what Keras 3 does, which asks neither whether it is the activation that belongs
 * to the loss.
 */
export function lossNamed(tf: TensorFlow, name: LossName): Loss {
  // On WebAssembly a clipped NaN is a number. Times zero it is added again: a model without use has no loss.
  const clipped = (values: Tensor, most: number) =>
    tf.add(tf.clipByValue(values, epsilon, most), tf.mul(values, 0));
  const clip = (probabilities: Tensor) => clipped(probabilities, 1 - epsilon);
  const log = (probabilities: Tensor) => tf.log(clip(probabilities));
  const oneHot = (labels: Tensor, output: Tensor) =>
    tf.oneHot(tf.cast(labels, "int32"), output.shape.at(-1) ?? 1).toFloat();
  const crossEntropy = (targets: Tensor, logProbabilities: Tensor) =>
    tf.neg(tf.mean(tf.sum(tf.mul(targets, logProbabilities), -1))).asScalar();
  const binary = (labels: Tensor, output: Tensor) => {
    const ones = tf.mul(labels, log(output));
    const zeros = tf.mul(tf.sub(1, labels), tf.log(tf.sub(1, clip(output))));
    return tf.neg(tf.mean(tf.add(ones, zeros))).asScalar();
  };
  // log(1 + e^z) - y z: finite for every z, and its slope is sigmoid(z) - y at 0 as well.
  const binaryOfLogits = (labels: Tensor, logits: Tensor) =>
    tf.mean(tf.sub(tf.softplus(logits), tf.mul(labels, logits))).asScalar();
  const logOfClasses = ({ logits, output }: Prediction) => tf.logSoftmax(logits ?? log(output));
  const softClasses: SoftLoss = {
    probabilities: ({ logits, output }) => tf.softmax(logits ?? log(output)),
    mean: (probabilities, prediction) => crossEntropy(probabilities, logOfClasses(prediction)),
  };
  const softOutputs: SoftLoss = {
    probabilities: ({ logits, output }) => (logits === null ? clip(output) : tf.sigmoid(logits)),
    mean: (probabilities, { logits, output }) =>
      logits === null ? binary(probabilities, output) : binaryOfLogits(probabilities, logits),
  };
  const sameClass = (labels: Tensor, output: Tensor) =>
    tf.equal(tf.cast(labels, "int32"), tf.argMax(output, -1)).toFloat();
  const all = (right: Tensor) => tf.all(right.reshape([right.shape[0] ?? 0, -1]), 1).toFloat();

  switch (name) {
    case "sparseCategoricalCrossentropy":
      return {
        mean: (labels, prediction) =>
          crossEntropy(oneHot(labels, prediction.output), logOfClasses(prediction)),
        hits: sameClass,
        soft: softClasses,
      };
    case "categoricalCrossentropy":
      return {
        mean: (labels, { logits, output }) => {
          if (logits !== null) return crossEntropy(labels, tf.logSoftmax(logits));
          return crossEntropy(labels, log(tf.div(output, tf.sum(output, -1, true))));
        },
        hits: (labels, output) => sameClass(tf.argMax(labels, -1), output),
        soft: softClasses,
      };
    case "binaryCrossentropy":
      return {
        mean: (labels, { logits, output }) =>
          logits === null ? binary(labels, output) : binaryOfLogits(labels, logits),
        hits: (labels, output) => all(tf.equal(tf.greater(labels, 0.5), tf.greater(output, 0.5))),
        soft: softOutputs,
      };
    case "meanSquaredError":
      return {
        mean: (labels, { output }) => tf.mean(tf.squaredDifference(labels, output)).asScalar(),
        hits: null,
      };
    case "meanAbsoluteError":
      return {
        mean: (labels, { output }) => tf.mean(tf.abs(tf.sub(output, labels))).asScalar(),
        hits: null,
      };
    case "huber":
      // Huber 1964 with a threshold of 1: e² / 2 for errors below it, |e| − 1/2 above.
      return {
        mean: (labels, { output }) => {
          const error = tf.abs(tf.sub(output, labels));
          const small = tf.minimum(error, 1);
          return tf.mean(tf.add(tf.mul(tf.square(small), 0.5), tf.sub(error, small))).asScalar();
        },
        hits: null,
      };
    case "hinge":
      // Labels are -1 and 1: see `fitData`.
      return {
        mean: (labels, { output }) => tf.mean(tf.relu(tf.sub(1, tf.mul(labels, output)))).asScalar(),
        hits: (labels, output) => all(tf.equal(tf.greater(labels, 0), tf.greater(output, 0))),
      };
    case "kullbackLeiblerDivergence":
      return {
        mean: (labels, { output }) => {
          const [wanted, given] = [clipped(labels, 1), clipped(output, 1)];
          const each = tf.mul(wanted, tf.sub(tf.log(wanted), tf.log(given)));
          return tf.mean(tf.sum(each, -1)).asScalar();
        },
        hits: (labels, output) => sameClass(tf.argMax(labels, -1), output),
      };
    case "poisson":
      return {
        mean: (labels, { output }) =>
          tf.mean(tf.sub(output, tf.mul(labels, tf.log(tf.add(output, epsilon))))).asScalar(),
        hits: null,
      };
  }
}
