// The one error type of the project: what went wrong, whose fault it is, and whether trying again can help.

/** The gRPC canonical codes in kebab case, plus three that HTTP tells apart: size, method and content type. */
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

/** `never`: the same call fails again. `soon`: a retry may succeed. `afterMs`: it may, but not before that many ms. */
export type Retry = "never" | "soon" | { readonly afterMs: number };

/** One problem in an input: where (a path such as `training.batchSize`, or "" for the whole) and what. */
export interface Problem {
  readonly path: string;
  readonly message: string;
}

/**
 * An error whose message may be shown to the caller: it names what, where and what to do, and holds no secrets.
 * Anything that is not an FlError is logged whole and shown as `internal`.
 */
export class FlError extends Error {
  override readonly name = "FlError";
  readonly code: ErrorCode;
  readonly retry: Retry;
  readonly problems: readonly Problem[];

  constructor(
    code: ErrorCode,
    message: string,
    options: {
      readonly retry?: Retry;
      readonly problems?: readonly Problem[];
      readonly cause?: unknown;
    } = {},
  ) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.retry = options.retry ?? defaultRetry(code);
    this.problems = options.problems ?? [];
  }
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
