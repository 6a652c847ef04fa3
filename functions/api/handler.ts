// The api's route table, and the document that describes it.
import * as z from "zod";
import type { Principal } from "../../shared/cloud/auth/verifyIdToken.ts";
import { authenticator } from "../../shared/http/callers.ts";
import { apiEndpoint } from "../../shared/http/endpoints.ts";
import type { Handler } from "../../shared/http/message.ts";
import { type AnyRoute, NoParams, NoQuery, route } from "../../shared/http/routes.ts";
import { actionRoutes } from "./actions.ts";
import { behaviourRoutes } from "./behaviour.ts";
import { checkRoutes } from "./checks.ts";
import { clientRoutes } from "./clients.ts";
import type { ApiDeps } from "./deps.ts";
import type { ApiEnv } from "./env.ts";
import { evaluationRoutes } from "./evaluations.ts";
import { liveRoutes } from "./live.ts";
import { metaRoutes } from "./meta.ts";
import { resultRoutes } from "./results.ts";
import { runRoutes } from "./runs.ts";
import { seriesRoutes } from "./series.ts";
import { uploadRoutes } from "./uploads.ts";

const INFO = {
  title: "FedStratus",
  version: "1",
  description:
    "Federated learning on cloud functions: register clients, create runs, trigger rounds, read the results.",
};

const TAGS = {
  clients: "Data owners' training functions.",
  runs: "Training jobs: create, steer, follow.",
  rounds: "Rounds of a run.",
  invocations: "What each client did in a round.",
  models: "Model versions of a run, and their scores.",
  uploads: "Files that a spec names.",
  meta: "This deployment.",
};

function apiRoutes(deps: ApiDeps, env: ApiEnv): readonly AnyRoute<Principal>[] {
  const routes = [
    ...clientRoutes(deps),
    ...checkRoutes(deps),
    ...runRoutes(deps, env),
    ...liveRoutes(deps),
    ...resultRoutes(deps),
    ...evaluationRoutes(deps),
    ...actionRoutes(deps),
    ...behaviourRoutes(deps),
    ...metaRoutes(deps),
    ...seriesRoutes(deps),
    ...uploadRoutes(deps),
  ];
  // Made once: anybody may ask for it.
  let described: Record<string, unknown> | undefined;
  const document: AnyRoute<Principal> = route<Principal>()({
    method: "GET",
    path: "/openapi.json",
    operationId: "getDescription",
    summary: "This description; needs no token.",
    isOpen: true,
    params: NoParams,
    query: NoQuery,
    answer: { status: 200, schema: z.record(z.string(), z.unknown()) },
    run: async (): Promise<Record<string, unknown>> => {
      if (described === undefined) {
        const [{ openApi }, { default: examples }] = await Promise.all([
          import("../../shared/http/openapi.ts"),
          import("./examples.json", { with: { type: "json" } }),
        ]);
        described = openApi(INFO, [...routes, document], { url: env.API_URL, tags: TAGS, examples });
      }
      return described;
    },
  });
  return [...routes, document];
}

export function apiHandler(deps: ApiDeps, env: ApiEnv): Handler {
  return apiEndpoint({
    routes: apiRoutes(deps, env),
    authenticate: authenticator({
      audience: env.API_URL,
      certsUrl: env.OIDC_CERTS_URL,
      checkedByRegion: env.CALLERS_CHECKED_BY_REGION,
      allowed: env.OPERATORS,
    }),
    log: deps.log,
    showsDamage: true,
  });
}
