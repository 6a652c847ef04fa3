// Results: rounds, their invocations, and links to model versions.

import * as z from "zod";
import type { Principal } from "../../shared/cloud/auth/verifyIdToken.ts";
import { found, readRun } from "../../shared/cloud/store/found.ts";
import { FlError } from "../../shared/core/errors.ts";
import { refs } from "../../shared/core/ports/store.ts";
import {
  modelObject,
  modelSourceObject,
  scoreObject,
  topologyObject,
} from "../../shared/core/round/objects.ts";
import { Instant, ModelVersion, RoundNumber, RunId } from "../../shared/core/schemas/ids.ts";
import { Invocation } from "../../shared/core/schemas/invocation.ts";
import { Round } from "../../shared/core/schemas/round.ts";
import { type AnyRoute, NoQuery, route } from "../../shared/http/routes.ts";
import type { ApiDeps } from "./deps.ts";
import { Link, linksTo, ModelParams, versionOf } from "./links.ts";
import { PageQuery, page, pageOf } from "./paging.ts";
import { RunParams } from "./runs.ts";

const define = route<Principal>();

const RoundParams = z.strictObject({
  runId: RunId,
  round: z.coerce.number("use a round's number, 1 for the first").pipe(RoundNumber),
});
const TopologyLinks = z
  .strictObject({
    topology: Link.describe(
      "What is trained, in the words of TensorFlow.js: `modelTopology` of a model.json.",
    ),
    source: Link.nullable().describe("`model` as it was given with the spec; null for a built-in model."),
  })
  .meta({ id: "TopologyLinks" });
type TopologyLinks = z.infer<typeof TopologyLinks>;

const ModelLink = z
  .strictObject({
    version: ModelVersion,
    url: z.string().describe("GET it, as it is, before it expires: a safetensors file."),
    sizeBytes: z.number().int(),
    expiresAt: Instant,
  })
  .meta({ id: "ModelLink" });
type ModelLink = z.infer<typeof ModelLink>;

const ScoreLink = z
  .strictObject({
    version: ModelVersion,
    details: Link.describe(
      "A JSON file: precision, recall, F1 and AUC by class, and the confusion matrix (rows are true classes, columns predicted ones).",
    ),
  })
  .meta({ id: "ScoreLink" });
type ScoreLink = z.infer<typeof ScoreLink>;

export function resultRoutes(deps: ApiDeps): readonly AnyRoute<Principal>[] {
  const { store } = deps;
  const linkTo = linksTo(deps);
  return [
    define({
      method: "GET",
      path: "/v1/runs/{runId}/rounds",
      operationId: "listRounds",
      summary: "List a run's rounds, first to last.",
      params: RunParams,
      query: PageQuery,
      answer: { status: 200, schema: pageOf(Round) },
      run: async ({ params, query }) => {
        await readRun(store, params.runId);
        return page(query, (request) => store.listRounds(params.runId, request));
      },
    }),
    define({
      method: "GET",
      path: "/v1/runs/{runId}/rounds/{round}",
      operationId: "getRound",
      summary: "Read a round.",
      params: RoundParams,
      query: NoQuery,
      answer: { status: 200, schema: Round },
      run: ({ params }) => readRound(params.runId, params.round),
    }),
    define({
      method: "GET",
      path: "/v1/runs/{runId}/rounds/{round}/invocations",
      operationId: "listInvocations",
      summary: "List a round's invocations by client.",
      params: RoundParams,
      query: PageQuery,
      answer: { status: 200, schema: pageOf(Invocation) },
      run: async ({ params, query }) => {
        await readRound(params.runId, params.round);
        return page(query, (request) => store.listInvocations(params.runId, params.round, request));
      },
    }),
    define({
      method: "GET",
      path: "/v1/runs/{runId}/topology",
      operationId: "getTopology",
      summary: "Get short-lived links to a run's topology and to the model as it was given.",
      params: RunParams,
      query: NoQuery,
      answer: { status: 200, schema: TopologyLinks },
      run: ({ params }) => topologyLinks(params.runId),
    }),
    define({
      method: "GET",
      path: "/v1/runs/{runId}/models/{version}",
      operationId: "getModel",
      summary: "Get a short-lived link to a model version.",
      params: ModelParams,
      query: NoQuery,
      answer: { status: 200, schema: ModelLink },
      run: ({ params }) => modelLink(params.runId, params.version),
    }),
    define({
      method: "GET",
      path: "/v1/runs/{runId}/models/{version}/score",
      operationId: "getScore",
      summary: "Get a short-lived link to a version's scores by class and its confusion matrix.",
      params: ModelParams,
      query: NoQuery,
      answer: { status: 200, schema: ScoreLink },
      run: ({ params }) => scoreLink(params.runId, params.version),
    }),
  ];

  async function readRound(runId: string, number: number): Promise<Round> {
    return found(await store.get(refs.round(runId, number)), `round ${number} of run ${runId}`);
  }

  async function modelLink(runId: string, named: string): Promise<ModelLink> {
    const version = versionOf(await readRun(store, runId), named);
    const link = await linkTo(modelObject(runId, version));
    if (link !== null) return { version, ...link };
    throw new FlError("not-found", `The file of version ${version} of run ${runId} is gone.`);
  }

  async function scoreLink(runId: string, named: string): Promise<ScoreLink> {
    const version = versionOf(await readRun(store, runId), named);
    const details = await linkTo(scoreObject(runId, version));
    if (details !== null) return { version, details };
    throw new FlError(
      "not-found",
      `Version ${version} of run ${runId} has no scores by class: they are kept where evaluation.metrics names precision, recall, f1 or auc.`,
    );
  }

  async function topologyLinks(runId: string): Promise<TopologyLinks> {
    const { spec } = await readRun(store, runId);
    if ("parameters" in spec.model) {
      throw new FlError(
        "not-found",
        `Run ${runId} has no topology: it has parameters alone, which the run's model lists.`,
      );
    }
    const topology = await linkTo(topologyObject(runId));
    if (topology === null)
      throw new FlError("not-found", `Run ${runId} has no topology yet: ask again when it is ready.`);
    return { topology, source: await linkTo(modelSourceObject(runId)) };
  }
}
