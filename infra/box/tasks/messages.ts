// Our own shapes as messages of the protocol: times, queues, tasks, and errors.

import type { protos } from "@google-cloud/tasks";
import { status as grpcStatus } from "@grpc/grpc-js";
import { type ErrorCode, FlError } from "../../../shared/core/errors.ts";
import type { Attempt, AttemptOutcome, Queue, QueuedTask } from "./queue.ts";
import { burstSize } from "./tokenBucket.ts";

type Timestamp = protos.google.protobuf.ITimestamp;
type QueueMessage = protos.google.cloud.tasks.v2.IQueue;
type TaskMessage = protos.google.cloud.tasks.v2.ITask;
type AttemptMessage = protos.google.cloud.tasks.v2.IAttempt;
type Status = protos.google.rpc.IStatus;

/** Milliseconds of a timestamp or a duration. */
export function toMs(time: Timestamp): number {
  return Number(time.seconds ?? 0) * 1_000 + (time.nanos ?? 0) / 1e6;
}

/** The timestamp or duration, to the microsecond. */
function fromMs(ms: number): Timestamp {
  const micros = Math.round(ms * 1_000);
  const seconds = Math.floor(micros / 1e6);
  return { seconds: String(seconds), nanos: (micros - seconds * 1e6) * 1_000 };
}

export function queueMessage(queue: Queue): QueueMessage {
  const { config } = queue;
  return {
    name: queue.name,
    state: queue.state,
    rateLimits: {
      maxDispatchesPerSecond: config.maxDispatchesPerSecond,
      maxBurstSize: burstSize(config.maxDispatchesPerSecond),
      maxConcurrentDispatches: config.maxConcurrentDispatches,
    },
    retryConfig: {
      maxAttempts: config.maxAttempts,
      maxRetryDuration: fromMs(config.maxRetryDurationMs),
      minBackoff: fromMs(config.minBackoffMs),
      maxBackoff: fromMs(config.maxBackoffMs),
      maxDoublings: config.maxDoublings,
    },
    ...(queue.purgeMs !== undefined && { purgeTime: fromMs(queue.purgeMs) }),
  };
}

/** @param view with "FULL" the body is there too. */
export function taskMessage(task: QueuedTask, view: unknown): TaskMessage {
  const { url, method, headers, body, oidc } = task.request;
  const full = view === "FULL";
  return {
    name: task.name,
    httpRequest: {
      url,
      httpMethod: method as "POST", // One of the protocol's names: it came from there.
      headers: { ...headers },
      ...(full && { body }),
      ...(oidc && { oidcToken: { serviceAccountEmail: oidc.email, audience: oidc.audience } }),
    },
    scheduleTime: fromMs(task.scheduleMs),
    createTime: fromMs(Math.floor(task.createMs / 1_000) * 1_000),
    dispatchDeadline: fromMs(task.deadlineMs),
    dispatchCount: task.dispatchCount,
    responseCount: task.responseCount,
    ...(task.firstDispatchMs !== undefined && {
      firstAttempt: { dispatchTime: fromMs(task.firstDispatchMs) },
    }),
    ...(task.lastAttempt && { lastAttempt: attemptMessage(task.lastAttempt) }),
    view: full ? "FULL" : "BASIC",
  };
}

function attemptMessage(attempt: Attempt): AttemptMessage {
  return {
    scheduleTime: fromMs(attempt.scheduleMs),
    dispatchTime: fromMs(attempt.dispatchMs),
    ...(attempt.responseMs !== undefined && { responseTime: fromMs(attempt.responseMs) }),
    ...(attempt.outcome && { responseStatus: outcomeStatus(attempt.outcome) }),
  };
}

function outcomeStatus(outcome: AttemptOutcome): Status {
  switch (outcome.kind) {
    case "status":
      return { code: codeOfHttp(outcome.status), message: `HTTP status code ${outcome.status}` };
    case "deadline":
      return { code: grpcStatus.DEADLINE_EXCEEDED, message: outcome.message };
    case "no-token":
      return { code: grpcStatus.UNAUTHENTICATED, message: outcome.message };
    case "unreachable":
    case "stopped":
      return { code: grpcStatus.UNAVAILABLE, message: outcome.message };
  }
}

function codeOfHttp(status: number): number {
  if (status >= 200 && status < 300) return grpcStatus.OK;
  const known: Readonly<Record<number, number>> = {
    400: grpcStatus.INVALID_ARGUMENT,
    401: grpcStatus.UNAUTHENTICATED,
    403: grpcStatus.PERMISSION_DENIED,
    404: grpcStatus.NOT_FOUND,
    409: grpcStatus.ABORTED,
    429: grpcStatus.RESOURCE_EXHAUSTED,
    500: grpcStatus.INTERNAL,
    501: grpcStatus.UNIMPLEMENTED,
    503: grpcStatus.UNAVAILABLE,
    504: grpcStatus.DEADLINE_EXCEEDED,
  };
  return known[status] ?? grpcStatus.UNKNOWN;
}

const statusOfCode: Readonly<Partial<Record<ErrorCode, number>>> = {
  "invalid-argument": grpcStatus.INVALID_ARGUMENT,
  "not-found": grpcStatus.NOT_FOUND,
  "already-exists": grpcStatus.ALREADY_EXISTS,
};

/** What a call that failed is answered; what the caller is not to blame for is our own defect and says so. */
export function errorStatus(error: unknown): { code: number; details: string } {
  const code = error instanceof FlError ? statusOfCode[error.code] : undefined;
  if (code !== undefined && error instanceof FlError) return { code, details: error.message };
  return { code: grpcStatus.INTERNAL, details: error instanceof Error ? String(error.stack) : String(error) };
}
