// A topology in any of the words that Keras 2, Keras 3 and TensorFlow.js have for it, put into one: those of
// TensorFlow.js, which are Keras 2's.
import type { LayersTopology } from "../schemas/model.ts";
import { rescalingOf } from "./normalization.ts";
import { type Config, isObject } from "./topology.ts";

/** What else becomes of a layer's options, after they are in these words. */
type Change = (className: string, config: Config) => Config;

/** Where a class comes from, and what Keras notes of its own work: a model computes the same without them. */
export const ORIGIN: ReadonlySet<string> = new Set([
  "module",
  "registered_name",
  "build_config",
  "compile_config",
  "shared_object_id",
]);

/**
 * The same model as a run keeps it, as a new object: what is in these words already comes out as it is.
 */
export function normalTopology(topology: LayersTopology): LayersTopology {
  const { module, registered_name: registered } = topology.model_config;
  const isKeras3 = module !== undefined || registered !== undefined;
  return inOneDialect(topology, isKeras3 ? withInnerName : (_, config) => config);
}

/**
 * The same model in these words, as a new object.
 *
 * @param change is applied to the options of each layer, and of each layer within a layer
 */
export function inOneDialect({ model_config: model }: LayersTopology, change: Change): LayersTopology {
  return { model_config: modelOf(withoutOrigin(model), change) as LayersTopology["model_config"] };
}

function withInnerName(className: string, config: Config): Config {
  const { layer } = config;
  if (className !== "Bidirectional" || !isObject(layer) || !isObject(layer["config"])) return config;
  const { name } = layer["config"];
  if (typeof name !== "string") return config;
  return { ...config, layer: { ...layer, config: { ...layer["config"], name: ownName(name) } } };
}

/**
 * Keras 3 names the layer in a Bidirectional as its forward half; TensorFlow.js makes that name of the
 * layer's own.
 */
export function ownName(name: string): string {
  return name.replace(/^forward_(?=.)/, "");
}

function withoutOrigin(written: Config): Record<string, unknown> {
  return Object.fromEntries(Object.entries(written).filter(([key]) => !ORIGIN.has(key)));
}

function modelOf(model: Config, change: Change): Config {
  const { config } = model;
  if (Array.isArray(config)) return { ...model, config: config.map((entry) => layerOf(entry, change)) };
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
    const layer = layerOf(entry, change);
    if (!isObject(layer) || !Array.isArray(layer["inbound_nodes"])) return layer;
    return { ...layer, inbound_nodes: layer["inbound_nodes"].map((node) => nodeOf(node, place)) };
  });
  const graph: Record<string, unknown> = { ...config, layers };
  if (config["dtype"] !== undefined) graph["dtype"] = dtypeOf(config["dtype"]);
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

function layerOf(written: unknown, change: Change): unknown {
  if (!isObject(written)) return written;
  const { class_name: className, config } = written;
  const layer: Record<string, unknown> = withoutOrigin(written);
  if (isModel(written)) return modelOf(layer, change);
  if (typeof className !== "string" || !isObject(config)) return layer;
  const rescaling = className === "Normalization" ? rescalingOf(config) : undefined;
  const named = rescaling === undefined ? className : "Rescaling";
  return { ...layer, class_name: named, config: configOf(named, rescaling ?? config, change) };
}

function configOf(className: string, config: Config, change: Change): Config {
  const options: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(config)) {
    if (ORIGIN.has(key)) continue;
    if (key.endsWith("_regularizer")) options[key] = regularizerOf(value);
    else if (key.endsWith("_initializer") && isObject(value)) options[key] = withoutOrigin(value);
    else if (key === "batch_shape") options["batch_input_shape"] = value;
    else if (key === "cells" && Array.isArray(value)) {
      options[key] = value.map((cell) => layerOf(cell, change));
    } else if (key === "dtype") options[key] = dtypeOf(value);
    else if (key === "layer" || key === "cell") options[key] = layerOf(value, change);
    else if (value === "silu")
      options[key] = "swish"; // The same function; TensorFlow.js has the one name.
    else if (className === "LeakyReLU" && key === "negative_slope") options["alpha"] = value;
    // The backward layer of Bidirectional is made from the forward one.
    else if (key !== "backward_layer") options[key] = value;
  }
  return change(className, options);
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
