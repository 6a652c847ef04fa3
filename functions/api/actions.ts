// Lists of who did what to a run or a client, and when.
import type { Principal } from "../../shared/cloud/auth/verifyIdToken.ts";
import { found, readRun } from "../../shared/cloud/store/found.ts";
import { refs } from "../../shared/core/ports/store.ts";
import { Action } from "../../shared/core/schemas/action.ts";
import { type AnyRoute, route } from "../../shared/http/routes.ts";
import { ClientParams } from "./clients.ts";
import type { ApiDeps } from "./deps.ts";
import { PageQuery, page, pageOf } from "./paging.ts";
import { RunParams } from "./runs.ts";

const define = route<Principal>();

export function actionRoutes({ store }: ApiDeps): readonly AnyRoute<Principal>[] {
  return [
    define({
      method: "GET",
      path: "/v1/runs/{runId}/actions",
      operationId: "listRunActions",
      summary: "List who did what to a run, newest first.",
      params: RunParams,
      query: PageQuery,
      answer: { status: 200, schema: pageOf(Action) },
      run: async ({ params, query }) => {
        await readRun(store, params.runId);
        return page(query, (request) => store.listActions(params, request));
      },
    }),
    define({
      method: "GET",
      path: "/v1/clients/{clientId}/actions",
      operationId: "listClientActions",
      summary: "List who did what to a client, also to one that is retired, newest first.",
      params: ClientParams,
      query: PageQuery,
      answer: { status: 200, schema: pageOf(Action) },
      run: async ({ params, query }) => {
        found(await store.get(refs.client(params.clientId)), `client ${params.clientId}`);
        return page(query, (request) => store.listActions(params, request));
      },
    }),
  ];
}
