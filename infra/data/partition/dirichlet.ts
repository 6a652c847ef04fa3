// Label skew by a Dirichlet distribution. Pure and seeded.
import { FlError } from "../../../shared/core/errors.ts";
import { type Random, randomFrom } from "../../../shared/core/random.ts";
import { byClass, checkEnough, type Labels, levelUp, type Parts } from "./parts.ts";

export interface DirichletOptions {
  readonly clients: number;
  readonly seed: number;
  /** Concentration, > 0: near 0 a class belongs to one client, at 100 all clients look alike. */
  readonly alpha: number;
  /** At most so many samples a client, drawn from its own. Default: all. */
  readonly samplesPerClient?: number;
  /** At least so many samples a client; the richest give where a draw left less. Default 1. */
  readonly minSamples?: number;
  /** Whether a client that has its even share gets nothing of further classes (Yurochkin et al. 2019). */
  readonly isBalanced?: boolean;
}

/**
 * Each class is shared out among the clients in proportions drawn from a symmetric Dirichlet distribution
 * (Hsu, Qi, Brown 2019). The places of each client's samples, in random order; no place twice, and every
 * place once without `samplesPerClient`.
 *
 * @param labels the class of every sample
 * @throws FlError("invalid-argument") when there are not enough samples for all, or an option is out of range
 */
export function dirichletParts(labels: Labels, options: DirichletOptions): Parts {
  const { clients, seed, alpha, minSamples = 1, isBalanced = false } = options;
  const { samplesPerClient = labels.length } = options;
  checkEnough(labels.length, clients, minSamples);
  if (minSamples > samplesPerClient) {
    throw new FlError(
      "invalid-argument",
      `A client cannot have at least ${minSamples} and at most ${samplesPerClient} samples.`,
    );
  }
  const random = randomFrom(seed, "partition");
  const parts: Parts = Array.from({ length: clients }, () => []);
  const evenShare = labels.length / clients;
  for (const places of byClass(labels)) {
    const order = random.shuffle(places);
    const drawn = dirichlet(clients, alpha, random);
    const shares = isBalanced ? withoutFull(drawn, parts, evenShare) : drawn;
    dealOut(order, shares, parts);
  }
  levelUp(parts, minSamples);
  return parts.map((places) => random.shuffle(places).slice(0, samplesPerClient));
}

/** Gives each client its share of a list; the last one with a share takes what rounding leaves. */
function dealOut(order: readonly number[], shares: readonly number[], parts: Parts): void {
  const last = shares.findLastIndex((share) => share > 0);
  let [end, reached] = [0, 0];
  for (const [client, share] of shares.entries()) {
    const start = end;
    reached += share;
    end = client >= last ? order.length : Math.min(order.length, Math.round(reached * order.length));
    for (const place of order.slice(start, end)) parts[client]?.push(place);
  }
}

/** The shares without those of clients that have their even share already, adding up to one again. */
function withoutFull(shares: readonly number[], parts: Parts, evenShare: number): number[] {
  const open = shares.map((share, client) => ((parts[client]?.length ?? 0) < evenShare ? share : 0));
  const sum = open.reduce((total, share) => total + share, 0);
  if (sum > 0) return open.map((share) => share / sum);
  // Those that are left drew nothing that a number can hold: the poorest takes the class.
  const sizes = parts.map(({ length }) => length);
  const poorest = sizes.indexOf(Math.min(...sizes));
  return shares.map((_, client) => Number(client === poorest));
}

function dirichlet(size: number, alpha: number, random: Random): number[] {
  const draws = Array.from({ length: size }, () => random.gamma(alpha));
  const sum = draws.reduce((total, draw) => total + draw, 0);
  // A tiny alpha can make all draws underflow: then, as in the limit, one takes all.
  const winner = sum > 0 ? -1 : random.int(size);
  return draws.map((draw, i) => (sum > 0 ? draw / sum : Number(i === winner)));
}
