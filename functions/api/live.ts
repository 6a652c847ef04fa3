// Following a run: what has changed since the last look, in one small answer.
import * as z from "zod";
import type { Principal } from "../../shared/cloud/auth/verifyIdToken.ts";
import { found } from "../../shared/cloud/store/found.ts";
import { InvocationFigures, RoundFigures } from "../../shared/core/schemas/figures.ts";
import { Run } from "../../shared/core/schemas/run.ts";
import { type AnyRoute, NoQuery, route } from "../../shared/http/routes.ts";
import type { ApiDeps } from "./deps.ts";
import { RunParams } from "./runs.ts";

const define = route<Principal>();

const LiveQuery = NoQuery.extend({
  since: z
    .string()
    .min(1)
    .max(200)
    .optional()
    .describe(
      "`cursor` of the look before. Absent: the run, its last rounds and the last one's invocations.",
    ),
});

const Live = z
  .strictObject({
    cursor: z.string().describe("For the next look; the same as before where nothing has changed."),
    run: Run.nullable().describe("Null where it has not changed."),
    rounds: z
      .array(RoundFigures)
      .describe("Those of the last 20 that have changed, ascending. Earlier ones are in the run's series."),
    invocations: z
      .array(InvocationFigures)
      .describe(
        "Those of the last round that have changed, and of the round before what came of it until its end.",
      ),
  })
  .meta({ id: "Live" });

export function liveRoutes({ store }: Pick<ApiDeps, "store">): readonly AnyRoute<Principal>[] {
  return [
    define({
      method: "GET",
      path: "/v1/runs/{runId}/live",
      operationId: "followRun",
      summary:
        "Read what has changed of a run since the last look. With If-None-Match, nothing is sent where nothing has.",
      params: RunParams,
      query: LiveQuery,
      answer: { status: 200, schema: Live },
      run: async ({ params: { runId }, query: { since } }) => {
        const changes = found(await store.changesOf(runId, since), `run ${runId}`);
        return { ...changes, rounds: [...changes.rounds], invocations: [...changes.invocations] };
      },
    }),
  ];
}
