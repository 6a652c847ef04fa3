// The aggregator's one route: the task that folds a round.
import { showOnRun } from "../../shared/cloud/showOnRun.ts";
import { authenticator } from "../../shared/http/callers.ts";
import { taskEndpoint } from "../../shared/http/endpoints.ts";
import type { Handler } from "../../shared/http/message.ts";
import { taskRoutes } from "../../shared/http/partRoutes.ts";
import { aggregateRound } from "./aggregateRound.ts";
import type { AggregatorDeps } from "./deps.ts";
import type { AggregatorEnv } from "./env.ts";

export function aggregatorHandler(deps: AggregatorDeps, env: AggregatorEnv): Handler {
  return taskEndpoint({
    routes: taskRoutes<"aggregator">({ aggregate: (task) => aggregateRound(task, deps) }),
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
