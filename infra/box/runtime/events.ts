// What the runtime reports to its observers: instances that come and go, and requests with what became of
// them.
import type { FaultKind } from "./faults.ts";

/**
 * Why an instance ended: `crash` by itself, `memory` because it took more than its function has, `fault` by a
 * rule, `idle` scaled down, `stop` with the runtime.
 */
export type EndReason = "crash" | "memory" | "fault" | "idle" | "stop";

/**
 * What became of a request. Whatever is not `answered` was answered by the runtime, or its connection was
 * cut.
 */
export type RequestOutcome =
  | "answered"
  | "unauthenticated"
  | "forbidden"
  | "crashed"
  | "timed-out"
  | "too-large"
  | "answer-too-large"
  | "no-instance"
  | "not-started"
  | "response-lost"
  | "caller-gone";

export interface RequestEvent {
  readonly kind: "request";
  readonly function: string;
  /** Null when none was reached. */
  readonly instance: string | null;
  readonly method: string;
  readonly path: string;
  /** The id of the Cloud Tasks task, when it came from one. */
  readonly task: string | null;
  readonly outcome: RequestOutcome;
  /** The status that the caller got; null when it got none. */
  readonly status: number | null;
  /** Whether it waited for its instance to start and was the first one there. */
  readonly coldStart: boolean;
  /** Until it reached an instance. */
  readonly queueMs: number;
  /** From arrival to the end of the answer. */
  readonly durationMs: number;
  readonly fault: FaultKind | null;
}

export type RuntimeEvent =
  | RequestEvent
  | {
      readonly kind: "cold-start";
      readonly function: string;
      readonly instance: string;
      /** From the start of the process until it listened. */
      readonly startMs: number;
    }
  | {
      readonly kind: "instance-exit";
      readonly function: string;
      readonly instance: string;
      readonly reason: EndReason;
      readonly code: number | null;
      readonly signal: string | null;
      /** Requests it was serving. */
      readonly inFlight: number;
    };

/** One line that an instance wrote to stdout or stderr. */
export interface LogLine {
  readonly function: string;
  readonly instance: string;
  readonly line: string;
}

/** A function so far. */
export interface FunctionStats {
  readonly requests: number;
  /** Requests that ended so. */
  readonly outcomes: Readonly<Partial<Record<RequestOutcome, number>>>;
  readonly coldStarts: number;
  /** Milliseconds from spawn to listening of every instance started, in order. */
  readonly startMs: readonly number[];
  /** Instances that ended by themselves or took too much memory. */
  readonly crashes: number;
  /** Now: starting or ready. */
  readonly instances: number;
  /** Now: requests inside instances. */
  readonly inFlight: number;
  /** Now: requests that wait for an instance. */
  readonly queued: number;
}
