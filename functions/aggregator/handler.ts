// The aggregator's one route: the task that folds a round.
import * as z from "zod";
import type { Principal } from "../../shared/cloud/auth/verifyIdToken.ts";
import { showOnRun } from "../../shared/cloud/showOnRun.ts";
import { AggregateTask } from "../../shared/core/schemas/tasks.ts";
import { authenticator } from "../../shared/http/callers.ts";
import { taskEndpoint } from "../../shared/http/endpoints.ts";
import type { Handler } from "../../shared/http/message.ts";
import { NoParams, NoQuery, route } from "../../shared/http/routes.ts";
import { aggregateRound } from "./aggregateRound.ts";
import type { AggregatorDeps } from "./deps.ts";
import type { AggregatorEnv } from "./env.ts";

export function aggregatorHandler(deps: AggregatorDeps, env: AggregatorEnv): Handler {
  const aggregate = route<Principal>("parts")({
    method: "POST",
    path: "/aggregate",
    summary: "Fold a round's updates into the next model version.",
    params: NoParams,
    query: NoQuery,
    body: AggregateTask,
    answer: { status: 200, schema: z.strictObject({ result: z.string() }) },
    run: async ({ body }) => ({ result: await aggregateRound(body, deps) }),
  });
  return taskEndpoint({
    routes: [aggregate],
    authenticate: authenticator({
      audience: env.AGGREGATOR_URL,
      certsUrl: env.OIDC_CERTS_URL,
      checkedByRegion: env.CALLERS_CHECKED_BY_REGION,
      allowed: [env.TASK_INVOKER],
    }),
    log: deps.log,
    showOnRun: showOnRun(deps, "publish"),
  });
}
