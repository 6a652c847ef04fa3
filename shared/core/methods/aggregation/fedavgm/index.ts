// FedAvgM (Hsu, Qi & Brown 2019): v ← βv + Δ, w ← w + ηv, where Δ is the average step.
import type { StreamAggregation } from "../aggregationMethod.ts";
import { momentumStep } from "../momentumStep.ts";
import type { FedavgmOptions } from "./face.ts";

export const behaviour: StreamAggregation<FedavgmOptions> = {
  access: "stream",
  elementwise: true,
  server: { state: ["momentum"], step: momentumStep },
};
