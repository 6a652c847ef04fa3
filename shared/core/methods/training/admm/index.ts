// Consensus ADMM (Boyd et al. 2011, section 7.1) in the order x, u, z: x_k ← argmin f_k(x) + ρ/2 ‖x − z +
// u_k‖², u_k ← u_k + x_k − z, z ← mean(x_k + u_k).
import { augmentedGradient, nextDual } from "../dual.ts";
import type { TrainingMethod } from "../trainingMethod.ts";
import type { AdmmOptions } from "./face.ts";

export const behaviour: TrainingMethod<AdmmOptions> = {
  hooks: ({ rho }) => ({
    usesStart: true,
    keeps: ["dual"],
    gradient: (math, step) => augmentedGradient(math, step, rho),
    keep: (math, variable) => ({ dual: nextDual(math, variable) }),
    outcome: (math, variable) => math.add(variable.value, nextDual(math, variable)),
  }),
};
