// FedBuff (Nguyen et al. 2022, algorithm 1): w ← w + η v, v ← β v + (1/K) Σ s(τ_i) Δ_i. Staleness damps the
// step itself: an average, which divides by the sum of the weights, would take one stale update in full.
import type { Contribution, StreamAggregation } from "../aggregationMethod.ts";
import { momentumStep } from "../momentumStep.ts";
import type { FedbuffOptions } from "./face.ts";

export const behaviour: StreamAggregation<FedbuffOptions> = {
  access: "stream",
  elementwise: true,
  weight: (contribution, { counts }) => countOf(contribution, counts) * contribution.stalenessWeight,
  // The mean's divisor is the sum of damped counts; FedBuff's is the sum of the counts.
  gain(contributions, { counts }) {
    const sum = (of: (contribution: Contribution) => number) =>
      contributions.reduce((total, contribution) => total + of(contribution), 0);
    const damped = sum((one) => countOf(one, counts) * one.stalenessWeight);
    return contributions.length === 0 ? 1 : damped / sum((one) => countOf(one, counts));
  },
  server: { state: ["momentum"], step: momentumStep },
};

function countOf({ samples }: Contribution, counts: FedbuffOptions["counts"]): number {
  return counts === "equally" ? 1 : samples;
}
