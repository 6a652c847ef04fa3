// The coordinator's routes: tasks that open and close rounds, and the two calls that clients make.
import type { Principal } from "../../shared/cloud/auth/verifyIdToken.ts";
import { showOnRun } from "../../shared/cloud/showOnRun.ts";
import { CLIENT_CALLS } from "../../shared/core/protocol/clientCalls.ts";
import { WATCHDOG } from "../../shared/core/protocol/tasks.ts";
import { failedForGood } from "../../shared/core/round/giveUp.ts";
import { pauseForClients } from "../../shared/core/round/open.ts";
import { authenticator } from "../../shared/http/callers.ts";
import { apiEndpoint, taskEndpoint } from "../../shared/http/endpoints.ts";
import type { Handler } from "../../shared/http/message.ts";
import { callRoute, taskRoute, taskRoutes } from "../../shared/http/partRoutes.ts";
import type { AnyRoute } from "../../shared/http/routes.ts";
import { checkClient, claimClientCheck, reportClientCheck } from "./checkClient.ts";
import { claimInvocation } from "./claim.ts";
import { clientCalls } from "./clientCalls.ts";
import { closeAtDeadline } from "./closeRound.ts";
import type { CoordinatorDeps } from "./deps.ts";
import type { CoordinatorEnv } from "./env.ts";
import { openRound } from "./openRound.ts";
import { passOnAtDeadline } from "./passOn.ts";
import { prewarm } from "./prewarm.ts";
import { reportInvocation } from "./report.ts";
import { sweepRun } from "./sweepRun.ts";
import { watchRuns } from "./watchRuns.ts";
import { withinReason } from "./withinReason.ts";

function queuedRoutes(deps: CoordinatorDeps): readonly AnyRoute<Principal>[] {
  return [
    ...taskRoutes<"coordinator">({
      "open-round": (task) => withinReason(task.runId, deps, () => openRound(task, deps), pauseForClients),
      "close-round": (task) =>
        withinReason(task.runId, deps, () => closeAtDeadline(task, deps), failedForGood),
      "pass-on": (task) => withinReason(task.runId, deps, () => passOnAtDeadline(task, deps), failedForGood),
      prewarm: (task) => prewarm(task, deps),
      sweep: (task) => sweepRun(task, deps),
      "check-client": (task) => checkClient(task, deps),
    }),
    taskRoute(WATCHDOG, () => watchRuns(deps)),
  ];
}

function clientRoutes(deps: CoordinatorDeps): readonly AnyRoute<Principal>[] {
  const calls = clientCalls(deps.store);
  const { claim, report } = CLIENT_CALLS;
  return [
    callRoute(claim, ({ body, caller }) => claimInvocation(body, caller, calls, deps)),
    callRoute(report, ({ body, caller }) => reportInvocation(body, caller, calls, deps)),
    callRoute(CLIENT_CALLS["claim-check"], ({ body, caller }) => claimClientCheck(body, caller, deps)),
    callRoute(CLIENT_CALLS["report-check"], ({ body, caller }) => reportClientCheck(body, caller, deps)),
  ];
}

export function coordinatorHandler(deps: CoordinatorDeps, env: CoordinatorEnv): Handler {
  const identity = {
    audience: env.COORDINATOR_URL,
    certsUrl: env.OIDC_CERTS_URL,
    checkedByRegion: env.CALLERS_CHECKED_BY_REGION,
  };
  const shown = showOnRun(deps, "change-request");
  const tasks = taskEndpoint({
    routes: queuedRoutes(deps),
    authenticate: authenticator({ ...identity, allowed: [env.TASK_INVOKER] }),
    log: deps.log,
    showOnRun: shown,
  });
  // Who may claim and report is written on the invocation itself.
  const clients = apiEndpoint({
    routes: clientRoutes(deps),
    authenticate: authenticator({ ...identity, allowed: "any-verified" }),
    log: deps.log,
    showOnRun: shown,
  });
  const clientPaths: readonly string[] = Object.values(CLIENT_CALLS).map(({ path }) => path);
  return (request) => (clientPaths.includes(request.path) ? clients(request) : tasks(request));
}
