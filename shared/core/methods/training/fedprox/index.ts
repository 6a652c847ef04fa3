// FedProx (Li et al. 2020, equation 2): local training that is pulled back to the weights it started from.
import type { TrainingMethod } from "../trainingMethod.ts";
import type { FedproxOptions } from "./face.ts";

export const behaviour: TrainingMethod<FedproxOptions> = {
  hooks({ proximalMu: mu }) {
    if (mu === 0) return {};
    return {
      usesStart: true,
      // The gradient of mu/2 ||w - start||² is mu (w - start): cheaper added here than derived.
      gradient: (math, { gradient, value, start }) =>
        math.add(gradient, math.mul(mu, math.sub(value, start()))),
    };
  },
};
