// The evaluator's routes: make a run's initial weights, and score a model version.
import { showOnRun } from "../../shared/cloud/showOnRun.ts";
import { authenticator } from "../../shared/http/callers.ts";
import { taskEndpoint } from "../../shared/http/endpoints.ts";
import type { Handler } from "../../shared/http/message.ts";
import { taskRoutes } from "../../shared/http/partRoutes.ts";
import type { EvaluatorDeps } from "./deps.ts";
import type { EvaluatorEnv } from "./env.ts";
import { evaluateVersion } from "./evaluateVersion.ts";
import { prepareRun } from "./prepareRun.ts";
import { scoreAsked } from "./scoreAsked.ts";

export function evaluatorHandler(deps: EvaluatorDeps, env: EvaluatorEnv): Handler {
  return taskEndpoint({
    routes: taskRoutes<"evaluator">({
      prepare: (task) => prepareRun(task, deps),
      evaluate: (task) => evaluateVersion(task, deps),
      score: (task) => scoreAsked(task, deps),
    }),
    authenticate: authenticator({
      audience: env.EVALUATOR_URL,
      certsUrl: env.OIDC_CERTS_URL,
      checkedByRegion: env.CALLERS_CHECKED_BY_REGION,
      allowed: [env.TASK_INVOKER],
    }),
    log: deps.log,
    showOnRun: showOnRun(deps, "record-score"),
  });
}
