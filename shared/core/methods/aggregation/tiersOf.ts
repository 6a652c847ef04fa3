// Whether a run's clients are in tiers that do not wait for each other: its aggregation says so.
import type { Face } from "../face.ts";
import { aggregationFaces } from "../registry/aggregationFaces.ts";

/** How many tiers there are; null where clients are in none. */
export function tiersOf({
  aggregation,
}: {
  readonly aggregation: { readonly strategy: string };
}): number | null {
  const face: Face | undefined = aggregationFaces.find(({ name }) => name === aggregation.strategy);
  return face?.tiers?.(aggregation) ?? null;
}
