// Evaluations of model versions that somebody asks for: asks for one, and shows what came of them.
import * as z from "zod";
import type { Principal } from "../../shared/cloud/auth/verifyIdToken.ts";
import { found, readRun } from "../../shared/cloud/store/found.ts";
import { FlError } from "../../shared/core/errors.ts";
import { refs } from "../../shared/core/ports/store.ts";
import {
  askEvaluation,
  evaluationCommands,
  evaluationProblems,
  shownEvaluation,
  whyNotEvaluated,
} from "../../shared/core/round/askedEvaluation.ts";
import { askedScoreObject, modelObject } from "../../shared/core/round/objects.ts";
import { AskedMetrics, Evaluation } from "../../shared/core/schemas/evaluation.ts";
import { DataName } from "../../shared/core/schemas/ids.ts";
import { badInput } from "../../shared/http/parse.ts";
import { type AnyRoute, NoQuery, route } from "../../shared/http/routes.ts";
import type { ApiDeps } from "./deps.ts";
import { type IdempotencyKey, idempotencyKey, recall, remember } from "./idempotency.ts";
import { Link, linksTo, ModelParams, versionOf } from "./links.ts";
import { noteAction } from "./noteAction.ts";
import { PageQuery, page, pageOf } from "./paging.ts";
import { RunParams } from "./runs.ts";

const define = route<Principal>();

const EvaluationWish = z
  .strictObject({
    data: DataName.optional().describe("Another of the deployment's test sets than the run's."),
    metrics: AskedMetrics.optional().describe("Metrics beside loss and accuracy; absent: those of the run."),
  })
  .meta({ id: "EvaluationWish" });
type EvaluationWish = z.infer<typeof EvaluationWish>;

const EvaluationAnswer = z
  .strictObject({
    evaluation: Evaluation,
    details: Link.nullable().describe(
      "A JSON file with scores by class and the confusion matrix; null where it has none.",
    ),
  })
  .meta({ id: "EvaluationAnswer" });
type EvaluationAnswer = z.infer<typeof EvaluationAnswer>;

export function evaluationRoutes(deps: ApiDeps): readonly AnyRoute<Principal>[] {
  const { store, objects, dispatch, nowMs } = deps;
  const linkTo = linksTo(deps);
  return [
    define({
      method: "POST",
      path: "/v1/runs/{runId}/models/{version}/evaluate",
      operationId: "evaluateModel",
      summary:
        "Score a model version that exists on a test set of the deployment. It chooses no best version and ends no run.",
      params: ModelParams,
      query: NoQuery,
      body: EvaluationWish,
      answer: { status: 202, schema: Evaluation },
      idempotent: true,
      run: ({ params: { runId, version }, body, json, caller, request }) =>
        ask(runId, version, body, caller, idempotencyKey(request, json, caller)),
    }),
    define({
      method: "GET",
      path: "/v1/runs/{runId}/models/{version}/evaluation",
      operationId: "getEvaluation",
      summary: "Read the last evaluation that was asked for of a version.",
      params: ModelParams,
      query: NoQuery,
      answer: { status: 200, schema: EvaluationAnswer },
      run: ({ params: { runId, version } }) => read(runId, version),
    }),
    define({
      method: "GET",
      path: "/v1/runs/{runId}/evaluations",
      operationId: "listEvaluations",
      summary: "List the last evaluation that was asked for of each version of a run, by version.",
      params: RunParams,
      query: PageQuery,
      answer: { status: 200, schema: pageOf(Evaluation) },
      run: async ({ params: { runId }, query }) => {
        await readRun(store, runId);
        return page(query, async (request) => {
          const { items, ...rest } = await store.listEvaluations(runId, request);
          return { ...rest, items: items.map((item) => shownEvaluation(item, nowMs())) };
        });
      },
    }),
  ];

  async function ask(
    runId: string,
    named: string,
    wish: EvaluationWish,
    caller: Principal,
    key: IdempotencyKey | null,
  ): Promise<Evaluation> {
    const run = await readRun(store, runId);
    const problems = evaluationProblems(run, wish);
    if (problems.length > 0) throw badInput(problems);
    const why = whyNotEvaluated(run, wish);
    if (why !== null) throw new FlError("failed-precondition", why, { retry: "never" });
    const version = versionOf(run, named);
    if ((await objects.stat(modelObject(runId, version))) === null) {
      throw new FlError("not-found", `The file of version ${version} of run ${runId} is gone.`);
    }
    const evaluation = await orPending(runId, version, () =>
      store.transact("ask-evaluation", async (transaction) => {
        const before = await recall(transaction, key);
        // What "latest" means may have changed since.
        const meant = before?.version ?? version;
        const ref = refs.evaluation(runId, meant);
        const known = await transaction.get(ref);
        if (before !== null && known !== null) return known;
        const asked = askEvaluation(known, run, meant, wish, caller.email, nowMs());
        transaction.set(ref, asked);
        noteAction(transaction, { runId }, caller, { action: "evaluate-model", version: meant }, deps);
        remember(transaction, key, { runId, round: null, request: asked.number, version: meant }, nowMs());
        return asked;
      }),
    );
    await dispatch(evaluationCommands(evaluation));
    return shownEvaluation(evaluation, nowMs());
  }

  /** A refusal may be a repeated call's, whose first try died before its task was queued. */
  async function orPending<T>(runId: string, version: number, transition: () => Promise<T>): Promise<T> {
    try {
      return await transition();
    } catch (error) {
      if (error instanceof FlError && error.code === "failed-precondition") {
        const pending = await store.get(refs.evaluation(runId, version));
        if (pending !== null) await dispatch(evaluationCommands(pending));
      }
      throw error;
    }
  }

  async function read(runId: string, named: string): Promise<EvaluationAnswer> {
    const version = versionOf(await readRun(store, runId), named);
    const known = found(
      await store.get(refs.evaluation(runId, version)),
      `evaluation of version ${version} of run ${runId} that somebody asked for`,
    );
    const evaluation = shownEvaluation(known, nowMs());
    const details = known.hasDetails ? await linkTo(askedScoreObject(runId, version, known.number)) : null;
    return { evaluation, details };
  }
}
