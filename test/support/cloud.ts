// A local cloud in the test's own process: the real servers of infra/box, and the real handlers behind plain
// HTTP. What it leaves out is what the box tests are for: bundles, function processes and their cold starts.
import { randomUUID } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { aggregatorHandler } from "../../functions/aggregator/handler.ts";
import { apiHandler } from "../../functions/api/handler.ts";
import type { FunctionMemories } from "../../functions/api/runCheckAnswer.ts";
import { coordinatorHandler } from "../../functions/coordinator/handler.ts";
import { evaluatorHandler } from "../../functions/evaluator/handler.ts";
import { CallFaults } from "../../infra/box/callFaults.ts";
import { databaseIndexes } from "../../infra/box/databaseIndexes.ts";
import {
  bucketGrants,
  buckets,
  functionShapes,
  queueIds,
  queueSettings,
  serviceAccount,
} from "../../infra/box/deployment.ts";
import { startFirestore } from "../../infra/box/firestore/index.ts";
import { startMetadata } from "../../infra/box/metadata/startMetadata.ts";
import type { Service } from "../../infra/box/service.ts";
import { startStorage } from "../../infra/box/storage/startStorage.ts";
import type { TasksEvent } from "../../infra/box/tasks/events.ts";
import { startTasks } from "../../infra/box/tasks/startTasks.ts";
import { UsageMeter } from "../../infra/box/usageMeter.ts";
import { callsOf, dispatcher, missingDispatcher } from "../../shared/cloud/dispatch.ts";
import { connectObjects } from "../../shared/cloud/objects/connectObjects.ts";
import { connectStore } from "../../shared/cloud/store/firestoreStore.ts";
import { connectTasks } from "../../shared/cloud/tasks/connectTasks.ts";
import type { Logger } from "../../shared/core/ports/logger.ts";
import type { ObjectStore } from "../../shared/core/ports/objectStore.ts";
import type { Store } from "../../shared/core/ports/store.ts";
import type { DataStream, Dataset, Trainer } from "../../shared/core/ports/trainer.ts";
import { requestListener } from "../../shared/http/listener.ts";
import type { Handler } from "../../shared/http/message.ts";

const LOCATION = "local";

export interface LogLine {
  readonly severity: "info" | "warn" | "error";
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface TestCloud {
  readonly projectId: string;
  readonly urls: Readonly<Record<"api" | "coordinator" | "aggregator" | "evaluator", string>>;
  readonly store: Store;
  readonly objects: ObjectStore;
  readonly logs: LogLine[];
  /** Lets calls of the servers fail; those of Firestore only where it is the embedded one. */
  readonly faults: CallFaults;
  /** Where the keys are that identity tokens are verified with. */
  readonly certsUrl: string;
  /** The environment of a client's process that is this service account, at this address. */
  clientEnv(account: string, clientUrl: string): Promise<Readonly<Record<string, string>>>;
  /** An identity token of a service account of this project, or of any e-mail address. */
  token(who: string, audience: string, expiresInSeconds?: number): Promise<string>;
  /** Calls the api as an operator, or with the headers given. */
  call(
    method: string,
    path: string,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Answer>;
  /** Calls any function as somebody. */
  callAs(who: string, base: string, path: string, body: unknown): Promise<Answer>;
  /** What the functions and the queues take the time to be. */
  nowMs(): number;
  /** Puts the clock of the functions and of the queues forward; that of all else is the machine's. */
  advance(ms: number): void;
  stop(): Promise<void>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests read what they asserted
  readonly body: any;
}

export interface TestCloudOptions {
  readonly firestore?: "embedded" | "official";
  readonly trainer: () => Promise<Trainer>;
  readonly evaluationData: () => Promise<Dataset | DataStream>;
  /** Counts what the servers would be billed for; the official emulator cannot be asked. */
  readonly meter?: UsageMeter;
  /** Called with what becomes of each task, as the queues see it. */
  readonly onTask?: (event: TasksEvent) => void;
  /** The shortest pause of the client queue before it calls again; 20 where absent. */
  readonly clientBackoffMs?: number;
  /** What the api is told of the memory of the functions that hold models; nothing where absent. */
  readonly memories?: FunctionMemories;
  /** What the functions use in the place of the store; it has to do what the store does. */
  readonly watched?: (store: Store) => Store;
}

let clouds = 0;

export async function startTestCloud(options: TestCloudOptions): Promise<TestCloud> {
  clouds += 1;
  const projectId = `test-${process.pid}-${clouds}`;
  let aheadMs = 0;
  const nowMs = () => Date.now() + aheadMs;
  const services: Service[] = [];
  const servers: Server[] = [];
  const before = { ...process.env };
  const logs: LogLine[] = [];
  const meter = options.meter ?? new UsageMeter();
  const faults = new CallFaults();

  const metadata = await startMetadata({ projectId });
  services.push(metadata);
  const firestore = await startFirestore({
    implementation: options.firestore ?? "embedded",
    indexes: databaseIndexes,
    meter,
    faults,
  });
  services.push(firestore);
  const member = (name: string) => serviceAccount(name, projectId);
  const storage = await startStorage({
    identities: metadata.identities,
    grants: [...bucketGrants(projectId)],
    buckets: Object.values(buckets),
    meter,
    faults,
  });
  services.push(storage);
  const queueName = (id: string) => `projects/${projectId}/locations/${LOCATION}/queues/${id}`;
  const tasks = await startTasks({
    mintIdToken: metadata.mintIdToken,
    meter,
    callFaults: faults,
    nowMs,
    ...(options.onTask === undefined ? {} : { onEvent: options.onTask }),
    queues: [
      { name: queueName(queueIds.control), ...queueSettings.control, minBackoffMs: 20 },
      {
        name: queueName(queueIds.client),
        ...queueSettings.client,
        minBackoffMs: options.clientBackoffMs ?? 20,
      },
    ],
  });
  services.push(tasks);

  // One process has one identity: the coordinator's, which may do all that the functions of this file do.
  Object.assign(process.env, firestore.env, await metadata.identityEnv(member("coordinator")), {
    GOOGLE_CLOUD_PROJECT: projectId,
  });
  const log = recorder(logs);
  const store = connectStore({
    projectId,
    databaseId: "(default)",
    onUnreadable: ({ path, reason }) => log.error("document left out", { document: path, reason }),
  });
  const objects = connectObjects({
    bucket: buckets.models,
    projectId,
    apiEndpoint: storage.endpoint,
    signBlobEndpoint: metadata.signBlobEndpoint,
  });
  const queue = connectTasks({
    projectId,
    location: LOCATION,
    queues: queueIds,
    invokerEmails: { control: member("task-invoker"), client: member("client-invoker") },
    emulatorHost: tasks.address,
  });

  const names = ["api", "coordinator", "aggregator", "evaluator"] as const;
  const handlers: Partial<Record<(typeof names)[number], Handler>> = {};
  const urls = { api: "", coordinator: "", aggregator: "", evaluator: "" };
  /** Requests that a handler still works on. */
  const handling = new Set<Promise<unknown>>();
  for (const name of names) {
    const server = createServer(
      requestListener({
        handler: async () => (request) => {
          const handler = handlers[name];
          if (handler === undefined) throw new Error(`${name} is not there yet`);
          const handled = handler(request).finally(() => handling.delete(handled));
          handling.add(handled);
          return handled;
        },
        onError: (error) => log.error("request failed", { error }),
      }),
    );
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    servers.push(server);
    urls[name] = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  const env = {
    GOOGLE_CLOUD_PROJECT: projectId,
    FIRESTORE_DATABASE: "(default)",
    MODEL_BUCKET: buckets.models,
    TASKS_LOCATION: LOCATION,
    CONTROL_QUEUE: queueIds.control,
    CLIENT_QUEUE: queueIds.client,
    TASK_INVOKER: member("task-invoker"),
    CLIENT_TASK_INVOKER: member("client-invoker"),
    OPERATORS: [member("operator")],
    API_URL: urls.api,
    COORDINATOR_URL: urls.coordinator,
    AGGREGATOR_URL: urls.aggregator,
    EVALUATOR_URL: urls.evaluator,
    EVALUATION_DATA: "gs://unused/unused",
    TENSORS: "auto",
    TRAINER: "tensorflow",
    MEMORY_MIB: 512,
    VCPU: 1,
    OIDC_CERTS_URL: metadata.certsUrl,
  } as const;
  const deps = {
    store: options.watched?.(store) ?? store,
    objects,
    dispatch: dispatcher(queue, urls),
    dispatchMissing: missingDispatcher(queue, urls),
    calls: callsOf(queue, urls),
    log,
    nowMs,
    takeColdStart: () => null,
  };
  const { aggregator, coordinator } = functionShapes;
  let suffix = 0;
  handlers.api = apiHandler(
    { ...deps, newSuffix: () => String(++suffix).padStart(8, "0"), newActionId: randomUUID },
    { ...env, ...options.memories, OPERATORS: [...env.OPERATORS] },
  );
  handlers.coordinator = coordinatorHandler({ ...deps, capacity: coordinator }, env);
  handlers.aggregator = aggregatorHandler({ ...deps, capacity: aggregator }, env);
  handlers.evaluator = evaluatorHandler(
    { ...deps, trainer: options.trainer, evaluationData: options.evaluationData, capacity: aggregator },
    env,
  );

  const token = (who: string, audience: string, expiresInSeconds?: number) =>
    metadata.mintIdToken({
      email: who.includes("@") ? who : member(who),
      audience,
      ...(expiresInSeconds === undefined ? {} : { expiresInSeconds }),
    });

  return {
    projectId,
    urls,
    store,
    objects,
    logs,
    faults,
    certsUrl: metadata.certsUrl,
    clientEnv: async (account, clientUrl) => ({
      ...(await metadata.identityEnv(account)),
      COORDINATOR_URL: urls.coordinator,
      CLIENT_URL: clientUrl,
      TASK_INVOKER: member("client-invoker"),
      LINK_ORIGIN: storage.endpoint,
      OIDC_CERTS_URL: metadata.certsUrl,
    }),
    token,
    call: async (method, path, body, headers) =>
      send(method, `${urls.api}${path}`, body, {
        authorization: `Bearer ${await token("operator", urls.api)}`,
        ...headers,
      }),
    callAs: async (who, base, path, body) =>
      send("POST", `${base}${path}`, body, { authorization: `Bearer ${await token(who, base)}` }),
    nowMs,
    advance: (ms) => {
      aheadMs += ms;
      tasks.wake();
    },
    stop: async () => {
      await tasks.halt();
      // What has begun may still need the database, the storage and the queue.
      while (handling.size > 0) await Promise.all(handling);
      await Promise.all(services.toReversed().map((service) => service.stop()));
      await queue.close();
      await store.close();
      for (const server of servers) {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
      for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name];
      Object.assign(process.env, before);
    },
  };
}

async function send(
  method: string,
  url: string,
  body: unknown,
  headers: Readonly<Record<string, string>>,
): Promise<Answer> {
  const response = await fetch(url, {
    method,
    headers: { ...(body === undefined ? {} : { "content-type": "application/json" }), ...headers },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text === "" ? null : JSON.parse(text) };
}

function recorder(lines: LogLine[], fixed: Readonly<Record<string, unknown>> = {}): Logger {
  const write =
    (severity: LogLine["severity"]) =>
    (message: string, fields: Readonly<Record<string, unknown>> = {}) => {
      lines.push({ severity, message, fields: { ...fixed, ...fields } });
    };
  return {
    info: write("info"),
    warn: write("warn"),
    error: write("error"),
    with: (more) => recorder(lines, { ...fixed, ...more }),
  };
}
