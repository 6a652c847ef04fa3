// The optimisers a run can name, on TensorFlow.js.
import type { Optimizer } from "@tensorflow/tfjs";
import type { OptimizerSpec } from "../../core/schemas/spec.ts";
import type { TensorFlow } from "./loadTensors.ts";

/** A fresh optimiser: a client keeps no state between rounds. */
export function makeOptimizer(tf: TensorFlow, spec: OptimizerSpec): Optimizer {
  switch (spec.name) {
    case "sgd":
      return tf.train.sgd(spec.learningRate);
    case "momentum":
      return tf.train.momentum(spec.learningRate, spec.momentum);
    case "adam":
      return tf.train.adam(spec.learningRate, spec.beta1, spec.beta2);
  }
}
