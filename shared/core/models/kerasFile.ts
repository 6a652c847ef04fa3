// Where a `.keras` file keeps a model's weights: groups of its HDF5 file by class names with a count, not by
// the names of layers.
import type { LayersTopology } from "../schemas/model.ts";
import { ownName } from "./normalTopology.ts";
import { kerasSnakeCase } from "./shortLayers.ts";
import { type Config, isObject, type Layer, layersOf, originOf, wrappedLayer } from "./topology.ts";

/** A variable of a `.keras` file. */
export interface KerasVariable {
  /** The path of its data set, such as `layers/conv2d_1/vars/0`. */
  readonly path: string;
  /** The name that a run has for it, such as `conv2d_7/kernel`. */
  readonly name: string;
}

/**
 * The variables of a model of Keras 3, in the order of its file. Layers that are not supported have none.
 *
 * @param topology as Keras wrote it, which says what among the layers is an operation
 */
export function kerasVariables({ model_config: model }: LayersTopology): readonly KerasVariable[] {
  return inModel(model, "layers");
}

function inModel(model: Config, prefix: string): readonly KerasVariable[] {
  const counts = new Map<string, number>();
  return entriesOf(model).flatMap((entry) => {
    if (originOf(entry) === "operation") return []; // No layer: its class is not counted either.
    const base = kerasSnakeCase(String(entry["class_name"]));
    const count = counts.get(base) ?? 0;
    counts.set(base, count + 1);
    const group = `${prefix}/${count === 0 ? base : `${base}_${count}`}`;
    if (isModel(entry)) return inModel(entry, `${group}/layers`);
    return layersOf({ model_config: { class_name: "Sequential", config: [entry] } }).flatMap((layer) =>
      inLayer(layer, group),
    );
  });
}

function inLayer(layer: Layer, group: string): readonly KerasVariable[] {
  const inner = wrappedLayer(layer);
  if (inner === undefined) return numbered(layer, group, layer.name);
  if (layer.className !== "Bidirectional") return numbered(inner, `${group}/layer`, layer.name);
  const own = ownName(inner.name);
  return ["forward", "backward"].flatMap((way) =>
    numbered(inner, `${group}/${way}_layer`, `${layer.name}/${way}_${own}`),
  );
}

function numbered({ className, config }: Layer, group: string, scope: string): readonly KerasVariable[] {
  const parameters = Object.hasOwn(PARAMETERS, className) ? (PARAMETERS[className] ?? []) : [];
  const cell = RECURRENT.has(className) ? "/cell" : "";
  return parameters
    .filter((parameter) => config[OPTIONAL[parameter] ?? ""] !== false)
    .map((parameter, i) => ({ path: `${group}${cell}/vars/${i}`, name: `${scope}/${parameter}` }));
}

const RECURRENT = new Set(["SimpleRNN", "LSTM", "GRU"]);
const KERNEL = ["kernel", "bias"];
const RECURRENT_KERNEL = ["kernel", "recurrent_kernel", "bias"];

/** By Keras class, in the order in which Keras makes them. */
const PARAMETERS: Readonly<Record<string, readonly string[]>> = {
  Dense: KERNEL,
  Conv1D: KERNEL,
  Conv2D: KERNEL,
  Conv3D: KERNEL,
  Conv2DTranspose: KERNEL,
  DepthwiseConv2D: ["depthwise_kernel", "bias"],
  SeparableConv2D: ["depthwise_kernel", "pointwise_kernel", "bias"],
  Embedding: ["embeddings"],
  BatchNormalization: ["gamma", "beta", "moving_mean", "moving_variance"],
  LayerNormalization: ["gamma", "beta"],
  PReLU: ["alpha"],
  SimpleRNN: RECURRENT_KERNEL,
  LSTM: RECURRENT_KERNEL,
  GRU: RECURRENT_KERNEL,
};

/** The option without which a layer has no such parameter. */
const OPTIONAL: Readonly<Record<string, string>> = { bias: "use_bias", gamma: "scale", beta: "center" };

function entriesOf(model: Config): readonly Config[] {
  const { config } = model;
  const layers = isObject(config) ? config["layers"] : config;
  return Array.isArray(layers) ? layers.filter(isObject) : [];
}

function isModel({ config }: Config): boolean {
  return Array.isArray(config) || (isObject(config) && Array.isArray(config["layers"]));
}
