// FedAdagrad (Reddi et al. 2021, algorithm 2): m ← β₁m + (1 − β₁)Δ, v ← v + Δ², w ← w + ηm / (√v + τ), where
// Δ is the average step and v begins with τ². Its v never forgets, so that steps only become smaller.
import type { StreamAggregation } from "../aggregationMethod.ts";
import type { FedadagradOptions } from "./face.ts";

export const behaviour: StreamAggregation<FedadagradOptions> = {
  access: "stream",
  elementwise: true,
  server: {
    state: ["mean", "square"],
    initial: (name, { tau }) => (name === "square" ? tau ** 2 : 0),
    step({ base, delta, state }, { serverLearningRate, beta1, tau }) {
      const mean = state["mean"] ?? new Float32Array(base.length);
      const square = state["square"] ?? new Float32Array(base.length);
      for (let i = 0; i < base.length; i++) {
        const step = delta[i] ?? 0;
        mean[i] = beta1 * (mean[i] ?? 0) + (1 - beta1) * step;
        square[i] = (square[i] ?? 0) + step ** 2;
        base[i] = (base[i] ?? 0) + (serverLearningRate * (mean[i] ?? 0)) / (Math.sqrt(square[i] ?? 0) + tau);
      }
    },
  },
};
