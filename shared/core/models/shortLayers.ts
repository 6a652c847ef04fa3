// A model as a short list of layers, for people who write one by hand: made into the topology that Keras
// would write of it.
import type { LayersTopology, ShortLayer } from "../schemas/model.ts";
import { isObject } from "./topology.ts";

/**
 * The topology of a chain of layers. A layer without a name has the one that Keras would give it: `dense`,
 * `dense_1`.
 *
 * @param inputShape of one sample, without the batch; null where any size will do
 */
export function shortTopology(
  inputShape: readonly (number | null)[],
  list: readonly ShortLayer[],
): LayersTopology {
  const layers = list.map((short) => layerOf(short));
  const names = new Set<unknown>(layers.map(({ config }) => config["name"]));
  for (const { class_name, config } of layers) {
    config["name"] ??= freeName(kerasSnakeCase(class_name), names);
    names.add(config["name"]);
  }
  const [first] = layers;
  if (first !== undefined) first.config["batch_input_shape"] ??= [null, ...inputShape];
  return { model_config: { class_name: "Sequential", config: { name: "sequential", layers } } };
}

interface WrittenLayer {
  readonly class_name: string;
  readonly config: Record<string, unknown>;
}

function layerOf(short: ShortLayer): WrittenLayer {
  const { type, ...options } = typeof short === "string" ? { type: short } : short;
  const config: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(options)) {
    const option = kerasSnakeCase(key);
    config[option] = optionOf(option, value);
  }
  return { class_name: type, config };
}

/** What has a `type` of its own is a layer, an initializer or a regularizer with options. */
function optionOf(option: string, value: unknown): unknown {
  if (option === "layer") {
    if (typeof value !== "string" && !isTyped(value)) return value;
    const inner = layerOf(value);
    inner.config["name"] ??= kerasSnakeCase(inner.class_name);
    return inner;
  }
  if (isTyped(value)) return layerOf(value);
  if (option.endsWith("_regularizer") && isObject(value) && value["class_name"] === undefined) {
    return { class_name: "L1L2", config: { l1: 0, l2: 0, ...value } };
  }
  return value;
}

function isTyped(value: unknown): value is { readonly type: string } {
  return isObject(value) && typeof value["type"] === "string";
}

function freeName(base: string, taken: ReadonlySet<unknown>): string {
  for (let count = 0; ; count++) {
    const name = count === 0 ? base : `${base}_${count}`;
    if (!taken.has(name)) return name;
  }
}

/** As Keras does it: Conv2DTranspose becomes conv2d_transpose; kernelSize becomes kernel_size. */
export function kerasSnakeCase(name: string): string {
  return name
    .replace(/(.)([A-Z][a-z]+)/g, "$1_$2")
    .replace(/([a-z])([A-Z])/g, "$1_$2")
    .toLowerCase();
}
