// The layers of a model and what each hands its output to: the calls of layers, and where masks go.

import type { LayersTopology } from "../schemas/model.ts";
import { placesIn } from "./normalTopology.ts";
import { type Config, isObject, layersOf } from "./topology.ts";

export const RECURRENT = ["SimpleRNN", "LSTM", "GRU"];

/** A layer, or a model within the model. */
export interface Node {
  readonly name: string;
  readonly layer: Config;
  readonly consumers: readonly Node[];
}

/** The layers of a model, without those of models within it. */
export function nodesOf(model: Config): readonly Node[] {
  const nodes = entriesOf(model)
    .filter(isObject)
    .map((layer) => ({ name: nameOf(layer), layer, consumers: [] as Node[] }));
  const named = new Map(nodes.map((node) => [node.name, node]));
  for (const [i, node] of nodes.entries()) {
    if (model["class_name"] === "Sequential") nodes[i - 1]?.consumers.push(node);
    const calls = node.layer["inbound_nodes"];
    for (const call of Array.isArray(calls) ? calls : []) {
      for (const place of readCall(call).places) named.get(String(place[0]))?.consumers.push(node);
    }
  }
  return nodes;
}

/** Layers that hand the mask of their input on, and compute nothing across positions. */
const MASK_PASSING = ["Dropout", "Activation"];

/**
 * Whether some recurrent layers of a model see a mask and others do not. TensorFlow.js alone hands the mask
 * to the others, too.
 */
export function isPartlyMasked(topology: LayersTopology): boolean {
  const taken = new Set(nodesOf(topology.model_config).flatMap((node) => followMask(node).taken));
  const isRecurrent = ({ className }: { readonly className: string }) =>
    RECURRENT.includes(className) || className === "Bidirectional";
  return taken.size > 0 && layersOf(topology).filter(isRecurrent).length > taken.size;
}

/** The tensors that a layer is called with, and the names of other arguments that are given. */
export function readCall(call: unknown): {
  readonly places: readonly (readonly unknown[])[];
  readonly options: readonly string[];
} {
  const given = (options: unknown) =>
    isObject(options) ? Object.keys(options).filter((key) => options[key] !== null) : [];
  if (isObject(call)) {
    // Keras 3 overrides `training` in fit, evaluate and predict, whatever the call was given.
    const options = given(call["kwargs"]).filter((option) => option !== "training");
    return { places: placesIn(call["args"]), options };
  }
  const places = (Array.isArray(call) ? call : []).filter((place) => Array.isArray(place));
  return { places, options: places.flatMap((place) => given(place[3])) };
}

/**
 * Keras hides masked positions from every layer and from the loss; here a recurrent layer must take the mask
 * in.
 */
export function maskProblems(node: Node): readonly string[] {
  return followMask(node).problems;
}

/** Where the mask of a layer goes; nowhere if it makes none. */
function followMask({ name, layer, consumers }: Node): {
  readonly problems: readonly string[];
  readonly taken: readonly Node[];
} {
  const config = isObject(layer["config"]) ? layer["config"] : {};
  if (layer["class_name"] !== "Masking" && config["mask_zero"] !== true) return { problems: [], taken: [] };
  const without = layer["class_name"] === "Masking" ? "leave the layer out" : "give it mask_zero false";
  const remedy = `a mask must end in a recurrent layer with return_sequences false; or ${without}`;
  const problems: string[] = [];
  const taken: Node[] = [];
  const seen = new Set<Node>();
  const follow = (next: readonly Node[]): void => {
    if (next.length === 0) problems.push(`layer "${name}": its mask reaches the output: ${remedy}`);
    for (const node of next) {
      if (seen.has(node)) continue;
      seen.add(node);
      const className = String(node.layer["class_name"]);
      const own = isObject(node.layer["config"]) ? node.layer["config"] : {};
      const wrapped = isObject(own["layer"]) ? own["layer"] : undefined;
      const inner = wrapped !== undefined && isObject(wrapped["config"]) ? wrapped["config"] : own;
      const recurrent = RECURRENT.includes(className) || className === "Bidirectional";
      if (recurrent) taken.push(node);
      if (recurrent && inner["return_sequences"] !== true) continue;
      const passes =
        (RECURRENT.includes(className) && inner["zero_output_for_mask"] !== true) ||
        MASK_PASSING.includes(className);
      if (passes) follow(node.consumers);
      else {
        problems.push(
          `layer "${node.name}" (${className}): it would not see the mask of "${name}": ${remedy}`,
        );
      }
    }
  };
  follow(consumers);
  return { problems, taken };
}

export function entriesOf(model: Config): readonly unknown[] {
  const config = model["config"];
  const layers = isObject(config) ? config["layers"] : config;
  return Array.isArray(layers) ? layers : [];
}

export function isModel(entry: Config): boolean {
  const { config } = entry;
  return Array.isArray(config) || (isObject(config) && Array.isArray(config["layers"]));
}

export function nameOf(entry: unknown): string {
  if (!isObject(entry)) return "";
  const config = entry["config"];
  return String(entry["name"] ?? (isObject(config) ? config["name"] : undefined) ?? "");
}
