// FedAvg on deltas: the average step, weighted by samples and staleness (McMahan et al. 2017, algorithm 1).
import type { StreamAggregation } from "../aggregationMethod.ts";
import type { FedavgOptions } from "./face.ts";

/**
 * w' = w + sum_k(a_k * scale_k * delta_k) / sum_k(a_k), where a_k = samples_k * stalenessWeight_k and scale_k
 * is 1 unless the update is clipped. Stale updates count for less, but the shares always sum to 1.
 */
export const behaviour: StreamAggregation<FedavgOptions> = { access: "stream", elementwise: true };
