// FedAvg on deltas: the average step, weighted by samples and staleness. McMahan et al., "Communication-Efficient Learning
// of Deep Networks from Decentralized Data", AISTATS 2017, algorithm 1.
import { FlError } from "../../../errors.ts";
import { createSums } from "../../../sums/createSums.ts";
import type { Sums } from "../../../sums/sums.ts";
import { elementCount } from "../../../updates/safetensors.ts";
import { type ModelShape, orderWeights, sentParameters } from "../../../updates/weights.ts";
import type { Aggregator, WeightedUpdate } from "../aggregator.ts";

export interface FedAvgState {
  readonly model: ModelShape;
  /** What an update holds. */
  readonly sent: ModelShape;
  /** sum_k a_k * scale_k * delta_k, or sum_k a_k * value_k for a statistic, one tensor of an update after the other. */
  readonly sums: Sums;
  /** Where the sums of each tensor of an update begin. */
  readonly starts: readonly number[];
  /** a_k of every update added. */
  readonly weights: number[];
}

/**
 * w' = w + sum_k(a_k * scale_k * delta_k) / sum_k(a_k), where a_k = samples_k * stalenessWeight_k and scale_k is 1 unless
 * the update is clipped. Stale updates count for less, but the shares always sum to 1. O(parameters) a step; 8 bytes a
 * parameter, and the room.
 *
 * Of a statistic it averages the values, w' = sum_k(a_k * value_k) / sum_k(a_k): a difference to an old version is no step
 * from a newer one, and may lead out of the statistic's range (a variance below zero); an average of values never does.
 * Frozen parameters stay as they are.
 *
 * Sums are float64 and w' is rounded to float32 once, so a value is off by at most half a unit in the last place of
 * float32 and 1e-12 times the mean of |delta_k|, for any n < 4,000 updates; see `Sums`.
 */
export const fedavg: Aggregator<FedAvgState> = {
  init(model) {
    let count = 0;
    const sent = sentParameters(model);
    const starts = sent.map(({ shape }) => {
      const start = count;
      count += elementCount(shape);
      return start;
    });
    return { model, sent, sums: createSums(count), starts, weights: [] };
  },

  room: (state, sizeBytes) => state.sums.room(sizeBytes),

  add({ sent, sums, starts, weights }, update) {
    const weight = weightOf(update);
    const delta = orderWeights(update.delta, sent);
    const scaled = weight * scaleOf(update);
    weights.push(weight);
    for (const [k, { values }] of delta.entries()) {
      sums.add(starts[k] ?? 0, values, sent[k]?.role === "statistic" ? weight : scaled);
    }
  },

  finish(state, base) {
    const total = totalOf(state);
    const ordered = orderWeights(base, state.model);
    const moved = ordered.filter((_, i) => state.model[i]?.role !== "frozen");
    for (const [k, { values }] of moved.entries()) {
      const sums = state.sums.view(state.starts[k] ?? 0, values.length);
      const isStatistic = state.sent[k]?.role === "statistic";
      for (let i = 0; i < values.length; i++) {
        values[i] = (isStatistic ? 0 : (values[i] ?? 0)) + (sums[i] ?? 0) / total;
      }
    }
    return ordered;
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

function scaleOf({ scale = 1 }: WeightedUpdate): number {
  if (scale > 0 && scale <= 1) return scale;
  throw new FlError("invalid-argument", `An update's scale must be in (0, 1], not ${scale}.`);
}

function totalOf(state: FedAvgState): number {
  if (state.weights.length === 0) {
    throw new FlError("failed-precondition", "There is no update to average: carry the model over instead.");
  }
  return state.weights.reduce((sum, weight) => sum + weight, 0);
}
