// Clients with more and with fewer samples, whatever these are. Pure and seeded.
import { FlError } from "../../../shared/core/errors.ts";
import { randomFrom } from "../../../shared/core/random.ts";
import { checkCount, checkEnough, levelUp, type Parts } from "./parts.ts";

/** Sizes that grow by the same step from client to client: the n-th has n times as many as the first. */
export function linearWeights(clients: number): readonly number[] {
  checkCount("clients", clients);
  return Array.from({ length: clients }, (_, i) => i + 1);
}

/**
 * Samples drawn without regard to what they are, in these proportions: a client's size is the whole number
 * next to its share, and differs from it by less than one before the minimum is seen to. Every place once, in
 * random order.
 *
 * @param samples how many there are
 * @param weights one a client, each above 0
 * @throws FlError("invalid-argument") when a weight is out of range, or there are not enough samples for all
 */
export function sizedParts(
  samples: number,
  { weights, seed, minSamples = 1 }: { weights: readonly number[]; seed: number; minSamples?: number },
): Parts {
  checkEnough(samples, weights.length, minSamples);
  const bad = weights.findIndex((weight) => !(weight > 0 && Number.isFinite(weight)));
  if (bad !== -1) {
    throw new FlError("invalid-argument", `Sizes must be numbers above 0; number ${bad + 1} is not.`);
  }
  const sum = weights.reduce((total, weight) => total + weight, 0);
  if (!Number.isFinite(sum)) throw new FlError("invalid-argument", "The sizes add up to no number.");
  const order = [...randomFrom(seed, "sizes").order(samples)];
  let reached = 0;
  let end = 0;
  const parts = weights.map((weight, i) => {
    const start = end;
    reached += weight;
    end = i === weights.length - 1 ? samples : Math.min(samples, Math.round((reached / sum) * samples));
    return order.slice(start, end);
  });
  levelUp(parts, minSamples);
  return parts;
}
