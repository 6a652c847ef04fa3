// The one error type of the project: what went wrong, whose fault it is, and whether trying again can help.
import type { FailureReason } from "./failureReasons.ts";

/**
 * The gRPC canonical codes in kebab case, plus three that HTTP distinguishes: size, method and content type.
 */
export type ErrorCode =
  | "invalid-argument"
  | "unauthenticated"
  | "permission-denied"
  | "not-found"
  | "already-exists"
  | "failed-precondition"
  | "aborted"
  | "resource-exhausted"
  | "too-large"
  | "method-not-allowed"
  | "unsupported-media-type"
  | "data-loss"
  | "deadline-exceeded"
  | "unavailable"
  | "internal";

/**
 * `never`: the same call fails again. `soon`: a retry may succeed. `afterMs`: it may, but not before that
 * many ms. `needs-a-person`: it fails until a person has changed the deployment, such as a right that is
 * missing; then it succeeds.
 */
export type Retry = "never" | "soon" | "needs-a-person" | { readonly afterMs: number };

/** One problem in an input: where (a path such as `training.batchSize`, or "" for the whole) and what. */
export interface Problem {
  readonly path: string;
  readonly message: string;
}

/**
 * What other organisations may read of an error: why, and in which words. It holds our own text, counts,
 * shapes and names of the run's model, and nothing that an owner's data, files, settings or libraries say.
 */
export interface Told {
  readonly reason: FailureReason;
  readonly message: string;
}

/**
 * An error whose message may be shown to the caller: it names what, where and what to do, and holds no
 * secrets. Anything that is not an FlError is logged whole and shown as `internal`.
 */
export class FlError extends Error {
  override readonly name = "FlError";
  readonly code: ErrorCode;
  readonly retry: Retry;
  readonly problems: readonly Problem[];
  /** Absent where nothing of it may leave the owner's project. */
  readonly told: Told | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options: {
      readonly retry?: Retry;
      readonly problems?: readonly Problem[];
      readonly cause?: unknown;
      /** Says that the message may be told to other organisations as it is, and why it is there. */
      readonly reason?: FailureReason;
      /** What they are told instead of the message; with `reason`. */
      readonly told?: string;
    } = {},
  ) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.retry = options.retry ?? defaultRetry(code);
    this.problems = options.problems ?? [];
    const { reason } = options;
    this.told = reason === undefined ? undefined : { reason, message: options.told ?? message };
  }
}

/**
 * Final for the call of a task, but a fault of the deployment: a caller without rights, a document that is
 * damaged.
 */
const FAULTS_OF_THE_DEPLOYMENT: ReadonlySet<ErrorCode> = new Set([
  "unauthenticated",
  "permission-denied",
  "data-loss",
]);

/**
 * What a failure is logged as that only a person can put right: the alert of the deployment looks for these
 * words.
 */
export const NEEDS_PERSON = "needs a person";

/**
 * Whether what a task failed with needs a person to fix it: it is neither retried without hope nor given up.
 */
export function needsPerson({ code, retry }: FlError): boolean {
  return retry === "needs-a-person" || (retry === "never" && FAULTS_OF_THE_DEPLOYMENT.has(code));
}

function defaultRetry(code: ErrorCode): Retry {
  switch (code) {
    case "aborted":
    case "unavailable":
    case "deadline-exceeded":
    case "internal":
      return "soon";
    case "resource-exhausted":
      return { afterMs: 1_000 };
    default:
      return "never";
  }
}
