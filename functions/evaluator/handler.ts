// The evaluator's routes: make a run's initial weights, and score a model version.
import * as z from "zod";
import type { Principal } from "../../shared/cloud/auth/verifyIdToken.ts";
import { showOnRun } from "../../shared/cloud/showOnRun.ts";
import { EvaluateTask, PrepareTask } from "../../shared/core/schemas/tasks.ts";
import { authenticator } from "../../shared/http/callers.ts";
import { taskEndpoint } from "../../shared/http/endpoints.ts";
import type { Handler } from "../../shared/http/message.ts";
import { NoParams, NoQuery, route } from "../../shared/http/routes.ts";
import type { EvaluatorDeps } from "./deps.ts";
import type { EvaluatorEnv } from "./env.ts";
import { evaluateVersion } from "./evaluateVersion.ts";
import { prepareRun } from "./prepareRun.ts";

const define = route<Principal>("parts");
const Done = z.strictObject({ result: z.string() });

export function evaluatorHandler(deps: EvaluatorDeps, env: EvaluatorEnv): Handler {
  const prepare = define({
    method: "POST",
    path: "/prepare",
    summary: "Make a run's initial weights.",
    params: NoParams,
    query: NoQuery,
    body: PrepareTask,
    answer: { status: 200, schema: Done },
    run: async ({ body }) => ({ result: await prepareRun(body, deps) }),
  });
  const evaluate = define({
    method: "POST",
    path: "/evaluate",
    summary: "Score a model version.",
    params: NoParams,
    query: NoQuery,
    body: EvaluateTask,
    answer: { status: 200, schema: Done },
    run: async ({ body }) => ({ result: await evaluateVersion(body, deps) }),
  });
  return taskEndpoint({
    routes: [prepare, evaluate],
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
