// What a client keeps from one invocation to the next: its own layers, and what its training method needs. It
// is one object in the bucket, which counts once a report names it.
import { type ModelShape, orderWeights, type Weights } from "../../updates/weights.ts";
import { methodShape, methodTensor, zerosOf } from "./methodTensors.ts";
import type { TrainingOptions } from "./options.ts";
import type { TrainingHooks } from "./trainingMethod.ts";
import { hooksOf } from "./trainingOf.ts";

/** What the names of a client's own parameters begin with in its state. */
const LOCAL = "local";

/**
 * The tensors that a client keeps; none of them where it keeps nothing. They have no roles: only their client
 * reads them.
 */
export function clientStateShape(training: TrainingOptions, model: ModelShape): ModelShape {
  return [...localShape(model), ...keptShape(hooksOf(training), model)];
}

/** The part of it that the training method keeps. */
function keptShape({ keeps = [] }: TrainingHooks, model: ModelShape): ModelShape {
  return methodShape(keeps, model);
}

/** The training method's part of what a client has kept; zeros where it has kept nothing yet. */
export function methodState(kept: Weights | null, hooks: TrainingHooks, model: ModelShape): Weights {
  const shape = keptShape(hooks, model);
  if (kept === null) return zerosOf(shape);
  const byName = new Map(kept.map((weight) => [weight.name, weight]));
  return shape.flatMap(({ name }) => byName.get(name) ?? []);
}

/** The weights that a client trains from: the version's, and its own where it has kept any. */
export function withLocal(version: Weights, kept: Weights | null, model: ModelShape): Weights {
  const own = new Map((kept ?? []).map(({ name, values }) => [name, values]));
  const isLocal = new Set(model.flatMap(({ name, local }) => (local === true ? [name] : [])));
  return version.map((weight) => {
    const values = isLocal.has(weight.name) ? own.get(methodTensor(LOCAL, weight.name)) : undefined;
    return values === undefined ? weight : { ...weight, values };
  });
}

/**
 * What a client keeps after training, in the order of `clientStateShape`; shares memory with both.
 *
 * @param method what the training method keeps.
 * @throws FlError("invalid-argument") unless it is all there.
 */
export function stateAfter(
  trained: Weights,
  method: Weights,
  training: TrainingOptions,
  model: ModelShape,
): Weights {
  const isLocal = new Set(model.flatMap(({ name, local }) => (local === true ? [name] : [])));
  const own = trained
    .filter(({ name }) => isLocal.has(name))
    .map((weight) => ({ ...weight, name: methodTensor(LOCAL, weight.name) }));
  return orderWeights([...own, ...method], clientStateShape(training, model));
}

function localShape(model: ModelShape): ModelShape {
  return model.flatMap(({ name, shape, local }) =>
    local === true ? [{ name: methodTensor(LOCAL, name), shape }] : [],
  );
}
