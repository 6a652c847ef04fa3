// The layers that a topology may name and the options of each. What is listed here computes what Keras
// computes (golden files in test/vectors/keras); anything else is refused by its name rather than read and
// left out.
import { FlError } from "../errors.ts";
import { checkInitializer, readInitializer } from "./initializers.ts";
import { normalizationProblems } from "./normalization.ts";
import { dtypeOf, readRegularizer } from "./normalTopology.ts";
import { substituteFor, substituteForActivation } from "./substitutes.ts";
import { isObject } from "./topology.ts";

/**
 * Why a value is refused, or undefined. It is given to no check where it is null: then Keras takes the
 * option's default.
 */
type Check = (value: unknown) => string | undefined;

interface LayerOptions {
  /** Parameters that take an initializer, a regularizer and a constraint. */
  readonly parameters: readonly string[];
  readonly options: Readonly<Record<string, Check>>;
}

/** For options that change nothing of what is computed. */
const any: Check = () => undefined;

/** For options that the rules of shapes check (shapeRules.ts), or that are checked together. */
const shaped: Check = () => undefined;

/** For layers within layers: see modelProblems. */
const wrapped: Check = () => undefined;

const flag: Check = (value) => (typeof value === "boolean" ? undefined : "must be true or false");

/** Both bounds are within. */
const number =
  (least: number, most = Number.POSITIVE_INFINITY): Check =>
  (value) => {
    if (isNumber(value) && value >= least && value <= most) return undefined;
    if (least === Number.NEGATIVE_INFINITY) return "must be a number";
    return `must be a number from ${least}${most === Number.POSITIVE_INFINITY ? "" : ` to ${most}`}`;
  };

const anyNumber = number(Number.NEGATIVE_INFINITY);

/** Of 1, Keras leaves nothing; TensorFlow.js leaves all. */
const rate: Check = (value) =>
  isNumber(value) && value >= 0 && value < 1 ? undefined : "must be a number from 0 to less than 1";

const numbers: Check = (value) =>
  isNumber(value) || (Array.isArray(value) && value.length > 0 && value.every(isNumber))
    ? undefined
    : "must be a number, or a list of one for each feature";

const oneOf =
  (...values: readonly string[]): Check =>
  (value) =>
    values.includes(value as string)
      ? undefined
      : `must be ${values.join(", ").replace(/, (?=\w+$)/, " or ")}`;

const axes: Check = (value) =>
  [value].flat().every(Number.isInteger) ? undefined : "must be a whole number, or a list of whole numbers";

/** How far to go over the edges: one for all, one for each of two axes, or two for each. */
const margins: Check = (value) => {
  const isMargin = (one: unknown) => isNumber(one) && Number.isInteger(one) && one >= 0;
  const isPair = (one: unknown) => Array.isArray(one) && one.length === 2 && one.every(isMargin);
  const isList = Array.isArray(value) && value.length === 2 && (value.every(isMargin) || value.every(isPair));
  return isMargin(value) || isList
    ? undefined
    : "must be a whole number from 0, a list of one for each axis, or a list of a pair for each axis";
};

function isNumber(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value);
}

const only =
  (value: unknown, remedy: string): Check =>
  (given) =>
    JSON.stringify(given) === JSON.stringify(value) ? undefined : remedy;

const absent =
  (remedy: string): Check =>
  () =>
    remedy;

/** Activations by the names that Keras writes. */
const ACTIVATIONS = [
  "linear",
  "relu",
  "relu6",
  "elu",
  "selu",
  "sigmoid",
  "softplus",
  "softsign",
  "tanh",
  "softmax",
  "log_softmax",
  "gelu",
  "silu",
  "swish",
  "mish",
];

const activation: Check = (value) => {
  if (typeof value !== "string") {
    const className = isObject(value) ? String(value["class_name"]) : "";
    if (kerasClasses.has(className)) return `is a layer here (${className}): put it after this one`;
    return `is code of its own, which cannot be read from a topology: name one; there are ${ACTIVATIONS.join(", ")}`;
  }
  if (ACTIVATIONS.includes(value)) return undefined;
  const substitute = substituteForActivation(value);
  const why = substitute === undefined ? "" : ` (${substitute})`;
  return `${JSON.stringify(value.slice(0, 100))} is not supported here${why}; there are ${ACTIVATIONS.join(", ")}`;
};

const initializer: Check = (value) => {
  const read = readInitializer(value);
  if (read === undefined) return "must be the name of an initializer, or its class_name and config";
  try {
    checkInitializer(read);
  } catch (error) {
    if (error instanceof FlError) return error.message;
    throw error;
  }
  return undefined;
};

const regularizer: Check = (value) => {
  const read = readRegularizer(value);
  const known: Readonly<Record<string, readonly string[]>> = { l1: ["l1"], l2: ["l2"], l1l2: ["l1", "l2"] };
  const options = read !== undefined && Object.hasOwn(known, read.name) ? known[read.name] : undefined;
  if (read === undefined || options === undefined) return "is not supported here; there are L1, L2 and L1L2";
  for (const [key, factor] of Object.entries(read.options)) {
    if (!["l1", "l2"].includes(key)) return `has no option ${key} here: leave it out`;
    if (!options.includes(key) && factor !== 0) return `has no option ${key}: take L1L2`;
    if (typeof factor !== "number" || !(factor >= 0)) return `${key} must be a number from 0`;
  }
  return undefined;
};

const constraint = absent("is not supported: an average of weights would not keep it. Leave it out");

const layer = (parameters: readonly string[], options: Readonly<Record<string, Check>>): LayerOptions => ({
  parameters,
  options,
});

const kernelAndBias = ["kernel", "bias"];
const lastChannels = only("channels_last", 'must be "channels_last": put the channels last');
const activity = absent("is not supported: leave it out");
const learning = { activation, use_bias: flag, activity_regularizer: activity };
const padding: Check = (value) =>
  value === "valid" || value === "same"
    ? undefined
    : `must be "valid" or "same": others are not supported here${value === "causal" ? '. Pad the start of each sample, and take "valid"' : ""}`;
const undilated: Check = (value) =>
  [value].flat().every((size) => size === 1) ? undefined : "must be 1: TensorFlow.js cannot train it dilated";
const window = {
  kernel_size: shaped,
  strides: shaped,
  padding,
  data_format: lastChannels,
  dilation_rate: undilated,
  groups: only(1, "must be 1: groups are not supported"),
};
const pool = { pool_size: shaped, strides: shaped, padding, data_format: lastChannels };
const global = { data_format: lastChannels, keepdims: only(false, "must be false: add a Reshape layer") };
const convolution = layer(kernelAndBias, { filters: shaped, ...window, ...learning });
const transposed = layer(kernelAndBias, {
  filters: shaped,
  ...window,
  ...learning,
  output_padding: absent("is not supported: leave it out"),
});
const off = (remedy: string) => only(false, remedy);
const unpenalised = absent("is not supported on a recurrent layer: leave it out");
const recurrent = {
  units: shaped,
  ...learning,
  dropout: rate,
  recurrent_dropout: rate,
  implementation: any,
  return_sequences: flag,
  return_state: off("must be false: federated training needs one output"),
  go_backwards: flag,
  stateful: off("must be false: samples of a round come in no order that a state could follow"),
  unroll: flag,
  time_major: off("must be false: put the samples first"),
  zero_output_for_mask: flag, // No mask may reach a layer that has it: see modelProblems.
  kernel_regularizer: unpenalised,
  recurrent_regularizer: unpenalised,
  bias_regularizer: unpenalised,
  num_constants: absent("is not supported: leave it out"),
  seed: any,
};
const recurrentParameters = ["kernel", "recurrent", "bias"];
const gates = { recurrent_activation: activation };
const none = layer([], {});
const drop = layer([], { rate, seed: any });
const dropWithShape = layer([], { rate, seed: any, noise_shape: shaped });

const layers: ReadonlyMap<string, LayerOptions> = new Map(
  Object.entries({
    InputLayer: layer([], {
      sparse: off("must be false: give dense samples"),
      ragged: off("must be false: pad the samples"),
      optional: off("must be false: give every sample"),
    }),
    Dense: layer(kernelAndBias, { units: shaped, ...learning, quantization_config: absent("leave it out") }),
    Activation: layer([], { activation }),
    Flatten: layer([], { data_format: lastChannels }),
    Reshape: layer([], { target_shape: shaped }),
    Permute: layer([], { dims: shaped }),
    RepeatVector: layer([], { n: shaped }),
    Masking: layer([], { mask_value: anyNumber }),
    Embedding: layer(["embeddings"], {
      input_dim: shaped,
      output_dim: shaped,
      mask_zero: flag,
      input_length: any,
      activity_regularizer: activity,
      quantization_config: absent("leave it out"),
    }),
    Dropout: dropWithShape,
    AlphaDropout: dropWithShape,
    GaussianDropout: drop,
    SpatialDropout1D: drop,
    GaussianNoise: layer([], { stddev: number(0, 1), seed: any }),
    Rescaling: layer([], { scale: numbers, offset: numbers }),
    Normalization: layer([], { axis: axes, mean: shaped, variance: shaped, invert: flag }),
    Conv1D: convolution,
    Conv2D: convolution,
    Conv3D: convolution,
    Conv2DTranspose: transposed,
    SeparableConv2D: layer(["depthwise", "pointwise", "bias"], {
      filters: shaped,
      depth_multiplier: shaped,
      ...window,
      ...learning,
    }),
    DepthwiseConv2D: layer(["depthwise", "bias"], { depth_multiplier: shaped, ...window, ...learning }),
    MaxPooling1D: layer([], pool),
    MaxPooling2D: layer([], pool),
    MaxPooling3D: layer([], pool),
    AveragePooling1D: layer([], pool),
    AveragePooling2D: layer([], pool),
    AveragePooling3D: layer([], pool),
    GlobalMaxPooling1D: layer([], global),
    GlobalMaxPooling2D: layer([], global),
    GlobalAveragePooling1D: layer([], global),
    GlobalAveragePooling2D: layer([], global),
    UpSampling2D: layer([], {
      size: shaped,
      data_format: lastChannels,
      interpolation: only("nearest", 'must be "nearest": others place pixels differently than Keras'),
    }),
    ZeroPadding2D: layer([], { padding: margins, data_format: lastChannels }),
    Cropping2D: layer([], { cropping: margins, data_format: lastChannels }),
    BatchNormalization: layer(["gamma", "beta", "moving_mean", "moving_variance"], {
      axis: shaped,
      momentum: number(0, 1),
      epsilon: number(0),
      center: flag,
      scale: flag,
      synchronized: off("must be false: it is not supported here"),
      renorm: off("must be false: it is not supported here"),
      renorm_momentum: number(0, 1), // Of renorm, which is off.
    }),
    LayerNormalization: layer(["gamma", "beta"], {
      axis: shaped,
      epsilon: number(0),
      center: only(true, "must be true: it is not supported here without"),
      scale: only(true, "must be true: it is not supported here without"),
      rms_scaling: off("must be false: it is not supported here"),
    }),
    ReLU: layer([], {
      max_value: number(0),
      negative_slope: only(0, "must be 0: take a LeakyReLU layer"),
      threshold: only(0, "must be 0: it is not supported here"),
    }),
    LeakyReLU: layer([], { alpha: number(0), negative_slope: number(0) }),
    PReLU: layer(["alpha"], { shared_axes: shaped }),
    ELU: layer([], { alpha: only(1, "must be 1: another is not supported here") }),
    Softmax: layer([], { axis: only(-1, "must be -1: put what adds up to 1 last") }),
    SimpleRNN: layer(recurrentParameters, recurrent),
    LSTM: layer(recurrentParameters, { ...recurrent, ...gates, unit_forget_bias: flag }),
    GRU: layer(recurrentParameters, {
      ...recurrent,
      ...gates,
      reset_after: off(
        "must be false, which is not Keras' default: give the layer reset_after=False in Keras",
      ),
    }),
    Bidirectional: layer([], {
      layer: wrapped,
      backward_layer: wrapped,
      merge_mode: oneOf("concat", "sum", "ave", "mul"),
    }),
    TimeDistributed: layer([], { layer: wrapped }),
    Add: none,
    Multiply: none,
    Average: none,
    Maximum: none,
    Minimum: none,
    Concatenate: layer([], { axis: shaped }),
    Dot: layer([], { axes: shaped, normalize: flag }),
  }),
);

/** The classes of layers that a topology may name. */
export const kerasClasses: ReadonlySet<string> = new Set(layers.keys());

/**
 * Without these TensorFlow.js computes nothing, or fails in training. Of other options that must be given the
 * rules of shapes know.
 */
const REQUIRED: Readonly<Record<string, readonly string[]>> = {
  Activation: ["activation"],
  AlphaDropout: ["rate"],
  Dot: ["axes"],
  Dropout: ["rate"],
  GaussianDropout: ["rate"],
  GaussianNoise: ["stddev"],
  Rescaling: ["scale"],
  SpatialDropout1D: ["rate"],
};

/** Parameters are named by it. */
const LAYER_NAME = /^[A-Za-z0-9][-A-Za-z0-9._/]*$/;

/** Of every layer. */
const common: Readonly<Record<string, Check>> = {
  name: (value) =>
    typeof value === "string" && LAYER_NAME.test(value)
      ? undefined
      : "must be letters, digits, dots, hyphens, underscores and slashes, and begin with a letter or digit: TensorFlow.js takes no other name",
  trainable: flag,
  dtype: (value) => {
    const type = dtypeOf(value);
    return type === "float32" || type === "int32" ? undefined : "must be float32: weights are 32-bit floats";
  },
  batch_input_shape: (value) => batchProblem(value),
  batch_shape: (value) => batchProblem(value),
  input_dtype: any,
};

function batchProblem(shape: unknown): string | undefined {
  if (!Array.isArray(shape)) return "must be a list of sizes";
  return shape[0] === null
    ? undefined
    : `fixes the batch at ${JSON.stringify(shape[0])} samples: write null there, a client's last batch is smaller`;
}

/** What else there is for a class that is not among the built-in ones. */
export const HOW_TO_BRING_LAYERS =
  "For one of your own, bundle a layers.ts and name it in `requires` (docs/own-code.md)";

/** Whether a layer of this class has parameters that training changes, unless it is frozen. */
export function learns(className: string): boolean {
  return (layers.get(className)?.parameters.length ?? 0) > 0;
}

/** The options that a class has of its own, by the names of Keras. */
export function optionNames(className: string): readonly string[] {
  return Object.keys(layers.get(className)?.options ?? {});
}

/** What is wrong with the options of one layer, each by the option's name. */
export function optionProblems(
  className: string,
  config: Readonly<Record<string, unknown>>,
): readonly string[] {
  const known = layers.get(className);
  if (known === undefined) {
    const substitute = substituteFor(className);
    if (substitute !== undefined) return [`this class is not supported: ${substitute}`];
    return [
      `this class is not supported; there are ${[...layers.keys()].join(", ")}. ${HOW_TO_BRING_LAYERS}`,
    ];
  }
  const checks = new Map(Object.entries<Check>(common));
  for (const parameter of known.parameters) {
    checks.set(`${parameter}_initializer`, initializer);
    checks.set(`${parameter}_regularizer`, regularizer);
    checks.set(`${parameter}_constraint`, constraint);
  }
  for (const [key, check] of Object.entries(known.options)) checks.set(key, check);
  const problems = Object.entries(config).flatMap(([key, value]) => {
    const check = checks.get(key);
    if (value === null) return [];
    const why = check === undefined ? "is not known here: leave it out" : check(value);
    return why === undefined ? [] : [`${key} ${why}`];
  });
  for (const key of REQUIRED[className] ?? []) {
    if ((config[key] ?? null) === null) problems.push(`${key} must be given`);
  }
  if (className === "Normalization") problems.push(...normalizationProblems(config));
  if (className === "GRU" && config["reset_after"] === undefined) {
    problems.push(
      "reset_after must be given as false: Keras takes true without it, which is not supported here",
    );
  }
  return problems;
}
