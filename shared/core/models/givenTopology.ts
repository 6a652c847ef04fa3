// The topology of the model that a spec names, whichever way it names it.
import { FlError } from "../errors.ts";
import { hasTopology, type LayersTopology, type ModelChoice } from "../schemas/model.ts";
import { modelSpec } from "./builtinModels.ts";
import { plainGraph } from "./plainGraph.ts";
import { shortTopology } from "./shortLayers.ts";
import { toLayersTopology } from "./topology.ts";

/**
 * As it was given, which may be in the words of Keras 3. Throws `invalid-argument` for an unknown built-in,
 * and for parameters alone.
 */
export function givenTopology(model: ModelChoice): LayersTopology {
  if ("builtin" in model) return toLayersTopology(modelSpec(model.builtin));
  if ("inputShape" in model) return shortTopology(model.inputShape, model.layers);
  if (hasTopology(model)) return plainGraph(model.layers);
  throw new FlError("invalid-argument", "The model has parameters and no topology.");
}
