// A topology as Keras writes it, put into the words of TensorFlow.js, which reads those of Keras 2 and not
// all of them. No weight is drawn where such a topology is built: every initializer in it is Zeros.
import type { LayersTopology } from "../schemas/model.ts";
import { type Config, isObject } from "./topology.ts";

/** What TensorFlow.js takes where a topology names nothing, and Keras takes something else for. */
const kerasDefaults: Readonly<Record<string, Config>> = {
  LSTM: { recurrent_activation: "sigmoid" },
  GRU: { recurrent_activation: "sigmoid" },
};

/** The initializers that each class takes. TensorFlow.js draws by its own wherever one is left out. */
const kernelAndBias = ["kernel_initializer", "bias_initializer"];
const depthwise = ["depthwise_initializer", "bias_initializer"];
const recurrent = ["kernel_initializer", "recurrent_initializer", "bias_initializer"];
const initializerKeys: Readonly<Record<string, readonly string[]>> = {
  Dense: kernelAndBias,
  Conv1D: kernelAndBias,
  Conv2D: kernelAndBias,
  Conv3D: kernelAndBias,
  Conv2DTranspose: kernelAndBias,
  Conv3DTranspose: kernelAndBias,
  DepthwiseConv2D: depthwise,
  SeparableConv2D: [...depthwise, "pointwise_initializer"],
  Embedding: ["embeddings_initializer"],
  PReLU: ["alpha_initializer"],
  SimpleRNN: recurrent,
  SimpleRNNCell: recurrent,
  LSTM: recurrent,
  LSTMCell: recurrent,
  GRU: recurrent,
  GRUCell: recurrent,
  BatchNormalization: [
    "gamma_initializer",
    "beta_initializer",
    "moving_mean_initializer",
    "moving_variance_initializer",
  ],
  LayerNormalization: ["gamma_initializer", "beta_initializer"],
};

/** The same model for `tf.models.modelFromJSON`, as a new object. */
export function tfjsTopology(topology: LayersTopology): LayersTopology {
  return { model_config: { ...topology.model_config, ...modelOf(topology.model_config) } };
}

function modelOf(model: Config): Config {
  const { config } = model;
  if (Array.isArray(config)) return { ...model, config: config.map(layerOf) };
  if (!isObject(config) || !Array.isArray(config["layers"])) return model;
  const entries: readonly unknown[] = config["layers"];
  const models = new Set(
    entries.flatMap((entry) => (isObject(entry) && isModel(entry) ? [entry["name"]] : [])),
  );
  const isKeras3 = entries.some(
    (entry) =>
      isObject(entry) && Array.isArray(entry["inbound_nodes"]) && entry["inbound_nodes"].some(isObject),
  );
  const place = (written: readonly unknown[]) => (isKeras3 ? placeOf(written, models) : written);
  // In a list of outputs Keras 3 counts the making of a graph, too, but not that of a chain.
  const graphs = new Set(entries.flatMap((entry) => (isGraph(entry) ? [entry["name"]] : [])));
  const counted = ([name, call]: readonly unknown[]) => graphs.has(name) && call !== 0;
  const layers = entries.map((entry) => {
    const layer = layerOf(entry);
    if (!isObject(layer) || !Array.isArray(layer["inbound_nodes"])) return layer;
    return { ...layer, inbound_nodes: layer["inbound_nodes"].map((node) => nodeOf(node, place)) };
  });
  const graph: Record<string, unknown> = { ...config, layers };
  for (const key of ["input_layers", "output_layers"]) {
    const places = config[key];
    if (!Array.isArray(places)) continue;
    // Keras 3 writes the only input as its place, others as a list of places.
    const listed = typeof places[0] === "string" ? [places] : places;
    graph[key] = listed.map((one) => (Array.isArray(one) && !counted(one) ? place(one) : one));
  }
  return { ...model, config: graph };
}

function isModel({ config }: Config): boolean {
  return Array.isArray(config) || (isObject(config) && Array.isArray(config["layers"]));
}

function isGraph(entry: unknown): entry is Config {
  return isObject(entry) && isModel(entry) && entry["class_name"] !== "Sequential";
}

/**
 * A place by the count of TensorFlow.js and Keras 2, which see the making of a model within the model as its
 * first call. Keras 3 counts only the calls that the outer model makes.
 */
function placeOf(written: readonly unknown[], models: ReadonlySet<unknown>): readonly unknown[] {
  const [name, call, ...rest] = written;
  return models.has(name) && typeof call === "number" ? [name, call + 1, ...rest] : written;
}

function layerOf(written: unknown): unknown {
  if (!isObject(written)) return written;
  const { class_name: className, config } = written;
  const layer: Record<string, unknown> = { ...written };
  if (isModel(written)) return modelOf(layer);
  if (typeof className === "string" && isObject(config)) layer["config"] = configOf(className, config);
  return layer;
}

function configOf(className: string, config: Config): Config {
  const options: Record<string, unknown> = { ...kerasDefaults[className] };
  for (const [key, value] of Object.entries(config)) {
    if (key.endsWith("_regularizer")) options[key] = regularizerOf(value);
    else if (key === "batch_shape") options["batch_input_shape"] = value;
    else if (key === "cells" && Array.isArray(value)) options[key] = value.map(layerOf);
    else if (key === "dtype") options[key] = dtypeOf(value);
    else if (key === "layer" || key === "cell") options[key] = layerOf(value);
    else if (value === "silu")
      options[key] = "swish"; // The same function; TensorFlow.js has the one name.
    else if (className === "LeakyReLU" && key === "negative_slope") options["alpha"] = value;
    // The backward layer of Bidirectional is made from the forward one.
    else if (key !== "backward_layer") options[key] = value;
  }
  for (const key of Object.hasOwn(initializerKeys, className) ? (initializerKeys[className] ?? []) : []) {
    options[key] = { class_name: "Zeros", config: {} };
  }
  // It changes how fast a graph runs, not what it computes.
  if (options["unroll"] === true) options["unroll"] = false;
  if (className === "LSTM" || className === "LSTMCell") options["unit_forget_bias"] = false;
  return options;
}

/** Every way in which Keras writes L1 and L2, as the one that TensorFlow.js reads. */
function regularizerOf(written: unknown): unknown {
  const { name, options } = readRegularizer(written) ?? {};
  if (name === undefined || options === undefined) return written;
  const standard = { l1: name === "l2" ? 0 : 0.01, l2: name === "l1" ? 0 : 0.01 };
  // As a class, L1L2 has neither where it is not given; by its name alone, both.
  const absent = isObject(written) && name === "l1l2" ? { l1: 0, l2: 0 } : standard;
  const factors = { l1: options["l1"] ?? absent.l1, l2: options["l2"] ?? absent.l2 };
  return { class_name: "L1L2", config: factors };
}

/**
 * The name in small letters without underscores, and the options. Undefined where there is no regularizer.
 */
export function readRegularizer(
  written: unknown,
): { readonly name: string; readonly options: Config } | undefined {
  const name = isObject(written) ? written["class_name"] : written;
  if (typeof name !== "string") return undefined;
  const config = isObject(written) ? written["config"] : undefined;
  return { name: name.replaceAll("_", "").toLowerCase(), options: isObject(config) ? config : {} };
}

/** Keras 3 writes a policy for a type. */
export function dtypeOf(written: unknown): unknown {
  if (!isObject(written)) return written;
  const { config } = written;
  return isObject(config) ? config["name"] : written;
}

/**
 * Where the inputs of a layer come from: Keras 3 writes the arguments of a call, Keras 2 a list of places.
 */
function nodeOf(node: unknown, toPlace: (written: readonly unknown[]) => readonly unknown[]): unknown {
  if (!isObject(node)) return node;
  return placesIn(node["args"]).map((place) => [...toPlace(place), {}]);
}

/** The places of all tensors among the arguments of a call, in order. */
export function placesIn(argument: unknown): readonly (readonly unknown[])[] {
  if (Array.isArray(argument)) return argument.flatMap((part) => placesIn(part));
  if (!isObject(argument)) return [];
  const { config } = argument;
  const history = isObject(config) ? config["keras_history"] : undefined;
  return Array.isArray(history) ? [history] : [];
}
