// A topology in the words of Keras 3, as the `config.json` of a `.keras` file has it: the inverse of
// `normalTopology`.
import { FlError } from "../errors.ts";
import type { LayersTopology } from "../schemas/model.ts";
import { readInitializer } from "./initializers.ts";
import { kerasInitializer } from "./kerasInitializers.ts";
import { normalTopology, ORIGIN, readRegularizer } from "./normalTopology.ts";
import { type Config, isObject } from "./topology.ts";

/** A model as Keras 3 serialises it: `module`, `class_name`, `config`. */
export type KerasModel = Config & { readonly class_name: string };

/**
 * The model, for `keras.saving.deserialize_keras_object`. Its weights lie where `kerasVariables` of it says.
 * It is not compiled.
 *
 * @param topology in any of the words that a run may keep it in
 * @throws FlError("invalid-argument") for a topology without layers
 */
export function kerasModel(topology: LayersTopology): KerasModel {
  return modelOf(normalTopology(topology).model_config);
}

/**
 * The model of a file that Keras 3 itself has written, to be taken as it is; undefined for any other file.
 *
 * @param source `model` of a spec as it was given, or the file alone
 */
export function givenKerasModel(source: unknown): KerasModel | undefined {
  const written = innermost(source, ["layers", "modelTopology", "model_config"]);
  if (!isObject(written) || typeof written["class_name"] !== "string") return undefined;
  if (typeof written["module"] !== "string" || !isModel(written)) return undefined;
  const { compile_config: _, ...model } = written;
  return { ...model, class_name: written["class_name"] };
}

/** What lies within the first of these keys, within the next, and so on, as far as they are there. */
function innermost(value: unknown, keys: readonly string[]): unknown {
  return keys.reduce((found, key) => (isObject(found) && isObject(found[key]) ? found[key] : found), value);
}

function isModel({ config }: Config): boolean {
  return Array.isArray(config) || (isObject(config) && Array.isArray(config["layers"]));
}

function modelOf(model: Config): KerasModel {
  const { config } = model;
  const options = isObject(config) ? config : {};
  const entries = (Array.isArray(config) ? config : options["layers"]) as unknown;
  if (!Array.isArray(entries) || entries.length === 0) throw malformed("it has no layers");
  const layers: readonly Config[] = entries.filter(isObject);
  const name = String(options["name"] ?? model["name"] ?? "model");
  if (model["class_name"] === "Sequential") {
    return {
      module: "keras",
      class_name: "Sequential",
      config: { name, trainable: options["trainable"] ?? true, layers: chainOf(layers) },
      registered_name: null,
    };
  }
  return {
    module: "keras.src.models.functional",
    class_name: "Functional",
    config: {
      name,
      trainable: options["trainable"] ?? true,
      layers: graphOf(layers),
      input_layers: endOf(options["input_layers"], layers),
      output_layers: endOf(options["output_layers"], layers),
    },
    registered_name: "Functional",
  };
}

/** The layers of a sequence: Keras 3 takes the shape of a sample from a layer in front only. */
function chainOf(layers: readonly Config[]): readonly Config[] {
  const written = layers.map((layer) => (isModel(layer) ? modelOf(layer) : layerOf(layer)));
  const [first] = layers;
  if (first === undefined || first["class_name"] === "InputLayer") return written;
  const shape = inputShapeOf(first);
  if (shape === undefined) return written;
  const names = new Set(layers.map(nameOf));
  let name = "input";
  for (let count = 1; names.has(name); count++) name = `input_${count}`;
  return [
    keras("InputLayer", { batch_shape: shape, dtype: dtypeOfInput(first), name }, "keras.layers"),
    ...written,
  ];
}

/** With the batch, which is null; undefined where the topology does not say it. */
function inputShapeOf(layer: Config): unknown {
  const { config } = layer;
  if (isModel(layer)) {
    const entries = isObject(config) ? config["layers"] : config;
    const first: unknown = Array.isArray(entries) ? entries[0] : undefined;
    return isObject(first) ? inputShapeOf(first) : undefined;
  }
  return isObject(config) ? config["batch_input_shape"] : undefined;
}

function dtypeOfInput({ config }: Config): unknown {
  const dtype = isObject(config) ? config["dtype"] : undefined;
  return typeof dtype === "string" ? dtype : "float32";
}

function graphOf(layers: readonly Config[]): readonly Config[] {
  const models = new Set(layers.filter(isModel).map(nameOf));
  return layers.map((entry) => {
    const calls: readonly unknown[] = Array.isArray(entry["inbound_nodes"]) ? entry["inbound_nodes"] : [];
    return {
      ...(isModel(entry) ? modelOf(entry) : layerOf(entry)),
      name: nameOf(entry),
      inbound_nodes: calls.map((call) => callOf(call, models)),
    };
  });
}

/** A call of a layer: one tensor, or a list of those that it merges. */
function callOf(call: unknown, models: ReadonlySet<string>): Config {
  const places = Array.isArray(call) ? call.filter((place) => Array.isArray(place)) : [];
  const tensors = places.map((place: readonly unknown[]) => tensorOf(place, models));
  return { args: tensors.length === 1 ? tensors : [tensors], kwargs: {} };
}

/** Keras reads where a tensor comes from, not its shape, which follows from the layers. */
function tensorOf([name, call, output]: readonly unknown[], models: ReadonlySet<string>): Config {
  const count = Number(call ?? 0);
  // The making of a model within the model is its first call in TensorFlow.js, and none in Keras 3.
  const own = models.has(String(name)) ? Math.max(0, count - 1) : count;
  return {
    class_name: "__keras_tensor__",
    config: { shape: [null], dtype: "float32", keras_history: [name, own, output ?? 0] },
  };
}

/** The one input or output. In these places Keras 3 counts the making of a graph, but not of a sequence. */
function endOf(places: unknown, layers: readonly Config[]): unknown {
  const listed = Array.isArray(places) && Array.isArray(places[0]) ? places : [places];
  const ends = listed.map((place: unknown) => {
    if (!Array.isArray(place)) throw malformed("its inputs and outputs are not places");
    const [name, call = 0, output = 0] = place as readonly unknown[];
    const layer = layers.find((entry) => nameOf(entry) === name);
    const isChain = layer !== undefined && isModel(layer) && layer["class_name"] === "Sequential";
    return [name, isChain ? Math.max(0, Number(call) - 1) : call, output];
  });
  return ends.length === 1 ? ends[0] : ends;
}

function nameOf({ name, config }: Config): string {
  return String(name ?? (isObject(config) ? config["name"] : undefined) ?? "");
}

/** Options that Keras 3 does not have, or has elsewhere; what they say is what it does anyway. */
const DROPPED: ReadonlySet<string> = new Set([
  ...ORIGIN,
  "batch_input_shape",
  "implementation",
  "input_dtype",
  "input_length",
  "num_constants",
  "quantization_config",
  "rms_scaling",
  "time_major",
]);

/** Classes whose constructor takes no `trainable`: they have no parameters. */
const NOT_TRAINABLE: ReadonlySet<string> = new Set(["InputLayer", "SpatialDropout1D"]);

/** What Keras requires to be given, with what a run takes where it is not. */
const REQUIRED: Readonly<Record<string, Config>> = {
  AveragePooling1D: { pool_size: 2 },
  AveragePooling2D: { pool_size: 2 },
  AveragePooling3D: { pool_size: 2 },
  Rescaling: { offset: 0 },
};

function layerOf({ class_name: name, config }: Config): Config {
  const className = String(name);
  const given = isObject(config) ? config : {};
  const options: Record<string, unknown> = {
    ...(Object.hasOwn(REQUIRED, className) ? REQUIRED[className] : {}),
  };
  for (const [key, value] of Object.entries(given)) {
    if (value === null || DROPPED.has(key)) continue;
    if (key === "trainable" && NOT_TRAINABLE.has(className)) continue;
    if (key.endsWith("_initializer")) options[key] = initializerOf(value);
    else if (key.endsWith("_regularizer")) options[key] = regularizerOf(value);
    else if (key === "layer" && isObject(value)) options[key] = layerOf(withWay(className, value));
    else if (value === "swish") options[key] = "silu";
    else if (className === "LeakyReLU" && key === "alpha") options["negative_slope"] = value;
    // Keras 2 has a list of one axis here.
    else if (className === "BatchNormalization" && key === "axis") options[key] = [value].flat()[0];
    else options[key] = value;
  }
  const shape = given["batch_input_shape"];
  if (className === "InputLayer" && shape !== undefined) options["batch_shape"] = shape;
  return keras(className, options, "keras.layers");
}

/** Keras 3 names the layer in a Bidirectional as its forward half. */
function withWay(className: string, layer: Config): Config {
  const { config } = layer;
  if (className !== "Bidirectional" || !isObject(config)) return layer;
  return { ...layer, config: { ...config, name: `forward_${config["name"]}` } };
}

function initializerOf(written: unknown): unknown {
  const read = readInitializer(written);
  const known = read === undefined ? undefined : kerasInitializer(read);
  return known === undefined ? written : keras(known.className, known.config, "keras.initializers");
}

function regularizerOf(written: unknown): unknown {
  const read = readRegularizer(written);
  return read === undefined ? written : keras("L1L2", read.options, "keras.regularizers");
}

function keras(className: string, config: Config, module: string): Config {
  return { module, class_name: className, config, registered_name: null };
}

function malformed(what: string): FlError {
  return new FlError("invalid-argument", `The model's topology is malformed: ${what}.`);
}
