// What TensorFlow.js reads otherwise than Keras where it depends on shapes, written out. Sizes that a Reshape
// leaves open: it leaves them open for the layers behind it, many of which need them. A Flatten of what is
// flat, which it refuses. The axis of a Concatenate from the end, which it takes for the last one.
import type { LayersTopology } from "../schemas/model.ts";
import { layerOutputs } from "./inferShapes.ts";
import type { OpenShape } from "./shapeRules.ts";
import { type Config, isObject } from "./topology.ts";

type Outputs = ReadonlyMap<Config, readonly OpenShape[]>;

/**
 * The same model, as a new object, with -1 in the target of a Reshape replaced by the size that it stands
 * for. It stays where that cannot be told, or differs from call to call. A Flatten of a known size is a
 * Reshape to it. An axis of a Concatenate from the end counts from the start.
 *
 * @param normal in the words of `normalTopology`
 */
export function writtenOut(normal: LayersTopology): LayersTopology {
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
  if (className === "Concatenate") return { ...entry, config: { ...config, ...axisFromStart(config, made) } };
  if (className !== "TimeDistributed") return reshaped(entry, made);
  if (!isObject(layer)) return entry;
  const ofSteps = made.map((shape) => shape.slice(1));
  return { ...entry, config: { ...config, layer: reshaped(layer, ofSteps) } };
}

/** The batch is axis 0. The last axis stays -1, and others where calls have unlike numbers of dimensions. */
function axisFromStart({ axis }: Config, made: readonly OpenShape[]): Config {
  const ranks = new Set(made.map(({ length }) => length + 1));
  const [rank] = ranks;
  const isOpen = typeof axis === "number" && axis < -1 && ranks.size === 1;
  return isOpen && rank !== undefined ? { axis: axis + rank } : {};
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
