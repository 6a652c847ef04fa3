// Runs: create, list, read, and move along: start, pause, resume, cancel, trigger one round.

import { createHash } from "node:crypto";
import * as z from "zod";
import type { Principal } from "../../shared/cloud/auth/verifyIdToken.ts";
import { writeOnce } from "../../shared/cloud/objects/writeOnce.ts";
import { readRun } from "../../shared/cloud/store/found.ts";
import { FlError } from "../../shared/core/errors.ts";
import { givenTopology } from "../../shared/core/models/givenTopology.ts";
import { normalTopology } from "../../shared/core/models/normalTopology.ts";
import { isObject } from "../../shared/core/models/topology.ts";
import { refs, type Transaction } from "../../shared/core/ports/store.ts";
import { changedPaths, merged } from "../../shared/core/round/change.ts";
import {
  type ControlAction,
  cancelRound,
  control,
  createRun,
  pendingCommands,
  trigger,
} from "../../shared/core/round/control.ts";
import { modelSourceObject, topologyObject } from "../../shared/core/round/objects.ts";
import { RunAnnotation, RunChange } from "../../shared/core/schemas/annotation.ts";
import { RoundNumber, RunId } from "../../shared/core/schemas/ids.ts";
import { hasTopology } from "../../shared/core/schemas/model.ts";
import { Run, RunStatus } from "../../shared/core/schemas/run.ts";
import { RunSpec, type StoredRunSpec, type StoredWeights } from "../../shared/core/schemas/spec.ts";
import { badInput, parse } from "../../shared/http/parse.ts";
import { type AnyRoute, NoParams, NoQuery, route } from "../../shared/http/routes.ts";
import type { ApiDeps } from "./deps.ts";
import { type IdempotencyKey, idempotencyKey, recall, remember } from "./idempotency.ts";
import { noteAction } from "./noteAction.ts";
import { PageQuery, page, pageOf } from "./paging.ts";
import { type FunctionMemories, RunCheck } from "./runCheckAnswer.ts";

const define = route<Principal>();

/** A model's topology is the largest thing anybody sends. */
const MAX_SPEC_BYTES = 4 * 1024 * 1024;

export const RunParams = z.strictObject({ runId: RunId });

/** A spec whose problems are all listed, those of its schema too. */
const SpecAsSent = z
  .record(z.string(), z.unknown())
  .meta({ id: "SpecAsSent", description: "A `RunSpec`, whatever is wrong with it." });

const RunsQuery = PageQuery.extend({
  status: z
    .string()
    .transform((list) => list.split(","))
    .pipe(z.array(RunStatus))
    .optional()
    .describe("Any of these, between commas: `running,paused`."),
  createdBy: z.string().min(1).max(254).optional().describe("The e-mail address of who created it."),
  name: z
    .string()
    .min(1)
    .max(200)
    .optional()
    .describe("What its name begins with, in large letters or small."),
  label: z
    .string()
    .regex(/^[^=]{1,63}(?:=.{0,63})?$/u, "use a label's name, or name=value")
    .transform((text) => {
      const [name = "", ...value] = text.split("=");
      return value.length === 0 ? { name } : { name, value: value.join("=") };
    })
    .optional()
    .describe("A label that it has: `team`, or `team=cardiology`."),
});

const Triggered = z
  .strictObject({
    runId: RunId,
    round: RoundNumber.describe("The round that opens next."),
    request: z.number().int().describe("Which request to open a round this is, counted from 1."),
  })
  .meta({ id: "Triggered" });
type Triggered = z.infer<typeof Triggered>;

const ACTIONS: Readonly<Record<ControlAction, string>> = {
  start: "Let the run advance by itself until its stop rule is met.",
  pause: "Let the open round finish and open no more.",
  resume: "Go on after a pause.",
  cancel: "End the run; clients still working learn of it at their next call.",
};

export function runRoutes(deps: ApiDeps, env: FunctionMemories): readonly AnyRoute<Principal>[] {
  const { store, dispatch, nowMs } = deps;
  return [
    define({
      method: "POST",
      path: "/v1/runs",
      operationId: "createRun",
      summary:
        "Create a run. Its initial weights are made at once; start it or trigger rounds when it is ready.",
      params: NoParams,
      query: NoQuery,
      body: RunSpec,
      answer: { status: 201, schema: Run },
      idempotent: true,
      maxBodyBytes: MAX_SPEC_BYTES,
      run: ({ body, json, caller, request }) =>
        create(body, givenModel(json), caller, idempotencyKey(request, json, caller)),
    }),
    define({
      method: "POST",
      path: "/v1/runs/check",
      operationId: "checkRun",
      summary:
        "Say everything that is wrong with a run's spec, what its model takes, and what is known of its clients and its cost. Writes nothing.",
      params: NoParams,
      query: NoQuery,
      body: SpecAsSent,
      answer: { status: 200, schema: RunCheck },
      maxBodyBytes: MAX_SPEC_BYTES,
      run: async ({ json }) => {
        const { checkRun } = await import("./runCheck.ts");
        return checkRun(json, env, deps);
      },
    }),
    define({
      method: "GET",
      path: "/v1/runs",
      operationId: "listRuns",
      summary:
        "List runs, newest first. With a filter a page may have fewer items than its limit while there are more.",
      params: NoParams,
      query: RunsQuery,
      answer: { status: 200, schema: pageOf(Run) },
      run: ({ query: { status, createdBy, name, label, ...query } }) =>
        page(query, (request) => store.listRuns(request, { status, createdBy, name, label })),
    }),
    define({
      method: "GET",
      path: "/v1/runs/{runId}",
      operationId: "getRun",
      summary: "Read a run.",
      params: RunParams,
      query: NoQuery,
      answer: { status: 200, schema: Run },
      run: ({ params }) => readRun(store, params.runId),
    }),
    define({
      method: "PATCH",
      path: "/v1/runs/{runId}",
      operationId: "changeRun",
      summary: "Change the labels and notes of a run; whatever is absent stays.",
      params: RunParams,
      query: NoQuery,
      body: RunChange,
      answer: { status: 200, schema: Run },
      run: ({ params, body, caller }) => change(params.runId, body, caller),
    }),
    define({
      method: "POST",
      path: "/v1/runs/{runId}/rounds",
      operationId: "triggerRound",
      summary: "Trigger one round of a run that is ready or paused.",
      params: RunParams,
      query: NoQuery,
      answer: { status: 202, schema: Triggered },
      idempotent: true,
      run: ({ params, json, caller, request }) =>
        triggerRound(params.runId, caller, idempotencyKey(request, json, caller)),
    }),
    ...(["start", "pause", "resume", "cancel"] as const).map((action) =>
      define({
        method: "POST",
        path: `/v1/runs/{runId}/${action}`,
        operationId: `${action}Run`,
        summary: ACTIONS[action],
        params: RunParams,
        query: NoQuery,
        answer: { status: 200, schema: Run },
        idempotent: true,
        run: ({ params, json, caller, request }) =>
          act(params.runId, action, caller, idempotencyKey(request, json, caller)),
      }),
    ),
  ];

  async function create(
    spec: RunSpec,
    given: unknown,
    caller: Principal,
    key: IdempotencyKey | null,
  ): Promise<Run> {
    // A key makes the id, so that a repeated request finds its run; with another body, it cannot touch that
    // run's objects.
    const runId = runIdFor(spec.name, key === null ? deps.newSuffix() : suffixOf(key));
    const made = key === null ? null : await store.get(refs.run(runId));
    if (made !== null) {
      // What it began with may be gone by now.
      await dispatch(pendingCommands(made));
      return made;
    }
    const { specVerdict } = await import("./runCheck.ts");
    const { problems, weights } = await specVerdict(spec, env, deps);
    if (problems.length > 0) throw badInput(problems);
    const stored = await storedSpec(runId, spec, given, weights, deps);
    const run = await store.transact("create-run", async (transaction) => {
      // Its id says that it is this request's, also where the answer to the commit was lost or the key is
      // forgotten by now.
      const known = await transaction.get(refs.run(runId));
      const before = await recall(transaction, key);
      if (known !== null) return known;
      if (before !== null) {
        const made = before.runId ?? runId;
        return readRun(transaction, made);
      }
      const created = createRun(runId, stored, caller.email, nowMs());
      transaction.create(refs.run(runId), created);
      noteAction(transaction, { runId }, caller, { action: "create-run" }, deps);
      remember(transaction, key, { runId, round: null, request: null }, nowMs());
      return created;
    });
    await dispatch(pendingCommands(run));
    return run;
  }

  function change(runId: string, wish: RunChange, caller: Principal): Promise<Run> {
    const ref = refs.run(runId);
    return store.transact("change-run", async (transaction) => {
      const run = await readRun(transaction, runId);
      const before = { labels: run.labels, notes: run.notes };
      const after = parse(RunAnnotation, merged(before, wish));
      const changed = [...changedPaths(before, after)];
      if (changed.length === 0) return run;
      // Its own updatedAt is for what becomes of it.
      const changedRun = { ...run, ...after };
      transaction.set(ref, changedRun);
      noteAction(transaction, { runId }, caller, { action: "change-run", changed }, deps);
      return changedRun;
    });
  }

  async function act(
    runId: string,
    action: ControlAction,
    caller: Principal,
    key: IdempotencyKey | null,
  ): Promise<Run> {
    const transition = store.transact("control-run", async (transaction) => {
      const current = await readRun(transaction, runId);
      const open =
        action === "cancel" && current.openRound !== null ? refs.round(runId, current.openRound) : null;
      const round = open === null ? null : await transaction.get(open);
      if ((await recall(transaction, key)) !== null) return current;
      const { run: changed } = control(current, action, nowMs());
      transaction.set(refs.run(runId), changed);
      noteAction(transaction, { runId }, caller, { action: `${action}-run` }, deps);
      if (open !== null && round !== null) transaction.set(open, cancelRound(round, nowMs()));
      remember(transaction, key, { runId, round: null, request: null }, nowMs());
      return changed;
    });
    const run = await orPending(runId, transition);
    await dispatch(pendingCommands(run));
    return run;
  }

  async function triggerRound(
    runId: string,
    caller: Principal,
    key: IdempotencyKey | null,
  ): Promise<Triggered> {
    const transition = store.transact("trigger-round", async (transaction: Transaction) => {
      const current = await readRun(transaction, runId);
      const before = await recall(transaction, key);
      if (before !== null && before.round !== null && before.request !== null) {
        return { run: current, answer: { runId, round: before.round, request: before.request } };
      }
      const { run: changed } = trigger(current, nowMs());
      transaction.set(refs.run(runId), changed);
      const made = { runId, round: changed.round + 1, request: changed.openRequest.number };
      noteAction(transaction, { runId }, caller, { action: "trigger-round", round: made.round }, deps);
      remember(transaction, key, made, nowMs());
      return { run: changed, answer: made };
    });
    const { run, answer } = await orPending(runId, transition);
    await dispatch(pendingCommands(run));
    return answer;
  }

  /**
   * A refusal may be a repeated call's, whose first try died before its tasks were queued: they are asked for
   * again.
   */
  async function orPending<T>(runId: string, transition: Promise<T>): Promise<T> {
    try {
      return await transition;
    } catch (error) {
      if (error instanceof FlError && error.code === "failed-precondition") {
        const run = await store.get(refs.run(runId));
        if (run !== null) await dispatch(pendingCommands(run));
      }
      throw error;
    }
  }
}

/** `model` of a spec as it was sent, of which only files keep more than its schema does. */
function givenModel(json: unknown): unknown {
  return isObject(json) ? json["model"] : undefined;
}

/**
 * The topology goes to the bucket, so that documents stay small and clients can read it through a link: as
 * everything after reads it, and as it was given.
 */
async function storedSpec(
  runId: string,
  spec: RunSpec,
  given: unknown,
  weights: StoredWeights | null,
  { objects }: ApiDeps,
): Promise<StoredRunSpec> {
  const { model } = spec;
  const initial = weights === null ? {} : { weights };
  if ("builtin" in model) return { ...spec, model: { builtin: model.builtin, ...initial } };
  const source = modelSourceObject(runId);
  await writeJsonOnce(source, "write-source", given, objects);
  if (!hasTopology(model)) {
    if (weights === null) throw new FlError("internal", "Parameters alone have no initial values.");
    return { ...spec, model: { parameters: source, weights } };
  }
  const object = topologyObject(runId);
  await writeJsonOnce(object, "write-topology", normalTopology(givenTopology(model)), objects);
  return { ...spec, model: { object, ...initial } };
}

/** A repeated request finds what it has written: the api may create objects, not replace them. */
async function writeJsonOnce(
  object: string,
  step: "write-source" | "write-topology",
  content: unknown,
  objects: ApiDeps["objects"],
): Promise<void> {
  if ((await objects.stat(object)) !== null) return;
  await writeOnce(objects, object, new TextEncoder().encode(JSON.stringify(content)), {
    step,
    contentType: "application/json",
  });
}

/** A readable name that is unique: "Fashion 20" becomes fashion-20-1f9c0a77. */
function runIdFor(name: string, suffix: string): string {
  const slug = name
    .toLowerCase()
    .normalize("NFKD")
    .replace(/\p{Mark}/gu, "")
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 40)
    .replace(/-+$/, "");
  return slug === "" ? `run-${suffix}` : `${slug}-${suffix}`;
}

function suffixOf({ id, fingerprint }: IdempotencyKey): string {
  return createHash("sha256").update(`${id}${fingerprint}`).digest("hex").slice(0, 8);
}
