// `fedstratus/client`: the types of an owner's own code, a loader, a trainer or layers (docs/own-code.md).
// The file imports nothing of this repository, so that an editor reads it from anywhere.

/** The TensorFlow.js that a function works with. */
export type TensorFlow = typeof import("@tensorflow/tfjs");

/** What each file of an owner's code exports as `about`: what runs ask for, and what invocations show. */
export interface About {
  /** 1 to 63 letters, digits, `-`, `_` and `.`. */
  readonly name: string;
  /** Three numbers, such as "1.4.0". */
  readonly version: string;
}

/** Numbers in rows; the first dimension of the shape is the number of samples. */
export interface NumberArray {
  readonly shape: readonly number[];
  /** Row-major, finite, as many as the shape says. A Float32Array is taken as it is, others are copied. */
  readonly values: ArrayLike<number>;
}

/** Samples and their labels, in memory: as many labels as samples. */
export interface Samples {
  readonly x: NumberArray;
  readonly y: NumberArray;
}

/** Rows that a loader has left out. */
export interface RefusedRows {
  /** 1 to 40 lower-case letters and hyphens, such as `missing-value`; the operator of a run sees it. */
  readonly reason: string;
  readonly rows: number;
  /** Position of the first of them among all rows, counted from 0. */
  readonly firstRow: number;
}

/** A data set that fits into memory. */
export interface LoadedSamples extends Samples {
  readonly refused?: readonly RefusedRows[];
}

/** Random numbers of the run's seed: the same in every repetition. */
export interface Draws {
  /** Uniform in [0, 1). */
  next(): number;
  /** Uniform integer in 0..bound-1. */
  int(bound: number): number;
  /** The numbers 0..count-1 in random order. */
  order(count: number): Uint32Array;
}

/** A data set that does not fit into memory, and is read anew for each epoch. */
export interface LoadedStream {
  /** How many `batches` gives in all; always the same. */
  readonly samples: number;
  /** Of one sample. */
  readonly inputShape: readonly number[];
  /** Of one label; [] for one number. */
  readonly targetShape: readonly number[];
  /** All samples once, in an order that `random` draws, at most `size` at a time. */
  batches(size: number, random: Draws): AsyncIterable<Samples>;
  readonly refused?: readonly RefusedRows[];
}

export interface OwnLog {
  /** A line in the owner's own log. Nothing of it leaves the function. */
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
  /**
   * A number that the run's operator sees, on the invocation, and where the run asks its clients for scores
   * also as a mean over all of them. It is taken as one of the weights that the client was given. The last
   * value of a name counts. At most 32 names of 1 to 40 letters, digits, `-`, `_` and `.`, the first a
   * letter; what is not finite, or beyond ± 1e30, is left out with a warning in the owner's log.
   */
  metric(name: string, value: number): void;
}

export interface StoredFile {
  /** Below the folder or prefix, with forward slashes. */
  readonly name: string;
  readonly address: string;
  readonly sizeBytes: number;
}

export interface OpenFile {
  readonly sizeBytes: number | null;
  /** The bytes in order, once. */
  readonly chunks: AsyncIterable<Uint8Array>;
  /** All of them at once. Fails for more than half of the function's memory. */
  bytes(): Promise<Uint8Array>;
  /** Ends the reading; needed where not all was read. */
  close(): Promise<void>;
}

export interface LoaderInput {
  readonly clientId: string;
  /** The data set that the run names; absent: the only, unnamed one. */
  readonly data?: string;
  /** CLIENT_DATA, with the client's and the data set's names filled in. */
  readonly address: string;
  /** What the features file holds (CLIENT_FEATURES), as JSON gives it; absent where there is none. */
  readonly features?: unknown;
  /** Of the function's instance. */
  readonly memoryMib: number;
  /** Aborted when what is loaded would come too late. */
  readonly signal: AbortSignal;
  readonly log: OwnLog;
  /** The files at an address (default: CLIENT_DATA): a file, a folder, a pattern with `*`, or a prefix. */
  list(address?: string): Promise<readonly StoredFile[]>;
  /**
   * Opens a file, `gs://` or `file://`, with the function's own identity.
   *
   * @param range bytes from `begin` (inclusive) to `end` (exclusive)
   */
  open(address: string, range?: { readonly begin: number; readonly end: number }): Promise<OpenFile>;
}

/** The default export of a loader. */
export type Loader = (input: LoaderInput) => Promise<LoadedSamples | LoadedStream>;

/** A parameter of the model. */
export interface TrainedParameter {
  readonly name: string;
  readonly shape: readonly number[];
  /** `trained` where absent. Of a `statistic` the new value counts, of what is `frozen` nothing. */
  readonly role?: "trained" | "statistic" | "frozen" | undefined;
}

export interface TrainingData {
  readonly samples: number;
  /** Of one sample. */
  readonly inputShape: readonly number[];
  readonly targetShape: readonly number[];
  /** All samples once, in an order that `random` draws, `size` at a time and a smaller last batch. */
  batches(size: number, random: Draws): AsyncIterable<TrainingBatch>;
}

export interface TrainingBatch {
  readonly x: { readonly shape: readonly number[]; readonly values: Float32Array };
  readonly y: { readonly shape: readonly number[]; readonly values: Float32Array };
}

export interface TrainerInput {
  readonly clientId: string;
  /** 1 is the first. */
  readonly round: number;
  readonly seed: number;
  /** Of the seed, the round and the client. */
  readonly random: Draws;
  /** The layers of the run's model; absent where the run only names parameters. */
  readonly topology?: Readonly<Record<string, unknown>>;
  readonly parameters: readonly TrainedParameter[];
  /** The global model, by the parameters' names. The arrays are the trainer's own. */
  readonly weights: ReadonlyMap<string, Float32Array>;
  readonly data: TrainingData;
  /** `training` of the run's spec, such as `localEpochs`, `batchSize` and `optimizer`. */
  readonly training: Readonly<Record<string, unknown>> & {
    readonly localEpochs: number;
    readonly batchSize: number;
  };
  /** In a check of the client: no more steps than this are needed. */
  readonly maxSteps?: number;
  /** In ms since 1970: what is done by then is to be returned. Absent where there is no hurry. */
  readonly deadlineMs?: number;
  /** Aborted a little after the deadline: what is not returned by then is lost. */
  readonly signal: AbortSignal;
  readonly log: OwnLog;
}

export interface Trained {
  /** Of every parameter, the values after training. */
  readonly weights: ReadonlyMap<string, ArrayLike<number>>;
  /** Optimiser steps done: with 0 there is no update. */
  readonly steps: number;
  /** Samples trained on, which the update weighs in the average; default: all. */
  readonly samples?: number;
  /** Whether the deadline cut it short. */
  readonly partial?: boolean;
  /** Mean loss of the incoming and of the outgoing weights, where known. */
  readonly lossBefore?: number;
  readonly lossAfter?: number;
}

/** The default export of a trainer. */
export type Trainer = (input: TrainerInput) => Promise<Trained>;

/** A class of a layer, with the name that topologies have for it. */
export type LayerClass = Parameters<TensorFlow["serialization"]["registerClass"]>[0] & {
  readonly className: string;
};

/** The default export of layers: makes the classes of the TensorFlow.js that it is given. */
export type Layers = (tf: TensorFlow) => readonly LayerClass[];
