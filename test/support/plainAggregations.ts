// The aggregations whose clients send a delta and nothing else.
import type { Face } from "../../shared/core/methods/face.ts";
import { aggregationFaces } from "../../shared/core/methods/registry/aggregationFaces.ts";

/**
 * Without those that work with a training method of their own, which are played with it, and those whose
 * rounds are of tiers.
 */
export const plainAggregations: readonly string[] = aggregationFaces
  .filter((face: Face) => face.needsTraining === undefined && face.tiers === undefined)
  .map(({ name }) => name);
