// The seam of aggregation: how checked updates become one step of the model. A method says which access it
// needs to the updates, and the fold (round/fold.ts) brings them to it: memory is bounded whatever their
// number.
import type { Gram } from "./gram.ts";

/** What counts of an update beside its values. */
export interface Contribution {
  readonly clientId: string;
  /** Training samples that it counts for, at least 1. */
  readonly samples: number;
  /** From `stalenessWeight`, in (0, 1]; 1 for an update that is in time. */
  readonly stalenessWeight: number;
}

interface Common<Options> {
  /**
   * Whether a coordinate of the next version, and of the state, depends on that coordinate of the updates,
   * the version and the state alone. Then slices of the parameters can be folded apart, and a slice's bytes
   * are those of the whole.
   */
  readonly elementwise: boolean;
  /** Fewest updates that it can fold, at least 1; 1 where absent. */
  readonly least?: (options: Options) => number;
  /** Whether updates of earlier rounds are left out; they join where absent. */
  readonly leavesOutLate?: (options: Options) => boolean;
  readonly server?: ServerStep<Options>;
}

/** A weighted mean, update after update: memory of O(model). */
export interface StreamAggregation<Options> extends Common<Options> {
  readonly access: "stream";
  /** What an update counts for, above 0; samples × stalenessWeight where absent. */
  readonly weight?: (contribution: Contribution, options: Options) => number;
}

/** A weighted mean whose weights follow from how the updates lie to each other. */
export interface WeightsAggregation<Options> extends Common<Options> {
  readonly access: "weights";
  /**
   * What each update counts for, in their order: finite, at least 0, and not all 0. Their ratios matter, not
   * their sum.
   *
   * @param gram of the deltas of trained parameters, as clipped.
   */
  readonly prepare: (
    contributions: readonly Contribution[],
    gram: Gram,
    options: Options,
  ) => readonly number[];
}

/** Any function of the values that the updates have for one coordinate, coordinate after coordinate. */
export interface BlocksAggregation<Options> extends Common<Options> {
  readonly access: "blocks";
  /**
   * Writes the aggregate of each coordinate into `into`, which is as long as each of the rows. Rows stay
   * untouched.
   *
   * @param rows the values of each update, in the order of the fold; all of one length, all finite.
   */
  readonly combine: (rows: readonly Float32Array[], options: Options, into: Float64Array) => void;
}

/**
 * What the server does with the aggregate of the deltas instead of adding it to the model. Element-wise: it
 * is called for slices of trained parameters, in any order.
 */
export interface ServerStep<Options> {
  /** Tensors that it keeps from version to version, each as large as the trained parameters, by name. */
  readonly state: readonly string[];
  /** What the values of each begin with; 0 where absent. */
  readonly initial?: (name: string, options: Options) => number;
  /** Moves `base`, and what is kept, in place. */
  readonly step: (slice: ServerSlice, options: Options) => void;
}

export interface ServerSlice {
  readonly base: Float32Array;
  /**
   * The aggregate of the deltas: the negative of a gradient, as server optimisers take it. May be written
   * over.
   */
  readonly delta: Float64Array;
  /** By the names of `state`. */
  readonly state: Readonly<Record<string, Float32Array>>;
}

export type AggregationMethod<Options> =
  | StreamAggregation<Options>
  | WeightsAggregation<Options>
  | BlocksAggregation<Options>;
