// Counts the parameters of a model while TensorFlow.js builds it, before each is allocated: some 50 bytes of
// a topology can ask for all the memory there is.
import { FlError } from "../../core/errors.ts";
import { elementCount } from "../../core/updates/safetensors.ts";
import type { TensorFlow } from "./tensorFlow.ts";

type AddWeight = (name: string, shape: readonly (number | null)[], ...rest: unknown[]) => { dispose(): void };

/**
 * Does what builds a model, all of it before its promise is there. What was made of a model that cannot be
 * built is freed.
 *
 * @throws FlError("invalid-argument") before the parameter that is one too many is made
 */
export async function withinParameters<T>(
  tf: TensorFlow,
  maxParameters: number,
  build: () => Promise<T>,
): Promise<T> {
  const layers = tf.layers.Layer.prototype as unknown as { addWeight: AddWeight };
  const { addWeight } = layers;
  let count = 0;
  const made: { dispose(): void }[] = [];
  layers.addWeight = function (this: { readonly name: string }, name, shape, ...rest) {
    count += elementCount(shape.map((size) => size ?? 0));
    if (count > maxParameters) {
      throw new FlError(
        "invalid-argument",
        `The model is too large: it has more than ${maxParameters} parameters, of which layer ${this.name} brings ${name} of shape [${shape.join(", ")}]; use a smaller model, or give the evaluator and the aggregator more memory.`,
      );
    }
    const weight = addWeight.call(this, name, shape, ...rest);
    made.push(weight);
    return weight;
  };
  let building: Promise<T>;
  try {
    building = build();
  } finally {
    layers.addWeight = addWeight; // Before anybody else builds a model.
  }
  try {
    return await building;
  } catch (error) {
    for (const weight of made) weight.dispose();
    throw error;
  }
}
