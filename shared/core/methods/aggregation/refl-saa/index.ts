// REFL: late updates weighed by their age and by how much they disagree with those in time (Abdelmoniem,
// Sahu, Canini & Fahmy, EuroSys 2023, equation 5).
import type { Contribution, WeightsAggregation } from "../aggregationMethod.ts";
import { squaredDistancesFrom } from "../gram.ts";
import type { ReflSaaOptions } from "./face.ts";

export const behaviour: WeightsAggregation<ReflSaaOptions> = {
  access: "weights",
  elementwise: false,
  prepare(contributions, gram, { beta }) {
    const fresh = contributions.reduce((sum, one) => sum + (isFresh(one) ? one.samples : 0), 0);
    // Without any in time there is nothing to disagree with.
    if (fresh === 0) {
      return { weights: contributions.map(({ samples, staleness }) => samples / (1 + staleness)) };
    }
    const mean = contributions.map((one) => (isFresh(one) ? one.samples / fresh : 0));
    const distances = squaredDistancesFrom(mean, gram);
    const most = distances.reduce((max, distance, i) => {
      const one = contributions[i];
      return one === undefined || isFresh(one) ? max : Math.max(max, distance);
    }, 0);
    const weights = contributions.map((one, i) =>
      isFresh(one)
        ? one.samples
        : one.samples * lateWeight(one.staleness, most === 0 ? 0 : (distances[i] ?? 0) / most, beta),
    );
    return { weights };
  },
};

/**
 * In (0, 1): what a late update counts for, of what one in time does.
 *
 * @param disagreement Λ / Λ_max, in 0..1: how far the mean of those in time would move if it joined them,
 *   squared, by that of the late update which would move it most.
 */
export function lateWeight(staleness: number, disagreement: number, beta: number): number {
  return (1 - beta) / (1 + staleness) + beta * (1 - Math.exp(-disagreement));
}

function isFresh({ staleness }: Contribution): boolean {
  return staleness === 0;
}
