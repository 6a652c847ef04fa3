// The seam of aggregation: how checked updates become one step of the model. A method says which access it
// needs to the updates, and the fold (round/fold.ts) brings them to it: memory is bounded whatever their
// number.
import type { FlatLayout } from "../../updates/flat.ts";
import type { TrainingOptions } from "../training/options.ts";
import type { Gram } from "./gram.ts";
import type { MixingRule } from "./robust.ts";

/** What counts of an update beside its values. */
export interface Contribution {
  readonly clientId: string;
  /** Training samples that it counts for, at least 1. */
  readonly samples: number;
  /** From `stalenessWeight`, in (0, 1]; 1 for an update that is in time. */
  readonly stalenessWeight: number;
  /** Rounds between its own and the one that takes it in; 0 for an update that is in time. */
  readonly staleness: number;
  /**
   * The staleness that the usual share of the run's updates before did not exceed, at least 1; absent where
   * the method asks for none, and where too few are known.
   */
  readonly usualStaleness?: number;
  /** Local steps that it counts as: those done, within a bound set by its peers; at least 1. */
  readonly steps: number;
  /**
   * How alike its labels are to those of all updates that made versions before, in [0, 1]; absent where the
   * method asks for no labels, and where its client does not tell them.
   */
  readonly labelSimilarity?: number;
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
  readonly weight?: (contribution: Contribution, options: Options, training: TrainingOptions) => number;
  /** What the weighted mean of trained parameters is multiplied by, above 0; 1 where absent. */
  readonly gain?: (
    contributions: readonly Contribution[],
    options: Options,
    training: TrainingOptions,
  ) => number;
  /** Whether it makes up for steps not done: else an update that stopped early has fewer samples. */
  readonly normalisesSteps?: boolean;
}

/** What robust methods have in common. */
interface Mixed<Options> {
  /** What becomes of the updates before the method sees them; nothing where absent. */
  readonly mixing?: (options: Options) => MixingRule;
}

/** A weighted mean whose weights follow from how the updates lie to each other. */
export interface WeightsAggregation<Options> extends Common<Options>, Mixed<Options> {
  readonly access: "weights";
  /** Whether it only shortens updates, by their norms: then no product of two of them is made. */
  readonly shortens?: boolean;
  /** The tensor of `server.state` that takes part as a row of its own, behind those of the updates. */
  readonly centre?: string;
  /**
   * @param gram of the deltas of trained parameters, as clipped; the centre, where there is one, is the last.
   * @param knownNorms of updates that made versions before, as clipped, the newest last: as many as the
   *   method remembers, and fewer at first.
   */
  readonly prepare: (
    contributions: readonly Contribution[],
    gram: Gram,
    options: Options,
    knownNorms: readonly number[],
  ) => Weighing;
}

/** What rows count for in a mean. */
export interface Weighing {
  /** Of each row: finite, at least 0, and not all 0. Their ratios matter, not their sum. */
  readonly weights: readonly number[];
  /** Of each row: what values of trained parameters count times, in [0, 1]; 1 where absent. */
  readonly scales?: readonly number[];
  /** The weight of the centre, where there is one. */
  readonly centreWeight?: number;
}

/** Any function of the values that the updates have for one coordinate, coordinate after coordinate. */
export interface BlocksAggregation<Options> extends Common<Options>, Mixed<Options> {
  readonly access: "blocks";
  /**
   * Writes the aggregate of each coordinate into `into`, which is as long as each of the rows. Rows stay
   * untouched.
   *
   * @param rows the values of each update, in the order of the fold; all of one length, all finite.
   */
  readonly combine: (rows: readonly Float32Array[], options: Options, into: Float64Array) => void;
}

/** Any function of all values of all updates, in as many passes over them as it needs. */
export interface PassesAggregation<Options> extends Common<Options>, Mixed<Options> {
  readonly access: "passes";
  /**
   * Writes the aggregate of each coordinate into `into`, 0 at first, and changes what is kept: once, in
   * whatever pass.
   */
  readonly aggregate: (passes: Passes, options: Options, into: Float64Array) => Promise<void>;
}

export interface Passes {
  readonly layout: FlatLayout;
  /** How many rows there are. */
  readonly count: number;
  /** Gives all blocks in their order; each begins at a multiple of `GRAM_CHUNK`. */
  pass(use: (block: PassBlock) => void): Promise<void>;
}

/** Coordinates `begin` to `end` of the row of sent parameters. */
export interface PassBlock {
  readonly begin: number;
  readonly end: number;
  /** The values of each update, which stay untouched. */
  readonly rows: readonly Float32Array[];
  /** What the server keeps, by the names of `server.state`; written over to change it. 0 for statistics. */
  readonly state: Readonly<Record<string, Float32Array>>;
}

/**
 * What the server does with the aggregate of the deltas instead of adding it to the model. Element-wise: it
 * is called for slices of trained parameters, in any order.
 */
export interface ServerStep<Options> {
  /** Tensors that it keeps from version to version, each as large as the trained parameters, by name. */
  readonly state: readonly string[] | ((options: Options) => readonly string[]);
  /** What the values of each begin with; 0 where absent. */
  readonly initial?: (name: string, options: Options) => number;
  /** The tensor of `state` that becomes the aggregate, as it is before transforms. */
  readonly keepsAggregate?: string;
  /** Moves `base`, and what is kept, in place; where absent the aggregate is added. */
  readonly step?: (slice: ServerSlice, options: Options, training: TrainingOptions) => void;
}

export interface FoldedTier {
  /** From 1, the fastest. */
  readonly number: number;
  /** What the last model of each tier counts for, this one's among them; summing to 1. */
  readonly weights: readonly number[];
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
  /** The means of what updates hold beside the deltas, by the names of the training method's `sends`. */
  readonly beside: Readonly<Record<string, Float64Array>>;
  /** The updates folded as a share of the run's clients, in (0, 1]. */
  readonly share: number;
  /** Of a run in tiers: which one the updates are of. Then `base` is the version that they were made from. */
  readonly tier?: FoldedTier;
}

export type AggregationMethod<Options> =
  | StreamAggregation<Options>
  | WeightsAggregation<Options>
  | BlocksAggregation<Options>
  | PassesAggregation<Options>;
