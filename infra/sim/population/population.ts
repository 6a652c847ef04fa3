// The seam of client behaviour: what becomes of one call of a client's function. A drawn population and a
// recorded run are two of them.
import type { Capacity } from "../../../shared/core/schemas/client.ts";
import type { InvocationFailure } from "../../../shared/core/schemas/failure.ts";
import type { TrainingFacts } from "../../../shared/core/schemas/invocation.ts";
import type { ReportRequest } from "../../../shared/core/schemas/protocol.ts";
import type { Signals } from "../../../shared/core/schemas/signals.ts";
import type { Attack } from "./attacks.ts";

/** One delivery of an invocation's task to a client. */
export interface Call {
  readonly clientId: string;
  readonly round: number;
  /** 1 is the first delivery. */
  readonly delivery: number;
  /** When it arrives. */
  readonly atMs: number;
  /** How much more work there is than usual, such as a proximal term: at least 1. */
  readonly workFactor: number;
}

/** What the call does. */
export interface Conduct {
  /** From the call's arrival until an instance takes it, cold start aside; it is not billed. */
  readonly waitMs: number;
  readonly isCold: boolean;
  /** Of the instance's start, before its claim; 0 where a warm instance takes the call. */
  readonly coldStartMs: number;
  /** From the claim on; the whole of it where it ends well. */
  readonly workMs: number;
  /**
   * `update`: it reports one. `failure`: it reports that it failed. `silence`: it dies without a report.
   * `unreachable`: it never begins.
   */
  readonly ending: "update" | "failure" | "silence" | "unreachable";
  /** The timings that it reports, where they are more than one number of work. */
  readonly reportedTimings?: ReportRequest["timings"];
}

/** What a report says of the model that a client trained. */
export interface Learned extends Pick<TrainingFacts, "lossBefore" | "lossAfter"> {
  readonly signals?: Signals;
  /** Of the version that it was given; absent where it was not asked for one. */
  readonly score?: Pick<ReportRequest, "evaluation" | "evaluationLeftOut">;
}

export const unreachable: Conduct = {
  waitMs: 0,
  isCold: false,
  coldStartMs: 0,
  workMs: 0,
  ending: "unreachable",
};

export interface Population {
  /** Ascending. */
  readonly clientIds: readonly string[];
  readonly capacity: Capacity;
  /** Deliveries of a call that does not answer, at least 1, and the pause between two. */
  readonly deliveries: { readonly most: number; readonly pauseMs: number };
  readonly dispatchMs: number;
  /** What a client's function has; `capacity` where absent. */
  capacityOf?(clientId: string): Capacity;
  aggregateMs(round: number): number;
  /** What the aggregator's call is billed for; `aggregateMs` where absent. */
  aggregatorBilledMs?(round: number): number;
  /** What the coordinator's call that opens a round is billed for; the least there is where absent. */
  openBilledMs?(round: number): number;
  /** What the evaluator's call is billed for that scores a round's version; nothing where absent. */
  evaluatorBilledMs?(round: number): number;
  /** From the end of a round to the opening of the next one. */
  openDelayMs(round: number): number;
  samples(clientId: string): number;
  /** What a client is registered with; none where absent. */
  labels?(clientId: string): Readonly<Record<string, string>>;
  /** A client's samples of each label, where they are known without its data, and it tells them. */
  labelCounts?(clientId: string): readonly number[] | undefined;
  /** What a malicious client does; null for others, and nobody is one where absent. */
  attack?(clientId: string): Attack | null;
  /** A call ahead of a round that does nothing but start the client's instance. */
  warm(call: Pick<Call, "clientId" | "round" | "atMs">): void;
  /** The same answers to the same calls; they come in the order of their time. */
  conduct(call: Call): Conduct;
  /** What an invocation that brings an update reports of its training, where that is known without doing it. */
  learned?(clientId: string, round: number): Learned | null;
  /** What an invocation that fails says of it, where that is known. */
  failure?(clientId: string, round: number): InvocationFailure | null;
}
