// The seam of training: what a client is to train, and what it does otherwise than plain local training.
import type { Signals } from "../../schemas/signals.ts";
import type { Covers } from "../../updates/covers.ts";
import type { ModelShape } from "../../updates/weights.ts";
import type { TensorMath } from "./tensorMath.ts";

/** What is known of a client as it is invoked. Its invocation keeps it, so that every function and the simulator derive the same. */
export interface ClientCard {
  readonly clientId: string;
  /** Training samples as its owner says; null where nothing is said. */
  readonly samples: number | null;
  readonly memoryMib: number;
  readonly vcpu: number;
}

export interface TrainingContext {
  /** Of the invocation; 1 is the first. */
  readonly round: number;
  /** Of the run. */
  readonly seed: number;
  readonly model: ModelShape;
}

/** What one client is to train in one round. */
export interface Assignment {
  /** The parts of the parameters that its update has; all of them where absent. */
  readonly covers?: Covers;
}

/** A trained parameter within local training. */
export interface TrainedVariable<T> {
  /** Of its parameter. */
  readonly name: string;
  readonly value: T;
  /** What it was before the first step. @throws FlError("internal") unless the hooks say that they use it. */
  readonly start: () => T;
  /**
   * What the client has kept under one of the names in `keeps`, as large as the parameter; zeros at
   * first. @throws FlError("internal") for another name.
   */
  readonly kept: (name: string) => T;
  /**
   * What the aggregation keeps beside the version under one of the names in `gets`, as large as the
   * parameter; zeros where it keeps nothing yet. @throws FlError("internal") for another name.
   */
  readonly got: (name: string) => T;
}

/** A trained parameter after the last step. */
export interface TrainedFor<T> extends TrainedVariable<T> {
  /** Steps done; 0 where the deadline had passed. */
  readonly steps: number;
  /** Of each of those steps. */
  readonly learningRate: number;
  /** Whether the client has kept nothing yet, or only zeros. */
  readonly isFirst: boolean;
}

/** What a method adds to local training. Tensors that a hook gets are not its own: it must not free or keep them. */
export interface TrainingHooks {
  /** Whether any hook asks for `start`: it costs a copy of the parameters. */
  readonly usesStart?: boolean;
  /**
   * Names of the tensors that each client keeps from one invocation to the next, each as large as the trained
   * parameters; `local` is taken. None where absent. Hooks read them by `kept` and replace them by `keep`.
   */
  readonly keeps?: readonly string[];
  /**
   * Names of the tensors that the aggregation keeps beside each version (its `server.state`), and that
   * clients get with the version they train from; none where absent. Hooks read them by `got`.
   */
  readonly gets?: readonly string[];
  /**
   * Names of the tensors that updates hold beside the deltas, each as large as the trained parameters; none
   * where absent. They are part of the update: transforms, encodings and bounds of norms take both as one
   * vector, so that they should be as large as deltas are. The aggregation's server step gets their mean.
   */
  readonly sends?: readonly string[];
  /**
   * Weight, above 0, of the mean cross-entropy with what the task's teachers predict on average, which is
   * added to the loss; nothing is where absent, or where the task has no teachers.
   */
  readonly distils?: number;
  /** The loss of a step instead of `loss`, which is a scalar; gradients are taken of it, and progress reports it. */
  loss?<T>(
    math: TensorMath<T>,
    step: { readonly loss: T; readonly variables: readonly TrainedVariable<T>[] },
  ): T;
  /** The gradient of one variable instead of `gradient`, before the optimizer's step. */
  gradient?<T>(math: TensorMath<T>, step: TrainedVariable<T> & { readonly gradient: T }): T;
  /**
   * After the last step: what the client keeps of a variable for its next invocation, by the names in
   * `keeps`; those left out stay as they are.
   */
  keep?<T>(math: TensorMath<T>, variable: TrainedFor<T>): Readonly<Record<string, T>>;
  /** After the last step: what is sent of a variable, by the names in `sends`: all of them. */
  send?<T>(math: TensorMath<T>, variable: TrainedFor<T>): Readonly<Record<string, T>>;
  /**
   * After the last step, and after `keep` and `send`: the value that the update is made of, instead of the
   * one that the variable was trained to. Losses after training are of it.
   */
  outcome?<T>(math: TensorMath<T>, variable: TrainedFor<T>): T;
  /** After each epoch that is done whole; signals for the report, where a later epoch's replace an earlier one's. */
  afterEpoch?<T>(math: TensorMath<T>, epoch: EpochDone<T>): Signals | undefined;
}

export interface EpochDone<T> {
  /** 1 is the first. */
  readonly epoch: number;
  /** Optimizer steps so far. */
  readonly steps: number;
  /** Mean over the epoch's samples. */
  readonly loss: number;
  readonly variables: readonly TrainedVariable<T>[];
  /** The value of a scalar. */
  readonly numberOf: (scalar: T) => number;
}

export interface TrainingMethod<Options> {
  /** Absent where every client trains all parameters. A method that has it says `assignsParts` in its face. */
  readonly assign?: (card: ClientCard, context: TrainingContext, options: Options) => Assignment;
  /**
   * Absent, or none of them, for plain training. Whatever is assigned, `keeps`, `gets` and `sends` are the
   * same.
   *
   * @param assignment what this client is to train; gradients of the rest are 0 after all hooks.
   */
  readonly hooks?: (options: Options, assignment: Assignment) => TrainingHooks;
}
