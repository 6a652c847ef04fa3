// What a layer does to the shape of a sample, and the parameters it has: the layers that built-in models are
// made of. Any other model is described by building it (`Trainer.describe`).
import type { TensorShape } from "../updates/weights.ts";
import type { Config } from "./topology.ts";

/** Of one sample, without the batch dimension; channels come last. */
export type Shape = readonly number[];

export interface LayerOutcome {
  readonly output: Shape;
  /** Named within the layer. */
  readonly parameters: readonly TensorShape[];
}

/** Undefined where the options are beyond what the rule knows. */
type Rule = (config: Config, input: Shape) => LayerOutcome | undefined;

const unchanged: Rule = (_, input) => ({ output: input, parameters: [] });

const flatten: Rule = (_, input) => ({ output: [product(input)], parameters: [] });

const dense: Rule = (config, input) => {
  const units = integer(config["units"]);
  const last = input.at(-1);
  if (units === undefined || last === undefined) return undefined;
  return { output: [...input.slice(0, -1), units], parameters: kernelAndBias(config, [last, units]) };
};

const convolution: Rule = (config, input) => {
  const filters = integer(config["filters"]);
  const kernel = pair(config["kernel_size"]);
  const [, , channels] = input;
  if (filters === undefined || kernel === undefined || channels === undefined) return undefined;
  const space = slide(config, input, kernel, pair(config["strides"] ?? 1));
  return (
    space && {
      output: [...space, filters],
      parameters: kernelAndBias(config, [...kernel, channels, filters]),
    }
  );
};

const pooling: Rule = (config, input) => {
  const pool = pair(config["pool_size"] ?? 2);
  if (pool === undefined) return undefined;
  const space = slide(config, input, pool, pair(config["strides"] ?? pool));
  return space && { output: [...space, ...input.slice(2)], parameters: [] };
};

/** By Keras class name. */
export const layerRules: ReadonlyMap<string, Rule> = new Map([
  ["Conv2D", convolution],
  ["MaxPooling2D", pooling],
  ["Flatten", flatten],
  ["Dense", dense],
  ["Dropout", unchanged],
]);

/** Height and width after a window has slid over the input. */
function slide(config: Config, input: Shape, window: Shape, strides: Shape | undefined): Shape | undefined {
  const padding = config["padding"] ?? "valid";
  const known =
    (padding === "valid" || padding === "same") &&
    (config["data_format"] ?? "channels_last") === "channels_last" &&
    product(pair(config["dilation_rate"] ?? 1) ?? []) === 1;
  if (!known || strides === undefined || input.length !== 3) return undefined;
  const space = window.map((size, i) => {
    const whole = input[i] ?? 0;
    return Math.ceil((padding === "same" ? whole : whole - size + 1) / (strides[i] ?? 1));
  });
  return space.every((size) => size > 0) ? space : undefined;
}

function kernelAndBias(config: Config, shape: Shape): readonly TensorShape[] {
  const kernel = { name: "kernel", shape };
  return config["use_bias"] === false ? [kernel] : [kernel, { name: "bias", shape: shape.slice(-1) }];
}

function integer(value: unknown): number | undefined {
  return typeof value === "number" && Number.isInteger(value) && value > 0 ? value : undefined;
}

/** One number stands for both dimensions, as in Keras. */
function pair(value: unknown): Shape | undefined {
  const [height, width, ...rest] = (Array.isArray(value) ? value : [value, value]).map(integer);
  return height === undefined || width === undefined || rest.length > 0 ? undefined : [height, width];
}

function product(shape: Shape): number {
  return shape.reduce((whole, size) => whole * size, 1);
}
