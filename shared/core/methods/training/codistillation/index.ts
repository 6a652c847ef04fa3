// Codistillation (Anil et al. 2018, algorithm 1): θ_i ← θ_i − η ∇ {φ(y, f_i) + λ ψ(mean of f_j over j ≠ i,
// f_i)}, in which ψ is the cross-entropy and the predictions of the others are constants.
import type { TrainingMethod } from "../trainingMethod.ts";
import type { CodistillationOptions } from "./face.ts";

export const behaviour: TrainingMethod<CodistillationOptions> = {
  hooks: ({ weight }) => (weight === 0 ? {} : { distils: weight }),
};
