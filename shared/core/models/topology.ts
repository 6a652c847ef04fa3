// The JSON of a layers model (`modelTopology` of a tfjs model.json): made from a built-in spec, and read
// layer by layer.
import { FlError } from "../errors.ts";
import { LayersTopology } from "../schemas/model.ts";
import type { LayerSpec, ModelSpec } from "./modelSpec.ts";

/** An object of a topology, of which nothing is known until it is read. */
export type Config = Readonly<Record<string, unknown>>;

/** A layer as a topology writes it: Keras class, and options in snake case. */
export interface Layer {
  readonly className: string;
  readonly name: string;
  readonly config: Config;
  /** Where its class is from, if not from the layers of Keras. */
  readonly origin?: Origin;
}

/** `operation`: of keras.ops, such as `a * 2`. `custom`: a class of the user's own. */
export type Origin = "operation" | "custom";

/** The topology of a built-in model, as `tf.loadLayersModel` reads it. */
export function toLayersTopology(spec: ModelSpec): LayersTopology {
  const layers = spec.layers.map((layer, i) => toLayer(layer, i === 0 ? spec.inputShape : undefined));
  return { model_config: { class_name: "Sequential", config: { name: spec.name, layers } } };
}

function toLayer({ type, ...options }: LayerSpec, inputShape: readonly number[] | undefined): Config {
  const config: Record<string, unknown> = {};
  if (inputShape !== undefined) config["batch_input_shape"] = [null, ...inputShape];
  for (const [key, value] of Object.entries(options)) config[snakeCase(key)] = value;
  if (type === "Conv2D" || type === "Dense") config["kernel_initializer"] = "glorot_uniform";
  return { class_name: type, config };
}

/** The topology in a stored file. Throws `invalid-argument` for anything else. */
export function readTopology(file: Uint8Array): LayersTopology {
  let written: unknown;
  try {
    written = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(file));
  } catch (cause) {
    throw notLayers("it is not JSON in UTF-8", cause);
  }
  const parsed = LayersTopology.safeParse(written);
  if (parsed.success) return parsed.data;
  throw notLayers("it has no model_config with a class_name", parsed.error);
}

/**
 * The layers of a model in order, those of models within it in their place. Throws `invalid-argument` if
 * malformed.
 */
export function layersOf(topology: LayersTopology): readonly Layer[] {
  return readModel(topology.model_config);
}

/** The layers of a model that is one plain sequence, else undefined: only TensorFlow can read the order of a graph. */
export function sequenceOf(topology: LayersTopology): readonly Layer[] | undefined {
  const model = topology.model_config;
  return model.class_name === "Sequential" && !layerList(model).some(isModel)
    ? layersOf(topology)
    : undefined;
}

function readModel(model: Config): Layer[] {
  return layerList(model).flatMap((entry) => {
    if (isModel(entry)) return readModel(entry);
    return [readLayer(entry)];
  });
}

/** Throws `invalid-argument` unless it is a layer with a name. */
function readLayer(entry: unknown): Layer {
  if (!isObject(entry)) throw malformed("a layer is not an object");
  const { class_name: className, config } = entry;
  if (typeof className !== "string") throw malformed("a layer has no class_name");
  if (!isObject(config)) throw malformed(`a layer of class ${className} has no config`);
  const name = config["name"];
  if (typeof name !== "string") throw malformed(`a layer of class ${className} has no name`);
  const origin = originOf(entry);
  return { className, name, config, ...(origin === undefined ? {} : { origin }) };
}

/** Undefined for a layer of Keras, and in files that do not say it. */
export function originOf({ module, registered_name: registered }: Config): Origin | undefined {
  if (typeof registered === "string" && registered.includes(">")) return "custom";
  if (typeof module !== "string") return undefined;
  if (!/^(?:tensorflow\.)?(?:tf_)?keras(?:\.|$)/.test(module)) return "custom";
  return /^(?:tf_)?keras\.(?:src\.)?ops\b/.test(module) ? "operation" : undefined;
}

/**
 * The cells of a layer of class RNN, by the names that TensorFlow.js gives them: the layer's, with a number
 * if it stacks them.
 */
export function cellsOf({ className, name, config }: Layer): readonly Layer[] | undefined {
  if (className !== "RNN") return undefined;
  const outer = namedCell(config["cell"], name);
  const cells = outer.config["cells"];
  if (!Array.isArray(cells)) return [outer];
  return cells.map((cell, i) => namedCell(cell, `${name}/RNNCell_${i}`));
}

function namedCell(written: unknown, name: string): Layer {
  if (!isObject(written)) throw malformed(`the layer ${name} has no cell`);
  return readLayer({
    ...written,
    config: { ...(isObject(written["config"]) ? written["config"] : {}), name },
  });
}

/**
 * The layer that another one, such as TimeDistributed, applies in its own way. Undefined for a plain layer.
 */
export function wrappedLayer({ config }: Layer): Layer | undefined {
  return config["layer"] === undefined ? undefined : readLayer(config["layer"]);
}

/** Whether an entry of a list of layers is a model within the model. */
function isModel(entry: unknown): entry is Config {
  if (!isObject(entry)) return false;
  const { config } = entry;
  return Array.isArray(config) || (isObject(config) && Array.isArray(config["layers"]));
}

/** Keras has written the layers of a sequence both as `config.layers` and as `config` itself. */
function layerList(model: Config): readonly unknown[] {
  const config = model["config"];
  const layers = isObject(config) ? config["layers"] : config;
  if (!Array.isArray(layers) || layers.length === 0) throw malformed("it has no layers");
  return layers;
}

export function isObject(value: unknown): value is Config {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function malformed(what: string): FlError {
  return new FlError("invalid-argument", `The model's topology is malformed: ${what}.`, {
    reason: "bad-grant",
    told: "The model's topology is malformed.",
  });
}

function notLayers(what: string, cause: unknown): FlError {
  const message = `The model's topology cannot be read: ${what}. Create the run anew with a tfjs layers model.json.`;
  return new FlError("invalid-argument", message, { cause, reason: "bad-grant" });
}
