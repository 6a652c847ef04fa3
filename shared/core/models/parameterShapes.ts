// The names and shapes of a model's parameters, computed from its topology without building it.
import type { LayersTopology } from "../schemas/model.ts";
import type { ModelParameter, ModelShape } from "../updates/weights.ts";
import { layerRules, type Shape } from "./layerRules.ts";
import type { ModelSpec } from "./modelSpec.ts";
import { sequenceOf, toLayersTopology } from "./topology.ts";

/** The parameters of a built-in model, in the order of tfjs `getWeights`. */
export function parameterShapes(spec: ModelSpec): ModelShape {
  const shapes = sequenceShapes(toLayersTopology(spec));
  if (shapes === undefined) throw new Error(`The built-in model ${spec.name} has a layer without a rule.`);
  return shapes;
}

/**
 * The parameters of a sequential model made of layers that have a rule, in the order of tfjs `getWeights`:
 * layer by layer, those of frozen layers last. Undefined for any other model: it has to be built to be known.
 */
export function sequenceShapes(topology: LayersTopology): ModelShape | undefined {
  const trained: ModelParameter[] = [];
  const frozen: ModelParameter[] = [];
  let shape: Shape | undefined;
  for (const { className, name, config } of sequenceOf(topology) ?? []) {
    const input = shape ?? inputShape(config["batch_input_shape"]);
    const outcome = input && layerRules.get(className)?.(config, input);
    if (outcome === undefined) return undefined;
    for (const parameter of outcome.parameters) {
      const named = { name: `${name}/${parameter.name}`, shape: parameter.shape };
      if (config["trainable"] === false) frozen.push({ ...named, role: "frozen" });
      else trained.push(named);
    }
    shape = outcome.output;
  }
  return shape && [...trained, ...frozen];
}

/** The shape of one sample, or undefined where the topology leaves a dimension open. */
function inputShape(batchShape: unknown): Shape | undefined {
  if (!Array.isArray(batchShape)) return undefined;
  const shape: unknown[] = batchShape.slice(1);
  return shape.every((size): size is number => Number.isInteger(size)) ? shape : undefined;
}
