// A natural split: samples stay together by what a column says, such as a clinic or a person. Pure.
import { FlError } from "../../../shared/core/errors.ts";
import { byClass, checkCount, checkEnough, type Labels, type Parts } from "./parts.ts";

/**
 * A client for each group, in the order of the groups' numbers; or the groups dealt out to fewer clients, the
 * largest first and each to the client that has the fewest samples. Places stay in order. Every place once,
 * and no group at two clients.
 *
 * @param groups the number of every sample's group
 * @throws FlError("invalid-argument") when there are fewer groups than clients, or a client would have less
 *   than the minimum
 */
export function naturalParts(
  groups: Labels,
  { clients, minSamples = 1 }: { clients?: number; minSamples?: number } = {},
): Parts {
  const all = byClass(groups);
  checkEnough(groups.length, clients ?? Math.max(1, all.length), 1);
  checkCount("minSamples", minSamples);
  if (clients !== undefined && clients > all.length) {
    throw new FlError(
      "invalid-argument",
      `${all.length} groups cannot be dealt out to ${clients} clients: ask for fewer clients.`,
    );
  }
  const parts = clients === undefined ? all : dealGroups(all, clients);
  const poor = parts.filter(({ length }) => length < minSamples).length;
  if (poor > 0) {
    throw new FlError(
      "invalid-argument",
      `${poor} of ${parts.length} clients would have fewer than ${minSamples} samples: ask for a smaller minimum, or for fewer clients, to which groups are dealt out.`,
    );
  }
  return parts;
}

function dealGroups(all: readonly number[][], clients: number): Parts {
  const parts: Parts = Array.from({ length: clients }, () => []);
  for (const places of all.toSorted((a, b) => b.length - a.length)) {
    const poorest = parts.reduce((best, part) => (part.length < best.length ? part : best));
    for (const place of places) poorest.push(place);
  }
  return parts.map((places) => places.toSorted((a, b) => a - b));
}
