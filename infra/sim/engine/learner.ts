// The seam of training: what the engine needs of it. Without training, updates are empty and nothing is
// scored.
import { createHash } from "node:crypto";
import type { UpdateCheck } from "../../../shared/core/methods/update/validate.ts";
import type { Evaluation } from "../../../shared/core/round/evaluation.ts";
import type { Invocation } from "../../../shared/core/schemas/invocation.ts";
import type { ModelInfo } from "../../../shared/core/schemas/model.ts";
import type { Weights } from "../../../shared/core/updates/weights.ts";
import type { Learned } from "../population/population.ts";

export interface Learner {
  readonly model: ModelInfo;
  /** The client's samples; what its update weighs. */
  samples(clientId: string): number;
  /** The client's samples of each label; absent where none tells. */
  labelCounts?(clientId: string): readonly number[];
  /**
   * The invocation's update as the aggregator reads it, trained from its base version.
   *
   * @param inputs the invocations whose updates the round folds, this one among them, the same array for all:
   *   what attackers know of. This one alone where absent.
   * @param before of a relay: the invocations of its group whose updates it was trained on, in the order of
   *   their turns; none where absent.
   */
  update(
    invocation: Invocation,
    inputs?: readonly Invocation[],
    before?: readonly Invocation[],
  ): Promise<UpdateCheck>;
  /**
   * What the invocation's report says of its training, which is done for it; absent where nothing is trained.
   */
  learned?(invocation: Invocation, before?: readonly Invocation[]): Promise<Learned>;
  /** What the invocation's report says of the version it was given; absent where no client scores any. */
  scored?(invocation: Invocation): Promise<NonNullable<Learned["score"]>>;
  /**
   * Absent where clients keep nothing between invocations; then what the invocation has left, which was
   * trained for its report, is what its client goes on from.
   */
  keepState?(invocation: Pick<Invocation, "clientId" | "round">): void;
  /** The weights of a version that has been kept. */
  weights(version: number): Weights;
  /** What the aggregation kept with a version; null where it keeps nothing, and of version 0. */
  state(version: number): Weights | null;
  /** Keeps a new version; those before `oldest` are needed no more. */
  keep(version: number, weights: Weights, state: Weights | null, oldest: number): void;
  /**
   * The accuracy that each honest client has to expect of a version: that of each class in the test set, by
   * the client's shares of the classes. Absent where nothing is trained.
   */
  clientAccuracies?(version: number): Promise<readonly number[]>;
  /** Null where nothing is scored. */
  score(version: number): Promise<Pick<Evaluation, "accuracy" | "loss" | "metrics"> | null>;
}

/** What an update's pointer says where no file is written. */
export const NO_FILE = { sizeBytes: 1, sha256: createHash("sha256").update("").digest("hex") } as const;

/** Durations only. @param sizeBytes what a model is told to weigh. */
export function noLearner(samples: (clientId: string) => number, sizeBytes = 0): Learner {
  return {
    model: { parameters: [], parameterCount: 0, sizeBytes },
    samples,
    update: async () => ({ ok: true, delta: [], norm: 0, scale: 1 }),
    weights: () => [],
    state: () => null,
    keep: () => undefined,
    score: async () => null,
  };
}
