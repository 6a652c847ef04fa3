// The built-in models. A run names one (`"model": { "builtin": "mnist-cnn" }`) or brings a topology of its
// own.
import { FlError } from "../errors.ts";
import type { BuiltinName } from "../schemas/model.ts";
import type { ModelSpec } from "./modelSpec.ts";

const mnistCnn: Omit<ModelSpec, "name"> = {
  description:
    "Two convolutions and two dense layers for 28x28 grey images of 10 classes; 582,026 parameters.",
  inputShape: [28, 28, 1],
  classes: 10,
  loss: "sparseCategoricalCrossentropy",
  layers: [
    { type: "Conv2D", name: "conv1", filters: 32, kernelSize: [5, 5], activation: "relu" }, // 24 x 24 x 32
    { type: "MaxPooling2D", name: "pool1", poolSize: [2, 2] }, // 12 x 12 x 32
    { type: "Conv2D", name: "conv2", filters: 64, kernelSize: [5, 5], activation: "relu" }, // 8 x 8 x 64
    { type: "MaxPooling2D", name: "pool2", poolSize: [2, 2] }, // 4 x 4 x 64
    { type: "Flatten", name: "flatten" }, // 1,024
    { type: "Dense", name: "dense", units: 512, activation: "relu" },
    { type: "Dense", name: "output", units: 10, activation: "softmax" },
  ],
};

const tinyMlp: Omit<ModelSpec, "name"> = {
  description: "One small dense layer for vectors of 4 numbers and 3 classes; 67 parameters. For tests.",
  inputShape: [4],
  classes: 3,
  loss: "sparseCategoricalCrossentropy",
  layers: [
    { type: "Dense", name: "hidden", units: 8, activation: "tanh" },
    { type: "Dense", name: "output", units: 3, activation: "softmax" },
  ],
};

const byName: Readonly<Record<BuiltinName, Omit<ModelSpec, "name">>> = {
  "mnist-cnn": mnistCnn,
  "tiny-mlp": tinyMlp,
};

export const builtinModels: readonly ModelSpec[] = Object.entries(byName).map(([name, model]) => ({
  name,
  ...model,
}));

/** The built-in model of this name. Throws `invalid-argument`, naming those there are. */
export function modelSpec(name: string): ModelSpec {
  const found = builtinModels.find((model) => model.name === name);
  if (found !== undefined) return found;
  const names = builtinModels.map((model) => model.name).join(", ");
  throw new FlError("invalid-argument", `There is no built-in model "${name}"; there are ${names}.`);
}
