// Endpoints: how a handler is made of routes. People get statuses; Cloud Tasks gets 2xx for what no retry can mend.
import { FlError } from "../core/errors.ts";
import type { Logger } from "../core/ports/logger.ts";
import { errorResponse, retryAfterSeconds } from "./errors.ts";
import type { Handler, HttpRequest, HttpResponse } from "./message.ts";
import { type AnyRoute, match } from "./routes.ts";

/** Finds out who calls, or throws FlError("unauthenticated" | "permission-denied"). */
export type Authenticate<Caller> = (request: HttpRequest) => Promise<Caller>;

interface EndpointOptions<Caller> {
  readonly routes: readonly AnyRoute<Caller>[];
  readonly authenticate: Authenticate<Caller>;
  readonly log: Logger;
}

/** For people, scripts and clients: every failure is answered with its status. */
export function apiEndpoint<Caller>({ routes, authenticate, log }: EndpointOptions<Caller>): Handler {
  return async (request) => {
    try {
      const caller = await authenticate(request);
      const { route, params } = match(routes, request);
      return await route.handle(request, params, caller);
    } catch (error) {
      const response = errorResponse(error);
      if (response.status >= 500)
        log.error("request failed", { method: request.method, path: request.path, error });
      return response;
    }
  };
}

/**
 * For Cloud Tasks, which repeats whatever is not answered 2xx: a failure that a retry can mend is 503 with Retry-After,
 * an unknown one 500, and a permanent one is logged and answered 200, so that it is not repeated for nothing.
 */
export function taskEndpoint<Caller>({ routes, authenticate, log }: EndpointOptions<Caller>): Handler {
  return async (request) => {
    let caller: Caller;
    try {
      caller = await authenticate(request);
    } catch (error) {
      return errorResponse(error);
    }
    try {
      const { route, params } = match(routes, request);
      return await route.handle(request, params, caller);
    } catch (error) {
      return taskFailure(error, request, log);
    }
  };
}

function taskFailure(error: unknown, request: HttpRequest, log: Logger): HttpResponse {
  const task = request.headers["x-cloudtasks-taskname"] ?? null;
  if (!(error instanceof FlError)) {
    log.error("task failed", { path: request.path, task, error });
    return errorResponse(error);
  }
  const retryAfter = retryAfterSeconds(error.retry);
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
