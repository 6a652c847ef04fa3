// The parameters of a model by arithmetic on its topology, without building it: sequences, graphs and models
// within models, of every layer that a topology may name. Checked against what Keras makes of them.
import { FlError } from "../errors.ts";
import type { LayersTopology } from "../schemas/model.ts";
import type { ModelParameter, ModelShape, TensorShape } from "../updates/weights.ts";
import { normalTopology } from "./normalTopology.ts";
import { type LayerShapes, layerShapes, type OpenShape } from "./shapeRules.ts";
import { type Config, isObject } from "./topology.ts";

export interface InferredModel {
  /** By layer and the parameter's name in it, in the order of the layers. */
  readonly parameters: ModelShape;
  /** Of one sample; null where any size will do. */
  readonly inputShape: OpenShape;
  readonly outputShape: OpenShape;
  /** Layers, those of models in it included. */
  readonly layers: number;
}

/** Undefined where a shape cannot be told: the model has to be built to be known. */
export function inferModel(topology: LayersTopology): InferredModel | undefined {
  const { inference, outputShape } = inferred(normalTopology(topology));
  if (outputShape === undefined || inference.inputShape === undefined) return undefined;
  return {
    parameters: [...inference.parameters.values()].flat(),
    inputShape: inference.inputShape,
    outputShape,
    layers: inference.layers.size,
  };
}

/**
 * The first layer on each way to the output that does not take the shape it is given, in words; none where
 * every shape fits, or cannot be told.
 */
export function shapeProblems(topology: LayersTopology): readonly string[] {
  return [...inferred(normalTopology(topology)).inference.problems];
}

function inferred(normal: LayersTopology): {
  readonly inference: Inference;
  readonly outputShape: OpenShape | undefined;
} {
  const inference = new Inference();
  try {
    return { inference, outputShape: inference.model(normal.model_config, undefined, false) };
  } catch (error) {
    // A graph without an end, or nested deeper than any model: building it fails with the reason.
    if (error instanceof RangeError) return { inference: new Inference(), outputShape: undefined };
    throw error;
  }
}

/**
 * What each layer of a model puts out, of one sample, for each of its calls as far as they can be told.
 *
 * @param normal in the words of `normalTopology`, whose very entries are the keys
 */
export function layerOutputs(normal: LayersTopology): ReadonlyMap<Config, readonly OpenShape[]> {
  return inferred(normal).inference.outputs;
}

/** What each call of a layer takes, has and puts out; undefined where a shape cannot be told. */
export function layerCalls(normal: LayersTopology): readonly LayerCall[] | undefined {
  const { inference, outputShape } = inferred(normal);
  return outputShape === undefined ? undefined : inference.calls;
}

export interface LayerCall {
  readonly className: string;
  /** Of one sample. */
  readonly inputs: readonly OpenShape[];
  readonly output: OpenShape;
  readonly parameters: readonly TensorShape[];
}

class Inference {
  /** By the layer, so that one that is called twice counts once. */
  readonly parameters = new Map<Config, readonly ModelParameter[]>();
  readonly layers = new Set<Config>();
  readonly outputs = new Map<Config, OpenShape[]>();
  readonly calls: LayerCall[] = [];
  readonly problems = new Set<string>();
  inputShape: OpenShape | undefined;

  model(model: Config, input: OpenShape | undefined, isFrozen: boolean): OpenShape | undefined {
    const config = model["config"];
    const entries = (isObject(config) ? config["layers"] : config) as unknown;
    if (!Array.isArray(entries) || !entries.every(isObject)) return undefined;
    const frozen = isFrozen || (isObject(config) && config["trainable"] === false);
    return model["class_name"] === "Sequential"
      ? this.#sequence(entries, input, frozen)
      : this.#graph(isObject(config) ? config : {}, entries, input, frozen);
  }

  #sequence(
    entries: readonly Config[],
    input: OpenShape | undefined,
    isFrozen: boolean,
  ): OpenShape | undefined {
    let shape = input;
    for (const entry of entries) {
      shape = this.#call(entry, shape === undefined ? [] : [shape], isFrozen);
      if (shape === undefined) return undefined;
    }
    return shape;
  }

  #graph(
    config: Config,
    entries: readonly Config[],
    input: OpenShape | undefined,
    isFrozen: boolean,
  ): OpenShape | undefined {
    const byName = new Map(entries.map((entry) => [nameOf(entry), entry]));
    const known = new Map<string, OpenShape | undefined>();
    const shapeAt = (place: unknown): OpenShape | undefined => {
      if (!Array.isArray(place)) return undefined;
      const [name, call] = place;
      const entry = byName.get(name);
      if (entry === undefined) return undefined;
      const key = JSON.stringify([name, call]);
      if (!known.has(key)) {
        known.set(key, undefined); // A graph has no circles; one that does has no shapes.
        known.set(key, shapeOf(entry, Number(call)));
      }
      return known.get(key);
    };
    const shapeOf = (entry: Config, call: number): OpenShape | undefined => {
      if (entry["class_name"] === "InputLayer") {
        return this.#call(entry, input === undefined ? [] : [input], isFrozen);
      }
      const nodes = Array.isArray(entry["inbound_nodes"]) ? entry["inbound_nodes"] : [];
      // The making of a model counts as its first call.
      const node: unknown = nodes[isModel(entry) ? call - 1 : call] ?? nodes[0];
      if (!Array.isArray(node)) return undefined;
      const places = typeof node[0] === "string" ? [node] : node;
      const shapes = places.map(shapeAt);
      return shapes.every((shape) => shape !== undefined) ? this.#call(entry, shapes, isFrozen) : undefined;
    };
    const outputs = config["output_layers"];
    if (!Array.isArray(outputs)) return undefined;
    const [first] = typeof outputs[0] === "string" ? [outputs] : outputs;
    return shapeAt(first);
  }

  #call(entry: Config, inputs: readonly OpenShape[], isFrozen: boolean): OpenShape | undefined {
    if (isModel(entry)) return this.model(entry, inputs[0], isFrozen);
    const { class_name: className, config } = entry;
    if (typeof className !== "string" || !isObject(config)) return undefined;
    const given = inputs.length > 0 ? inputs : openInput(config["batch_input_shape"]);
    if (given === undefined) {
      this.problems.add(
        `layer "${nameOf(entry)}" (${className}): it begins the model, and does not say the shape of a sample: give it batch_input_shape, or an InputLayer in front`,
      );
      return undefined;
    }
    this.inputShape ??= given[0];
    this.layers.add(entry);
    const outcome =
      className === "InputLayer"
        ? { output: given[0], parameters: [] as const }
        : this.#shapes(className, config, given);
    if (outcome === undefined) return undefined;
    if (outcome.output !== undefined) {
      this.outputs.set(entry, [...(this.outputs.get(entry) ?? []), outcome.output]);
      const { output, parameters } = outcome;
      this.calls.push({ className, inputs: given, output, parameters });
    }
    const frozen = isFrozen || config["trainable"] === false;
    const name = nameOf(entry);
    this.parameters.set(
      entry,
      outcome.parameters.map((parameter) => ({
        name: `${name}/${parameter.name}`,
        shape: parameter.shape,
        ...roleOf(parameter.name, frozen),
      })),
    );
    return outcome.output;
  }

  #shapes(className: string, config: Config, inputs: readonly OpenShape[]): LayerShapes | undefined {
    try {
      return layerShapes(className, config, inputs);
    } catch (error) {
      if (!(error instanceof FlError)) throw error;
      this.problems.add(`layer "${config["name"]}" (${className}): ${error.message}`);
      return undefined;
    }
  }
}

function roleOf(parameter: string, isFrozen: boolean): Pick<ModelParameter, "role" | "min"> {
  if (isFrozen) return { role: "frozen" };
  if (!parameter.startsWith("moving_")) return {};
  return { role: "statistic", ...(parameter === "moving_variance" ? { min: 0 } : {}) };
}

function openInput(batchShape: unknown): readonly OpenShape[] | undefined {
  if (!Array.isArray(batchShape)) return undefined;
  const shape: unknown[] = batchShape.slice(1);
  return shape.every(
    (size): size is number | null => size === null || (Number.isInteger(size) && Number(size) > 0),
  )
    ? [shape]
    : undefined;
}

function isModel(entry: Config): boolean {
  const { config } = entry;
  return Array.isArray(config) || (isObject(config) && Array.isArray(config["layers"]));
}

function nameOf(entry: Config): string {
  const { config } = entry;
  return String(entry["name"] ?? (isObject(config) ? config["name"] : undefined) ?? "");
}
