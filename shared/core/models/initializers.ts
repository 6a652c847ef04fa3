// The Keras initializers on a seeded stream of random numbers.
import { FlError } from "../errors.ts";
import type { Random } from "../random.ts";
import { elementCount } from "../updates/safetensors.ts";
import type { Config } from "./topology.ts";

export interface Initializer {
  /** In any of the ways Keras writes it: GlorotUniform, glorot_uniform, glorotUniform. */
  readonly name: string;
  readonly options: Config;
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
 * Uniform or normal with the variance `scale` / fan. He, Zhang, Ren, Sun 2015; Glorot, Bengio 2010. A truncated normal is
 * widened, so that its variance is the one wanted in spite of its missing tails.
 */
function varianceScaling(fixed: Config = {}): Draw {
  return (shape, random, given) => {
    const options = { ...given, ...fixed };
    const [fanIn, fanOut] = fansOf(shape);
    const fan = { fan_in: fanIn, fan_out: fanOut }[normalise(options["mode"])] ?? (fanIn + fanOut) / 2;
    const variance = number(options, "scale", 1) / Math.max(1, fan);
    if (normalise(options["distribution"]) === "uniform") {
      const limit = Math.sqrt(3 * variance);
      return () => limit * (2 * random.next() - 1);
    }
    const deviation = Math.sqrt(variance) / deviationWithinTwo;
    return () => deviation * withinTwo(random);
  };
}

/** Rows (or columns, where there are fewer) of length one at right angles. Saxe, McClelland, Ganguli 2013. */
const orthogonal: Draw = (shape, random, options) => {
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

const initializers: ReadonlyMap<string, Draw> = new Map([
  ["zeros", constant(0)],
  ["ones", constant(1)],
  ["constant", constant(0)],
  ["randomuniform", uniform],
  ["randomnormal", normal],
  ["truncatednormal", truncatedNormal],
  ["variancescaling", varianceScaling()],
  ["glorotuniform", varianceScaling({ mode: "fan_avg", distribution: "uniform" })],
  ["glorotnormal", varianceScaling({ mode: "fan_avg", distribution: "normal" })],
  ["heuniform", varianceScaling({ scale: 2, mode: "fan_in", distribution: "uniform" })],
  ["henormal", varianceScaling({ scale: 2, mode: "fan_in", distribution: "normal" })],
  ["lecununiform", varianceScaling({ mode: "fan_in", distribution: "uniform" })],
  ["lecunnormal", varianceScaling({ mode: "fan_in", distribution: "normal" })],
  ["orthogonal", orthogonal],
]);

/** The values of a new tensor, row-major. Throws `invalid-argument` for an initializer that is not a Keras one. */
export function draw(initializer: Initializer, shape: readonly number[], random: Random): Float32Array {
  const start = initializers.get(initializer.name.replaceAll("_", "").toLowerCase());
  if (start === undefined) {
    const names = [...initializers.keys()].join(", ");
    throw new FlError(
      "invalid-argument",
      `The initializer "${initializer.name}" is unknown; there are ${names}.`,
    );
  }
  const next = start(shape, random, initializer.options);
  return Float32Array.from({ length: elementCount(shape) }, (_, index) => next(index));
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

/** Gram-Schmidt on normal vectors, each cleaned twice, which is enough for float precision. O(count² length). */
function orthonormal(count: number, length: number, random: Random): readonly Float64Array[] {
  const vectors: Float64Array[] = [];
  while (vectors.length < count) {
    const vector = Float64Array.from({ length }, () => random.normal());
    for (const other of [...vectors, ...vectors]) {
      const overlap = dot(vector, other);
      for (let i = 0; i < length; i++) vector[i] = (vector[i] ?? 0) - overlap * (other[i] ?? 0);
    }
    const norm = Math.sqrt(dot(vector, vector));
    if (norm > 1e-6) vectors.push(vector.map((value) => value / norm)); // Else it lay within the others: draw again.
  }
  return vectors;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] ?? 0) * (b[i] ?? 0);
  return sum;
}

/** An option may be absent or null. */
function number(options: Config, key: string, standard: number): number {
  const value = options[key] ?? standard;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw new FlError("invalid-argument", `The initializer option ${key} must be a number.`);
}

function normalise(value: unknown): string {
  return typeof value === "string" ? value.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`) : "";
}
