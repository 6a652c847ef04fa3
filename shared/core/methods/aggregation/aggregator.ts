// The seam of aggregation: an algorithm takes updates one after the other and holds a bounded number of models' worth of
// memory, however many updates come.
import type { ModelShape, Weights } from "../../updates/weights.ts";

/** One checked update and what it counts for. */
export interface WeightedUpdate {
  /** Local weights minus the weights that training started from; of statistics, the local values. No frozen parameters. */
  readonly delta: Weights;
  /** In (0, 1]: what the deltas of trained parameters count times; below 1 where their norm is clipped. Default 1. */
  readonly scale?: number;
  /** Number of training samples behind it: an integer of at least 1. */
  readonly samples: number;
  /** From `stalenessWeight`, in (0, 1]; 1 for an update that is in time. */
  readonly stalenessWeight: number;
}

/** How updates become the next model. Same updates in the same order: same bytes. Updates stay untouched. */
export interface Aggregator<State> {
  /** A state without updates. Memory O(model). */
  init(model: ModelShape): State;
  /**
   * Memory for files to be read into, `sizeBytes` long, at a multiple of eight: what lies in it is folded without a copy.
   * The next call ends the use of what an earlier one gave.
   */
  room(state: State, sizeBytes: number): Uint8Array<ArrayBuffer>;
  /** Takes one update in. Throws `invalid-argument`, with the state unchanged, for an update that does not fit. */
  add(state: State, update: WeightedUpdate): void;
  /**
   * Moves `base` to the next weights, in place, and gives it in the model's order. Throws, with `base` unchanged,
   * `failed-precondition` without any update and `invalid-argument` for another model.
   */
  finish(state: State, base: Weights): Weights;
  /** The share of each update in the step, in the order added; they sum to 1. */
  shares(state: State): number[];
}
