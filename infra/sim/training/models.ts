// The models that scenarios train: the built-in ones, and one that is small enough to train thousands of
// times.
import { modelSpec } from "../../../shared/core/models/builtinModels.ts";
import type { ModelSpec } from "../../../shared/core/models/modelSpec.ts";

const smallMlp: ModelSpec = {
  name: "small-mlp",
  description: "One dense layer for 28x28 grey images of 10 classes; 50,890 parameters.",
  inputShape: [28, 28, 1],
  classes: 10,
  loss: "sparseCategoricalCrossentropy",
  layers: [
    { type: "Flatten", name: "flatten" }, // 784
    { type: "Dense", name: "hidden", units: 64, activation: "relu" },
    { type: "Dense", name: "output", units: 10, activation: "softmax" },
  ],
};

/** @throws FlError("invalid-argument") naming the built-in ones. */
export function simulatedModel(name: string): ModelSpec {
  return name === smallMlp.name ? smallMlp : modelSpec(name);
}
