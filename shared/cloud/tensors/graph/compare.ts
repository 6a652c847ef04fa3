// Whether a graph computes what the operations that it was recorded of have computed.
import type { Tensor } from "@tensorflow/tfjs";
import type { TensorFlow } from "../tensorFlow.ts";

/** What a graph may compute otherwise: the order of float additions. Inclusive. */
export const TOLERANCE = 1e-4;

/** The largest difference of two elements, as a share of the largest element where that is above 1. */
export function relativeDistance(tf: TensorFlow, a: Tensor, b: Tensor): number {
  const [one, other] = [tf.cast(a, "float32"), tf.cast(b, "float32")];
  const distance = tf.max(tf.abs(tf.sub(one, other)));
  return tf.div(distance, tf.maximum(tf.max(tf.abs(one)), 1)).dataSync()[0] ?? Number.NaN;
}
