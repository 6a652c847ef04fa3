// FedDyn (Acar et al. 2021, algorithm 1): each client minimises L_k(θ) − ⟨λ_k, θ⟩ + α/2 ‖θ − θ_global‖², and
// then λ_k ← λ_k − α (θ − θ_global).

import { augmentedGradient, nextDual } from "../dual.ts";
import type { TrainingMethod } from "../trainingMethod.ts";
import type { FeddynOptions } from "./face.ts";

/** Kept is u = −λ / α, the sum of how far the client has gone: as large as deltas are. */
export const behaviour: TrainingMethod<FeddynOptions> = {
  hooks: ({ alpha, recovery }) => ({
    usesStart: true,
    keeps: ["dual"],
    sends: ["dual"],
    gradient: (math, step) => augmentedGradient(math, step, alpha),
    keep: (math, variable) => ({ dual: nextDual(math, variable) }),
    send: (math, variable) => ({
      dual: math.sub(nextDual(math, variable), math.mul(1 - recovery, variable.kept("dual"))),
    }),
  }),
};
