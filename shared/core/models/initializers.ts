// The Keras initializers on a seeded stream of random numbers.
import { FlError } from "../errors.ts";
import type { Random } from "../random.ts";
import { elementCount } from "../updates/safetensors.ts";
import { type Config, isObject } from "./topology.ts";

export interface Initializer {
  /** In any of the ways Keras writes it: GlorotUniform, glorot_uniform, glorotUniform. */
  readonly name: string;
  readonly options: Config;
}

/**
 * An initializer as a topology writes it: a name, or a class with its options. Undefined for anything else.
 */
export function readInitializer(written: unknown): Initializer | undefined {
  if (typeof written === "string") return { name: written, options: {} };
  if (!isObject(written) || typeof written["class_name"] !== "string") return undefined;
  return { name: written["class_name"], options: isObject(written["config"]) ? written["config"] : {} };
}

/** Gives the values of one tensor, asked for in the order of their index. */
type Draw = (shape: readonly number[], random: Random, options: Config) => (index: number) => number;

const constant =
  (standard: number): Draw =>
  (_, _random, options) => {
    const value = number(options, "value", standard);
    return () => value;
  };

const uniform: Draw = (_, random, options) => {
  const low = number(options, "minval", -0.05);
  const high = number(options, "maxval", 0.05);
  return () => low + (high - low) * random.next();
};

const normal: Draw = (_, random, options) => {
  const mean = number(options, "mean", 0);
  const deviation = number(options, "stddev", 0.05);
  return () => mean + deviation * random.normal();
};

const truncatedNormal: Draw = (_, random, options) => {
  const mean = number(options, "mean", 0);
  const deviation = number(options, "stddev", 0.05);
  return () => mean + deviation * withinTwo(random);
};

/**
 * Uniform or normal with the variance `scale` / fan. He, Zhang, Ren, Sun 2015; Glorot, Bengio 2010. A
 * truncated normal is widened, so that its variance is the one wanted in spite of its missing tails.
 */
function varianceScaling(fixed: Config = {}): Draw {
  return (shape, random, given) => {
    const options = { ...given, ...fixed };
    const [fanIn, fanOut] = fansOf(shape);
    const mode = word(options, "mode", "fan_in");
    const fan = { fan_in: fanIn, fan_out: fanOut, fan_avg: (fanIn + fanOut) / 2 }[mode];
    if (fan === undefined) throw unknownOption("mode", mode, ["fan_in", "fan_out", "fan_avg"]);
    const scale = number(options, "scale", 1);
    if (scale <= 0) throw new FlError("invalid-argument", "The initializer option scale must be above 0.");
    const variance = scale / Math.max(1, fan);
    const distribution = word(options, "distribution", "truncated_normal");
    switch (distribution) {
      case "uniform": {
        const limit = Math.sqrt(3 * variance);
        return () => limit * (2 * random.next() - 1);
      }
      case "untruncated_normal": {
        const deviation = Math.sqrt(variance);
        return () => deviation * random.normal();
      }
      case "normal": // What Keras called it before 2.2.
      case "truncated_normal": {
        const deviation = Math.sqrt(variance) / deviationWithinTwo;
        return () => deviation * withinTwo(random);
      }
      default:
        throw unknownOption("distribution", distribution, [
          "uniform",
          "truncated_normal",
          "untruncated_normal",
        ]);
    }
  };
}

/** `gain` on the diagonal of a matrix, zero elsewhere. */
const identity: Draw = (shape, _, options) => {
  const [, columns] = shape;
  if (columns === undefined || shape.length !== 2) {
    throw new FlError("invalid-argument", `The initializer Identity makes matrices, not a [${shape}].`);
  }
  const gain = number(options, "gain", 1);
  return (index) => (Math.floor(index / columns) === index % columns ? gain : 0);
};

/** Rows (or columns, where there are fewer) of length one at right angles. Saxe, McClelland, Ganguli 2013. */
const orthogonal: Draw = (shape, random, options) => {
  if (shape.length < 2) {
    throw new FlError(
      "invalid-argument",
      `The initializer Orthogonal needs two dimensions, not a [${shape}].`,
    );
  }
  const columns = shape.at(-1) ?? 1;
  const rows = elementCount(shape) / Math.max(1, columns);
  const [count, length] = rows < columns ? [rows, columns] : [columns, rows];
  const vectors = orthonormal(count, length, random);
  const gain = number(options, "gain", 1);
  return (index) => {
    const [row, column] = [Math.floor(index / columns), index % columns];
    const [vector, place] = rows < columns ? [row, column] : [column, row];
    return gain * (vectors[vector]?.[place] ?? 0);
  };
};

interface Kind {
  readonly draw: Draw;
  /**
   * Beside `seed` and `dtype`, which every one may have: a run has one seed, and weights are 32-bit floats.
   */
  readonly options: readonly string[];
}

const scaled = (fixed: Config): Kind => ({ draw: varianceScaling(fixed), options: [] });

const kinds: ReadonlyMap<string, Kind> = new Map([
  ["zeros", { draw: constant(0), options: [] }],
  ["ones", { draw: constant(1), options: [] }],
  ["constant", { draw: constant(0), options: ["value"] }],
  ["identity", { draw: identity, options: ["gain"] }],
  ["randomuniform", { draw: uniform, options: ["minval", "maxval"] }],
  ["randomnormal", { draw: normal, options: ["mean", "stddev"] }],
  ["truncatednormal", { draw: truncatedNormal, options: ["mean", "stddev"] }],
  ["variancescaling", { draw: varianceScaling(), options: ["scale", "mode", "distribution"] }],
  ["glorotuniform", scaled({ scale: 1, mode: "fan_avg", distribution: "uniform" })],
  ["glorotnormal", scaled({ scale: 1, mode: "fan_avg", distribution: "truncated_normal" })],
  ["heuniform", scaled({ scale: 2, mode: "fan_in", distribution: "uniform" })],
  ["henormal", scaled({ scale: 2, mode: "fan_in", distribution: "truncated_normal" })],
  ["lecununiform", scaled({ scale: 1, mode: "fan_in", distribution: "uniform" })],
  ["lecunnormal", scaled({ scale: 1, mode: "fan_in", distribution: "truncated_normal" })],
  ["orthogonal", { draw: orthogonal, options: ["gain"] }],
]);

/** Other names that Keras takes for them. */
const aliases: ReadonlyMap<string, string> = new Map([
  ["zero", "zeros"],
  ["one", "ones"],
  ["uniform", "randomuniform"],
  ["normal", "randomnormal"],
  ["identityinitializer", "identity"],
  ["orthogonalinitializer", "orthogonal"],
]);

/**
 * The values of a new tensor, row-major.
 *
 * @throws FlError("invalid-argument") for an initializer or an option that is not known here, or not for
 *   this shape
 */
export function draw(initializer: Initializer, shape: readonly number[], random: Random): Float32Array {
  const kind = kindOf(initializer);
  const next = kind.draw(shape, random, initializer.options);
  const values = new Float32Array(elementCount(shape));
  for (let index = 0; index < values.length; index++) values[index] = next(index);
  return values;
}

/** Throws `invalid-argument` for what `draw` would refuse for every shape. */
export function checkInitializer(initializer: Initializer): void {
  // No value is drawn; two dimensions suit every initializer.
  kindOf(initializer).draw([0, 0], { next: () => 0, normal: () => 0 } as Random, initializer.options);
}

function kindOf({ name, options }: Initializer): Kind {
  const short = name.replaceAll("_", "").toLowerCase();
  const kind = kinds.get(aliases.get(short) ?? short);
  if (kind === undefined) {
    const names = [...kinds.keys()].join(", ");
    throw new FlError("invalid-argument", `The initializer "${name}" is unknown; there are ${names}.`);
  }
  for (const key of Object.keys(options)) {
    const known = kind.options.includes(key) || key === "seed" || key === "dtype";
    if (known || options[key] === null) continue;
    throw new FlError("invalid-argument", `The initializer ${name} has no option ${key} here: leave it out.`);
  }
  return kind;
}

/** How many inputs and outputs a weight connects; kernels have their channels last. */
function fansOf(shape: readonly number[]): readonly [fanIn: number, fanOut: number] {
  const [outputs = 1, inputs = outputs, ...window] = shape.toReversed();
  const field = window.reduce((whole, size) => whole * size, 1);
  return [inputs * field, outputs * field];
}

/** Of a standard normal cut off at two deviations on either side. */
const deviationWithinTwo = 0.8796256610342398;

function withinTwo(random: Random): number {
  for (;;) {
    const value = random.normal();
    if (Math.abs(value) <= 2) return value;
  }
}

interface Turns {
  /** The dimensions, two by two. */
  readonly pairs: Uint32Array;
  /** Cosine and sine, one after the other, of the angle that each pair is turned by. */
  readonly angles: Float64Array;
}

/**
 * Vectors at right angles that each lie in a uniformly random direction: unit vectors turned in random planes
 * (Kac's walk; it mixes in the order of `length` log `length` turns: Pillai, Smith, "Kac's walk on n-sphere
 * mixes in n log n steps", 2017). Takes `count` `length` log `length` steps, where to orthogonalise normal
 * vectors takes `count`² `length`.
 */
function orthonormal(count: number, length: number, random: Random): readonly Float32Array[] {
  const stages = length < 2 ? 0 : 4 * Math.ceil(Math.log2(length)) + 8;
  const walk = Array.from({ length: stages }, (): Turns => {
    const pairs = random.order(length);
    const angles = new Float64Array(length - (length % 2));
    for (let i = 0; i < angles.length; i += 2) angles.set(direction(random), i);
    return { pairs, angles };
  });
  return Array.from({ length: count }, (_, i) => {
    const vector = new Float64Array(length);
    vector[i] = random.next() < 0.5 ? -1 : 1;
    for (const turns of walk) turn(vector, turns);
    return new Float32Array(vector);
  });
}

function turn(vector: Float64Array, { pairs, angles }: Turns): void {
  for (let place = 0; place < angles.length; place += 2) {
    const i = pairs[place] as number;
    const j = pairs[place + 1] as number;
    const cosine = angles[place] as number;
    const sine = angles[place + 1] as number;
    const a = vector[i] as number;
    const b = vector[j] as number;
    vector[i] = cosine * a - sine * b;
    vector[j] = sine * a + cosine * b;
  }
}

/** A uniformly random point of the circle. By square roots only: sin and cos differ between builds of V8. */
function direction(random: Random): readonly [cosine: number, sine: number] {
  for (;;) {
    const [x, y] = [2 * random.next() - 1, 2 * random.next() - 1];
    const square = x * x + y * y;
    if (square > 1e-6 && square < 1) return [x / Math.sqrt(square), y / Math.sqrt(square)];
  }
}

/** An option may be absent or null. */
function number(options: Config, key: string, standard: number): number {
  const value = options[key] ?? standard;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw new FlError("invalid-argument", `The initializer option ${key} must be a number.`);
}

/** A word in the way of Keras: tfjs writes fanAvg for fan_avg. */
function word(options: Config, key: string, standard: string): string {
  const value = options[key] ?? standard;
  if (typeof value === "string") return value.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  throw new FlError("invalid-argument", `The initializer option ${key} must be a word.`);
}

function unknownOption(key: string, value: string, known: readonly string[]): FlError {
  return new FlError(
    "invalid-argument",
    `The initializer option ${key} is "${value}"; there are ${known.join(", ")}.`,
  );
}
