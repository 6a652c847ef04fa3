// AdaSGD (Damaskinos et al., FLeet, Middleware 2020, equation 3), as the authors' code has it: staleness
// damps exponentially, and what is late of rare labels is boosted. The step is the mean of what updates then
// are; an average would take one stale update in full.
import type { Contribution, StreamAggregation } from "../aggregationMethod.ts";
import type { AdasgdOptions } from "./face.ts";

/** The authors' code: a boost of ten at the most, of updates so many times as late as usual. */
const [LEAST_SIMILARITY, BOOSTED_FROM] = [0.1, 1.5];

export const behaviour: StreamAggregation<AdasgdOptions> = {
  access: "stream",
  elementwise: true,
  weight: countOf,
  gain(contributions, options) {
    const { serverLearningRate } = options;
    if (contributions.length === 0) return serverLearningRate;
    const sum = contributions.reduce((total, one) => total + countOf(one, options), 0);
    return (serverLearningRate * sum) / contributions.length;
  },
};

function countOf(
  { staleness, labelSimilarity, usualStaleness: seen }: Contribution,
  { usualStaleness, boost }: AdasgdOptions,
): number {
  return dampingOf(staleness, seen ?? usualStaleness, boost === "by-labels" ? labelSimilarity : undefined);
}

/**
 * What an update counts for, in (0, 1]: exp(−α min(τ, S)), where α is such that at S / 2 it is what inverse
 * damping is, 1 / (S / 2 + 1). Later than 1.5 S, divided by the similarity.
 *
 * @param staleness τ, at least 0. @param usual S, above 0.
 * @param similarity of its labels to those of all updates so far, in [0, 1]; undefined where it is not known.
 */
export function dampingOf(staleness: number, usual: number, similarity: number | undefined): number {
  const alpha = Math.log(usual / 2 + 1) / (usual / 2);
  const damping = Math.exp(-alpha * Math.min(staleness, usual));
  if (similarity === undefined || staleness <= BOOSTED_FROM * usual) return damping;
  return Math.min(1, damping / Math.max(LEAST_SIMILARITY, similarity));
}
