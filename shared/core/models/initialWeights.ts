// A model's weights before training: drawn from a seed, by each parameter's Keras initializer, the same on every backend.
import { randomFrom } from "../random.ts";
import type { LayersTopology } from "../schemas/model.ts";
import type { ModelShape, Weights } from "../updates/weights.ts";
import { draw, type Initializer } from "./initializers.ts";
import { type Config, isObject, layersOf } from "./topology.ts";

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
 * Initial weights in the order of `shapes`. Each parameter has a random stream of its own, so a layer's values do not
 * depend on the layers before it. Seeds within the topology are ignored: the run's seed is the only one.
 *
 * @throws FlError("invalid-argument") for an initializer that is not a Keras one
 */
export function initialWeights(topology: LayersTopology, shapes: ModelShape, seed: number): Weights {
  const configs = new Map(layersOf(topology).map(({ name, config }) => [name, config]));
  return shapes.map(({ name, shape }) => {
    const [suffix = "", layer = ""] = name.split("/").toReversed();
    const initializer = initializerOf(configs.get(layer), suffix);
    return { name, shape, values: draw(initializer, shape, randomFrom(seed, "initial-weights", name)) };
  });
}

function initializerOf(config: Config | undefined, suffix: string): Initializer {
  const key = `${suffix === "kernel" ? suffix : suffix.replace("_kernel", "")}_initializer`;
  const named = config?.[key];
  if (typeof named === "string") return { name: named, options: {} };
  if (isObject(named) && typeof named["class_name"] === "string") {
    return { name: named["class_name"], options: isObject(named["config"]) ? named["config"] : {} };
  }
  return { name: defaults.get(suffix) ?? "Zeros", options: {} };
}
