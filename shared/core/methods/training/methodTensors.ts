// Tensors beside the parameters that training methods work with: one for each of their names and trained
// parameter. Clients keep some, get some with a version, and send some with an update.
import { FlError } from "../../errors.ts";
import { elementCount, quoteName } from "../../updates/safetensors.ts";
import type { ModelShape, Weights } from "../../updates/weights.ts";
import type { TrainingOptions } from "./options.ts";
import { hooksOf } from "./trainingOf.ts";

/** What clients get with the version that they train from, as the aggregation has written it beside it. */
export function gotShape(training: TrainingOptions, model: ModelShape): ModelShape {
  return methodShape(hooksOf(training).gets ?? [], model);
}

/** What updates hold beside the deltas. */
export function besideShape(training: TrainingOptions, model: ModelShape): ModelShape {
  return methodShape(hooksOf(training).sends ?? [], model);
}

/** What updates are made of: the model's parameters, and what is sent beside them. */
export function updateShape(training: TrainingOptions, model: ModelShape): ModelShape {
  return [...model, ...besideShape(training, model)];
}

/** The tensors of a shape out of others; zeros where there are none at all. */
export function pickedFrom(tensors: Weights | null, shape: ModelShape): Weights {
  if (tensors === null) return zerosOf(shape);
  const byName = new Map(tensors.map((weight) => [weight.name, weight]));
  return shape.map(({ name }) => {
    const found = byName.get(name);
    if (found !== undefined) return found;
    throw new FlError("invalid-argument", `The tensor ${quoteName(name)} is missing beside the version.`);
  });
}

export function methodShape(names: readonly string[], model: ModelShape): ModelShape {
  const trained = model.filter(({ role = "trained" }) => role === "trained");
  return names.flatMap((name) =>
    trained.map((parameter) => ({ name: methodTensor(name, parameter.name), shape: parameter.shape })),
  );
}

/** The name of a method's tensor for a parameter. */
export function methodTensor(name: string, parameter: string): string {
  return `${name}/${parameter}`;
}

export function zerosOf(shape: ModelShape): Weights {
  return shape.map((tensor) => ({ ...tensor, values: new Float32Array(elementCount(tensor.shape)) }));
}
