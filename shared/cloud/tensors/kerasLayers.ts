// Where a layer of TensorFlow.js computes something else than Keras' does: layers of a model that was just
// built are made to follow Keras.
import type { LayersModel, Tensor, Variable } from "@tensorflow/tfjs";
import type { TensorFlow } from "./tensorFlow.ts";

/** What there is of a layer of TensorFlow.js beyond its public type. */
interface Layer {
  getClassName(): string;
  trainable: boolean;
  readonly layers?: readonly Layer[];
  readonly layer?: Layer;
  call(inputs: unknown, kwargs: { readonly training?: boolean; mask?: unknown }): Tensor | Tensor[];
}

interface LayerVariable {
  read(): Variable;
  write(value: Tensor): void;
}

interface Normalization extends Layer {
  readonly axis: number;
  readonly momentum: number;
  readonly epsilon: number;
  readonly gamma?: LayerVariable | null;
  readonly beta?: LayerVariable | null;
  readonly movingMean: LayerVariable;
  readonly movingVariance: LayerVariable;
}

export function followKeras(tf: TensorFlow, model: LayersModel): void {
  for (const layer of model.layers as unknown as readonly Layer[]) follow(tf, layer);
}

function follow(tf: TensorFlow, layer: Layer): void {
  for (const inner of layer.layers ?? []) follow(tf, inner);
  forgetMask(layer);
  if (layer.getClassName() !== "BatchNormalization") return;
  const normalization = layer as Normalization;
  normalization.call = (inputs, { training = false }) => {
    const input = (Array.isArray(inputs) ? inputs[0] : inputs) as Tensor;
    return tf.tidy(() => normalized(tf, normalization, input, training));
  };
}

/**
 * TensorFlow.js hands all layers of a model one object of arguments, in which the mask of a layer stays for
 * the ones behind it, whether it is theirs or not.
 */
function forgetMask(layer: Layer): void {
  const call = layer.call.bind(layer);
  layer.call = (inputs, kwargs) => {
    try {
      return call(inputs, kwargs);
    } finally {
      delete kwargs.mask;
    }
  };
}

/**
 * Batch normalisation (Ioffe, Szegedy 2015). Unlike TensorFlow.js, Keras takes the moving averages where the
 * layer is frozen, also in training, and leaves them alone; and it trains a layer without scale or centre.
 */
function normalized(tf: TensorFlow, layer: Normalization, input: Tensor, training: boolean): Tensor {
  const axis = layer.axis < 0 ? layer.axis + input.rank : layer.axis;
  const others = input.shape.map((_, i) => i).filter((i) => i !== axis);
  const along = (values: Tensor) => values.reshape(input.shape.map((size, i) => (i === axis ? size : 1)));
  let mean: Tensor = layer.movingMean.read();
  let variance: Tensor = layer.movingVariance.read();
  if (training && layer.trainable) {
    const moments = tf.moments(input, others);
    const move = (average: LayerVariable, value: Tensor) =>
      average.write(tf.add(tf.mul(average.read(), layer.momentum), tf.mul(value, 1 - layer.momentum)));
    ({ mean, variance } = moments);
    move(layer.movingMean, mean);
    move(layer.movingVariance, variance);
  }
  const scale = tf.rsqrt(tf.add(along(variance), layer.epsilon));
  const centred = tf.mul(tf.sub(input, along(mean)), scale);
  const scaled = layer.gamma ? tf.mul(centred, along(layer.gamma.read())) : centred;
  return layer.beta ? tf.add(scaled, along(layer.beta.read())) : scaled;
}
