// What fails in a layer, reported so that its owner can fix it: the layer, what it takes, what to do; never
// the data.
import type { LayersModel, Tensor } from "@tensorflow/tfjs";
import { FlError } from "../../core/errors.ts";
import { isOwnLayer } from "../own/ownLayerMark.ts";
import { readToCheck } from "./graph/recordStep.ts";
import type { TensorFlow } from "./tensorFlow.ts";

type Layer = LayersModel["layers"][number];

const REASON_LENGTH = 500;

/**
 * Makes every failure within these layers an error that names the layer. Backends differ in what they refuse
 * of an index.
 */
export function nameFailures(tf: TensorFlow, layers: readonly Layer[]): void {
  for (const layer of layers) {
    const { call, apply } = layer;
    const isEmbedding = layer.getClassName() === "Embedding";
    const hasWindow = /Conv|Pooling|Cropping/.test(layer.getClassName());
    layer.call = (inputs, options) =>
      named(layer, () => {
        if (isEmbedding) checkTokens(tf, layer, inputs);
        if (hasWindow) checkWindow(layer, inputs);
        return call.call(layer, inputs, options);
      });
    layer.apply = (inputs, options) => named(layer, () => apply.call(layer, inputs, options));
  }
}

function named<T>(layer: Layer, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof FlError || !(error instanceof Error) || isAboutBackend(error)) throw error;
    // What TensorFlow.js says may quote the data: it is for the owner's log.
    const told = `${describe(layer)} cannot take its input: the data, or what is made of them before, have another shape.`;
    const why = isOwnLayer(layer) ? "its own code says why in the log of the function" : reasonOf(error);
    throw new FlError("invalid-argument", `${describe(layer)} cannot take its input: ${why}`, {
      cause: error,
      reason: "data-misfit",
      told,
    });
  }
}

function checkTokens(tf: TensorFlow, layer: Layer, inputs: Tensor | Tensor[]): void {
  const { inputDim } = layer as Layer & { readonly inputDim: number };
  const outside = [inputs].flat().reduce((sum, input) => {
    const tokens = tf.cast(input, "float32");
    const bad = tf.logicalOr(tf.less(tokens, 0), tf.greaterEqual(tokens, inputDim));
    return sum + readToCheck(() => tf.sum(tf.cast(bad, "float32")).dataSync()[0] ?? 0);
  }, 0);
  if (outside === 0) return;
  throw new FlError(
    "invalid-argument",
    `${describe(layer)} takes tokens in 0..${inputDim - 1}, and ${outside} of those in a batch are not: ` +
      "number the tokens as the model does, or give the layer a larger input_dim.",
    { reason: "data-misfit" },
  );
}

/**
 * An output without any place is not refused by the WebAssembly backend: its kernels then write beyond their
 * memory, and whatever the process computes afterwards may be wrong.
 */
function checkWindow(layer: Layer, inputs: Tensor | Tensor[]): void {
  const shapes = [inputs].flat().map(({ shape }) => shape);
  const [first = []] = shapes;
  const shape = layer.computeOutputShape(shapes.length === 1 ? first : shapes);
  const sizes: readonly unknown[] = shape.flat();
  if (sizes.every((size) => typeof size !== "number" || size > 0)) return;
  throw new FlError(
    "invalid-argument",
    `${describe(layer)} has a window that is larger than its input: use longer samples, a smaller window, or padding "same".`,
    { reason: "data-misfit" },
  );
}

/** An error of TensorFlow.js that no layer has claimed, e.g. of a gradient. */
export function asFlError(error: Error, backend: string): Error {
  const missing = missingKernel(error);
  if (missing !== undefined) {
    return new FlError(
      "failed-precondition",
      `The ${backend} backend lacks ${missing}, which this model needs; install native TensorFlow.`,
      { cause: error, reason: "no-backend" },
    );
  }
  if (isOutOfMemory(error)) {
    return new FlError(
      "failed-precondition",
      "The memory does not suffice for this model and batch: use a smaller training.batchSize, or give the function more memory.",
      { cause: error, reason: "out-of-memory" },
    );
  }
  return new FlError(
    "invalid-argument",
    `TensorFlow.js cannot compute this model on this data: ${reasonOf(error)}`,
    { cause: error },
  );
}

function describe(layer: Layer): string {
  return `The layer ${JSON.stringify(layer.name.slice(0, 100))} (${layer.getClassName()})`;
}

function missingKernel({ message }: Error): string | undefined {
  return /Kernel '(\w+)' not registered/.exec(message)?.[1];
}

function isOutOfMemory({ message }: Error): boolean {
  return /out of memory|allocation failed|OOM|Invalid (typed )?array( buffer)? length/i.test(message);
}

function isAboutBackend(error: Error): boolean {
  return missingKernel(error) !== undefined || isOutOfMemory(error);
}

/** TensorFlow's own words in one line, without the values that some of them quote. */
function reasonOf({ message }: Error): string {
  return message
    .replaceAll(/\s+/g, " ")
    .replaceAll(/(\w+\[[\d, ]*\]) = \S+/g, "$1")
    .slice(0, REASON_LENGTH)
    .toWellFormed();
}
