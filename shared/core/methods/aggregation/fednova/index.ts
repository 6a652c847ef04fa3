// FedNova: normalised averaging, so that clients that do more local steps do not pull the model to their
// optimum (Wang, Liu, Liang, Joshi & Poor 2020, equations 9 and 10).
import type { TrainingOptions } from "../../training/options.ts";
import type { Contribution, StreamAggregation } from "../aggregationMethod.ts";
import type { FednovaOptions } from "./face.ts";

/**
 * w' = w + τ_eff × sum_k(p_k delta_k / a_k), where p_k are shares of samples × stalenessWeight, a_k is what
 * the local steps add up to, and τ_eff = sum_k(p_k a_k). The fold makes the weighted mean with the weights
 * p_k / a_k; the gain is what it lacks of that.
 */
export const behaviour: StreamAggregation<FednovaOptions> = {
  access: "stream",
  elementwise: true,
  normalisesSteps: true,
  weight: (contribution, _options, training) =>
    shareOf(contribution) / accumulated(contribution.steps, training),
  gain(contributions, _options, training) {
    let [total, forward, backward] = [0, 0, 0];
    for (const contribution of contributions) {
      const [share, steps] = [shareOf(contribution), accumulated(contribution.steps, training)];
      total += share;
      forward += share * steps;
      backward += share / steps;
    }
    return total === 0 ? 1 : (forward / total) * (backward / total);
  },
};

function shareOf({ samples, stalenessWeight }: Contribution): number {
  return samples * stalenessWeight;
}

/**
 * ‖a‖₁: what so many steps add up to, in gradients. As many as there are steps; with momentum ρ, with which a
 * gradient acts on, (τ − ρ (1 − ρ^τ) / (1 − ρ)) / (1 − ρ).
 *
 * @param steps at least 1.
 */
export function accumulated(steps: number, { optimizer }: Pick<TrainingOptions, "optimizer">): number {
  if (optimizer.name !== "momentum") return steps;
  const rho = optimizer.momentum;
  return (steps - (rho * (1 - rho ** steps)) / (1 - rho)) / (1 - rho);
}
