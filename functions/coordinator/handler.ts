// The coordinator's routes: tasks that open and close rounds, and the two calls that clients make.
import * as z from "zod";
import type { Principal } from "../../shared/cloud/auth/verifyIdToken.ts";
import { showOnRun } from "../../shared/cloud/showOnRun.ts";
import { failedForGood } from "../../shared/core/round/giveUp.ts";
import { pauseForClients } from "../../shared/core/round/open.ts";
import { ClaimRequest, Grant, Receipt, ReportRequest } from "../../shared/core/schemas/protocol.ts";
import {
  CloseRoundTask,
  OpenRoundTask,
  PrewarmTask,
  SweepTask,
  WatchTask,
} from "../../shared/core/schemas/tasks.ts";
import { authenticator } from "../../shared/http/callers.ts";
import { apiEndpoint, taskEndpoint } from "../../shared/http/endpoints.ts";
import type { Handler } from "../../shared/http/message.ts";
import { type AnyRoute, NoParams, NoQuery, route } from "../../shared/http/routes.ts";
import { claimInvocation } from "./claim.ts";
import { clientCalls } from "./clientCalls.ts";
import { closeAtDeadline } from "./closeRound.ts";
import type { CoordinatorDeps } from "./deps.ts";
import type { CoordinatorEnv } from "./env.ts";
import { openRound } from "./openRound.ts";
import { prewarm } from "./prewarm.ts";
import { reportInvocation } from "./report.ts";
import { sweepRun } from "./sweepRun.ts";
import { watchRuns } from "./watchRuns.ts";
import { withinReason } from "./withinReason.ts";

const define = route<Principal>("parts");
const Done = z.strictObject({ result: z.string() });

function taskRoutes(deps: CoordinatorDeps): readonly AnyRoute<Principal>[] {
  return [
    define({
      method: "POST",
      path: "/open-round",
      summary: "Open the next round of a run.",
      params: NoParams,
      query: NoQuery,
      body: OpenRoundTask,
      answer: { status: 200, schema: Done },
      run: async ({ body }) => ({
        result: await withinReason(body.runId, deps, () => openRound(body, deps), pauseForClients),
      }),
    }),
    define({
      method: "POST",
      path: "/close-round",
      summary: "Close a round at its deadline.",
      params: NoParams,
      query: NoQuery,
      body: CloseRoundTask,
      answer: { status: 200, schema: Done },
      run: async ({ body }) => ({
        result: await withinReason(body.runId, deps, () => closeAtDeadline(body, deps), failedForGood),
      }),
    }),
    define({
      method: "POST",
      path: "/prewarm",
      summary: "Wake the clients of the round to come.",
      params: NoParams,
      query: NoQuery,
      body: PrewarmTask,
      answer: { status: 200, schema: Done },
      run: async ({ body }) => ({ result: await prewarm(body, deps) }),
    }),
    define({
      method: "POST",
      path: "/sweep",
      summary: "Clean up after a run that has ended.",
      params: NoParams,
      query: NoQuery,
      body: SweepTask,
      answer: { status: 200, schema: Done },
      run: async ({ body }) => ({ result: await sweepRun(body, deps) }),
    }),
    define({
      method: "POST",
      path: "/watchdog",
      summary: "Ask again for the tasks that runs have lost.",
      params: NoParams,
      query: NoQuery,
      body: WatchTask,
      answer: { status: 200, schema: Done },
      run: async () => ({ result: await watchRuns(deps) }),
    }),
  ];
}

function clientRoutes(deps: CoordinatorDeps): readonly AnyRoute<Principal>[] {
  const calls = clientCalls(deps.store);
  return [
    define({
      method: "POST",
      path: "/claim",
      summary: "Claim an invocation and get what it needs.",
      params: NoParams,
      query: NoQuery,
      body: ClaimRequest,
      answer: { status: 200, schema: Grant },
      run: ({ body, caller }) => claimInvocation(body, caller, calls, deps),
    }),
    define({
      method: "POST",
      path: "/report",
      summary: "Report how an invocation ended.",
      params: NoParams,
      query: NoQuery,
      body: ReportRequest,
      answer: { status: 200, schema: Receipt },
      run: ({ body, caller }) => reportInvocation(body, caller, calls, deps),
    }),
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
    routes: taskRoutes(deps),
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
  return (request) =>
    request.path === "/claim" || request.path === "/report" ? clients(request) : tasks(request);
}
