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
    const group: RelayMember[] = [];
    // What is left is shared out evenly among the groups that are left.
    const size = Math.min(most, Math.ceil(left.length / (count - index)));
    while (group.length < size) {
      const next = nearest(group, left, target);
      group.push(...left.splice(next, 1));
    }
    return group.map(({ clientId }) => clientId);
  });
}

/** The place of the client that brings the group nearest to the target; of several the first. */
function nearest(group: readonly RelayMember[], left: readonly RelayMember[], target: Shares): number {
  const own = group.map(({ labelShares }) => labelShares ?? []);
  let [best, least] = [0, Number.POSITIVE_INFINITY];
  for (const [index, { labelShares }] of left.entries()) {
    const divergence = divergenceOf(meanOf([...own, labelShares ?? []]), target);
    if (divergence < least) [best, least] = [index, divergence];
  }
  return best;
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
  return p.reduce(
    (sum, share, label) => (share > 0 ? sum + share * Math.log(share / (q[label] ?? 0)) : sum),
    0,
  );
}
