// A model's weights before training: drawn from a seed, by each parameter's Keras initializer, the same on
// every backend.
import { FlError } from "../errors.ts";
import { type Random, randomFrom } from "../random.ts";
import type { LayersTopology } from "../schemas/model.ts";
import { elementCount } from "../updates/safetensors.ts";
import type { ModelShape, Weights } from "../updates/weights.ts";
import { draw, type Initializer, readInitializer } from "./initializers.ts";
import { type Config, cellsOf, type Layer, layersOf, wrappedLayer } from "./topology.ts";

/** Where the topology names no initializer, Keras has these; anything else starts at zero. */
const defaults: ReadonlyMap<string, string> = new Map([
  ["kernel", "GlorotUniform"],
  ["depthwise_kernel", "GlorotUniform"],
  ["pointwise_kernel", "GlorotUniform"],
  ["recurrent_kernel", "Orthogonal"],
  ["embeddings", "RandomUniform"],
  ["gamma", "Ones"],
  ["moving_variance", "Ones"],
]);

/**
 * Initial weights in the order of `shapes`. Each parameter has a random stream of its own, so a layer's
 * values do not depend on the layers before it. Seeds within the topology are ignored: the run's seed is the
 * only one.
 *
 * @throws FlError("invalid-argument") for an initializer or an option that is not known, or a parameter of
 *   no layer
 */
export function initialWeights(topology: LayersTopology, shapes: ModelShape, seed: number): Weights {
  const scopes = new Map(layersOf(topology).flatMap(scopesOf));
  return shapes.map(({ name, shape }) => {
    // A layer's name may hold slashes, a parameter's own name does not.
    const cut = name.lastIndexOf("/");
    const layer = scopes.get(name.slice(0, cut));
    if (layer === undefined) {
      throw new FlError("invalid-argument", `The parameter ${name} is of no layer that the topology names.`);
    }
    const random = randomFrom(seed, "initial-weights", name);
    try {
      return { name, shape, values: valuesOf(layer, name.slice(cut + 1), shape, random) };
    } catch (error) {
      if (!(error instanceof FlError)) throw error;
      throw new FlError(error.code, `The parameter ${name}: ${error.message}`, { cause: error });
    }
  });
}

/** The first parts of the names of a layer's parameters, each with the layer that says how they begin. */
function scopesOf(layer: Layer): readonly (readonly [scope: string, layer: Layer])[] {
  const cells = cellsOf(layer);
  if (cells !== undefined) return cells.map((cell) => [cell.name, cell]);
  const inner = wrappedLayer(layer);
  if (inner === undefined) return [[layer.name, layer]];
  if (layer.className !== "Bidirectional") return [[layer.name, inner]];
  return ["forward", "backward"].map((way) => [`${layer.name}/${way}_${inner.name}`, inner]);
}

function valuesOf(
  { className, config }: Layer,
  parameter: string,
  shape: readonly number[],
  random: Random,
): Float32Array {
  const initializer = initializerOf(config, parameter);
  if (
    !(className === "LSTM" || className === "LSTMCell") ||
    parameter !== "bias" ||
    config["unit_forget_bias"] === false
  ) {
    return draw(initializer, shape, random);
  }
  // Jozefowicz, Zaremba, Sutskever 2015: gates that forget begin open. Gates are in the order input, forget,
  // cell, output.
  const units = elementCount(shape) / 4;
  const [input, others] = [draw(initializer, [units], random), draw(initializer, [2 * units], random)];
  return Float32Array.of(...input, ...new Float32Array(units).fill(1), ...others);
}

/** The initializer that a layer's configuration names for a parameter, else the one that Keras has for it. */
function initializerOf(config: Config, parameter: string): Initializer {
  const key = `${parameter === "kernel" ? parameter : parameter.replace("_kernel", "")}_initializer`;
  return readInitializer(config[key]) ?? { name: defaults.get(parameter) ?? "Zeros", options: {} };
}
