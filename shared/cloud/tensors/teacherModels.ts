// The models whose predictions a client learns from: built beside its own for the time of its training.
import type { LayersTopology } from "../../core/schemas/model.ts";
import type { Weights } from "../../core/updates/weights.ts";
import { batchOf, slices } from "./batches.ts";
import type { FittedData } from "./labels.ts";
import { type BuiltModel, buildModel } from "./layersModel.ts";
import { type Loss, withoutProbabilities } from "./losses.ts";
import type { TensorFlow } from "./tensorFlow.ts";

export interface Teachers {
  readonly models: readonly BuiltModel[];
  /** How many of those given are not among them. */
  readonly leftOut: number;
  dispose(): void;
}

/**
 * Builds a model for each. Those whose predictions for the first samples are not finite are left out: they
 * would spoil a training that goes well without them.
 *
 * @param samples of the data, to be looked at: at least 1
 * @throws FlError("invalid-argument") for weights of another model, FlError("internal") where the loss
 *   compares no probabilities
 */
export async function buildTeachers(
  tf: TensorFlow,
  topology: LayersTopology,
  given: readonly Weights[],
  { soft }: Loss,
  data: FittedData,
  samples: number,
): Promise<Teachers> {
  if (given.length === 0) return { models: [], leftOut: 0, dispose: () => undefined };
  if (soft === undefined) throw withoutProbabilities();
  const models: BuiltModel[] = [];
  const dispose = () => {
    for (const model of models.splice(0)) model.dispose();
  };
  const [places = []] = slices(samples, samples);
  try {
    for (const weights of given) {
      const model = await buildModel(tf, topology);
      models.push(model);
      model.setWeights(weights);
      const isUsable = tf.tidy(() => {
        const prediction = model.apply(batchOf(tf, data, places).x, { training: false });
        return soft.probabilities(prediction).dataSync().every(Number.isFinite);
      });
      if (!isUsable) models.pop()?.dispose();
    }
  } catch (error) {
    dispose();
    throw error;
  }
  return { models, leftOut: given.length - models.length, dispose };
}
