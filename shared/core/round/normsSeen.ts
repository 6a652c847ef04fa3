// How long a run's updates have been lately, where its aggregation goes by what is usual in the run.
import type { Face } from "../methods/face.ts";
import { aggregationFaces } from "../methods/registry/aggregationFaces.ts";
import type { StoredRunSpec } from "../schemas/spec.ts";

/** Of how many updates a run remembers the norms; 0 where its aggregation does not ask. */
export function rememberedNorms({ aggregation }: Pick<StoredRunSpec, "aggregation">): number {
  const face: Face | undefined = aggregationFaces.find(({ name }) => name === aggregation.strategy);
  return face?.remembersNorms?.(aggregation) ?? 0;
}

/** The norms with those of a fold behind them, of which the newest are kept, at most `most`. */
export function withNorms(
  known: readonly number[],
  norms: readonly number[],
  most: number,
): readonly number[] {
  const all = [...known, ...norms];
  return all.slice(Math.max(0, all.length - most));
}
