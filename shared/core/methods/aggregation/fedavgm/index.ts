// FedAvgM (Hsu, Qi & Brown 2019): v ← βv + Δ, w ← w + ηv, where Δ is the average step.
import type { StreamAggregation } from "../aggregationMethod.ts";
import type { FedavgmOptions } from "./face.ts";

export const behaviour: StreamAggregation<FedavgmOptions> = {
  access: "stream",
  elementwise: true,
  server: {
    state: ["momentum"],
    step({ base, delta, state }, { serverLearningRate, serverMomentum }) {
      const velocity = state["momentum"] ?? new Float32Array(base.length);
      for (let i = 0; i < base.length; i++) {
        velocity[i] = serverMomentum * (velocity[i] ?? 0) + (delta[i] ?? 0);
        base[i] = (base[i] ?? 0) + serverLearningRate * (velocity[i] ?? 0);
      }
    },
  },
};
