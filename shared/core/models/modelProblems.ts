// Everything that is wrong with a model before it is built: reported when a run is created, all problems at
// once, each with a remedy.
import { FlError } from "../errors.ts";
import type { Loss } from "../schemas/loss.ts";
import { hasAccuracy } from "../schemas/metric.ts";
import type { LayersTopology } from "../schemas/model.ts";
import { shapeProblems } from "./inferShapes.ts";
import { HOW_TO_BRING_LAYERS, kerasClasses, learns, optionProblems } from "./layerOptions.ts";
import { entriesOf, isModel, maskProblems, nameOf, nodesOf, RECURRENT, readCall } from "./modelGraph.ts";
import { ORIGIN } from "./normalTopology.ts";
import { substituteForOperation } from "./substitutes.ts";
import { type Config, isObject, type Layer, layersOf, originOf, wrappedLayer } from "./topology.ts";

/**
 * What a run of this model and loss cannot do or would leave out, one sentence each. Empty if the model may
 * be built.
 *
 * @param loss null where it is not known yet: whether the model's end fits it is left open then
 * @param hasOwnLayers whether the run requires layers of the owners' own: any other class may be among them
 */
export function modelProblems(
  topology: LayersTopology,
  loss: Loss | null,
  hasOwnLayers = false,
): readonly string[] {
  const { class_name: className, config } = topology.model_config;
  if (!MODELS.includes(className) && !(isObject(config) && Array.isArray(config["layers"]))) {
    return [
      `the model is of a class of its own, ${className.slice(0, 100)}, whose code its JSON does not hold: build it as a Sequential or a Functional model`,
    ];
  }
  try {
    const layers = layersOf(topology);
    const problems = [
      ...endProblems(topology.model_config),
      ...graphProblems(topology.model_config, hasOwnLayers),
      ...layers.flatMap((layer) => layerProblems(layer, hasOwnLayers)),
      ...frozenProblems(layers, hasOwnLayers),
      ...compiledProblems(topology),
      ...(loss === null ? [] : outputProblems(outputLayer(topology.model_config), loss)),
    ];
    // The shapes of a model that is refused anyway would be told from options that do not hold.
    return problems.length > 0 ? problems : shapeProblems(topology);
  } catch (error) {
    if (error instanceof FlError) return [error.message.replace(/\.$/, "")];
    throw error;
  }
}

const MODELS = ["Sequential", "Functional", "Model"];

/** Inputs and outputs that are one too many. */
function endProblems({ config }: Config): readonly string[] {
  return (["input", "output"] as const).flatMap((end) => {
    const places = isObject(config) ? config[`${end}_layers`] : undefined;
    if (!Array.isArray(places) || !Array.isArray(places[0]) || places.length === 1) return [];
    const names = places.map((place) => `"${Array.isArray(place) ? place[0] : place}"`).join(", ");
    return [
      `the model has ${places.length} ${end}s (${names}), and federated training needs one: ${end === "input" ? "join them in the data" : "join them by a Concatenate layer"}`,
    ];
  });
}

const at = ({ name, className }: Layer, what: string) => `layer "${name}" (${className}): ${what}`;

const PER_STEP = [
  "Dense",
  "Activation",
  "Flatten",
  "Reshape",
  "Conv2D",
  "MaxPooling2D",
  "AveragePooling2D",
  "GlobalMaxPooling2D",
  "GlobalAveragePooling2D",
];

function layerProblems(layer: Layer, hasOwnLayers: boolean): readonly string[] {
  const { className, config, origin } = layer;
  if (origin === "operation") return []; // Whether it can stand for a layer is decided by its call.
  if (hasOwnLayers && isOwn(layer)) return [];
  if (origin === "custom") {
    return [at(layer, `a class of your own is not supported: take layers of Keras. ${HOW_TO_BRING_LAYERS}`)];
  }
  const problems = optionProblems(className, config).map((what) => at(layer, what));
  const wrapper = { Bidirectional: RECURRENT, TimeDistributed: PER_STEP }[className];
  if (wrapper === undefined) return problems;
  const inner = wrappedLayer(layer);
  if (inner === undefined) return [...problems, at(layer, "has no layer")];
  if (!wrapper.includes(inner.className)) {
    return [
      ...problems,
      at(layer, `${inner.className} in it is not supported; there are ${wrapper.join(", ")}`),
    ];
  }
  problems.push(
    ...optionProblems(inner.className, inner.config).map((what) => at(layer, `its layer's ${what}`)),
  );
  if (inner.config["trainable"] === false && config["trainable"] !== false) {
    problems.push(at(layer, "its layer's trainable is false: set trainable on the wrapper instead"));
  }
  if (className !== "Bidirectional") return problems;
  if (config["merge_mode"] === null) {
    problems.push(
      at(layer, "merge_mode must be concat, sum, ave or mul: federated training needs one output"),
    );
  }
  const backward = config["backward_layer"];
  if (isObject(backward) && !mirrors(inner, backward)) {
    problems.push(at(layer, "backward_layer must be the same as layer: leave it out"));
  }
  return problems;
}

/** Whether a backward layer differs from the forward one in its direction only. */
function mirrors(forward: Layer, backward: Config): boolean {
  const config = isObject(backward["config"]) ? backward["config"] : {};
  const keys = [...new Set([...Object.keys(forward.config), ...Object.keys(config)])];
  const plain = (value: unknown) =>
    JSON.stringify(value, (key, part) => (ORIGIN.has(key) ? undefined : part));
  return (
    backward["class_name"] === forward.className &&
    keys
      .filter((key) => key !== "name" && key !== "go_backwards")
      .every((key) => plain(forward.config[key]) === plain(config[key]))
  );
}

/** Whether a layer can only be one of the owners' own. */
function isOwn({ className, origin }: Layer): boolean {
  return origin === "custom" || !kerasClasses.has(className);
}

function frozenProblems(layers: readonly Layer[], hasOwnLayers: boolean): readonly string[] {
  const learning = layers.filter(
    (layer) => learns((wrappedLayer(layer) ?? layer).className) || (hasOwnLayers && isOwn(layer)),
  );
  if (learning.length === 0) return ["the model has no parameters to train: give it a layer that learns"];
  return learning.every(({ config }) => config["trainable"] === false)
    ? [
        "every layer that learns has trainable false: nothing would be trained. Set it to true for one at least",
      ]
    : [];
}

/** What a compiled model says of its loss, where it differs from what a run's loss of the same name does. */
function compiledProblems(topology: LayersTopology): readonly string[] {
  const compiled = topology["training_config"];
  const losses = isObject(compiled) ? [compiled["loss"], compiled["loss_config"]] : [];
  return losses.flatMap((written) => {
    const config = isObject(written) ? written["config"] : undefined;
    if (!isObject(config)) return [];
    const smoothing = typeof config["label_smoothing"] === "number" && config["label_smoothing"] !== 0;
    return [
      ...(config["from_logits"] === true
        ? [
            `training_config: from_logits is not supported: end the model in the activation instead. It trains the same`,
          ]
        : []),
      ...(smoothing ? ["training_config: label_smoothing is not supported: leave it out"] : []),
    ];
  });
}

/** The layer that the model's output comes from, where it is plain to see. */
function outputLayer(model: Config): Layer | undefined {
  const entries = entriesOf(model);
  const config = model["config"];
  const places = isObject(config) ? config["output_layers"] : undefined;
  const first = Array.isArray(places) ? (Array.isArray(places[0]) ? places[0][0] : places[0]) : undefined;
  const entry =
    first === undefined ? entries.at(-1) : entries.find((candidate) => nameOf(candidate) === first);
  if (!isObject(entry)) return undefined;
  if (isModel(entry)) return outputLayer(entry);
  const layer = { className: String(entry["class_name"]), name: nameOf(entry), config: entry["config"] };
  const read = isObject(layer.config) ? { ...layer, config: layer.config } : undefined;
  return read && (read.className === "TimeDistributed" ? wrappedLayer(read) : read);
}

function outputProblems(layer: Layer | undefined, loss: Loss): readonly string[] {
  if (layer === undefined) return [];
  const { className, config } = layer;
  const ends = className === "Softmax" ? "softmax" : String(config["activation"] ?? "linear");
  const units = config["units"];
  if (ends === "softmax" && units === 1) {
    return [
      at(
        layer,
        "a softmax of one unit is always 1: take as many units as there are classes, or sigmoid with binaryCrossentropy",
      ),
    ];
  }
  const axis = config["axis"] ?? -1;
  if (className === "Softmax" && JSON.stringify([axis].flat()) !== "[-1]" && hasAccuracy(loss)) {
    return [at(layer, "axis must be -1: classes are along the last one")];
  }
  const wanted = {
    sparseCategoricalCrossentropy: "softmax",
    categoricalCrossentropy: "softmax",
    binaryCrossentropy: "sigmoid",
    meanSquaredError: ends,
    meanAbsoluteError: ends,
    huber: ends,
    hinge: ends,
    kullbackLeiblerDivergence: ends === "sigmoid" ? ends : "softmax",
    poisson: ends,
  }[loss];
  if (ends === wanted) return [];
  const remedy = wanted === "softmax" && ends === "sigmoid" ? ', or take the loss "binaryCrossentropy"' : "";
  return [
    at(
      layer,
      `the loss ${loss} needs probabilities, and the model ends in "${ends}": give its last layer the activation ` +
        `"${wanted}"${remedy}${/entropy$/i.test(loss) ? ". What is trained is the same as with from_logits in Keras" : ""}`,
    ),
  ];
}

const MERGING = ["Add", "Multiply", "Average", "Maximum", "Minimum", "Concatenate", "Dot"];
/** How the layers of a model, and of the models within it, are put together. */
function graphProblems(model: Config, hasOwnLayers: boolean): readonly string[] {
  const problems: string[] = [];
  const entries = entriesOf(model).filter(isObject);
  for (const inner of entries.filter(isModel)) {
    const name = nameOf(inner);
    const config = inner["config"];
    if (isObject(config) && config["trainable"] === false && !isFrozenThroughout(inner)) {
      problems.push(`model "${name}": trainable is false: set it on the layers in it instead`);
    }
    problems.push(...graphProblems(inner, hasOwnLayers));
  }
  const className = model["class_name"];
  if (!MODELS.includes(String(className))) {
    problems.push(
      `the class ${String(className).slice(0, 100)} is not a model: there are Sequential and Functional`,
    );
  }
  const [names, twice] = [new Set<string>(), new Set<string>()];
  for (const name of entries.map(nameOf)) (names.has(name) ? twice : names).add(name);
  for (const name of twice) {
    if (name !== "")
      problems.push(`layer "${name}": there are several layers of this name: give each its own`);
  }
  const nodes = nodesOf(model);
  for (const node of nodes) {
    const calls = node.layer["inbound_nodes"];
    for (const call of Array.isArray(calls) ? calls : []) {
      const { places, options } = readCall(call);
      const say = (what: string) =>
        problems.push(`layer "${node.name}" (${node.layer["class_name"]}): ${what}`);
      const isMerging = MERGING.includes(String(node.layer["class_name"]));
      const merges = isMerging && places.length > 1 && options.length === 0;
      if (originOf(node.layer) === "operation") {
        const substitute = substituteForOperation(String(node.layer["class_name"]));
        if (!merges) say(`it is an operation on tensors, and only layers are supported: ${substitute}`);
        continue;
      }
      // A class that is refused is not to be called otherwise, but not at all.
      if (!hasOwnLayers && !isModel(node.layer) && !kerasClasses.has(String(node.layer["class_name"])))
        continue;
      for (const option of options) say(`it is called with ${option}, which is not supported: leave it out`);
      if (isMerging && places.length === 1) say("it is called with one tensor: leave it out");
      if (places.length > 1 && !isMerging && !isModel(node.layer)) {
        say(`it is called with ${places.length} tensors: only its input is supported`);
      }
    }
  }
  for (const node of nodes) problems.push(...maskProblems(node));
  return problems;
}

/** Whether each layer in a model that could learn says itself that it does not, as Keras writes it. */
function isFrozenThroughout(model: Config): boolean {
  const layers = layersOf({ model_config: { ...model, class_name: String(model["class_name"]) } });
  return layers.every(
    (layer) =>
      layer.config["trainable"] === false ||
      (!isOwn(layer) && !learns((wrappedLayer(layer) ?? layer).className)),
  );
}
