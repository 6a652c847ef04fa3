// What each layer that a topology may name does to the shape of a sample, and the parameters it has.
import type { TensorShape } from "../updates/weights.ts";
import { type Config, isObject } from "./topology.ts";

/** Of one sample, without the batch; null is any size. Channels come last. */
export type OpenShape = readonly (number | null)[];

export interface LayerShapes {
  readonly output: OpenShape;
  /** Named within the layer. */
  readonly parameters: readonly TensorShape[];
}

/** Undefined where the options or the inputs are beyond what the rule knows. */
type Rule = (config: Config, inputs: readonly OpenShape[]) => LayerShapes | undefined;

/** Of a layer with these inputs; undefined where they cannot be told. */
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

const dense: Rule = (config, [input]) => {
  const [last, units] = [input?.at(-1), size(config["units"])];
  if (input === undefined || last === undefined || last === null || units === undefined) return undefined;
  return {
    output: [...input.slice(0, -1), units],
    parameters: withBias(config, [named("kernel", last, units)], units),
  };
};

const convolution =
  (rank: number): Rule =>
  (config, [input]) => {
    const window = windowOf(config, "kernel_size", rank);
    const [filters, channels] = [size(config["filters"]), input?.at(-1)];
    if (window === undefined || filters === undefined || !isRank(input, rank + 1) || !isSize(channels))
      return undefined;
    const space = slid(input.slice(0, -1), window);
    return (
      space && {
        output: [...space, filters],
        parameters: withBias(config, [named("kernel", ...window.sizes, channels, filters)], filters),
      }
    );
  };

const transposed: Rule = (config, [input]) => {
  const window = windowOf(config, "kernel_size", 2);
  const [filters, channels] = [size(config["filters"]), input?.at(-1)];
  if (window === undefined || filters === undefined || !isRank(input, 3) || !isSize(channels))
    return undefined;
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
    const window = windowOf(config, "kernel_size", 2);
    const [channels, multiplier] = [input?.at(-1), size(config["depth_multiplier"] ?? 1)];
    if (window === undefined || multiplier === undefined || !isRank(input, 3) || !isSize(channels))
      return undefined;
    const space = slid(input.slice(0, -1), window);
    const filters = isSeparable ? size(config["filters"]) : channels * multiplier;
    if (space === undefined || filters === undefined) return undefined;
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
    const space = window && isRank(input, rank + 1) ? slid(input.slice(0, -1), window) : undefined;
    return space && [...space, input.at(-1) ?? null];
  });

const global = (rank: number): Rule =>
  plain((input) => (isRank(input, rank + 1) ? [input.at(-1) ?? null] : undefined));

const embedding: Rule = (config, [input]) => {
  const [rows, width] = [size(config["input_dim"]), size(config["output_dim"])];
  if (input === undefined || rows === undefined || width === undefined) return undefined;
  return { output: [...input, width], parameters: [named("embeddings", rows, width)] };
};

const normalization: Rule = (config, [input]) => {
  const axes = [config["axis"] ?? -1].flat();
  const sizes = axes.map((axis) => (typeof axis === "number" ? sizeAt(input, axis) : undefined));
  if (input === undefined || !sizes.every(isSize)) return undefined;
  const parameters = [
    ...(config["scale"] === false ? [] : [named("gamma", ...sizes)]),
    ...(config["center"] === false ? [] : [named("beta", ...sizes)]),
  ];
  return { output: input, parameters };
};

const batchNormalization: Rule = (config, inputs) => {
  const outcome = normalization(config, inputs);
  const axis = [config["axis"] ?? -1].flat()[0];
  const channels = typeof axis === "number" ? sizeAt(inputs[0], axis) : undefined;
  if (outcome === undefined || !isSize(channels)) return undefined;
  const statistics = [named("moving_mean", channels), named("moving_variance", channels)];
  return { ...outcome, parameters: [...outcome.parameters, ...statistics] };
};

/** An axis counts the batch as 0, or from the end. */
function sizeAt(input: OpenShape | undefined, axis: number): number | null | undefined {
  return axis < 0 ? input?.at(axis) : axis === 0 ? undefined : input?.[axis - 1];
}

const prelu: Rule = (config, [input]) => {
  const shared = [config["shared_axes"] ?? []].flat();
  const sizes = input?.map((length, i) => (shared.includes(i + 1) ? 1 : length));
  if (input === undefined || sizes === undefined || !sizes.every(isSize)) return undefined;
  return { output: input, parameters: [named("alpha", ...sizes)] };
};

/** @param gates how many matrices a unit has. */
const recurrent =
  (gates: number): Rule =>
  (config, [input]) => {
    const [features, units] = [input?.at(-1), size(config["units"])];
    if (!isRank(input, 2) || !isSize(features) || units === undefined) return undefined;
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
  const inner = input && innerShapes(config, [input.slice(1)]);
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
  return layerShapes(layer["class_name"], layer["config"], inputs);
}

const reshape = plain((input, config) => {
  const target: unknown = config["target_shape"];
  if (!Array.isArray(target)) return undefined;
  const open = target.filter((length) => length === -1 || length === null);
  if (open.length > 1) return undefined;
  const given = target.reduce((count: number, length) => count * (isSize(length) ? length : 1), 1);
  const whole = product(input);
  return target.map((length) => (isSize(length) ? length : whole === null ? null : whole / given));
});

const permute = plain((input, config) => {
  const { dims } = config;
  const output = Array.isArray(dims) ? dims.map((axis) => input[axis - 1]) : [];
  return output.length === input.length && output.every((length) => length !== undefined)
    ? output
    : undefined;
});

const repeat = plain((input, config) => {
  const times = size(config["n"]);
  return times === undefined ? undefined : [times, ...input];
});

const upSampling = plain((input, config) => {
  const factors = listOf(config["size"] ?? 2, 2);
  if (factors === undefined || !isRank(input, 3)) return undefined;
  return input.map((length, i) => (length === null ? null : length * (factors[i] ?? 1)));
});

/** @param sign 1 adds the margins, -1 takes them off. */
const margins = (option: string, absent: number, sign: 1 | -1) =>
  plain((input, config) => {
    const given = config[option] ?? absent;
    const both = Array.isArray(given) ? given : [given, given];
    const sums = both.map((one) => (Array.isArray(one) ? Number(one[0]) + Number(one[1]) : 2 * Number(one)));
    if (!isRank(input, 3) || !sums.every(Number.isInteger)) return undefined;
    return input.map((length, i) => (length === null ? null : length + sign * (sums[i] ?? 0)));
  });

const merge: Rule = (_, inputs) => {
  const rank = Math.max(...inputs.map(({ length }) => length));
  const [first] = inputs;
  if (first === undefined || inputs.some(({ length }) => length !== rank)) return undefined;
  const output = first.map((_length, i) => {
    const sizes = inputs.map((input) => input[i] ?? null);
    return sizes.find((length) => length !== null && length !== 1) ?? (sizes.includes(null) ? null : 1);
  });
  return { output, parameters: [] };
};

const concatenate: Rule = (config, inputs) => {
  const [first] = inputs;
  const axis = Number(config["axis"] ?? -1);
  const at = axis < 0 ? (first?.length ?? 0) + axis : axis - 1;
  if (first === undefined || inputs.some(({ length }) => length !== first.length)) return undefined;
  const lengths = inputs.map((input) => input[at]);
  if (lengths.some((length) => length === undefined)) return undefined;
  const sum = lengths.every(isSize) ? lengths.reduce((all, length) => all + length, 0) : null;
  return { output: first.map((length, i) => (i === at ? sum : length)), parameters: [] };
};

const dot: Rule = (config, [a, b]) => {
  const { axes } = config;
  const [first, second] = Array.isArray(axes) ? axes : [axes, axes];
  if (a === undefined || b === undefined || typeof first !== "number" || typeof second !== "number")
    return undefined;
  const without = (shape: OpenShape, axis: number) =>
    shape.filter((_, i) => i !== (axis < 0 ? shape.length + axis : axis - 1));
  const output = [...without(a, first), ...without(b, second)];
  return { output: output.length === 0 ? [1] : output, parameters: [] };
};

const RULES: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ...[
    ...[
      "Activation",
      "AlphaDropout",
      "Dropout",
      "ELU",
      "GaussianDropout",
      "GaussianNoise",
      "LeakyReLU",
      "Masking",
    ],
    ...["ReLU", "Rescaling", "Softmax", "SpatialDropout1D"],
  ].map((name): [string, Rule] => [name, unchanged]),
  ["Dense", dense],
  ["Flatten", plain((input) => [product(input)])],
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
  ["LayerNormalization", normalization],
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

function windowOf(config: Config, sizeOption: string, rank: number): Window | undefined {
  const [sizes, strides] = [listOf(config[sizeOption], rank), listOf(config["strides"] ?? 1, rank)];
  const padding = config["padding"] ?? "valid";
  if (sizes === undefined || strides === undefined || (padding !== "same" && padding !== "valid"))
    return undefined;
  return { sizes, strides, isSame: padding === "same" };
}

/** The places of a window on each axis; undefined where it is larger than its input. */
function slid(space: OpenShape, { sizes, strides, isSame }: Window): OpenShape | undefined {
  const output = space.map((length, i) => {
    if (length === null) return null;
    return Math.ceil((isSame ? length : length - (sizes[i] ?? 1) + 1) / (strides[i] ?? 1));
  });
  return output.every((length) => length === null || length > 0) ? output : undefined;
}

/** One number stands for all dimensions, as in Keras. */
function listOf(value: unknown, rank: number): readonly number[] | undefined {
  const list = Array.isArray(value) ? value : Array.from({ length: rank }, () => value);
  return list.length === rank && list.every(isSize) ? list : undefined;
}

function size(value: unknown): number | undefined {
  return isSize(value) ? value : undefined;
}

function isSize(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value > 0;
}

function isRank(input: OpenShape | undefined, rank: number): input is OpenShape {
  return input?.length === rank;
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
