// What each layer that a topology may name does to the shape of a sample, and the parameters it has.
import { FlError } from "../errors.ts";
import type { TensorShape } from "../updates/weights.ts";
import { type Config, isObject } from "./topology.ts";

/** Of one sample, without the batch; null is any size. Channels come last. */
export type OpenShape = readonly (number | null)[];

export interface LayerShapes {
  readonly output: OpenShape;
  /** Named within the layer. */
  readonly parameters: readonly TensorShape[];
}

/** Undefined where the options or the inputs are beyond what the rule knows. Throws `misfit`. */
type Rule = (config: Config, inputs: readonly OpenShape[]) => LayerShapes | undefined;

/**
 * Of a layer with these inputs; undefined where they cannot be told.
 *
 * @throws FlError("invalid-argument") where Keras or TensorFlow.js does not take them, with the reason and
 *   what to do
 */
export function layerShapes(
  className: string,
  config: Config,
  inputs: readonly OpenShape[],
): LayerShapes | undefined {
  return RULES.get(className)?.(config, inputs);
}

const plain =
  (rule: (input: OpenShape, config: Config) => OpenShape | undefined): Rule =>
  (config, [input]) => {
    const output = input && rule(input, config);
    return output && { output, parameters: [] };
  };

const unchanged = plain((input) => input);

/** One scale and offset for all, or for each of the last dimension. */
const rescaling = plain((input, config) => {
  for (const option of ["scale", "offset"]) {
    const values = config[option];
    if (!Array.isArray(values) || values.length === 1) continue;
    const last = input.at(-1);
    if (last !== null && last !== values.length) {
      throw misfit(`it has a ${option} for ${values.length} features`, input, "give as many as there are");
    }
  }
  return input;
});

const spatialDropout = plain((input) => {
  checkRank(input, 2);
  return input;
});

const dropout = plain((input, config) => {
  const shape = config["noise_shape"] ?? null;
  if (shape === null) return input;
  const whole = [null, ...input];
  const fits =
    Array.isArray(shape) &&
    shape.length === whole.length &&
    shape.every((length, i) => length === null || length === 1 || (length === whole[i] && isSize(length)));
  if (fits) return input;
  throw misfit(
    "noise_shape must have null or 1 for the batch, and for each size null, 1 or the size",
    input,
    `give it ${whole.length}`,
  );
});

const dense: Rule = (config, [input]) => {
  if (input === undefined) return undefined;
  const units = size(config, "units");
  if (input.length === 0) throw misfit("it takes samples of one dimension or more", input, RESHAPE);
  const last = knownSize(input, input.at(-1));
  return {
    output: [...input.slice(0, -1), units],
    parameters: withBias(config, [named("kernel", last, units)], units),
  };
};

const convolution =
  (rank: number): Rule =>
  (config, [input]) => {
    if (input === undefined) return undefined;
    const [window, filters] = [windowOf(config, "kernel_size", rank), size(config, "filters")];
    checkRank(input, rank + 1);
    const channels = knownSize(input, input.at(-1));
    return {
      output: [...slid(input.slice(0, -1), window), filters],
      parameters: withBias(config, [named("kernel", ...window.sizes, channels, filters)], filters),
    };
  };

const transposed: Rule = (config, [input]) => {
  if (input === undefined) return undefined;
  const [window, filters] = [windowOf(config, "kernel_size", 2), size(config, "filters")];
  checkRank(input, 3);
  const channels = knownSize(input, input.at(-1));
  const space = input.slice(0, -1).map((length, i) => {
    const [kernel, stride] = [window.sizes[i] ?? 1, window.strides[i] ?? 1];
    return length === null ? null : length * stride + (window.isSame ? 0 : Math.max(kernel - stride, 0));
  });
  return {
    output: [...space, filters],
    parameters: withBias(config, [named("kernel", ...window.sizes, filters, channels)], filters),
  };
};

/** By depth, and for `isSeparable` by point after that. */
const depthwise =
  (isSeparable: boolean): Rule =>
  (config, [input]) => {
    if (input === undefined) return undefined;
    const window = windowOf(config, "kernel_size", 2);
    const multiplier = size(config, "depth_multiplier", 1);
    checkRank(input, 3);
    if (new Set(window.strides).size > 1) {
      throw new FlError("invalid-argument", "strides must be equal: TensorFlow computes it with no others");
    }
    const channels = knownSize(input, input.at(-1));
    const space = slid(input.slice(0, -1), window);
    const filters = isSeparable ? size(config, "filters") : channels * multiplier;
    const kernels = [
      named("depthwise_kernel", ...window.sizes, channels, multiplier),
      ...(isSeparable ? [named("pointwise_kernel", 1, 1, channels * multiplier, filters)] : []),
    ];
    return { output: [...space, filters], parameters: withBias(config, kernels, filters) };
  };

const pooling = (rank: number): Rule =>
  plain((input, config) => {
    const pool = config["pool_size"] ?? 2;
    const window = windowOf(
      { ...config, pool_size: pool, strides: config["strides"] ?? pool },
      "pool_size",
      rank,
    );
    checkRank(input, rank + 1);
    return [...slid(input.slice(0, -1), window), input.at(-1) ?? null];
  });

const global = (rank: number): Rule =>
  plain((input) => {
    checkRank(input, rank + 1);
    return [input.at(-1) ?? null];
  });

const embedding: Rule = (config, [input]) => {
  const [rows, width] = [size(config, "input_dim"), size(config, "output_dim")];
  if (input === undefined) return undefined;
  return { output: [...input, width], parameters: [named("embeddings", rows, width)] };
};

const normalization: Rule = (config, [input]) => {
  if (input === undefined) return undefined;
  const axes = [config["axis"] ?? -1].flat();
  const sizes = axes.map((axis) => {
    const found = typeof axis === "number" ? sizeAt(input, axis) : undefined;
    if (found === undefined)
      throw misfit(`there is no axis ${JSON.stringify(axis)} (0 is the batch)`, input, "name another");
    return knownSize(input, found);
  });
  const parameters = [
    ...(config["scale"] === false ? [] : [named("gamma", ...sizes)]),
    ...(config["center"] === false ? [] : [named("beta", ...sizes)]),
  ];
  return { output: input, parameters };
};

const layerNormalization: Rule = (config, inputs) => {
  const [input] = inputs;
  const axes = [config["axis"] ?? -1].flat().map(Number);
  const places = axes.map((axis) => (axis < 0 ? axis + (input?.length ?? 0) + 1 : axis));
  const isAscending = (list: readonly number[]) =>
    list.every((axis, i) => i === 0 || axis > (list[i - 1] ?? 0));
  // Keras sorts them, those that count from the end apart.
  if (axes.length === 0 || !isAscending(axes) || !isAscending(places)) {
    throw new FlError("invalid-argument", "axis must be one axis, or a list of axes in ascending order");
  }
  if (input !== undefined && input.length > 3) {
    throw misfit("it takes samples of 3 dimensions at most", input, RESHAPE);
  }
  return normalization(config, inputs);
};

const batchNormalization: Rule = (config, inputs) => {
  const outcome = normalization(config, inputs);
  const [axis, ...others] = [config["axis"] ?? -1].flat();
  const channels = typeof axis === "number" ? sizeAt(inputs[0], axis) : undefined;
  if (others.length > 0) throw new FlError("invalid-argument", "axis must be one axis");
  if (outcome === undefined || !isSize(channels)) return undefined;
  const statistics = [named("moving_mean", channels), named("moving_variance", channels)];
  return { ...outcome, parameters: [...outcome.parameters, ...statistics] };
};

/** An axis counts the batch as 0, or from the end. */
function sizeAt(input: OpenShape | undefined, axis: number): number | null | undefined {
  return axis < 0 ? input?.at(axis) : axis === 0 ? undefined : input?.[axis - 1];
}

const prelu: Rule = (config, [input]) => {
  const shared: readonly unknown[] = [config["shared_axes"] ?? []].flat();
  const other = shared.find((axis) => input !== undefined && !(isSize(axis) && axis <= input.length));
  if (other !== undefined && input !== undefined) {
    throw misfit(`there is no axis ${JSON.stringify(other)} (0 is the batch)`, input, "name another");
  }
  const sizes = input?.map((length, i) => (shared.includes(i + 1) ? 1 : length));
  if (input === undefined || sizes === undefined) return undefined;
  return { output: input, parameters: [named("alpha", ...sizes.map((length) => knownSize(input, length)))] };
};

/** @param gates how many matrices a unit has. */
const recurrent =
  (gates: number): Rule =>
  (config, [input]) => {
    if (input === undefined) return undefined;
    const units = size(config, "units");
    checkRank(input, 2);
    const features = knownSize(input, input.at(-1));
    const kernels = [
      named("kernel", features, gates * units),
      named("recurrent_kernel", units, gates * units),
    ];
    return {
      output: config["return_sequences"] === true ? [input[0] ?? null, units] : [units],
      parameters: withBias(config, kernels, gates * units),
    };
  };

const bidirectional: Rule = (config, inputs) => {
  const inner = innerShapes(config, inputs);
  const last = inner?.output.at(-1);
  const name = innerName(config);
  if (inner === undefined || !isSize(last) || name === undefined) return undefined;
  const merged = (config["merge_mode"] ?? "concat") === "concat" ? 2 * last : last;
  const of = (direction: string) =>
    inner.parameters.map((parameter) => ({ ...parameter, name: `${direction}_${name}/${parameter.name}` }));
  return {
    output: [...inner.output.slice(0, -1), merged],
    parameters: [...of("forward"), ...of("backward")],
  };
};

const timeDistributed: Rule = (config, [input]) => {
  if (input === undefined) return undefined;
  if (input.length < 2) throw misfit("it takes samples of two dimensions or more", input, RESHAPE);
  const inner = innerShapes(config, [input.slice(1)]);
  return inner && { ...inner, output: [input[0] ?? null, ...inner.output] };
};

/** The name that Keras makes those of the two halves of. */
function innerName({ layer }: Config): string | undefined {
  const name = isObject(layer) && isObject(layer["config"]) ? layer["config"]["name"] : undefined;
  return typeof name === "string" ? name : undefined;
}

function innerShapes(config: Config, inputs: readonly OpenShape[]): LayerShapes | undefined {
  const { layer } = config;
  if (!isObject(layer) || !isObject(layer["config"]) || typeof layer["class_name"] !== "string")
    return undefined;
  try {
    return layerShapes(layer["class_name"], layer["config"], inputs);
  } catch (error) {
    if (!(error instanceof FlError)) throw error;
    throw new FlError("invalid-argument", `of its layer (${layer["class_name"]}): ${error.message}`);
  }
}

const flatten = plain((input) => {
  const length = product(input);
  if (length === null) {
    throw misfit(
      "every size must be known",
      input,
      "say them in the input's shape, or take a GlobalAveragePooling layer",
    );
  }
  return [length];
});

const reshape = plain((input, config) => {
  const target: unknown = config["target_shape"];
  const isOpen = (length: unknown) => length === -1 || length === null;
  if (!Array.isArray(target) || !target.every((length) => isOpen(length) || isSize(length))) {
    throw new FlError(
      "invalid-argument",
      "target_shape must be a list of whole numbers from 1, one of which may be -1",
    );
  }
  if (target.filter(isOpen).length > 1) {
    throw new FlError("invalid-argument", "target_shape may leave one size open (-1), and no more");
  }
  const given = target.reduce((count: number, length) => count * (isSize(length) ? length : 1), 1);
  const whole = product(input);
  if (whole !== null && (target.some(isOpen) ? whole % given !== 0 : whole !== given)) {
    throw misfit(
      `the ${whole} values of its input cannot have the target_shape ${shapeText(target)}`,
      input,
      "make the sizes agree",
    );
  }
  return target.map((length) => (isSize(length) ? length : whole === null ? null : whole / given));
});

const permute = plain((input, config) => {
  const { dims } = config;
  const axes: readonly unknown[] = Array.isArray(dims) ? dims : [];
  if (input.some((_, i) => !axes.includes(i + 1)) || axes.length !== input.length) {
    throw misfit(`dims must name each dimension once, from 1`, input, `give it as many as there are`);
  }
  return axes.map((axis) => input[Number(axis) - 1] ?? null);
});

const repeat = plain((input, config) => {
  checkRank(input, 1);
  return [size(config, "n"), ...input];
});

const upSampling = plain((input, config) => {
  const factors = listOf(config, "size", 2, 2);
  checkRank(input, 3);
  return input.map((length, i) => (length === null ? null : length * (factors[i] ?? 1)));
});

/** @param sign 1 adds the margins, -1 takes them off. */
const margins = (option: string, absent: number, sign: 1 | -1) =>
  plain((input, config) => {
    const given = config[option] ?? absent;
    const both = Array.isArray(given) ? given : [given, given];
    const sums = both.map((one) => (Array.isArray(one) ? Number(one[0]) + Number(one[1]) : 2 * Number(one)));
    if (!sums.every(Number.isInteger)) return undefined;
    checkRank(input, 3);
    if (sign === -1 && input.slice(0, 2).includes(null)) {
      throw misfit("every size must be known", input, "say them in the input's shape");
    }
    const output = input.map((length, i) => (length === null ? null : length + sign * (sums[i] ?? 0)));
    if (output.some((length) => length !== null && length <= 0)) {
      throw misfit("nothing would be left of it", input, "cut less");
    }
    return output;
  });

const merge: Rule = (_, inputs) => {
  const rank = Math.max(...inputs.map(({ length }) => length));
  if (inputs.length === 0) return undefined;
  // Dimensions that one lacks are the first of a sample.
  const whole = inputs.map((input) => [...Array<number>(rank - input.length).fill(1), ...input]);
  const output = Array.from({ length: rank }, (_length, i) => {
    const sizes = whole.map((input) => input[i] ?? null);
    const known = new Set(sizes.filter((length) => length !== null && length !== 1));
    if (known.size > 1) throw misfits("of the same sizes, or 1", inputs);
    return sizes.includes(null) ? null : (sizes.find((length) => length !== 1) ?? 1);
  });
  return { output, parameters: [] };
};

const concatenate: Rule = (config, inputs) => {
  const [first] = inputs;
  const axis = Number(config["axis"] ?? -1);
  const at = axis < 0 ? (first?.length ?? 0) + axis : axis - 1;
  if (first === undefined) return undefined;
  if (inputs.some(({ length }) => length !== first.length)) throw misfits("as many dimensions each", inputs);
  const lengths = inputs.map((input) => input[at]);
  if (lengths.some((length) => length === undefined)) {
    throw misfit(
      `there is no axis ${JSON.stringify(config["axis"])} (0 is the batch)`,
      first,
      "name another",
    );
  }
  const differ = first.some((_, i) => i !== at && new Set(inputs.map((input) => input[i])).size > 1);
  if (differ) throw misfits("of the same sizes but on the axis that they are joined along", inputs);
  const sum = lengths.every(isSize) ? lengths.reduce((all, length) => all + length, 0) : null;
  return { output: first.map((length, i) => (i === at ? sum : length)), parameters: [] };
};

const dot: Rule = (config, [a, b]) => {
  const { axes } = config;
  const [first, second] = Array.isArray(axes) ? axes : [axes, axes];
  if (a === undefined || b === undefined) return undefined;
  if (typeof first !== "number" || typeof second !== "number") {
    throw new FlError("invalid-argument", "axes must be a whole number, or a list of one for each input");
  }
  const [left, right] = [sizeAt(a, first), sizeAt(b, second)];
  if (left === undefined || right === undefined || left !== right) {
    throw misfits("of one size on the axes that they are multiplied along", [a, b]);
  }
  if (Math.max(a.length, b.length) > 2) throw misfits("of 2 dimensions at most", [a, b]);
  const without = (shape: OpenShape, axis: number) =>
    shape.filter((_, i) => i !== (axis < 0 ? shape.length + axis : axis - 1));
  const output = [...without(a, first), ...without(b, second)];
  return { output: output.length === 0 ? [1] : output, parameters: [] };
};

const RULES: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ...[
    ...["Activation", "ELU", "GaussianDropout", "GaussianNoise", "LeakyReLU", "Masking"],
    ...["ReLU", "Softmax"],
  ].map((name): [string, Rule] => [name, unchanged]),
  ...["AlphaDropout", "Dropout"].map((name): [string, Rule] => [name, dropout]),
  ["Rescaling", rescaling],
  ["SpatialDropout1D", spatialDropout],
  ["Dense", dense],
  ["Flatten", flatten],
  ["Reshape", reshape],
  ["Permute", permute],
  ["RepeatVector", repeat],
  ["Embedding", embedding],
  ["Conv1D", convolution(1)],
  ["Conv2D", convolution(2)],
  ["Conv3D", convolution(3)],
  ["Conv2DTranspose", transposed],
  ["SeparableConv2D", depthwise(true)],
  ["DepthwiseConv2D", depthwise(false)],
  ...[1, 2, 3].flatMap((rank): [string, Rule][] => [
    [`MaxPooling${rank}D`, pooling(rank)],
    [`AveragePooling${rank}D`, pooling(rank)],
  ]),
  ...[1, 2].flatMap((rank): [string, Rule][] => [
    [`GlobalMaxPooling${rank}D`, global(rank)],
    [`GlobalAveragePooling${rank}D`, global(rank)],
  ]),
  ["UpSampling2D", upSampling],
  ["ZeroPadding2D", margins("padding", 1, 1)],
  ["Cropping2D", margins("cropping", 0, -1)],
  ["BatchNormalization", batchNormalization],
  ["LayerNormalization", layerNormalization],
  ["PReLU", prelu],
  ["SimpleRNN", recurrent(1)],
  ["GRU", recurrent(3)],
  ["LSTM", recurrent(4)],
  ["Bidirectional", bidirectional],
  ["TimeDistributed", timeDistributed],
  ...["Add", "Average", "Maximum", "Minimum", "Multiply"].map((name): [string, Rule] => [name, merge]),
  ["Concatenate", concatenate],
  ["Dot", dot],
]);

interface Window {
  readonly sizes: readonly number[];
  readonly strides: readonly number[];
  readonly isSame: boolean;
}

function windowOf(config: Config, sizeOption: string, rank: number): Window {
  const [sizes, strides] = [listOf(config, sizeOption, rank), listOf(config, "strides", rank, 1)];
  return { sizes, strides, isSame: config["padding"] === "same" };
}

/** The places of a window on each axis. */
function slid(space: OpenShape, { sizes, strides, isSame }: Window): OpenShape {
  const output = space.map((length, i) => {
    if (length === null) return null;
    return Math.ceil((isSame ? length : length - (sizes[i] ?? 1) + 1) / (strides[i] ?? 1));
  });
  if (output.every((length) => length === null || length > 0)) return output;
  throw new FlError(
    "invalid-argument",
    `its window ${shapeText(sizes)} is larger than its input ${shapeText(space)}: use larger samples, a smaller window, or padding "same"`,
  );
}

/** Whole numbers from 1, as many as there are dimensions; one stands for all of them, as in Keras. */
function listOf(config: Config, option: string, rank: number, absent?: number): readonly number[] {
  const value = config[option] ?? absent;
  const list = Array.isArray(value) ? value : Array.from({ length: rank }, () => value);
  if (list.length === rank && list.every(isSize)) return list;
  const wanted = rank === 1 ? "a whole number from 1" : `a whole number from 1, or a list of ${rank}`;
  throw new FlError("invalid-argument", `${option} must be ${wanted}`);
}

function size(config: Config, option: string, absent?: number): number {
  const value = config[option] ?? absent;
  if (isSize(value)) return value;
  throw new FlError("invalid-argument", `${option} must be a whole number from 1`);
}

function isSize(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value > 0;
}

const DIMENSIONS: Readonly<Record<number, string>> = {
  1: "[features]",
  2: "[steps, features]",
  3: "[height, width, channels]",
  4: "[depth, height, width, channels]",
};
const RESHAPE = "put a Reshape layer in front";

function checkRank(input: OpenShape, rank: number): void {
  if (input.length !== rank)
    throw misfit(`it takes samples of ${rank} dimensions, ${DIMENSIONS[rank]}`, input, RESHAPE);
}

/** A size that parameters depend on. */
function knownSize(input: OpenShape, length: number | null | undefined): number {
  if (isSize(length)) return length;
  throw misfit("its parameters need sizes that are open", input, "say them in the input's shape");
}

function misfit(what: string, input: OpenShape, remedy: string): FlError {
  return new FlError("invalid-argument", `${what}, and it is given ${shapeText(input)}: ${remedy}`);
}

function misfits(what: string, inputs: readonly OpenShape[]): FlError {
  const given = inputs.slice(0, 5).map(shapeText).join(", ");
  return new FlError("invalid-argument", `its inputs must be ${what}, and they are ${given}: ${RESHAPE}`);
}

/** Of one sample, as users write it. */
function shapeText(shape: OpenShape): string {
  return `[${shape
    .slice(0, 8)
    .map((length) => (length === null ? "any" : length))
    .join(", ")}]`;
}

function product(shape: OpenShape): number | null {
  return shape.every(isSize) ? shape.reduce((whole, length) => whole * length, 1) : null;
}

function named(name: string, ...shape: readonly number[]): TensorShape {
  return { name, shape };
}

function withBias(config: Config, kernels: readonly TensorShape[], units: number): readonly TensorShape[] {
  return config["use_bias"] === false ? kernels : [...kernels, named("bias", units)];
}
