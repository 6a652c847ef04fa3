// The update of what a client has trained: its delta, cut to its parts, transformed and encoded. Clients and
// the simulator make it by this.
import { type Random, randomFrom } from "../../random.ts";
import { type Covers, cutToCovers } from "../../updates/covers.ts";
import { turnIntoDelta } from "../../updates/delta.ts";
import type { ModelShape, Weights } from "../../updates/weights.ts";
import { transformDelta } from "./applyTransforms.ts";
import type { EncodingName } from "./encodings.ts";
import type { TransformOptions } from "./transformOptions.ts";
import { updateParts } from "./update.ts";

export interface UpdateRecipe {
  readonly baseVersion: number;
  readonly encoding: EncodingName;
  readonly transforms?: readonly TransformOptions[] | undefined;
  readonly model: ModelShape;
  /** The parts of the parameters that the update is to have; all of them where absent. */
  readonly covers?: Covers | undefined;
  /** Tensors that the training method sends beside the delta; none where absent. Written over. */
  readonly beside?: Weights | undefined;
  /** Of the run. With the round and the client it fixes every draw. */
  readonly seed: number;
  readonly round: number;
  readonly clientId: string;
}

/**
 * The update's file, in parts to be written one after the other.
 *
 * @param trained is written over, and may share memory with the file.
 * @param base what training started from.
 */
export function makeUpdate(trained: Weights, base: Weights, recipe: UpdateRecipe): readonly Uint8Array[] {
  const { baseVersion, encoding, transforms = [], covers, beside = [] } = recipe;
  const own = turnIntoDelta(trained, base, recipe.model);
  const delta = [...(covers === undefined ? own : cutToCovers(own, recipe.model, covers)), ...beside];
  const model = [...recipe.model, ...beside];
  transformDelta(delta, transforms, model, draws(recipe, "transforms"));
  return updateParts(delta, { encoding, baseVersion, model, random: draws(recipe, "encoding") });
}

function draws({ seed, round, clientId }: UpdateRecipe, purpose: string): Random {
  return randomFrom(seed, round, clientId, purpose);
}
