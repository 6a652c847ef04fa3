// A run as a run of an MLflow server, over its REST API
// (https://mlflow.org/docs/latest/api_reference/rest-api.html), within the limits of a batch.
import * as z from "zod";
import { FlError } from "../../../../shared/core/errors.ts";

export interface MlflowServer {
  readonly uri: string;
  /** The value of the header `authorization`; null where the server asks for none. */
  readonly authorization: string | null;
}

export interface MlflowMetric {
  readonly key: string;
  readonly value: number;
  readonly timestamp: number;
  readonly step: number;
}

export interface KeyValue {
  readonly key: string;
  readonly value: string;
}

/** What a batch may hold. */
export const BATCH_LIMITS = { metrics: 1_000, params: 100, tags: 100, bytes: 1_000_000 } as const;
const MAX_VALUE_CHARACTERS = 500;
const MAX_KEY_CHARACTERS = 250;
const TIMEOUT_MS = 30_000;

/** The value of the header `authorization` by MLflow's own environment variables. */
export function mlflowAuthorization(env: Readonly<Record<string, string | undefined>>): string | null {
  const {
    MLFLOW_TRACKING_TOKEN: token,
    MLFLOW_TRACKING_USERNAME: user,
    MLFLOW_TRACKING_PASSWORD: password,
  } = env;
  if (user !== undefined && user !== "" && password !== undefined) {
    return `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
  }
  return token === undefined || token === "" ? null : `Bearer ${token}`;
}

/** A key as MLflow takes it: letters, digits, and some signs; others become an underscore. */
export function mlflowKey(name: string): string {
  return name.replace(/[^\w\-. /]/g, "_").slice(0, MAX_KEY_CHARACTERS);
}

/** A value as MLflow takes it. */
export function mlflowValue(value: unknown): string {
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "");
  return text.slice(0, MAX_VALUE_CHARACTERS).toWellFormed();
}

/** The options of a spec by their dotted paths; a list is one value. */
export function flatParams(spec: object): readonly KeyValue[] {
  const found = new Map<string, string>();
  const visit = (path: string, value: unknown): void => {
    if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      for (const [key, item] of Object.entries(value)) visit(path === "" ? key : `${path}.${key}`, item);
      return;
    }
    if (value === undefined) return;
    // A server refuses two values of one key; names that differ in other signs only are told apart.
    let key = mlflowKey(path);
    for (let count = 2; found.has(key); count++) key = `${mlflowKey(path).slice(0, 240)}_${count}`;
    found.set(key, mlflowValue(value));
  };
  visit("", spec);
  return [...found].map(([key, value]) => ({ key, value }));
}

export interface MlflowBatch {
  readonly metrics: readonly MlflowMetric[];
  readonly params: readonly KeyValue[];
  readonly tags: readonly KeyValue[];
}

/** The same in batches that a server takes, in order. */
export function batchesOf({ metrics, params, tags }: MlflowBatch): readonly MlflowBatch[] {
  const batches: MlflowBatch[] = [];
  const add = <T>(kind: keyof MlflowBatch, items: readonly T[]) => {
    let part: T[] = [];
    let bytes = 0;
    for (const item of items) {
      const size = Buffer.byteLength(JSON.stringify(item)) + 1;
      // A tenth is left for the names around it.
      if (part.length === BATCH_LIMITS[kind] || bytes + size > BATCH_LIMITS.bytes * 0.9) {
        batches.push({ metrics: [], params: [], tags: [], [kind]: part });
        part = [];
        bytes = 0;
      }
      part.push(item);
      bytes += size;
    }
    if (part.length > 0) batches.push({ metrics: [], params: [], tags: [], [kind]: part });
  };
  add("params", params);
  add("tags", tags);
  add("metrics", metrics);
  return batches;
}

export interface NewMlflowRun {
  readonly experiment: string;
  readonly name: string;
  readonly startMs: number;
  /** Null while it goes on. */
  readonly endMs: number | null;
  readonly status: "RUNNING" | "FINISHED" | "FAILED" | "KILLED";
  readonly content: MlflowBatch;
}

const Experiment = z.object({ experiment: z.object({ experiment_id: z.string() }) });
const Created = z.object({ experiment_id: z.string() });
const CreatedRun = z.object({ run: z.object({ info: z.object({ run_id: z.string() }) }) });

/**
 * Makes the run, and its experiment where there is none; returns the run's id.
 *
 * @throws FlError("unavailable") when the server does not answer; FlError("failed-precondition") with the
 *   server's own words when it refuses. A run that was begun is marked as failed then.
 */
export async function writeMlflowRun(server: MlflowServer, run: NewMlflowRun): Promise<string> {
  const experimentId = await experimentOf(server, run.experiment);
  const { run: made } = await call(server, "POST", "runs/create", CreatedRun, {
    experiment_id: experimentId,
    run_name: run.name,
    start_time: run.startMs,
    tags: [{ key: "mlflow.runName", value: mlflowValue(run.name) }],
  });
  const { run_id: runId } = made.info;
  try {
    for (const batch of batchesOf(run.content)) {
      await call(server, "POST", "runs/log-batch", z.unknown(), { run_id: runId, ...batch });
    }
    await update(server, runId, run.status, run.endMs);
  } catch (error) {
    // The first failure is the one to tell of.
    await update(server, runId, "FAILED", run.endMs).catch(() => undefined);
    throw error;
  }
  return runId;
}

async function update(
  server: MlflowServer,
  runId: string,
  status: NewMlflowRun["status"],
  endMs: number | null,
): Promise<void> {
  const end = endMs === null ? {} : { end_time: endMs };
  await call(server, "POST", "runs/update", z.unknown(), { run_id: runId, status, ...end });
}

async function experimentOf(server: MlflowServer, name: string): Promise<string> {
  const path = `experiments/get-by-name?experiment_name=${encodeURIComponent(name)}`;
  const found = await request(server, "GET", path);
  if (found.status === 404) {
    const made = await call(server, "POST", "experiments/create", Created, { name });
    return made.experiment_id;
  }
  return read(found, `GET ${path}`, Experiment).experiment.experiment_id;
}

async function call<T>(
  server: MlflowServer,
  method: "GET" | "POST",
  path: string,
  schema: z.ZodType<T>,
  body: object,
): Promise<T> {
  return read(await request(server, method, path, body), `${method} ${path}`, schema);
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

async function request(
  { uri, authorization }: MlflowServer,
  method: string,
  path: string,
  body?: object,
): Promise<Answer> {
  try {
    const response = await fetch(`${uri}/api/2.0/mlflow/${path}`, {
      method,
      headers: {
        "content-type": "application/json",
        ...(authorization === null ? {} : { authorization }),
      },
      redirect: "error", // It would hand the token on.
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    return { status: response.status, text: await response.text() };
  } catch (cause) {
    throw new FlError(
      "unavailable",
      `The MLflow server ${uri} does not answer. Check the address (--tracking), and that the server is up.`,
      { cause },
    );
  }
}

function read<T>({ status, text }: Answer, what: string, schema: z.ZodType<T>): T {
  if (status < 200 || status > 299) {
    const remedy =
      status === 401 || status === 403
        ? " Set MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD."
        : "";
    const words = text.slice(0, MAX_VALUE_CHARACTERS).trim();
    throw new FlError("failed-precondition", `MLflow answered ${status} to ${what}: ${words}.${remedy}`);
  }
  const parsed = schema.safeParse(jsonOf(text));
  if (parsed.success) return parsed.data;
  throw new FlError(
    "failed-precondition",
    `What answers ${what} is no MLflow server. Check the address (--tracking).`,
    { cause: parsed.error },
  );
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
