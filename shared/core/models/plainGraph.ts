// What Keras 3 writes into the JSON of a graph beside its layers: how masks are computed, which it records as
// operations, and names of inputs and outputs.
import type { LayersTopology } from "../schemas/model.ts";
import { placesIn } from "./normalTopology.ts";
import { type Config, isObject, originOf } from "./topology.ts";

/**
 * The same model, of layers alone as far as it can be: masks that follow from an Embedding or a Masking layer
 * are computed again where the model is built. Anything else stays.
 */
export function plainGraph(topology: LayersTopology): LayersTopology {
  return { ...topology, model_config: { ...topology.model_config, ...plainModel(topology.model_config) } };
}

function plainModel(model: Config): Config {
  const { config } = model;
  if (!isObject(config) || !Array.isArray(config["layers"])) return model;
  const entries = config["layers"].map((entry: unknown) => (isObject(entry) ? plainModel(entry) : entry));
  const graph: Record<string, unknown> = { ...config, layers: withoutMasks(entries) };
  for (const key of ["input_layers", "output_layers"]) {
    if (isObject(config[key])) graph[key] = Object.values(config[key]);
  }
  return { ...model, config: graph };
}

interface Call {
  readonly args: readonly unknown[];
  readonly kwargs: Config;
}

function callsOf(entry: Config): readonly Call[] {
  const nodes: readonly unknown[] = Array.isArray(entry["inbound_nodes"]) ? entry["inbound_nodes"] : [];
  return nodes.filter(isObject).map(({ args, kwargs }) => ({
    args: Array.isArray(args) ? args : [],
    kwargs: isObject(kwargs) ? kwargs : {},
  }));
}

function withoutMasks(entries: readonly unknown[]): readonly unknown[] {
  const layers = entries.filter(isObject);
  const masks = maskOperations(layers);
  const isMask = (place: readonly unknown[] | undefined) => place !== undefined && masks.has(place[0]);
  const isUsedOtherwise = layers.some(
    (entry) =>
      !masks.has(entry["name"]) &&
      callsOf(entry).some(({ args, kwargs: { mask: _, ...others } }) =>
        placesIn([args, Object.values(others)]).some(isMask),
      ),
  );
  if (masks.size === 0 || isUsedOtherwise) return entries;
  return entries
    .filter((entry) => !isObject(entry) || !masks.has(entry["name"]))
    .map((entry) => {
      if (!isObject(entry) || !Array.isArray(entry["inbound_nodes"])) return entry;
      return {
        ...entry,
        inbound_nodes: entry["inbound_nodes"].map((node: unknown) => {
          if (!isObject(node) || !isObject(node["kwargs"])) return node;
          const { mask, ...kwargs } = node["kwargs"];
          return isMask(placesIn(mask)[0]) ? { ...node, kwargs } : node;
        }),
      };
    });
}

/** The names of operations that compute what an Embedding or a Masking layer hides, and nothing else. */
function maskOperations(layers: readonly Config[]): ReadonlySet<unknown> {
  const [ofTokens, ofSteps] = [new Set<string>(), new Set<string>()];
  for (const layer of layers) {
    const config = isObject(layer["config"]) ? layer["config"] : {};
    for (const { args } of callsOf(layer)) {
      const [input] = placesIn(args);
      if (layer["class_name"] === "Embedding" && config["mask_zero"] === true) {
        ofTokens.add(JSON.stringify([input, 0]));
      }
      if (layer["class_name"] === "Masking") {
        ofSteps.add(JSON.stringify([input, config["mask_value"] ?? 0]));
      }
    }
  }
  const operations = layers.filter((entry) => originOf(entry) === "operation");
  const compared = (entry: Config, wanted: ReadonlySet<string>) =>
    entry["class_name"] === "NotEqual" &&
    callsOf(entry).every(({ args: [tensor, value] }) =>
      wanted.has(JSON.stringify([placesIn(tensor)[0], value])),
    );
  const tokens = operations.filter((entry) => compared(entry, ofTokens));
  const steps = new Set(operations.filter((entry) => compared(entry, ofSteps)).map((entry) => entry["name"]));
  const whole = operations.filter(
    (entry) =>
      entry["class_name"] === "Any" &&
      callsOf(entry).every(({ args }) => placesIn(args).every(([name]) => steps.has(name))),
  );
  return new Set([
    ...tokens.map((entry) => entry["name"]),
    ...(whole.length > 0 ? steps : []),
    ...whole.map((entry) => entry["name"]),
  ]);
}
