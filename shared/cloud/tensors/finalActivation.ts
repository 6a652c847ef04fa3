// The softmax or sigmoid that a model ends in, taken off the model so that a loss can be computed from what
// goes into it.
import type { LayersModel, Tensor } from "@tensorflow/tfjs";
import type { TensorFlow } from "./tensorFlow.ts";

export type FinalActivation = "softmax" | "sigmoid";

/** What a model says of a batch. */
export interface Prediction {
  readonly output: Tensor;
  /** What the final softmax or sigmoid makes `output` of; null where the model ends in neither. */
  readonly logits: Tensor | null;
}

type Layer = LayersModel["layers"][number];

/** Where TensorFlow.js keeps a layer's activation, or a layer or model within it. */
interface Places {
  activation?: { getClassName(): string } | null;
  softmax?: (logits: Tensor) => Tensor;
  axis?: number | number[];
  layer?: Layer;
  layers?: Layer[];
  outputLayers?: Layer[];
}

/** Layers whose last step is their activation. */
const ACTIVATED: ReadonlySet<string> = new Set([
  "Activation",
  "Dense",
  "Conv1D",
  "Conv2D",
  "Conv3D",
  "Conv2DTranspose",
  "Conv3DTranspose",
  "DepthwiseConv2D",
  "SeparableConv2D",
]);

/**
 * Removes the final activation from a model, which computes its input from then on, and returns which one it
 * was.
 */
export function takeFinalActivation(tf: TensorFlow, model: LayersModel): FinalActivation | null {
  const last = finalLayer(model);
  if (last === null) return null;
  const places = last as Layer & Places;
  if (last.getClassName() === "Softmax") {
    const rank = (last.outputShape as readonly unknown[]).length;
    const [axis, ...others] = [places.axis ?? -1].flat();
    if (others.length > 0 || (axis !== -1 && axis !== rank - 1)) return null;
    places.softmax = (logits) => logits;
    return "softmax";
  }
  const name = ACTIVATED.has(last.getClassName()) ? places.activation?.getClassName() : undefined;
  if (name !== "softmax" && name !== "sigmoid") return null;
  places.activation = (tf.layers.activation({ activation: "linear" }) as Layer & Places).activation ?? null;
  return name;
}

/**
 * The layer that computes the output, also within models and `TimeDistributed`; null where it computes more
 * than that.
 */
function finalLayer(layer: Layer): Layer | null {
  const { outputLayers, layers, layer: wrapped } = layer as Layer & Places;
  if (outputLayers !== undefined) {
    // A sequence learns its output layers when it is first called.
    const [last, ...others] = layer.getClassName() === "Sequential" ? (layers ?? []).slice(-1) : outputLayers;
    // A layer that is called twice may feed others as well.
    return last === undefined || others.length > 0 || last.inboundNodes.length > 1 ? null : finalLayer(last);
  }
  if (layer.outboundNodes.length > 0) return null;
  return layer.getClassName() === "TimeDistributed" && wrapped !== undefined ? finalLayer(wrapped) : layer;
}

/** The final activation itself, which every layer applies along the last axis. */
export function activate(tf: TensorFlow, activation: FinalActivation, logits: Tensor): Tensor {
  return activation === "softmax" ? tf.softmax(logits) : tf.sigmoid(logits);
}
