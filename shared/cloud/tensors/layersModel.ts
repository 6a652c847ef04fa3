// A tfjs layers model built from its topology, with weights that go in and out by name.
import type { LayersModel, Tensor, Variable } from "@tensorflow/tfjs";
import { FlError } from "../../core/errors.ts";
import { tfjsTopology } from "../../core/models/tfjsTopology.ts";
import type { LayersTopology } from "../../core/schemas/model.ts";
import {
  type ModelParameter,
  type ModelShape,
  orderWeights,
  type Weights,
} from "../../core/updates/weights.ts";
import { withoutSeeds } from "./draws.ts";
import { activate, type Prediction, takeFinalActivation } from "./finalActivation.ts";
import { followKeras } from "./kerasLayers.ts";
import { nameFailures } from "./layerErrors.ts";
import { withinParameters } from "./parameterBudget.ts";
import type { TensorFlow } from "./tensorFlow.ts";

/**
 * A model with one input and one output, all of its weights zero until they are set. Shapes are without the
 * batch dimension; null is any size.
 */
export interface BuiltModel {
  readonly inputShape: readonly (number | null)[];
  readonly outputShape: readonly (number | null)[];
  /** In the order of tfjs `getWeights`. */
  readonly shapes: ModelShape;
  /** The parameters that training changes, as TensorFlow holds them. */
  readonly trained: readonly Variable[];
  /** All that a step may change: what is trained, and statistics. */
  readonly variables: readonly Variable[];
  /** Of `trained`, in its order. */
  readonly trainedNames: readonly string[];
  setWeights(weights: Weights): void;
  /** New arrays, in the order of `shapes`. */
  getWeights(): Weights;
  /**
   * The prediction for a batch. Call within `tf.tidy`. `training` switches dropout and moving averages on.
   */
  apply(batch: Tensor, options: { readonly training: boolean }): Prediction;
  /** The regularisation losses of layers that are trained, each a scalar. Call within `tf.tidy`. */
  penalties(): readonly Tensor[];
  /** Frees the memory of the parameters. */
  dispose(): void;
}

/**
 * Builds a model. Throws `invalid-argument` when TensorFlow.js refuses the topology, or it has more than one
 * input or output, or more than `maxParameters`, none of which is made then.
 */
export async function buildModel(
  tf: TensorFlow,
  topology: LayersTopology,
  maxParameters = Number.POSITIVE_INFINITY,
): Promise<BuiltModel> {
  const model = await fromTopology(tf, topology, maxParameters);
  try {
    return wrap(tf, model);
  } catch (error) {
    disposeModel(model);
    throw error;
  }
}

async function fromTopology(
  tf: TensorFlow,
  topology: LayersTopology,
  maxParameters: number,
): Promise<LayersModel> {
  try {
    // A copy, because reading it rewrites it. Its type is any JSON object, which a parsed topology is.
    const modelTopology = withoutSeeds(tfjsTopology(topology)) as Parameters<
      typeof tf.models.modelFromJSON
    >[0];
    const model = await withinParameters(tf, maxParameters, () => tf.models.modelFromJSON(modelTopology));
    followKeras(tf, model);
    return model;
  } catch (cause) {
    if (cause instanceof FlError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new FlError("invalid-argument", `TensorFlow.js cannot build the model: ${why}`, {
      cause,
      reason: "unsupported-model",
      told: "TensorFlow.js cannot build the run's model.",
    });
  }
}

function wrap(tf: TensorFlow, model: LayersModel): BuiltModel {
  const activation = takeFinalActivation(tf, model);
  nameFailures(tf, allLayers(model.layers));
  const cells = cellsOf(model.layers);
  // Once each, and none that is frozen, as in Keras; TensorFlow.js counts a layer twice that is called twice.
  const penalised = [...new Set(plainLayers(model.layers))].filter(({ trainable }) => trainable);
  const trained = new Set(model.trainableWeights);
  const frozen = frozenWeights(model.layers, false);
  const shapes = model.weights.map((weight): ModelParameter => {
    const named = { name: weight.originalName, shape: weight.shape.map((size) => size ?? 0) };
    if (trained.has(weight)) return named;
    if (frozen.has(weight)) return { ...named, role: "frozen" };
    const isVariance = weight.originalName.split("/").at(-1) === "moving_variance";
    return { ...named, role: "statistic", ...(isVariance ? { min: 0 } : {}) };
  });
  if (shapes.length === 0) throw new FlError("invalid-argument", "The model has no parameters to train.");
  if (new Set(shapes.map(({ name }) => name)).size < shapes.length) {
    throw new FlError("invalid-argument", "Two parameters of the model have the same name; name its layers.");
  }
  const variableOf = (weight: LayersModel["weights"][number]): Variable => {
    const variable = weight.read();
    if (variable instanceof tf.Variable) return variable;
    throw new FlError("internal", `The parameter ${weight.originalName} is not a variable.`);
  };
  return {
    inputShape: onlyShape(model.inputs, "input"),
    outputShape: onlyShape(model.outputs, "output"),
    shapes,
    trainedNames: model.trainableWeights.map(({ originalName }) => originalName),
    trained: model.trainableWeights.map(variableOf),
    variables: model.weights.map(variableOf),
    setWeights(weights) {
      tf.tidy(() => {
        const tensors = orderWeights(weights, shapes).map(({ values, shape }) =>
          tf.tensor(values, [...shape]),
        );
        model.setWeights(tensors);
      });
    },
    getWeights() {
      const tensors = model.getWeights();
      // Copied: a backend may hand out the very array that a tensor was made of.
      return shapes.map(({ name, shape }, i) => ({
        name,
        shape,
        values: new Float32Array(tensors[i]?.dataSync<"float32">() ?? []),
      }));
    },
    apply(batch, options) {
      forgetMasks(tf, cells);
      const made = model.apply(batch, { ...options });
      if (made instanceof tf.Tensor) {
        if (activation === null) return { output: made, logits: null };
        return { output: activate(tf, activation, made), logits: made };
      }
      throw new FlError("internal", "The model returned something other than one tensor.");
    },
    penalties: () => penalised.flatMap((layer) => layer.calculateLosses()),
    dispose() {
      forgetMasks(tf, cells);
      disposeModel(model);
    },
  };
}

/**
 * TensorFlow.js counts the uses of a layer, and disposes of one that is called twice, or that lies in a model
 * within the model, too seldom.
 */
function disposeModel(model: LayersModel): void {
  const weights = model.weights.map((weight) => weight.read());
  model.dispose();
  for (const weight of weights) if (!weight.isDisposed) weight.dispose();
}

/** Layers, and the layers that they are made of. */
function allLayers(layers: readonly Layer[]): readonly Layer[] {
  return layers.flatMap((layer) => [
    ...("layers" in layer ? [] : [layer]),
    ...allLayers(layersWithin(layer)),
  ]);
}

/** Layers, and those of models within the model in their place. */
function plainLayers(layers: readonly Layer[]): readonly Layer[] {
  return layers.flatMap((layer) => {
    const { layers: within } = layer as Layer & { readonly layers?: readonly Layer[] };
    return within === undefined ? [layer] : plainLayers(within);
  });
}

/** What a recurrent layer repeats for every position. */
interface Cell {
  dropoutMask?: Tensor | Tensor[] | null;
  recurrentDropoutMask?: Tensor | Tensor[] | null;
}

function cellsOf(layers: readonly Layer[]): readonly Cell[] {
  return layers.flatMap((layer) => [
    ...("dropoutMask" in layer ? [layer as Layer & Cell] : []),
    ...cellsOf(layersWithin(layer)),
  ]);
}

/**
 * A cell keeps its masks until its layer asks for new ones, which not every layer does: `RNN` keeps the first
 * for good.
 */
function forgetMasks(tf: TensorFlow, cells: readonly Cell[]): void {
  for (const cell of cells) {
    tf.dispose([cell.dropoutMask ?? [], cell.recurrentDropoutMask ?? []]);
    cell.dropoutMask = null;
    cell.recurrentDropoutMask = null;
  }
}

type Layer = LayersModel["layers"][number];

/** The weights of layers that are frozen, by themselves or with what they are in. */
function frozenWeights(layers: readonly Layer[], within: boolean): ReadonlySet<Layer["weights"][number]> {
  return new Set(
    layers.flatMap((layer) => {
      const frozen = within || !layer.trainable;
      return frozen ? layer.weights : [...frozenWeights(layersWithin(layer), frozen)];
    }),
  );
}

/** Where TensorFlow.js keeps the layers that a layer is made of: models, wrappers, recurrent layers. */
const PLACES = ["layers", "layer", "forwardLayer", "backwardLayer", "cell", "cells"] as const;

function layersWithin(layer: Layer): readonly Layer[] {
  const places = layer as Layer & Partial<Record<(typeof PLACES)[number], Layer | Layer[]>>;
  return PLACES.flatMap((place) => places[place] ?? []);
}

function onlyShape(
  tensors: readonly { readonly shape: readonly (number | null)[] }[],
  what: string,
): readonly (number | null)[] {
  const [only] = tensors;
  if (only === undefined || tensors.length > 1) {
    throw new FlError(
      "invalid-argument",
      `The model has ${tensors.length} ${what}s; federated training needs one.`,
    );
  }
  return only.shape.slice(1);
}
