// The client function's routes: the task that trains, and the call that only has the instance start.
import { plainAddress } from "../../shared/core/schemas/client.ts";
import { authenticator } from "../../shared/http/callers.ts";
import { taskEndpoint } from "../../shared/http/endpoints.ts";
import type { Handler, HttpRequest } from "../../shared/http/message.ts";
import { taskRoutes } from "../../shared/http/partRoutes.ts";
import type { ClientDeps } from "./deps.ts";
import type { ClientEnv } from "./env.ts";
import { trainInvocation } from "./trainInvocation.ts";

export function clientHandler(deps: ClientDeps, env: ClientEnv): Handler {
  return taskEndpoint({
    routes: taskRoutes<"client">({
      invoke: (task, request) => trainInvocation(task, dueMs(request), deps),
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
}

/** When the queue was to send the task, from its header; null when it does not say. */
function dueMs(request: HttpRequest): number | null {
  const seconds = Number(request.headers["x-cloudtasks-tasketa"]);
  return Number.isFinite(seconds) && seconds > 0 ? seconds * 1_000 : null;
}
