// Seeded randomness: one independent stream for each (seed, purpose), the same on every machine and for ever.
import { FlError } from "./errors.ts";
import { murmur3 } from "./murmur3.ts";

/** A stream of pseudo-random numbers. Not for secrets: the seed gives the whole stream. */
export interface Random {
  /** Uniform in [0, 1), with 53 random bits. */
  next(): number;
  /** Uniform integer in 0..bound-1, unbiased. `bound` is an integer in 1..2^32. */
  int(bound: number): number;
  /** Standard normal (mean 0, variance 1). */
  normal(): number;
  /**
   * Gamma with this shape (> 0) and scale 1. A shape below about 0.01 often yields 0, as float64 underflows.
   */
  gamma(shape: number): number;
  /** The items in uniformly random order, as a new array. */
  shuffle<T>(items: readonly T[]): T[];
  /** The numbers 0..count-1 in the order that `shuffle` would give them, in a quarter of its memory. */
  order(count: number): Uint32Array;
  /** `count` (0..items.length) of the items in the order drawn, without replacement, as a new array. */
  sample<T>(items: readonly T[], count: number): T[];
}

/**
 * The stream of a seed and a purpose, such as `randomFrom(run.seed, round, "selection")`. Parts are kept
 * apart by boundary and by type: ("a", "b"), ("ab"), (1, "2") and ("1", 2) are four different streams. Throws
 * `invalid-argument` for a number that is not finite.
 */
export function randomFrom(seed: string | number, ...purpose: readonly (string | number)[]): Random {
  const parts = [seed, ...purpose];
  for (const part of parts) {
    if (typeof part === "number" && !Number.isFinite(part)) {
      throw new FlError("invalid-argument", `A seed or purpose must be finite, not ${part}.`);
    }
  }
  return randomOf(xoshiro128(hash128(JSON.stringify(parts))));
}

/** Builds every distribution on a source of uniform 32-bit integers. */
function randomOf(nextUint32: () => number): Random {
  const next = (): number => ((nextUint32() >>> 5) * 2 ** 26 + (nextUint32() >>> 6)) / 2 ** 53;

  const int = (bound: number): number => {
    if (!Number.isInteger(bound) || bound < 1 || bound > 2 ** 32) {
      throw new FlError("invalid-argument", `A bound must be an integer in 1..2^32, not ${bound}.`);
    }
    const limit = 2 ** 32 - (2 ** 32 % bound); // Values from here on would favour the small remainders.
    let value = nextUint32();
    while (value >= limit) value = nextUint32();
    return value % bound;
  };

  // Marsaglia's polar method: log and sqrt only, since sin and cos differ between builds of V8.
  const normal = (): number => {
    for (;;) {
      const x = 2 * next() - 1;
      const y = 2 * next() - 1;
      const s = x * x + y * y;
      if (s > 0 && s < 1) return x * Math.sqrt((-2 * Math.log(s)) / s);
    }
  };

  // Marsaglia & Tsang, "A simple method for generating gamma variables", 2000; below 1 by their boost.
  const gamma = (shape: number): number => {
    if (!(shape > 0 && shape < Number.POSITIVE_INFINITY)) {
      throw new FlError("invalid-argument", `A gamma shape must be positive and finite, not ${shape}.`);
    }
    if (shape < 1) return gamma(shape + 1) * (1 - next()) ** (1 / shape);
    const d = shape - 1 / 3;
    const c = 1 / Math.sqrt(9 * d);
    for (;;) {
      const x = normal();
      const v = (1 + c * x) ** 3;
      if (v > 0 && Math.log(1 - next()) < x * x * 0.5 + d - d * v + d * Math.log(v)) return d * v;
    }
  };

  // The first `count` steps of a Fisher-Yates shuffle, in place.
  const draw = <T>(rest: Sequence<T>, count: number): void => {
    for (let i = 0; i < count; i++) {
      const j = i + int(rest.length - i);
      const drawn = rest[j] as T; // In range: j < rest.length.
      rest[j] = rest[i] as T;
      rest[i] = drawn;
    }
  };

  const sample = <T>(items: readonly T[], count: number): T[] => {
    if (!Number.isInteger(count) || count < 0 || count > items.length) {
      throw new FlError("invalid-argument", `Cannot draw ${count} of ${items.length} items.`);
    }
    const rest = items.slice();
    draw(rest, count);
    return rest.slice(0, count);
  };

  const order = (count: number): Uint32Array => {
    const places = new Uint32Array(count).map((_, i) => i);
    draw(places, count);
    return places;
  };

  return { next, int, normal, gamma, shuffle: (items) => sample(items, items.length), order, sample };
}

interface Sequence<T> {
  readonly length: number;
  [index: number]: T;
}

type State128 = readonly [number, number, number, number];

/** xoshiro128** 1.1 (Blackman & Vigna, 2018): period 2^128 - 1, from any state but all zeros. */
function xoshiro128(seed: State128): () => number {
  let [a, b, c, d] = seed;
  if ((a | b | c | d) === 0) a = 1;
  return () => {
    const result = Math.imul(rotateLeft(Math.imul(b, 5), 7), 9) >>> 0;
    const t = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= t;
    d = rotateLeft(d, 11);
    return result;
  };
}

/** Four lanes of MurmurHash3 of the UTF-8 text, with seeds 0 to 3. */
function hash128(text: string): State128 {
  const bytes = new TextEncoder().encode(text);
  return [murmur3(bytes, 0), murmur3(bytes, 1), murmur3(bytes, 2), murmur3(bytes, 3)];
}

function rotateLeft(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}
