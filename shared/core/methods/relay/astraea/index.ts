// Astraea's mediators (Duan et al., IEEE TPDS 2021): each group takes in, one after the other, the client
// that brings its labels nearest to those of all, by the Kullback-Leibler divergence.
import { byClientId } from "../../selection/roster.ts";
import type { RelayMember, RelayMethod } from "../relayMethod.ts";
import { inParts } from "../split.ts";
import type { AstraeaOptions } from "./face.ts";

type Shares = readonly number[];

export const behaviour: RelayMethod<AstraeaOptions> = {
  arrange(members, { groupSize }, random) {
    const drawn = random.shuffle(members.toSorted(byClientId));
    const known = drawn.filter(({ labelShares }) => labelShares !== null);
    const sizes = inParts(drawn, groupSize).map(({ length }) => length);
    const groups = mediated(known, sizes.length, Math.ceil(known.length / sizes.length));
    for (const { clientId, labelShares } of drawn) {
      if (labelShares === null) smallest(groups).push(clientId);
    }
    return groups.filter(({ length }) => length > 0);
  },
};

/** Groups of the clients whose labels are known, each filled before the next is begun. */
function mediated(known: readonly RelayMember[], count: number, most: number): string[][] {
  const target = meanOf(known.map(({ labelShares }) => labelShares ?? []));
  const left = [...known];
  return Array.from({ length: count }, (_, index) => {
    const group: string[] = [];
    // Of the group, so that a client is looked at in the time of its labels, however large the group is.
    let sums: Shares = target.map(() => 0);
    // What is left is shared out evenly among the groups that are left.
    const size = Math.min(most, Math.ceil(left.length / (count - index)));
    while (group.length < size) {
      const [next] = left.splice(nearest(sums, group.length + 1, left, target), 1);
      if (next === undefined) break;
      group.push(next.clientId);
      sums = plus(sums, next.labelShares ?? []);
    }
    return group;
  });
}

/**
 * The place of the client that brings the group nearest to the target; of several the first.
 *
 * @param sums of the group's shares, by label
 * @param size of the group with the client
 */
function nearest(sums: Shares, size: number, left: readonly RelayMember[], target: Shares): number {
  let [best, least] = [0, Number.POSITIVE_INFINITY];
  for (const [index, { labelShares }] of left.entries()) {
    const divergence = divergenceWith(sums, labelShares ?? [], size, target);
    if (divergence < least) [best, least] = [index, divergence];
  }
  return best;
}

function plus(sums: Shares, shares: Shares): Shares {
  return sums.map((sum, label) => sum + (shares[label] ?? 0));
}

function smallest(groups: string[][]): string[] {
  return groups.reduce((one, other) => (other.length < one.length ? other : one));
}

/** The mean of distributions of labels, those that are shorter having none of the rest. */
export function meanOf(all: readonly Shares[]): Shares {
  const length = Math.max(0, ...all.map((shares) => shares.length));
  return Array.from(
    { length },
    (_, label) => all.reduce((sum, shares) => sum + (shares[label] ?? 0), 0) / all.length,
  );
}

/** Kullback-Leibler, Σ p log(p / q), in nats; infinite where q has none of what p has. */
export function divergenceOf(p: Shares, q: Shares): number {
  return divergenceWith(p, [], 1, q);
}

/** Of the mean of `size` distributions, which sum up to `sums` and one more: a round may ask a million times. */
function divergenceWith(sums: Shares, one: Shares, size: number, q: Shares): number {
  let divergence = 0;
  for (let label = 0; label < sums.length; label++) {
    const share = ((sums[label] ?? 0) + (one[label] ?? 0)) / size;
    if (share > 0) divergence += share * Math.log(share / (q[label] ?? 0));
  }
  return divergence;
}
