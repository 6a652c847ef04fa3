// Sizes that a Reshape leaves open, told from its input: TensorFlow.js leaves them open for the layers behind
// it, many of which need them. And a Flatten of what is flat, which TensorFlow.js refuses and Keras takes.
import type { LayersTopology } from "../schemas/model.ts";
import { layerOutputs } from "./inferShapes.ts";
import type { OpenShape } from "./shapeRules.ts";
import { type Config, isObject } from "./topology.ts";

type Outputs = ReadonlyMap<Config, readonly OpenShape[]>;

/**
 * The same model, as a new object, with -1 in the target of a Reshape replaced by the size that it stands
 * for. It stays where that cannot be told, or differs from call to call. A Flatten of a known size is a
 * Reshape to it.
 *
 * @param normal in the words of `normalTopology`
 */
export function withKnownReshapes(normal: LayersTopology): LayersTopology {
  const outputs = layerOutputs(normal);
  return { ...normal, model_config: { ...normal.model_config, ...known(normal.model_config, outputs) } };
}

function known(entry: Config, outputs: Outputs): Config {
  const { class_name: className, config } = entry;
  if (Array.isArray(config)) return { ...entry, config: config.map((inner) => knownEntry(inner, outputs)) };
  if (!isObject(config)) return entry;
  const { layers } = config;
  if (Array.isArray(layers)) {
    return { ...entry, config: { ...config, layers: layers.map((inner) => knownEntry(inner, outputs)) } };
  }
  const made = outputs.get(entry) ?? [];
  const { layer } = config;
  if (className !== "TimeDistributed") return reshaped(entry, made);
  if (!isObject(layer)) return entry;
  const ofSteps = made.map((shape) => shape.slice(1));
  return { ...entry, config: { ...config, layer: reshaped(layer, ofSteps) } };
}

function reshaped(entry: Config, made: readonly OpenShape[]): Config {
  const { class_name: className, config } = entry;
  const target = onlyShape(made);
  if (target === undefined || !isObject(config)) return entry;
  if (className === "Reshape") return { ...entry, config: { ...config, target_shape: target } };
  if (className !== "Flatten") return entry;
  const { data_format: _, ...options } = config;
  return { ...entry, class_name: "Reshape", config: { ...options, target_shape: target } };
}

function knownEntry(entry: unknown, outputs: Outputs): unknown {
  return isObject(entry) ? known(entry, outputs) : entry;
}

/** The shape that all calls have, where each of its sizes is known. */
function onlyShape([first, ...others]: readonly OpenShape[]): OpenShape | undefined {
  const isKnown = first?.every((size) => size !== null && Number.isInteger(size)) === true;
  const isOnly = others.every((other) => JSON.stringify(other) === JSON.stringify(first));
  return isKnown && isOnly ? first : undefined;
}
