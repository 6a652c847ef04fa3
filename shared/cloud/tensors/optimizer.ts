// The optimisers a run can name, on TensorFlow.js.
import type { NamedTensorMap, Optimizer } from "@tensorflow/tfjs";
import type { OptimizerSpec } from "../../core/methods/training/optimizerOptions.ts";
import type { TensorFlow } from "./tensorFlow.ts";

export interface LocalOptimizer {
  /** Changes the variables by one step; gradients are by the variables' names. */
  step(gradients: NamedTensorMap): void;
  /** Frees what it keeps. */
  dispose(): void;
}

/** A fresh optimiser: a client keeps no state between rounds. */
export function makeOptimizer(tf: TensorFlow, spec: OptimizerSpec): LocalOptimizer {
  switch (spec.name) {
    case "sgd":
      return wrap(tf.train.sgd(spec.learningRate));
    case "adam":
      return wrap(tf.train.adam(spec.learningRate, spec.beta1, spec.beta2));
    case "momentum": {
      const optimizer = tf.train.momentum(spec.learningRate, spec.momentum);
      const { step, dispose } = wrap(optimizer);
      return {
        step,
        dispose() {
          dispose();
          // Momentum's own leaves out what it inherits (tfjs 4.22).
          tf.SGDOptimizer.prototype.dispose.call(optimizer);
        },
      };
    }
  }
}

function wrap(optimizer: Optimizer): LocalOptimizer {
  return {
    step: (gradients) => optimizer.applyGradients(gradients),
    dispose: () => optimizer.dispose(),
  };
}
