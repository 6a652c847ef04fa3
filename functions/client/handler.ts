// The client function's routes: the task that trains, and the call that only has the instance start.
import * as z from "zod";
import { plainAddress } from "../../shared/core/schemas/client.ts";
import { authenticator } from "../../shared/http/callers.ts";
import { taskEndpoint } from "../../shared/http/endpoints.ts";
import type { Handler, HttpRequest, HttpResponse } from "../../shared/http/message.ts";
import { taskRoutes } from "../../shared/http/partRoutes.ts";
import type { ClientDeps } from "./deps.ts";
import type { ClientEnv } from "./env.ts";
import { trainInvocation } from "./trainInvocation.ts";

export function clientHandler(deps: ClientDeps, env: ClientEnv): Handler {
  const handle = taskEndpoint({
    routes: taskRoutes<"client">({
      invoke: (task, request) => trainInvocation(task, dueMs(request), deps),
      check: async (task) => {
        const { checkClient } = await import("./checkClient.ts");
        return checkClient(task, env.MEMORY_MIB, deps);
      },
      warm: async () => {
        await deps.trainer();
        const coldStartMs = deps.takeColdStart();
        return coldStartMs === null ? "it was warm" : "it is warm";
      },
    }),
    authenticate: authenticator({
      // As it was registered: by 0.1 to the letter, since then without a slash at its end.
      audience: [env.CLIENT_URL, plainAddress(env.CLIENT_URL)],
      certsUrl: env.OIDC_CERTS_URL,
      checkedByRegion: env.CALLERS_CHECKED_BY_REGION,
      allowed: [env.TASK_INVOKER],
    }),
    log: deps.log,
  });
  return async (request) => withoutWords(await handle(request));
}

const Failed = z.object({ error: z.object({ code: z.string() }) });
const Ignored = z.object({ ignored: z.object({ code: z.string() }) });
const IN_THE_LOG = "The log of the client's function says more.";

/**
 * The queue may be another organisation's, and needs no more than the status: what failed here may name this
 * one's files.
 */
function withoutWords(response: HttpResponse): HttpResponse {
  const failed = response.status >= 500 ? Failed.safeParse(response.body) : null;
  if (failed?.success) return { ...response, body: { error: { ...failed.data.error, message: IN_THE_LOG } } };
  const ignored = Ignored.safeParse(response.body);
  if (!ignored.success) return response;
  return { ...response, body: { ignored: { ...ignored.data.ignored, reason: IN_THE_LOG } } };
}

/** When the queue was to send the task, from its header; null when it does not say. */
function dueMs(request: HttpRequest): number | null {
  const seconds = Number(request.headers["x-cloudtasks-tasketa"]);
  return Number.isFinite(seconds) && seconds > 0 ? seconds * 1_000 : null;
}
