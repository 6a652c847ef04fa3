// Samples that are spread evenly, as if all clients drew from the same source. Pure and seeded.
import { randomFrom } from "../../../shared/core/random.ts";
import { checkEnough, cutEvenly, type Parts } from "./parts.ts";

/**
 * Every place once, in random order; clients' sizes differ by one at the most.
 *
 * @param samples how many there are
 * @throws FlError("invalid-argument") when there are fewer samples than clients
 */
export function iidParts(
  samples: number,
  { clients, seed, minSamples = 1 }: { clients: number; seed: number; minSamples?: number },
): Parts {
  checkEnough(samples, clients, minSamples);
  return cutEvenly([...randomFrom(seed, "iid").order(samples)], clients);
}
