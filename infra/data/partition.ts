// How a data set's samples are spread over clients: label skew, by a Dirichlet distribution or by shards.
// Pure and seeded.
import { FlError } from "../../shared/core/errors.ts";
import { type Random, randomFrom } from "../../shared/core/random.ts";

export interface PartitionOptions {
  readonly clients: number;
  readonly seed: number;
  /** Concentration, > 0: near 0 a class belongs to one client, at 100 all clients look alike. */
  readonly alpha: number;
  /** At most so many samples a client, drawn from its own. Default: all. */
  readonly samplesPerClient?: number;
  /** At least so many samples a client; the richest give where a draw left less. Default 1. */
  readonly minSamples?: number;
}

/**
 * Each class is shared out among the clients in proportions drawn from a symmetric Dirichlet distribution
 * (Hsu, Qi, Brown 2019). The places of each client's samples, in random order; no place twice, and every
 * place once without `samplesPerClient`.
 *
 * @param labels the class of every sample
 * @throws FlError("invalid-argument") when there are not enough samples for all, or an option is out of range
 */
export function partition(labels: Uint8Array, options: PartitionOptions): number[][] {
  const { clients, seed, alpha, samplesPerClient = labels.length, minSamples = 1 } = options;
  checkCount("clients", clients);
  checkCount("minSamples", minSamples);
  if (clients * minSamples > labels.length || minSamples > samplesPerClient) {
    throw new FlError(
      "invalid-argument",
      `${clients} clients cannot have ${minSamples} to ${samplesPerClient} of ${labels.length} samples each.`,
    );
  }
  const random = randomFrom(seed, "partition");
  const parts: number[][] = Array.from({ length: clients }, () => []);
  for (const places of byClass(labels)) {
    const order = random.shuffle(places);
    let end = 0;
    let reached = 0;
    dirichlet(clients, alpha, random).forEach((share, client) => {
      const start = end;
      reached += share;
      end =
        client === clients - 1 ? order.length : Math.min(order.length, Math.round(reached * order.length));
      for (const place of order.slice(start, end)) parts[client]?.push(place);
    });
  }
  levelUp(parts, minSamples);
  return parts.map((places) => random.shuffle(places).slice(0, samplesPerClient));
}

/**
 * Samples sorted by class and cut into equal shards, so many to each client (McMahan et al. 2017): with 2, a
 * client knows about two classes. Every place once; clients' sizes differ by at most `shardsPerClient`.
 *
 * @throws FlError("invalid-argument") when there are fewer samples than shards
 */
export function shards(
  labels: Uint8Array,
  { clients, seed, shardsPerClient = 2 }: { clients: number; seed: number; shardsPerClient?: number },
): number[][] {
  checkCount("clients", clients);
  checkCount("shardsPerClient", shardsPerClient);
  const count = clients * shardsPerClient;
  if (count > labels.length) {
    throw new FlError("invalid-argument", `${labels.length} samples are too few for ${count} shards.`);
  }
  const random = randomFrom(seed, "shards");
  const sorted = byClass(labels).flatMap((places) => random.shuffle(places));
  const bounds = Array.from({ length: count + 1 }, (_, i) => Math.floor((i * sorted.length) / count));
  const dealt = random.shuffle(
    Array.from({ length: count }, (_, i) => sorted.slice(bounds[i], bounds[i + 1])),
  );
  return Array.from({ length: clients }, (_, client) =>
    random.shuffle(dealt.slice(client * shardsPerClient, (client + 1) * shardsPerClient).flat()),
  );
}

/** The places of each class's samples, in the order of the classes; classes without samples are left out. */
function byClass(labels: Uint8Array): number[][] {
  const places = Map.groupBy(labels.keys(), (place) => labels[place] ?? 0);
  return [...places].toSorted(([a], [b]) => a - b).map(([, list]) => list);
}

function dirichlet(size: number, alpha: number, random: Random): number[] {
  const draws = Array.from({ length: size }, () => random.gamma(alpha));
  const sum = draws.reduce((total, draw) => total + draw, 0);
  // A tiny alpha can make all draws underflow: then, as in the limit, one takes all.
  const winner = sum > 0 ? -1 : random.int(size);
  return draws.map((draw, i) => (sum > 0 ? draw / sum : Number(i === winner)));
}

/** Moves samples from the richest to those below the minimum. */
function levelUp(parts: readonly number[][], minSamples: number): void {
  for (const poor of parts) {
    while (poor.length < minSamples) {
      const richest = parts.reduce((best, part) => (part.length > best.length ? part : best));
      const given = richest.pop();
      if (given === undefined || richest === poor)
        throw new FlError("internal", "No client has samples to give.");
      poor.push(given);
    }
  }
}

function checkCount(name: string, value: number): void {
  if (Number.isInteger(value) && value >= 1) return;
  throw new FlError("invalid-argument", `${name} must be an integer of at least 1, not ${value}.`);
}
