// Parts of a data set as tensors, and whether a data set fits a model at all.
import type { Tensor } from "@tensorflow/tfjs";
import { FlError } from "../../core/errors.ts";
import type { Dataset } from "../../core/ports/trainer.ts";
import { elementCount } from "../../core/updates/safetensors.ts";
import { type FittedData, fitData, oneHot } from "./labels.ts";
import type { BuiltModel } from "./layersModel.ts";
import type { LossName } from "./losses.ts";
import type { TensorFlow } from "./tensorFlow.ts";

export interface Batch {
  readonly x: Tensor;
  readonly y: Tensor;
}

/** The samples at these places, in this order, as new tensors. Call within `tf.tidy`. */
export function batchOf(tf: TensorFlow, { x, y }: FittedData, places: ArrayLike<number>): Batch {
  const labels = rowsOf(y, places);
  return {
    x: tensorOf(tf, x, rowsOf(x, places)),
    y:
      y.oneHot === undefined
        ? tensorOf(tf, y, labels)
        : tensorOf(tf, { shape: [...y.shape, y.oneHot] }, oneHot(labels, y.oneHot)),
  };
}

function rowsOf({ shape, values }: Dataset["x"], places: ArrayLike<number>): Float32Array {
  const size = elementCount(shape.slice(1));
  const rows = new Float32Array(places.length * size);
  for (let i = 0; i < places.length; i++) {
    const place = places[i] ?? 0;
    rows.set(values.subarray(place * size, (place + 1) * size), i * size);
  }
  return rows;
}

/** @param like has the shape of the whole data set. */
function tensorOf(tf: TensorFlow, like: { readonly shape: readonly number[] }, rows: Float32Array): Tensor {
  const rowShape = like.shape.slice(1);
  return tf.tensor(rows, [rows.length / elementCount(rowShape), ...rowShape]);
}

/** `0..count-1` cut into runs of at most `size`. */
export function* slices(count: number, size: number): Generator<readonly number[]> {
  for (let start = 0; start < count; start += size) {
    yield Array.from({ length: Math.min(size, count - start) }, (_, i) => start + i);
  }
}

/** The number of samples. Throws `invalid-argument` where x and y do not fit each other or themselves. */
export function countSamples(data: Dataset): number {
  const samples = data.x.shape[0] ?? 0;
  if (samples === 0) {
    throw new FlError("invalid-argument", "The data set has no samples.", { reason: "bad-data" });
  }
  if (data.y.shape[0] !== samples) {
    throw new FlError(
      "invalid-argument",
      `The data set has ${samples} samples but ${data.y.shape[0] ?? 0} labels.`,
      { reason: "bad-data" },
    );
  }
  for (const [name, { shape, values }] of Object.entries({ x: data.x, y: data.y })) {
    if (elementCount(shape) !== values.length) {
      throw new FlError(
        "invalid-argument",
        `${name} has ${values.length} values, its shape [${shape}] asks for others.`,
      );
    }
  }
  return samples;
}

/**
 * Throws `invalid-argument` for values that are not numbers: a loss of them is none either, whatever the
 * model.
 */
function checkNumbers(name: string, { shape, values }: Dataset["x"]): void {
  let [nan, infinite, first] = [0, 0, -1];
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? 0;
    // Infinity less itself is NaN, too.
    if (value - value === 0) continue;
    if (first === -1) first = i;
    if (Number.isNaN(value)) nan++;
    else infinite++;
  }
  if (first === -1) return;
  const row = Math.floor(first / elementCount(shape.slice(1)));
  const found = [nan > 0 ? `${nan} NaN` : [], infinite > 0 ? `${infinite} infinite` : []]
    .flat()
    .join(" and ");
  throw new FlError(
    "invalid-argument",
    `The data hold values that are not numbers: the tensor ${name} has ${found} of ${values.length}, the first in row ${row}. ` +
      "Replace them, or leave their samples out.",
    { reason: "bad-data" },
  );
}

/**
 * The data in the shapes that model and loss take, and the number of samples.
 * Throws `invalid-argument` unless data, loss and model fit each other.
 */
export function fittedData(
  data: Dataset,
  model: BuiltModel,
  loss: LossName,
): { readonly data: FittedData; readonly samples: number } {
  const samples = countSamples(data);
  checkNumbers("x", data.x);
  checkNumbers("y", data.y);
  return { data: fitData(data, model, loss), samples };
}
