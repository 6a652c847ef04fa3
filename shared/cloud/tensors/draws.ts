// Where TensorFlow.js takes its random numbers from while it trains: a stream of the run, instead of the
// process's own.
import type { Random } from "../../core/random.ts";

/**
 * Does the work with every draw of TensorFlow.js taken from `random`. All of them (dropout, noise, masks of
 * recurrent layers) are seeded by `Math.random` unless a layer has a seed, and no layer has: see
 * `withoutSeeds`. The work is synchronous, so no other code draws in between.
 */
export function withDraws<T>(random: Pick<Random, "next">, work: () => T): T {
  const own = Math.random;
  Math.random = () => random.next();
  try {
    return work();
  } finally {
    Math.random = own;
  }
}

/**
 * A copy of a topology without the seeds that stand in it. A layer of TensorFlow.js that has one makes the
 * same mask in every step; and the draws of a run come from the run's seed alone.
 */
export function withoutSeeds<T extends object>(topology: T): T {
  return JSON.parse(JSON.stringify(topology), (key, value) => (key === "seed" ? undefined : value));
}
