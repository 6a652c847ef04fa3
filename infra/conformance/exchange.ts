// One exchange with a client under test: a task is delivered as the queue does it, and what came of it is
// kept.
import { setTimeout as sleep } from "node:timers/promises";
import * as z from "zod";
import { clientStateShape } from "../../shared/core/methods/training/clientState.ts";
import { updateShape } from "../../shared/core/methods/training/methodTensors.ts";
import { TrainingOptions } from "../../shared/core/methods/training/options.ts";
import type { EncodingName } from "../../shared/core/methods/update/encodings.ts";
import type { TransformOptions } from "../../shared/core/methods/update/transformOptions.ts";
import {
  clientStateObject,
  modelObject,
  stateObject,
  topologyObject,
  updateObject,
} from "../../shared/core/round/objects.ts";
import type { Parameter } from "../../shared/core/schemas/model.ts";
import { ClaimRequest, Grant, ReportRequest } from "../../shared/core/schemas/protocol.ts";
import type { Covers } from "../../shared/core/updates/covers.ts";
import { encodeSafetensors, maxFileBytes } from "../../shared/core/updates/safetensors.ts";
import { type ModelShape, tensorsOf, type Weights } from "../../shared/core/updates/weights.ts";
import { refusal, type Script, type Seen, type Stage, type StageAnswer, type Task } from "./stage.ts";
import type { TheRun } from "./theRun.ts";

export interface Bench {
  readonly stage: Stage;
  readonly run: TheRun;
  /** Where tasks are sent. */
  readonly clientUrl: string;
  /** How long a client may take for one task. */
  readonly timeoutMs: number;
  /** Whether nobody but the platform in front of it checks who calls the client. */
  readonly platformChecks: boolean;
  /** The number of the next exchange's round. */
  nextRound(): number;
}

/** What is unusual in an exchange; everything has a default. */
export interface Setup {
  readonly parameters?: ModelShape;
  readonly weights?: Weights;
  readonly baseVersion?: number;
  /** In the place of the model's file. */
  readonly modelFile?: Uint8Array;
  /** Laid over the run's. */
  readonly training?: Readonly<Record<string, unknown>>;
  /** In the place of the run's. */
  readonly otherTraining?: Readonly<Record<string, unknown>>;
  readonly encoding?: EncodingName;
  readonly transforms?: readonly TransformOptions[];
  readonly covers?: Covers;
  /** What the client has kept, where it has any. */
  readonly clientState?: { readonly file: Uint8Array; readonly sha256: string };
  /** The file beside the version; none where absent. */
  readonly versionState?: Uint8Array;
  /** The release that a claim needs, where it is not the run's. */
  readonly release?: number;
  readonly deadlineMs?: number;
  readonly onDeadline?: "finish-late" | "submit-partial";
  /** The grant as it is sent, from the one that it would be. */
  readonly grant?: (grant: Readonly<Record<string, unknown>>) => unknown;
  /** In the place of a claim's answer; undefined leaves it. The first has the number 1. */
  readonly claim?: (number: number) => StageAnswer | null | undefined;
  readonly report?: (number: number) => StageAnswer | null | undefined;
  readonly storage?: Script["storage"];
  /** Keys that the task has beside its own. */
  readonly task?: Readonly<Record<string, unknown>>;
  /** Deliveries of the task at most: the queue repeats it while the answer is no 2xx. Default 3. */
  readonly deliveries?: number;
  /** Deliveries at the same time. Default 1. */
  readonly together?: number;
}

export interface Delivery {
  /** 0 where there was no answer. */
  readonly status: number;
  readonly tookMs: number;
}

export interface Report {
  /** Null where it is not a report; see `problems`. */
  readonly request: ReportRequest | null;
  readonly problems: readonly string[];
  readonly seen: Seen;
}

export interface Exchange {
  readonly task: Task;
  readonly startedMs: number;
  readonly tookMs: number;
  readonly deliveries: readonly Delivery[];
  readonly seen: readonly Seen[];
  readonly objects: ReadonlyMap<string, Buffer>;
  readonly setup: Setup;
  readonly parameters: ModelShape;
  readonly training: TrainingOptions;
  readonly base: Weights;
  readonly baseVersion: number;
  readonly modelBytes: number;
}

/** The pause between two deliveries of a task. */
const BACKOFF_MS = 500;
export const CLIENT_ID = "client-under-test";
export const RUN_ID = "conformance";
const DEADLINE_MS = 300_000;
const HEADER_BYTES_PER_TENSOR = 1_024;

export async function play(bench: Bench, setup: Setup = {}): Promise<Exchange> {
  const { stage, run } = bench;
  const task: Task = { runId: RUN_ID, round: bench.nextRound(), clientId: CLIENT_ID };
  const { parameters = run.parameters, weights: base = run.weights, baseVersion = 0 } = setup;
  const training = TrainingOptions.parse(setup.otherTraining ?? { ...run.spec.training, ...setup.training });
  const release = setup.release ?? run.release;
  const modelFile = setup.modelFile ?? encodeSafetensors(tensorsOf(base));
  let reported = false;
  const calls: Script["calls"] = {
    claim: ({ body, number }) => {
      const scripted = setup.claim?.(number);
      if (scripted !== undefined) return scripted;
      const asked = ClaimRequest.safeParse(body);
      if (!asked.success) return refusal(400, "invalid-argument", problemsOf(asked.error).join("; "));
      const isOurs = asked.data.runId === task.runId && asked.data.clientId === task.clientId;
      if (!isOurs || asked.data.round !== task.round) {
        return refusal(404, "not-found", "There is no such invocation.");
      }
      if ((asked.data.release ?? 1) < release) {
        const message = `This run needs release ${release} of the client protocol.`;
        return refusal(409, "failed-precondition", message);
      }
      if (reported) return refusal(409, "failed-precondition", "The invocation is reported.");
      return { status: 200, body: grantOf(number) };
    },
    report: ({ body, number }) => {
      const scripted = setup.report?.(number);
      if (scripted !== undefined) return scripted;
      const told = ReportRequest.safeParse(body);
      if (!told.success) return refusal(400, "invalid-argument", problemsOf(told.error).join("; "));
      const status = reported ? "ignored" : told.data.result.kind === "update" ? "reported" : "failed";
      reported = true;
      return { status: 200, body: { status, reason: null } };
    },
  };
  const { seen, objects } = stage.begin({
    calls,
    ...(setup.storage === undefined ? {} : { storage: setup.storage }),
  });
  stage.putObject(modelObject(task.runId, baseVersion), modelFile);
  if (run.topology !== null) {
    stage.putObject(topologyObject(task.runId), new TextEncoder().encode(JSON.stringify(run.topology)));
  }
  const previousObject = clientStateObject(task.runId, { ...task, round: 0, attempt: 1 });
  if (setup.clientState !== undefined) stage.putObject(previousObject, setup.clientState.file);

  const besideObject = stateObject(task.runId, baseVersion);
  if (setup.versionState !== undefined) stage.putObject(besideObject, setup.versionState);

  const grantOf = (attempt: number): unknown => {
    const kept = clientStateShape(training, parameters);
    const sizeBytes = maxUpdateBytes(updateShape(training, parameters));
    const grant: Grant = {
      attempt,
      baseVersion,
      training,
      encoding: setup.encoding ?? run.spec.encoding,
      seed: run.spec.seed,
      parameters: parameters.map(written),
      deadlineAt: Date.now() + (setup.deadlineMs ?? DEADLINE_MS),
      onDeadline: setup.onDeadline ?? "finish-late",
      model: linkOf(stage.readLink(modelObject(task.runId, baseVersion))),
      update: linkOf(stage.writeLink(updateObject(task.runId, { ...task, attempt }), sizeBytes)),
      ...(setup.transforms === undefined ? {} : { transforms: [...setup.transforms] }),
      ...(run.spec.data === undefined ? {} : { data: run.spec.data }),
      ...(setup.covers === undefined
        ? {}
        : { covers: setup.covers.map(({ name, at, shape }) => ({ name, at: [...at], shape: [...shape] })) }),
      ...(run.topology === null ? {} : { topology: linkOf(stage.readLink(topologyObject(task.runId))) }),
      ...(setup.versionState === undefined ? {} : { versionState: linkOf(stage.readLink(besideObject)) }),
      ...(kept.length === 0
        ? {}
        : {
            clientState: {
              previous:
                setup.clientState === undefined
                  ? null
                  : {
                      sizeBytes: setup.clientState.file.byteLength,
                      sha256: setup.clientState.sha256,
                      link: linkOf(stage.readLink(previousObject)),
                    },
              next: linkOf(
                stage.writeLink(
                  clientStateObject(task.runId, { ...task, attempt }),
                  maxFileBytes(kept.map(({ shape }) => ({ dtype: "F32", shape }))),
                ),
              ),
            },
          }),
    };
    const sent = z.encode(Grant, grant) as Readonly<Record<string, unknown>>;
    return setup.grant?.(sent) ?? sent;
  };

  const startedMs = Date.now();
  const deliveries = await deliverAll(setup.deliveries, () =>
    Promise.all(
      Array.from({ length: setup.together ?? 1 }, () => deliver(bench, { ...setup.task, ...task })),
    ),
  );
  const tookMs = Date.now() - startedMs;
  const modelBytes = modelFile.byteLength;
  return {
    task,
    startedMs,
    tookMs,
    deliveries,
    seen,
    objects,
    setup,
    parameters,
    training,
    base,
    baseVersion,
    modelBytes,
  };
}

/** Delivers a task until it is answered 2xx, as the queue does. @param most 3 where undefined. */
export async function deliverAll(
  most: number | undefined,
  once: () => Promise<readonly Delivery[]>,
): Promise<readonly Delivery[]> {
  const deliveries: Delivery[] = [];
  for (let left = most ?? 3; ; left -= 1) {
    deliveries.push(...(await once()));
    const last = deliveries.at(-1)?.status ?? 0;
    if (left <= 1 || (last >= 200 && last < 300)) return deliveries;
    await sleep(BACKOFF_MS);
  }
}

/** Posts a task as the queue does. */
export async function deliver(
  { stage, clientUrl, timeoutMs }: Bench,
  task: Readonly<Record<string, unknown>>,
  { path = "", authorization }: { readonly path?: string; readonly authorization?: string | null } = {},
): Promise<Delivery> {
  const startedMs = Date.now();
  const given = authorization === undefined ? `Bearer ${await stage.token(clientUrl)}` : authorization;
  try {
    const response = await fetch(`${clientUrl}${path}`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        "x-cloudtasks-taskname": `conformance-${String(task["round"] ?? task["number"])}`,
        "x-cloudtasks-tasketa": String(startedMs / 1_000),
        ...(given === null ? {} : { authorization: given }),
      },
      body: JSON.stringify(task),
      signal: AbortSignal.timeout(timeoutMs),
    });
    await response.arrayBuffer();
    return { status: response.status, tookMs: Date.now() - startedMs };
  } catch {
    return { status: 0, tookMs: Date.now() - startedMs };
  }
}

/** The reports that came, in order. */
export function reportsOf({ seen }: Exchange): readonly Report[] {
  return seen
    .filter(({ to }) => to === "report")
    .map((entry) => {
      const json = jsonOf(entry);
      const told = ReportRequest.safeParse(json);
      return told.success
        ? { request: told.data, problems: [], seen: entry }
        : { request: null, problems: problemsOf(told.error), seen: entry };
    });
}

export function jsonOf({ body }: Seen): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch {
    return undefined; // Its schema says what is wrong with it.
  }
}

export function problemsOf(error: z.ZodError): readonly string[] {
  return error.issues.map(({ path, message }) => `${path.join(".") || "the body"}: ${message}`);
}

function maxUpdateBytes(parameters: ModelShape): number {
  const layout = parameters.map(({ shape }) => ({ dtype: "F32" as const, shape }));
  return maxFileBytes(layout, { maxHeaderBytes: HEADER_BYTES_PER_TENSOR * (parameters.length + 4) });
}

export function linkOf({
  url,
  headers,
  expiresAt,
}: {
  url: string;
  headers: Readonly<Record<string, string>>;
  expiresAt: number;
}) {
  return { url, headers: { ...headers }, expiresAt };
}

export function written({ name, shape, role, min, local }: ModelShape[number]): Parameter {
  return {
    name,
    shape: [...shape],
    ...(role === undefined ? {} : { role }),
    ...(min === undefined ? {} : { min }),
    ...(local === true ? { local } : {}),
  };
}
