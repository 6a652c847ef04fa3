// The losses a run can name: each the mean over a batch, and when a sample counts as predicted right.
import type { Scalar, Tensor } from "@tensorflow/tfjs";
import type { TrainingSpec } from "../../core/schemas/spec.ts";
import type { TensorFlow } from "./tensorFlow.ts";

export type LossName = TrainingSpec["loss"];

/** Both take labels and the model's output for a batch and run within `tf.tidy`. */
export interface Loss {
  /** Mean over the batch (and over positions, where a sample has several labels). */
  mean(labels: Tensor, output: Tensor): Scalar;
  /** One 0 or 1 for each label, or a share of 1 for each sample. Its mean is the accuracy. */
  hits(labels: Tensor, output: Tensor): Tensor;
}

/** Keeps a logarithm finite; what Keras uses. */
const epsilon = 1e-7;

export function lossNamed(tf: TensorFlow, name: LossName): Loss {
  const log = (probabilities: Tensor) => tf.log(tf.clipByValue(probabilities, epsilon, 1 - epsilon));
  const oneHot = (labels: Tensor, output: Tensor) =>
    tf.oneHot(tf.cast(labels, "int32"), output.shape.at(-1) ?? 1).toFloat();
  const crossEntropy = (targets: Tensor, output: Tensor) =>
    tf.neg(tf.mean(tf.sum(tf.mul(targets, log(output)), -1))).asScalar();
  const sameClass = (labels: Tensor, output: Tensor) =>
    tf.equal(tf.cast(labels, "int32"), tf.argMax(output, -1)).toFloat();
  const all = (right: Tensor) => tf.all(right.reshape([right.shape[0] ?? 0, -1]), 1).toFloat();

  switch (name) {
    case "sparseCategoricalCrossentropy":
      return {
        mean: (labels, output) => crossEntropy(oneHot(labels, output), output),
        hits: sameClass,
      };
    case "categoricalCrossentropy":
      return {
        mean: crossEntropy,
        hits: (labels, output) => sameClass(tf.argMax(labels, -1), output),
      };
    case "binaryCrossentropy":
      return {
        mean: (labels, output) => {
          const ones = tf.mul(labels, log(output));
          const zeros = tf.mul(tf.sub(1, labels), log(tf.sub(1, output)));
          return tf.neg(tf.mean(tf.add(ones, zeros))).asScalar();
        },
        hits: (labels, output) => all(tf.equal(tf.greater(labels, 0.5), tf.greater(output, 0.5))),
      };
    case "meanSquaredError":
      return {
        mean: (labels, output) => tf.mean(tf.squaredDifference(labels, output)).asScalar(),
        hits: (labels, output) => all(tf.equal(tf.round(labels), tf.round(output))),
      };
  }
}
