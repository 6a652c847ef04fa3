// The server of FedDyn (Acar et al. 2021, algorithm 1): h ← h − α / m sum(θ_k − θ), θ ← mean(θ_k) − h / α.
// Kept is −h / α, the mean over all clients of what each keeps.
import type { StreamAggregation } from "../aggregationMethod.ts";
import { moveMean } from "../runningMean.ts";
import type { FeddynServerOptions } from "./face.ts";

export const behaviour: StreamAggregation<FeddynServerOptions> = {
  access: "stream",
  elementwise: true,
  weight: ({ stalenessWeight }) => stalenessWeight,
  server: {
    state: ["dual"],
    step({ base, delta, state, beside, share }, _options, training) {
      const [dual, sent] = [state["dual"], beside["dual"]];
      const recovery = training.method === "feddyn" ? training.recovery : 0;
      if (dual !== undefined && sent !== undefined) moveMean(dual, sent, { share, recovery });
      for (let i = 0; i < base.length; i++) base[i] = (base[i] ?? 0) + (delta[i] ?? 0) + (dual?.[i] ?? 0);
    },
  },
};
