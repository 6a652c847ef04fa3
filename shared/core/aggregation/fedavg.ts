// FedAvg on deltas: the average step, weighted by samples and staleness. McMahan et al., "Communication-Efficient Learning
// of Deep Networks from Decentralized Data", AISTATS 2017, algorithm 1.
import { FlError } from "../errors.ts";
import { elementCount } from "../updates/safetensors.ts";
import { type ModelShape, orderWeights, type Weights } from "../updates/weights.ts";
import type { Aggregator, WeightedUpdate } from "./aggregator.ts";

export interface FedAvgState {
  readonly model: ModelShape;
  /** sum_k a_k * scale_k * delta_k, one array a tensor; float64, so that the order of adding hardly matters. */
  readonly sums: readonly Float64Array[];
  /** a_k of every update added. */
  readonly weights: number[];
}

/**
 * w' = w + sum_k(a_k * scale_k * delta_k) / sum_k(a_k), where a_k = samples_k * stalenessWeight_k and scale_k is 1 unless
 * the update is clipped. Stale updates count for less, but the shares always sum to 1. O(parameters) a step; 8 bytes a parameter.
 */
export const fedavg: Aggregator<FedAvgState> = {
  init: (model) => ({
    model,
    sums: model.map(({ shape }) => new Float64Array(elementCount(shape))),
    weights: [],
  }),

  add(state, update) {
    const weight = weightOf(update);
    const delta = orderWeights(update.delta, state.model);
    const factor = weight * (update.scale ?? 1);
    state.weights.push(weight);
    for (const [k, sum] of state.sums.entries()) {
      const values = delta[k]?.values ?? [];
      for (let i = 0; i < sum.length; i++) sum[i] = (sum[i] ?? 0) + factor * (values[i] ?? 0);
    }
  },

  finish(state, base) {
    const total = totalOf(state);
    const ordered: Weights = orderWeights(base, state.model);
    return ordered.map(({ name, shape, values }, k) => {
      const sum = state.sums[k] ?? [];
      return { name, shape, values: values.map((value, i) => value + (sum[i] ?? 0) / total) };
    });
  },

  shares(state) {
    const total = totalOf(state);
    return state.weights.map((weight) => weight / total);
  },
};

function weightOf({ samples, stalenessWeight }: WeightedUpdate): number {
  if (!Number.isSafeInteger(samples) || samples < 1) {
    throw new FlError("invalid-argument", `An update needs an integer of at least 1 sample, not ${samples}.`);
  }
  if (!(stalenessWeight > 0 && stalenessWeight <= 1)) {
    throw new FlError("invalid-argument", `A staleness weight must be in (0, 1], not ${stalenessWeight}.`);
  }
  return samples * stalenessWeight;
}

function totalOf(state: FedAvgState): number {
  if (state.weights.length === 0) {
    throw new FlError("failed-precondition", "There is no update to average: carry the model over instead.");
  }
  return state.weights.reduce((sum, weight) => sum + weight, 0);
}
