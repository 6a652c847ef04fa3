// The port to local training and evaluation: what a client function does with a model and data that it alone
// can read.

import type { TrainingOptions } from "../methods/training/options.ts";
import type { ScoreDetails } from "../metrics/predictions.ts";
import type { Random } from "../random.ts";
import type { DataFacts } from "../schemas/dataFacts.ts";
import type { Metrics } from "../schemas/metric.ts";
import type { LayersTopology } from "../schemas/model.ts";
import type { Signals } from "../schemas/signals.ts";
import type { Covers } from "../updates/covers.ts";
import type { ModelShape, Weights } from "../updates/weights.ts";

/**
 * The message that a function works without native TensorFlow: a metric counts it, an alert looks for
 * it.
 */
export const PORTABLE_TENSORS = "works without native TensorFlow";

/** Whether a trainer's `backend` is the portable one, several times slower than the native one. */
export function isPortable(backend: string): boolean {
  return /^wasm\b/.test(backend);
}

/**
 * Labelled samples in memory. The first dimension of both shapes is the number of samples; values are
 * row-major.
 */
export interface Dataset {
  /** What reading it left out; absent where nothing can be left out. */
  readonly facts?: DataFacts;
  /** What an owner's loader has reported so far, by name; absent where there is none. */
  readonly metrics?: () => Metrics;
  /** Features, scaled as the model expects them. */
  readonly x: { readonly shape: readonly number[]; readonly values: Float32Array };
  /**
   * Class numbers for sparse categorical cross-entropy (shape [n], or [n, …] for one label a position);
   * otherwise targets of the shape of the model's output.
   */
  readonly y: { readonly shape: readonly number[]; readonly values: Float32Array };
}

/** What an order of samples is drawn from. */
export type Draws = Pick<Random, "next" | "int" | "order">;

/**
 * Labelled samples that do not fit into memory, and are read again for each epoch. Shapes as those of a
 * `Dataset`.
 */
export interface DataStream {
  readonly facts?: DataFacts;
  readonly metrics?: () => Metrics;
  readonly x: { readonly shape: readonly number[] };
  readonly y: { readonly shape: readonly number[] };
  /** The first samples, in memory: as many as there are, but no more than 128. */
  readonly first: Dataset;
  /**
   * All samples once, in an order that `random` draws, in batches of `size` and a smaller last one. Each
   * batch is of its own memory; one is read ahead. Throws FlError where the data cannot be read again.
   */
  batches(size: number, random: Draws): AsyncIterable<Dataset>;
}

export interface TrainTask {
  /** Absent where the run only names parameters: a trainer that computes with layers refuses it. */
  readonly topology?: LayersTopology | undefined;
  /** What training starts from. Never written to. */
  readonly weights: Weights;
  /** What training does to each of them; all are trained where absent. */
  readonly parameters?: ModelShape;
  readonly data: Dataset | DataStream;
  readonly training: TrainingOptions;
  /** The parts of the parameters that are trained; all of them where absent. */
  readonly covers?: Covers | undefined;
  /** What the training method has kept for this client; zeros where absent. Never written to. */
  readonly state?: Weights;
  /** What the aggregation keeps beside the version for this method; zeros where absent. Never written to. */
  readonly got?: Weights;
  /**
   * Weights of models of the same topology, whose predictions a method learns from that distils; none where
   * absent. Never written to.
   */
  readonly teachers?: readonly Weights[];
  /**
   * Of the run. With the round and the client it fixes every draw: the order of the samples, dropout, noise.
   */
  readonly seed: number;
  /** 1 is the first. */
  readonly round: number;
  readonly clientId: string;
  /** Epoch ms. Training stops between two steps once this has passed, with the steps done until then. */
  readonly deadlineMs?: number;
  /** Training stops after so many steps; after all of them where absent. */
  readonly maxSteps?: number;
  readonly onProgress?: (progress: TrainProgress) => void;
}

/** What `onProgress` is called with after each local epoch. */
export interface TrainProgress {
  /** 1 is the first. */
  readonly epoch: number;
  readonly steps: number;
  /** Mean over the epoch's samples, each seen with the weights of its step; with what the method's loss adds, without what it adds to gradients. */
  readonly loss: number;
}

export interface TrainResult {
  /** What the update is made of, in the order of the model's parameters; new arrays. */
  readonly weights: Weights;
  /** What the training method keeps for this client, in the order of its shape; new arrays. */
  readonly state: Weights;
  /** What the training method sends beside the delta, in the order of its shape; nothing where absent. */
  readonly beside?: Weights;
  /** Optimiser steps done; 0 when the deadline had passed before the first. */
  readonly steps: number;
  /** Samples in the data set: what the update weighs in the average. */
  readonly samples: number;
  /**
   * Mean loss of the incoming and of the outgoing weights on the same first samples of the data set (at most
   * 128); NaN where an owner's trainer does not say.
   */
  readonly lossBefore: number;
  readonly lossAfter: number;
  /**
   * What the training method reports to the run's selection strategy beside the losses; nothing where absent.
   */
  readonly signals?: Signals;
  /** What an owner's trainer has reported, by name; absent where there is none. */
  readonly metrics?: Metrics;
  /** The deadline cut training short. */
  readonly partial: boolean;
  /** Teachers whose predictions were not finite, and which it did without; absent where there are none. */
  readonly teachersLeftOut?: number;
  /** Why steps did not run as one graph, which is slower, in words; absent where they did, or cannot. */
  readonly eagerReason?: string;
  readonly timings: TrainTimings;
}

/** In milliseconds; what is missing from the whole is negligible. */
export interface TrainTimings {
  /** Building the model and setting its weights. */
  readonly buildMs: number;
  readonly trainMs: number;
  /** Measuring `lossBefore` and `lossAfter`. */
  readonly lossMs: number;
}

export interface EvaluateTask {
  readonly topology: LayersTopology;
  readonly weights: Weights;
  /** Of a stream each sample is read once. */
  readonly data: Dataset | DataStream;
  readonly loss: TrainingOptions["loss"];
  /** Built-in metrics beside loss and accuracy; none where absent. */
  readonly metrics?: readonly string[];
  /** Samples at a time; changes speed and memory, not the result (but for the order of float additions). */
  readonly batchSize: number;
}

export interface Evaluation {
  /**
   * Share predicted right, in [0, 1]: of samples (and positions, where a sample has a label for each) the
   * largest output is the label's; for binary cross-entropy, of samples all of whose outputs are on the right
   * side of 0.5. Null where the loss compares numbers.
   */
  readonly accuracy: number | null;
  /**
   * Mean over the samples, with what the model's regularizers add, as Keras' `evaluate` has it. Not finite
   * where the model's arithmetic is not: such a model is of no use.
   */
  readonly loss: number;
  /** What was asked for, without metrics that are not defined for the data; loss and accuracy are not in it. */
  readonly metrics: Metrics;
  /** Scores of single classes; null where no metric that was asked for has them. */
  readonly details: ScoreDetails | null;
  readonly samples: number;
}

/**
 * All methods throw FlError: `invalid-argument` when model, weights and data do not fit each other, when the
 * data hold values that are not numbers, when a layer cannot take its input, or when the numbers stop being
 * finite in training; `failed-precondition` when the backend cannot train the model.
 */
export interface Trainer {
  /** What does the arithmetic, e.g. "tfjs-node 2.21.0". */
  readonly backend: string;
  /** The names and shapes of a model's parameters, in the order of its weights. */
  /** @param maxParameters with more of them nothing is allocated, and it fails. */
  describe(topology: LayersTopology, maxParameters?: number): Promise<ModelShape>;
  train(task: TrainTask): Promise<TrainResult>;
  evaluate(task: EvaluateTask): Promise<Evaluation>;
}
