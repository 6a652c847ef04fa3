// FedAT (Chai et al., SC 2021, algorithm 1): w_m ← the mean of the models of tier m's cohort, and
// w ← Σ_m (T_(M+1−m) / T) w_m, where T_m is how many versions tier m has made.
import type { StreamAggregation } from "../aggregationMethod.ts";
import type { FedatOptions } from "./face.ts";

export const behaviour: StreamAggregation<FedatOptions> = {
  access: "stream",
  elementwise: true,
  server: {
    state: ({ tiers }) => Array.from({ length: tiers }, (_, i) => stateOf(i + 1)),
    step({ base, delta, state, tier = { number: 1, weights: [1] } }) {
      const own = state[stateOf(tier.number)];
      if (own === undefined) return;
      for (let i = 0; i < own.length; i++) own[i] = (base[i] ?? 0) + (delta[i] ?? 0);
      const models = tier.weights.flatMap((weight, at) => {
        const model = state[stateOf(at + 1)];
        return weight === 0 || model === undefined ? [] : [{ weight, model }];
      });
      for (let i = 0; i < base.length; i++) {
        base[i] = models.reduce((sum, { weight, model }) => sum + weight * (model[i] ?? 0), 0);
      }
    },
  },
};

function stateOf(tier: number): string {
  return `tier-${tier}`;
}

/**
 * What the last model of each tier counts for, in the order of the tiers: of those that have made versions,
 * the slowest as the fastest has made any, the fastest as the slowest has. 0 for a tier that has made none,
 * whose model would be the initial one; otherwise above 0, summing to 1.
 *
 * @param versions that each tier has made, the fastest tier first; whole numbers, at least 0.
 */
export function tierWeights(versions: readonly number[]): readonly number[] {
  const made = versions.filter((count) => count > 0);
  const total = made.reduce((sum, count) => sum + count, 0);
  return versions.map((count) => (count > 0 ? (made.pop() ?? 0) / total : 0));
}
