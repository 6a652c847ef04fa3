// Operations of Firestore, Cloud Storage and Cloud Tasks that a run makes, by its rounds and invocations: as
// the local cloud counts them, nobody looking on.
import type { OperationKind } from "../../../shared/core/cost/prices.ts";

export interface RunCounts {
  readonly rounds: number;
  readonly invocations: number;
  /** Documents of the roster: one for up to 500 clients. */
  readonly shards: number;
  readonly warmCalls: number;
}

/** Of each round, each invocation, each shard in each round, and each call ahead. */
const EACH: Readonly<
  Record<OperationKind, readonly [round: number, invocation: number, shard: number, warm: number]>
> = {
  firestoreReads: [52, 10, 4, 1],
  firestoreWrites: [10, 4.2, 1, 0],
  firestoreDeletes: [0, 0, 0, 0],
  tasks: [8, 2.2, 0, 2],
  storageClassA: [2, 1, 0, 0],
  storageClassB: [4, 5, 0, 0],
};

export function operationsOf(counts: RunCounts): Readonly<Record<OperationKind, number>> {
  const { rounds, invocations, shards, warmCalls } = counts;
  const of = (kind: OperationKind) => {
    const [round, invocation, shard, warm] = EACH[kind];
    return rounds * (round + shard * shards) + invocations * invocation + warm * warmCalls;
  };
  return {
    firestoreReads: of("firestoreReads"),
    firestoreWrites: of("firestoreWrites"),
    firestoreDeletes: of("firestoreDeletes"),
    tasks: of("tasks"),
    storageClassA: of("storageClassA"),
    storageClassB: of("storageClassB"),
  };
}
