// The functions on the embedded Firestore, called without a network, under a clock, with a task queue and a
// bucket that the test holds.
import { createHash, randomUUID } from "node:crypto";
import { aggregatorHandler } from "../../../functions/aggregator/handler.ts";
import { apiHandler } from "../../../functions/api/handler.ts";
import { coordinatorHandler } from "../../../functions/coordinator/handler.ts";
import { evaluatorHandler } from "../../../functions/evaluator/handler.ts";
import { buckets, serviceAccount } from "../../../infra/box/deployment.ts";
import { startFirestore } from "../../../infra/box/firestore/index.ts";
import { startMetadata } from "../../../infra/box/metadata/startMetadata.ts";
import { type DispatchMissing, dispatcher, missingDispatcher } from "../../../shared/cloud/dispatch.ts";
import { connectStore } from "../../../shared/cloud/store/firestoreStore.ts";
import { encodeUpdate } from "../../../shared/core/methods/update/update.ts";
import { modelSpec } from "../../../shared/core/models/builtinModels.ts";
import { parameterShapes } from "../../../shared/core/models/parameterShapes.ts";
import type { ProtocolObjects } from "../../../shared/core/ports/objectStore.ts";
import type { Store } from "../../../shared/core/ports/store.ts";
import type { TaskQueue } from "../../../shared/core/ports/taskQueue.ts";
import type { Trainer } from "../../../shared/core/ports/trainer.ts";
import type { ModelInfo } from "../../../shared/core/schemas/model.ts";
import { elementCount } from "../../../shared/core/updates/safetensors.ts";
import type { HttpResponse } from "../../../shared/http/message.ts";
import { accountOf } from "../../support/scriptedClient.ts";
import { sentBody } from "../../support/sentBody.ts";
import { CAPACITY } from "../../unit/round/world/state.ts";
import type { Hands } from "./functionAtWork.ts";

const PROJECT = "test-model";
const OPERATOR = "operator@example.org";
const URLS = {
  api: "https://api.example.org",
  coordinator: "https://coordinator.example.org",
  aggregator: "https://aggregator.example.org",
  evaluator: "https://evaluator.example.org",
} as const;
export type FunctionName = keyof typeof URLS;

const shapes = parameterShapes(modelSpec("tiny-mlp"));
const parameterCount = shapes.reduce((sum, { shape }) => sum + elementCount(shape), 0);
const parameters = shapes.map(({ name, shape }) => ({ name, shape: [...shape] }));
export const MODEL: ModelInfo = { parameters, parameterCount, sizeBytes: 4 * parameterCount };

/**
 * Begins at 0 and moves by 1 with every version, as all updates say: so a model shows which version it is.
 */
const TELLTALE = "hidden/bias";

const scorer: Trainer = {
  backend: "script",
  describe: async () => shapes,
  train: () => Promise.reject(new Error("the evaluator does not train")),
  evaluate: async ({ weights }) => {
    const values = weights.find(({ name }) => name === TELLTALE)?.values ?? [];
    return {
      accuracy: Math.round(values[0] ?? Number.NaN) / 100,
      loss: 1,
      metrics: {},
      details: null,
      samples: 1,
    };
  },
};

/**
 * The file of an update that moves every weight by 1; a bad one says the same of itself and moves them
 * nowhere.
 */
export function updateFile(baseVersion: number, value = 1): Uint8Array<ArrayBuffer> {
  const delta = shapes.map(({ name, shape }) => ({
    name,
    shape,
    values: new Float32Array(elementCount(shape)).fill(value),
  }));
  return encodeUpdate(delta, { encoding: "f32", baseVersion });
}

export function describeUpdate(baseVersion: number): { readonly sizeBytes: number; readonly sha256: string } {
  const file = updateFile(baseVersion);
  return { sizeBytes: file.byteLength, sha256: createHash("sha256").update(file).digest("hex") };
}

export interface Call {
  readonly method?: "GET" | "POST";
  readonly path: string;
  readonly body?: unknown;
  /** Whose token it carries. */
  readonly as: "operator" | "queue" | { readonly clientId: string };
  readonly nowMs: () => number;
  readonly hands: Hands;
  readonly dispatchMissing: DispatchMissing;
}

export interface ModelCloud {
  readonly store: Store;
  /** What a function has that nothing goes wrong with. */
  handsOn(queue: TaskQueue, objects: ProtocolObjects): Hands;
  missingOn(queue: TaskQueue, nowMs: () => number): DispatchMissing;
  call(name: FunctionName, call: Call): Promise<HttpResponse>;
  /** Which function a task calls, and on which path; null for a client's. */
  calledBy(url: string): { readonly name: FunctionName; readonly path: string } | null;
  stop(): Promise<void>;
}

export async function startModelCloud(): Promise<ModelCloud> {
  const before = { ...process.env };
  const member = (name: string) => serviceAccount(name, PROJECT);
  const metadata = await startMetadata({ projectId: PROJECT });
  const firestore = await startFirestore({ implementation: "embedded" });
  Object.assign(process.env, firestore.env, await metadata.identityEnv(member("coordinator")), {
    GOOGLE_CLOUD_PROJECT: PROJECT,
  });
  const store = connectStore({ projectId: PROJECT, databaseId: "(default)" });
  const env = {
    GOOGLE_CLOUD_PROJECT: PROJECT,
    FIRESTORE_DATABASE: "(default)",
    MODEL_BUCKET: buckets.models,
    TASKS_LOCATION: "local",
    CONTROL_QUEUE: "control",
    CLIENT_QUEUE: "client",
    TASK_INVOKER: member("task-invoker"),
    CLIENT_TASK_INVOKER: member("task-invoker"),
    API_URL: URLS.api,
    COORDINATOR_URL: URLS.coordinator,
    AGGREGATOR_URL: URLS.aggregator,
    EVALUATOR_URL: URLS.evaluator,
    EVALUATION_DATA: "gs://unused/unused",
    TENSORS: "auto",
    TRAINER: "tensorflow",
    MEMORY_MIB: CAPACITY.memoryMib,
    VCPU: CAPACITY.vcpu,
    OIDC_CERTS_URL: metadata.certsUrl,
  } as const;

  const tokens = new Map<string, Promise<string>>();
  const tokenFor = (email: string, audience: string) => {
    const key = `${email} ${audience}`;
    const token = tokens.get(key) ?? metadata.mintIdToken({ email, audience });
    tokens.set(key, token);
    return token;
  };
  let runs = 0;
  const handlerOf = (name: FunctionName, { nowMs, hands, dispatchMissing }: Call) => {
    const deps = {
      ...hands,
      dispatchMissing,
      // In the world, a call is over when it has claimed and died; the queue is not asked.
      calls: {
        find: async () => ({ sentAtMs: null, lastAnswer: null }),
        callOff: async () => undefined,
        onTheirWay: async () => [],
      },
      log: SILENT,
      nowMs,
      takeColdStart: () => null,
      capacity: CAPACITY,
    };
    switch (name) {
      case "api":
        return apiHandler(
          { ...deps, newSuffix: () => String(++runs).padStart(8, "0"), newActionId: randomUUID },
          { ...env, OPERATORS: [OPERATOR] },
        );
      case "coordinator":
        return coordinatorHandler(deps, env);
      case "aggregator":
        return aggregatorHandler(deps, env);
      case "evaluator":
        return evaluatorHandler(
          { ...deps, trainer: async () => scorer, evaluationData: async () => NO_DATA },
          env,
        );
    }
  };

  return {
    store,
    handsOn: (queue, objects) => ({ store, objects, dispatch: dispatcher(queue, URLS) }),
    missingOn: (queue) => missingDispatcher(queue, URLS),
    call: async (name, call) => {
      const email =
        call.as === "operator"
          ? OPERATOR
          : call.as === "queue"
            ? env.TASK_INVOKER
            : accountOf(call.as.clientId);
      return handlerOf(
        name,
        call,
      )({
        method: call.method ?? "POST",
        path: call.path,
        query: {},
        headers: {
          authorization: `Bearer ${await tokenFor(email, URLS[name])}`,
          "content-type": "application/json",
        },
        readBody: sentBody(call.body),
      });
    },
    calledBy: (url) => {
      const names: readonly FunctionName[] = ["api", "coordinator", "aggregator", "evaluator"];
      const name = names.find((one) => url.startsWith(`${URLS[one]}/`));
      return name === undefined ? null : { name, path: new URL(url).pathname };
    },
    stop: async () => {
      await store.close();
      for (const service of [firestore, metadata]) await service.stop();
      for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name];
      Object.assign(process.env, before);
    },
  };
}

const NO_DATA = {
  x: { shape: [1, 4], values: new Float32Array(4) },
  y: { shape: [1], values: new Float32Array(1) },
};

const SILENT = {
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  with: () => SILENT,
};
