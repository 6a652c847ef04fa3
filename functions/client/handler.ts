// The client function's routes: the task that trains, and the call that only has the instance start.
import * as z from "zod";
import type { Principal } from "../../shared/cloud/auth/verifyIdToken.ts";
import { plainAddress } from "../../shared/core/schemas/client.ts";
import { InvokeTask, WarmTask } from "../../shared/core/schemas/tasks.ts";
import { authenticator } from "../../shared/http/callers.ts";
import { taskEndpoint } from "../../shared/http/endpoints.ts";
import type { Handler, HttpRequest } from "../../shared/http/message.ts";
import { NoParams, NoQuery, route } from "../../shared/http/routes.ts";
import type { ClientDeps } from "./deps.ts";
import type { ClientEnv } from "./env.ts";
import { trainInvocation } from "./trainInvocation.ts";

const Done = z.strictObject({ result: z.string() });

export function clientHandler(deps: ClientDeps, env: ClientEnv): Handler {
  const define = route<Principal>("parts");
  const train = define({
    method: "POST",
    path: "/",
    summary: "Train on the client's data and report.",
    params: NoParams,
    query: NoQuery,
    body: InvokeTask,
    answer: { status: 200, schema: Done },
    run: async ({ body, request }) => ({ result: await trainInvocation(body, dueMs(request), deps) }),
  });
  const warm = define({
    method: "POST",
    path: "/warm",
    summary: "Load everything, so that the next round need not wait for it.",
    params: NoParams,
    query: NoQuery,
    body: WarmTask,
    answer: { status: 200, schema: Done },
    run: async () => {
      await deps.trainer();
      const coldStartMs = deps.takeColdStart();
      return { result: coldStartMs === null ? "it was warm" : "it is warm" };
    },
  });
  return taskEndpoint({
    routes: [train, warm],
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
