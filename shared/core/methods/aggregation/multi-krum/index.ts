// Multi-Krum (Blanchard, El Mhamdi, Guerraoui & Stainer 2017): updates that lie near others, in their mean.
import { FlError } from "../../../errors.ts";
import type { WeightsAggregation } from "../aggregationMethod.ts";
import { type Gram, squaredDistance } from "../gram.ts";
import { robustBehaviour } from "../robust.ts";
import { leastRows, type MultiKrumOptions } from "./face.ts";

/** Of n updates the m = n − f with the lowest scores, or fewer; of equal ones the first. O(n² log n). */
export const behaviour: WeightsAggregation<MultiKrumOptions> = {
  access: "weights",
  elementwise: false,
  ...robustBehaviour<MultiKrumOptions>(leastRows),
  prepare(_, gram, { maxMalicious, averaged = Number.POSITIVE_INFINITY }) {
    const scores = krumScores(gram, maxMalicious);
    const count = Math.min(averaged, gram.size - maxMalicious);
    const ranked = scores.map((score, i) => ({ score, i })).sort((a, b) => a.score - b.score || a.i - b.i);
    const chosen = new Set(ranked.slice(0, count).map(({ i }) => i));
    return { weights: scores.map((_, i) => (chosen.has(i) ? 1 : 0)) };
  },
};

/**
 * For each update the sum of its n − f − 2 smallest squared distances to others.
 *
 * @throws FlError("failed-precondition") for n < 2f + 3.
 */
export function krumScores(gram: Gram, maxMalicious: number): readonly number[] {
  const least = leastRows({ maxMalicious });
  if (gram.size < least) {
    const message = `Krum needs ${least} updates where ${maxMalicious} may be bad, not ${gram.size}.`;
    throw new FlError("failed-precondition", message);
  }
  const all = Array.from({ length: gram.size }, (_, i) => i);
  return all.map((i) => {
    const distances = all.filter((j) => j !== i).map((j) => squaredDistance(gram, i, j));
    const near = distances.sort((a, b) => a - b).slice(0, gram.size - maxMalicious - 2);
    return near.reduce((sum, distance) => sum + distance, 0);
  });
}
