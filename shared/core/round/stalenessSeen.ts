// How late a run's updates have been so far, where its aggregation goes by what is usual in the run.
import type { Face } from "../methods/face.ts";
import { aggregationFaces } from "../methods/registry/aggregationFaces.ts";
import type { StoredRunSpec } from "../schemas/spec.ts";

/** Staleness from here on is counted together. */
export const MOST_COUNTED = 255;

/** The share of updates that are no later than usual; null where the run's aggregation does not ask. */
export function usualShare({ aggregation }: Pick<StoredRunSpec, "aggregation">): number | null {
  const face: Face | undefined = aggregationFaces.find(({ name }) => name === aggregation.strategy);
  return face?.usualShare?.(aggregation) ?? null;
}

/** The counts, by staleness from 0, with those of these updates added. */
export function withStaleness(
  known: readonly number[],
  updates: readonly { readonly staleness: number }[],
): readonly number[] {
  const at = updates.map(({ staleness }) => Math.min(MOST_COUNTED, staleness));
  const counts = Array.from({ length: Math.max(known.length, ...at.map((place) => place + 1)) }, () => 0);
  for (const [staleness, count] of known.entries()) counts[staleness] = count;
  for (const place of at) counts[place] = (counts[place] ?? 0) + 1;
  return counts;
}

/**
 * The staleness that `share` of the updates do not exceed: the smallest such one, at least 1. Undefined while
 * so few are known that hardly one would exceed it: fewer than 1 / (1 − share).
 *
 * @param counts of updates, by staleness from 0.
 * @param share in (0, 1).
 */
export function usualStaleness(counts: readonly number[], share: number): number | undefined {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total < 1 / (1 - share) - 1e-9) return undefined;
  let upTo = 0;
  const usual = counts.findIndex((count) => {
    upTo += count;
    return upTo >= share * total - 1e-9;
  });
  return Math.max(1, usual);
}
