// Endpoints: how a handler is made of routes. People get statuses; Cloud Tasks gets 2xx for what no retry can
// fix.
import * as z from "zod";
import { FlError, NEEDS_PERSON, needsPerson } from "../core/errors.ts";
import type { Logger } from "../core/ports/logger.ts";
import { RunId } from "../core/schemas/ids.ts";
import { errorResponse, retryAfterSeconds } from "./errors.ts";
import type { Handler, HttpRequest, HttpResponse } from "./message.ts";
import { type AnyRoute, allowedMethods, match, openRoute } from "./routes.ts";

/** Finds out who calls, or throws FlError("unauthenticated" | "permission-denied"). */
export type Authenticate<Caller> = (request: HttpRequest) => Promise<Caller>;

interface EndpointOptions<Caller> {
  readonly routes: readonly AnyRoute<Caller>[];
  readonly authenticate: Authenticate<Caller>;
  readonly log: Logger;
  /** Whether errors name the damaged document and what to do: operators may see that. */
  readonly showsDamage?: boolean;
  /** Writes on a run what only a person can put right; absent where the function has no database. */
  readonly showOnRun?: ((runId: string, reason: string) => Promise<void>) | undefined;
}

/** For people, scripts and clients: every failure is answered with its status. */
export function apiEndpoint<Caller>({
  routes,
  authenticate,
  log,
  showsDamage = false,
  showOnRun,
}: EndpointOptions<Caller>): Handler {
  return async (asked) => {
    const request = remembering(asked);
    try {
      // An open route has no caller.
      const caller =
        openRoute(routes, request) === null ? await authenticate(request) : (undefined as Caller);
      const { route, params } = match(routes, request);
      return await route.handle(request, params, caller);
    } catch (error) {
      const response = refusal(error, routes, request, showsDamage);
      if (error instanceof FlError && error.retry === "needs-a-person")
        await tellPerson(error, request, { log, showOnRun });
      else if (response.status >= 500)
        log.error("request failed", { method: request.method, path: request.path, error });
      return response;
    }
  };
}

/**
 * For Cloud Tasks, which repeats what is not answered 2xx: a failure that a retry can fix is 503 with
 * Retry-After, and a permanent one is logged and answered 200, so that it is not repeated for nothing. What
 * only a person can fix (a missing right, a damaged document) is logged and shown on its run, and its
 * task comes again every few minutes: it goes on by itself once that is done. A caller or a path that is
 * none, and an unknown error, keep their status, and so their task.
 */
export function taskEndpoint<Caller>({
  routes,
  authenticate,
  log,
  showOnRun,
}: EndpointOptions<Caller>): Handler {
  return async (asked) => {
    const request = remembering(asked);
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
      return await taskFailure(error, request, { log, showOnRun });
    }
  };
}

/**
 * The answer to a request that failed; with the methods that there are where the method was wrong (RFC 9110,
 * 15.5.6).
 */
function refusal<Caller>(
  error: unknown,
  routes: readonly AnyRoute<Caller>[],
  request: HttpRequest,
  showsDamage = false,
): HttpResponse {
  const response = errorResponse(error, { showsDamage });
  if (response.status !== 405) return response;
  const allow = allowedMethods(routes, request.path).join(", ");
  return { ...response, headers: { ...response.headers, allow } };
}

async function taskFailure(
  error: unknown,
  request: Remembering,
  { log, showOnRun }: Pick<EndpointOptions<never>, "log" | "showOnRun">,
): Promise<HttpResponse> {
  const task = request.headers["x-cloudtasks-taskname"] ?? null;
  if (!(error instanceof FlError)) {
    log.error("task failed", { path: request.path, task, error });
    return errorResponse(error);
  }
  if (needsPerson(error)) {
    await tellPerson(error, request, { log, showOnRun });
    const rests = new FlError(error.code, error.message, { retry: "needs-a-person" });
    return { ...errorResponse(rests), status: 503 };
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

/**
 * The line that people are alerted by, and the reason on the run that the call is about, where it is about
 * one.
 */
async function tellPerson(
  error: FlError,
  { path, headers, sent }: Remembering,
  { log, showOnRun }: Pick<EndpointOptions<never>, "log" | "showOnRun">,
): Promise<void> {
  const runId = runIdIn(sent());
  const task = headers["x-cloudtasks-taskname"] ?? null;
  log.error(NEEDS_PERSON, { path, task, runId, code: error.code, reason: error.message, error });
  if (runId === null) return;
  await showOnRun?.(runId, error.message).catch((cause: unknown) =>
    log.warn("run does not show what is missing", { runId, error: cause }),
  );
}

type Remembering = HttpRequest & {
  /** The body as far as it was read. */
  readonly sent: () => Uint8Array | undefined;
};

function remembering(request: HttpRequest): Remembering {
  let bytes: Uint8Array | undefined;
  return {
    ...request,
    readBody: async (maxBytes) => {
      bytes = await request.readBody(maxBytes);
      return bytes;
    },
    sent: () => bytes,
  };
}

function runIdIn(bytes: Uint8Array | undefined): string | null {
  try {
    const known = z.object({ runId: RunId }).safeParse(JSON.parse(new TextDecoder().decode(bytes)));
    return known.success ? known.data.runId : null;
  } catch {
    return null; // No JSON.
  }
}
