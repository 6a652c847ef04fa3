// Label skew by shards of sorted samples. Pure and seeded.
import { FlError } from "../../../shared/core/errors.ts";
import { randomFrom } from "../../../shared/core/random.ts";
import { byClass, checkCount, cutEvenly, type Labels, type Parts } from "./parts.ts";

/**
 * Samples sorted by class and cut into equal shards, so many to each client (McMahan et al. 2017): with 2, a
 * client knows about two classes. Every place once; clients' sizes differ by at most `shardsPerClient`.
 *
 * @throws FlError("invalid-argument") when there are fewer samples than shards
 */
export function shardParts(
  labels: Labels,
  { clients, seed, shardsPerClient = 2 }: { clients: number; seed: number; shardsPerClient?: number },
): Parts {
  checkCount("clients", clients);
  checkCount("shardsPerClient", shardsPerClient);
  const count = clients * shardsPerClient;
  if (count > labels.length) {
    throw new FlError(
      "invalid-argument",
      `${labels.length} samples are too few for ${count} shards: ask for fewer clients, or fewer shards a client.`,
    );
  }
  const random = randomFrom(seed, "shards");
  const sorted = byClass(labels).flatMap((places) => random.shuffle(places));
  const dealt = random.shuffle(cutEvenly(sorted, count));
  return Array.from({ length: clients }, (_, client) =>
    random.shuffle(dealt.slice(client * shardsPerClient, (client + 1) * shardsPerClient).flat()),
  );
}
