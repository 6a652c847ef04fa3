// The server of SCAFFOLD (Karimireddy et al. 2020, equation 5): x ← x + mean(Δx), c ← c + |S| / N mean(Δc).
import type { StreamAggregation } from "../aggregationMethod.ts";
import { moveMean } from "../runningMean.ts";
import type { ScaffoldServerOptions } from "./face.ts";

export const behaviour: StreamAggregation<ScaffoldServerOptions> = {
  access: "stream",
  elementwise: true,
  weight: ({ stalenessWeight }) => stalenessWeight,
  server: {
    state: ["control"],
    step({ base, delta, state, beside, share }, _options, training) {
      for (let i = 0; i < base.length; i++) base[i] = (base[i] ?? 0) + (delta[i] ?? 0);
      const [control, sent] = [state["control"], beside["control"]];
      if (control === undefined || sent === undefined) return;
      moveMean(control, sent, { share, recovery: training.method === "scaffold" ? training.recovery : 0 });
    },
  },
};
