// Endpoints: how a handler is made of routes. People get statuses; Cloud Tasks gets 2xx for what no retry can mend.
import { type ErrorCode, FlError } from "../core/errors.ts";
import type { Logger } from "../core/ports/logger.ts";
import { errorResponse, retryAfterSeconds } from "./errors.ts";
import type { Handler, HttpRequest, HttpResponse } from "./message.ts";
import { type AnyRoute, allowedMethods, match, openRoute } from "./routes.ts";

/** Finds out who calls, or throws FlError("unauthenticated" | "permission-denied"). */
export type Authenticate<Caller> = (request: HttpRequest) => Promise<Caller>;

interface EndpointOptions<Caller> {
  readonly routes: readonly AnyRoute<Caller>[];
  readonly authenticate: Authenticate<Caller>;
  readonly log: Logger;
  /** Whether callers are told which document is damaged, and what to do: operators may know. */
  readonly tellsDamage?: boolean;
}

/** For people, scripts and clients: every failure is answered with its status. */
export function apiEndpoint<Caller>({
  routes,
  authenticate,
  log,
  tellsDamage = false,
}: EndpointOptions<Caller>): Handler {
  return async (request) => {
    try {
      // Nobody's: an open route does not look at its caller.
      const caller =
        openRoute(routes, request) === null ? await authenticate(request) : (undefined as Caller);
      const { route, params } = match(routes, request);
      return await route.handle(request, params, caller);
    } catch (error) {
      const response = refusal(error, routes, request, tellsDamage);
      if (response.status >= 500)
        log.error("request failed", { method: request.method, path: request.path, error });
      return response;
    }
  };
}

/**
 * For Cloud Tasks, which repeats whatever is not answered 2xx: a failure that a retry can mend is 503 with Retry-After,
 * and a permanent one is logged and answered 200, so that it is not repeated for nothing. What people have to mend (a caller
 * or a path that is none, a missing right, a damaged document, an unknown error) keeps its status, and so its task.
 */
export function taskEndpoint<Caller>({ routes, authenticate, log }: EndpointOptions<Caller>): Handler {
  return async (request) => {
    let caller: Caller;
    let hit: ReturnType<typeof match<Caller>>;
    try {
      caller = await authenticate(request);
      hit = match(routes, request);
    } catch (error) {
      const response = refusal(error, routes, request);
      // A stranger's call is not worth a line.
      if (response.status > 403) log.warn("task refused", { path: request.path, error });
      return response;
    }
    try {
      return await hit.route.handle(request, hit.params, caller);
    } catch (error) {
      return taskFailure(error, request, log);
    }
  };
}

/** The answer to a request that failed; with the methods that there are where the method was wrong (RFC 9110, 15.5.6). */
function refusal<Caller>(
  error: unknown,
  routes: readonly AnyRoute<Caller>[],
  request: HttpRequest,
  tellsDamage = false,
): HttpResponse {
  const response = errorResponse(error, { tellsDamage });
  if (response.status !== 405) return response;
  const allow = allowedMethods(routes, request.path).join(", ");
  return { ...response, headers: { ...response.headers, allow } };
}

/** Faults of the deployment and not of the task: final for this call, but not for good. */
const MENDED_BY_PEOPLE: ReadonlySet<ErrorCode> = new Set([
  "unauthenticated",
  "permission-denied",
  "data-loss",
]);

function taskFailure(error: unknown, request: HttpRequest, log: Logger): HttpResponse {
  const task = request.headers["x-cloudtasks-taskname"] ?? null;
  if (!(error instanceof FlError)) {
    log.error("task failed", { path: request.path, task, error });
    return errorResponse(error);
  }
  const retryAfter = retryAfterSeconds(error.retry);
  if (retryAfter === null && MENDED_BY_PEOPLE.has(error.code)) {
    log.error("task cannot be done", { path: request.path, task, code: error.code, error });
    return errorResponse(undefined);
  }
  if (retryAfter === null) {
    log.warn("task has nothing to do", { path: request.path, task, code: error.code, reason: error.message });
    return { status: 200, body: { ignored: { code: error.code, reason: error.message } } };
  }
  log.warn("task will be repeated", {
    path: request.path,
    task,
    code: error.code,
    reason: error.message,
    error,
  });
  return { status: 503, headers: { "retry-after": String(retryAfter) }, body: errorResponse(error).body };
}
