// The seam of aggregation: an algorithm takes updates one after the other and holds a single model's worth of memory.
import type { ModelShape, Weights } from "../updates/weights.ts";

/** One checked update and what it counts for. */
export interface WeightedUpdate {
  /** Local weights minus the weights that training started from. */
  readonly delta: Weights;
  /** In (0, 1]: what the values of the delta count times; below 1 where its norm is clipped. Default 1. */
  readonly scale?: number;
  /** Number of training samples behind it: an integer of at least 1. */
  readonly samples: number;
  /** From `stalenessWeight`, in (0, 1]; 1 for an update that is in time. */
  readonly stalenessWeight: number;
}

/**
 * How updates become the next model. Same updates in the same order: same bytes. Arguments stay untouched but for `state`.
 */
export interface Aggregator<State> {
  /** A state without updates. Memory O(model). */
  init(model: ModelShape): State;
  /** Takes one update in. Throws `invalid-argument`, with the state unchanged, for an update that does not fit. */
  add(state: State, update: WeightedUpdate): void;
  /** The next weights, as new arrays in the model's order. Throws `failed-precondition` without any update. */
  finish(state: State, base: Weights): Weights;
  /** The share of each update in the step, in the order added; they sum to 1. */
  shares(state: State): number[];
}
