// Every aggregation strategy by the name that a run's spec gives it. A new one is a file and a row here.
import type { ModelShape, Weights } from "../../updates/weights.ts";
import type { Aggregator, WeightedUpdate } from "./aggregator.ts";
import { fedavg } from "./fedavg/index.ts";

/** An aggregator at work on one model version: its methods, bound to a state of their own. */
export interface Aggregation {
  room(sizeBytes: number): Uint8Array<ArrayBuffer>;
  add(update: WeightedUpdate): void;
  finish(base: Weights): Weights;
  shares(): number[];
}

/** By name, what begins an aggregation for a model of a given shape. */
export const aggregations = {
  fedavg: bind(fedavg),
} satisfies Record<string, (model: ModelShape) => Aggregation>;

export type AggregationName = keyof typeof aggregations;

function bind<State>(aggregator: Aggregator<State>): (model: ModelShape) => Aggregation {
  return (model) => {
    const state = aggregator.init(model);
    return {
      room: (sizeBytes) => aggregator.room(state, sizeBytes),
      add: (update) => aggregator.add(state, update),
      finish: (base) => aggregator.finish(state, base),
      shares: () => aggregator.shares(state),
    };
  };
}
