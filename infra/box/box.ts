// The whole local cloud: every service in order, and the five functions in real processes on top, with the
// bundles, the client libraries and the identities of production.
import * as z from "zod";
import { nodeOptions } from "../../shared/cloud/tensors/nodeOptions.ts";
import { FlError } from "../../shared/core/errors.ts";
import type { FunctionName } from "../../shared/core/protocol/tasks.ts";
import { type CallFaultInput, CallFaults, type InjectedFault } from "./callFaults.ts";
import { databaseIndexes } from "./databaseIndexes.ts";
import {
  bucketGrants,
  buckets,
  type FunctionShape,
  functionShapes,
  invokerNames,
  queueIds,
  queueSettings,
  serviceAccount,
} from "./deployment.ts";
import { startFirestore } from "./firestore/index.ts";
import { variablesOf } from "./functionVariables.ts";
import { collectRarely } from "./heap.ts";
import { startMetadata } from "./metadata/startMetadata.ts";
import type { LogLine, RuntimeEvent } from "./runtime/events.ts";
import type { FaultRule } from "./runtime/faults.ts";
import type { FunctionSpec, FunctionUrls } from "./runtime/functionSpec.ts";
import { type FunctionsRuntime, startRuntime } from "./runtime/startRuntime.ts";
import type { Service } from "./service.ts";
import { keptPorts } from "./state/keptPorts.ts";
import { openState } from "./state/openState.ts";
import { noState, type State } from "./state/state.ts";
import { startStorage } from "./storage/startStorage.ts";
import type { TaskFaultRule } from "./tasks/faults.ts";
import type { QueueConfig } from "./tasks/queueConfig.ts";
import { startTasks, type TasksServer } from "./tasks/startTasks.ts";
import { type Usage, UsageMeter } from "./usageMeter.ts";

/** A client function of the local cloud: an organisation's own, or a lab's that trains for many clients. */
export interface ClientFunction {
  /** Its name among the functions, such as `client-07`. */
  readonly name: string;
  /** Data sets it may read: one client's, or all of them. */
  readonly clientId: string | "all";
  readonly shape?: Partial<FunctionShape>;
  readonly idleSeconds?: number;
}

export interface BoxOptions {
  readonly firestore: "auto" | "official" | "embedded";
  /** What `bundleFunctions` made. */
  readonly bundles: Readonly<Record<FunctionName, { readonly dir: string }>>;
  readonly clientFunctions: readonly ClientFunction[];
  /** For what makes the next start faster. */
  readonly cacheDir: string;
  /**
   * A folder that keeps the whole state, so that the next start with it goes on where this one ended, however
   * it did: with the same addresses, keys, documents, objects and tasks. Needs the embedded Firestore.
   * Absent: nothing is kept.
   */
  readonly dataDir?: string;
  readonly tensors?: "auto" | "native" | "portable";
  readonly trainer?: "tensorflow" | "test";
  /**
   * Variables in place of the local cloud's own, such as CLIENT_DATA; each function is given those that it
   * declares.
   */
  readonly variables?: Readonly<Record<string, string>>;
  /** Environment of every function beside its own, such as the number of TensorFlow's threads. */
  readonly functionEnv?: Readonly<Record<string, string>>;
  /** Options of Node for every function's processes, such as `["--import", file]`. */
  readonly functionExecArgv?: readonly string[];
  /**
   * Whether tokens reach the functions without their signatures, as some regions hand them on. Default false.
   */
  readonly removesSignatures?: boolean;
  /**
   * How often a process's memory is looked at, in ms; 0: never, so that it may take what it likes. Default
   * 200.
   */
  readonly memoryLookMs?: number;
  /** Settings of both task queues in place of the deployment's, such as the shortest pause before a retry. */
  readonly queueSettings?: Partial<QueueConfig>;
  /** The same, of the client's queue alone. */
  readonly clientQueueSettings?: Partial<QueueConfig>;
  /**
   * How long a Firestore transaction lasts without a request; for the embedded server only. Default
   * 60,000.
   */
  readonly transactionIdleMs?: number;
  readonly faults?: readonly FaultRule[];
  readonly taskFaults?: readonly TaskFaultRule[];
  /**
   * Calls of Firestore, Storage and Tasks that fail; `inject` adds more while it runs. Firestore's need the
   * embedded server.
   */
  readonly callFaults?: readonly CallFaultInput[];
  readonly seed?: number;
  readonly onLog?: (line: LogLine) => void;
  readonly onEvent?: (event: RuntimeEvent) => void;
}

export interface Box {
  readonly projectId: string;
  readonly firestore: { readonly implementation: "official" | "embedded"; readonly reason: string };
  readonly runtime: FunctionsRuntime;
  readonly tasks: TasksServer;
  readonly services: readonly Service[];
  readonly apiUrl: string;
  /**
   * What a process needs to be an operator of this cloud, with the official client libraries or with curl.
   */
  readonly env: Readonly<Record<string, string>>;
  /**
   * Lets calls of a server fail from now on.
   *
   * @throws FlError("invalid-argument") for a fault out of range
   * @throws FlError("failed-precondition") for one of Firestore, when that is the official emulator
   */
  inject(fault: CallFaultInput): InjectedFault;
  /**
   * What a process needs beside `env` to be one of the functions, by name: for those who look at what only it
   * may see.
   */
  envAs(functionName: string): Readonly<Record<string, string>>;
  /** Operations since the start or the last `resetUsage`, by whomever, as Google bills them. */
  usage(): Usage;
  resetUsage(): void;
  /** An identity token of the operator. */
  operatorToken(audience: string): Promise<string>;
  /**
   * An identity token of the queue of the protocol's transitions; where it is deployed, the scheduler of the
   * watchdog has it too.
   */
  queueToken(audience: string): Promise<string>;
  /** An identity token of the queue that calls clients. */
  clientQueueToken(audience: string): Promise<string>;
  /** Puts an object into the bucket of data sets, as its owner would. */
  putData(object: string, bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  /** Ends everything, newest first. Idempotent; resolves when no process and no port is left. */
  stop(): Promise<void>;
}

const PROJECT_ID = "fedstratus-local";
const LOCATION = "local";

/** Where the data sets lie in their bucket. */
export const dataObjects = {
  client: (clientId: string) => `clients/${clientId}.safetensors`,
  evaluation: "evaluation/test.safetensors",
} as const;

/** The service account of a client function. */
export function clientAccount(functionName: string): string {
  return serviceAccount(functionName, PROJECT_ID);
}

/**
 * Starts the local cloud. A part that does not start takes the others down again before the error is thrown.
 *
 * @throws FlError("failed-precondition" | "data-loss") for a data folder that is in use, of something else,
 *   or damaged
 * @throws FlError("unavailable") when a port that belongs to the data folder is taken
 */
export async function startBox(options: BoxOptions): Promise<Box> {
  collectRarely();
  const services: Service[] = [];
  const state = options.dataDir === undefined ? noState : openState(options.dataDir);
  const stopAll = async () => {
    for (const service of services.splice(0).toReversed()) await service.stop();
    state.close();
  };
  try {
    return await startServices(options, state, services, stopAll);
  } catch (error) {
    await stopAll();
    throw error;
  }
}

async function startServices(
  options: BoxOptions,
  state: State,
  services: Service[],
  stopAll: () => Promise<void>,
): Promise<Box> {
  const started = <S extends Service>(service: S): S => {
    services.push(service);
    return service;
  };
  const member = (name: string) => serviceAccount(name, PROJECT_ID);
  const queueName = (id: string) => `projects/${PROJECT_ID}/locations/${LOCATION}/queues/${id}`;

  const seed = options.seed ?? 0;
  const callFaults = new CallFaults(seed, options.callFaults);
  const portOf = keptPorts(state);
  const meter = new UsageMeter();
  const metadata = started(
    await startMetadata({ projectId: PROJECT_ID, state, port: await portOf("metadata"), portOf }),
  );
  const firestore = started(
    await startFirestore({
      implementation: options.firestore,
      state,
      meter,
      port: await portOf("firestore"),
      cacheDir: options.cacheDir,
      faults: callFaults,
      indexes: databaseIndexes,
      ...(options.transactionIdleMs === undefined ? {} : { transactionIdleMs: options.transactionIdleMs }),
    }),
  );
  const inject = (fault: CallFaultInput) => {
    requireFaults(firestore.implementation, [fault]);
    return callFaults.inject(fault);
  };
  requireFaults(firestore.implementation, options.callFaults ?? []);
  const dataGrants = options.clientFunctions.map(({ name, clientId }) => ({
    member: clientAccount(name),
    bucket: buckets.data,
    prefix: clientId === "all" ? "clients/" : dataObjects.client(clientId),
    role: "reader" as const,
  }));
  const storage = started(
    await startStorage({
      identities: metadata.identities,
      grants: [...bucketGrants(PROJECT_ID), ...dataGrants],
      buckets: Object.values(buckets),
      faults: callFaults,
      state,
      meter,
      port: await portOf("storage"),
    }),
  );
  const tasks = started(
    await startTasks({
      mintIdToken: metadata.mintIdToken,
      queues: [
        { name: queueName(queueIds.control), ...queueSettings.control, ...options.queueSettings },
        {
          name: queueName(queueIds.client),
          ...queueSettings.client,
          // As many as all client functions together have instances, as client_dispatch says it of
          // organisations' own.
          maxConcurrentDispatches: Math.min(clientInstances(options), 5_000),
          ...options.queueSettings,
          ...options.clientQueueSettings,
        },
      ],
      seed,
      faults: options.taskFaults ?? [],
      callFaults,
      state,
      meter,
      port: await portOf("tasks"),
      isHeld: true, // Until the functions listen.
    }),
  );

  const identityEnv = new Map<string, Readonly<Record<string, string>>>();
  const functionNames = ["api", "coordinator", "aggregator", "evaluator"] as const;
  for (const name of [...functionNames, ...options.clientFunctions.map(({ name }) => name), "operator"]) {
    identityEnv.set(name, await metadata.identityEnv(member(name)));
  }
  const ports = new Map<string, number>();
  for (const name of [...functionNames, ...options.clientFunctions.map(({ name }) => name)]) {
    ports.set(name, await portOf(`function ${name}`));
  }
  // What Google's libraries read by themselves.
  const surroundings = { NODE_ENV: "production", ...firestore.env, ...metadata.env };
  const deployment = {
    GOOGLE_CLOUD_PROJECT: PROJECT_ID,
    FIRESTORE_DATABASE: "(default)",
    ...storage.env,
    ...tasks.env,
    ...metadata.env,
    MODEL_BUCKET: buckets.models,
    TASKS_LOCATION: LOCATION,
    CONTROL_QUEUE: queueIds.control,
    CLIENT_QUEUE: queueIds.client,
    TASK_INVOKER: member("task-invoker"),
    OPERATORS: member("operator"),
    EVALUATION_DATA: `gs://${buckets.data}/${dataObjects.evaluation}`,
    CLIENT_DATA: `gs://${buckets.data}/${dataObjects.client("{clientId}")}`,
    TENSORS: options.tensors ?? "auto",
    TRAINER: options.trainer ?? "tensorflow",
    CALLERS_CHECKED_BY_REGION: "true",
    ...options.variables,
  };
  const clientAccounts = options.clientFunctions.map(({ name }) => clientAccount(name));
  const spec = (name: FunctionName, instanceName: string, shape: FunctionShape): FunctionSpec => ({
    name: instanceName,
    sourceDir: options.bundles[name].dir,
    target: name,
    ...shape,
    execArgv: options.functionExecArgv ?? [],
    ...(options.memoryLookMs === undefined ? {} : { memoryLookMs: options.memoryLookMs }),
    port: ports.get(instanceName) ?? 0,
    callers: {
      invokers: [...invokerNames[name].map(member), ...(name === "coordinator" ? clientAccounts : [])],
      keySet: metadata.identities.keySet,
      removesSignatures: options.removesSignatures ?? false,
    },
    env: (urls: FunctionUrls) => ({
      ...surroundings,
      ...(name === "client" || name === "evaluator" ? startedWith(shape) : {}),
      ...identityEnv.get(instanceName),
      ...variablesOf(name, {
        ...deployment,
        API_URL: urls["api"] ?? "",
        COORDINATOR_URL: urls["coordinator"] ?? "",
        AGGREGATOR_URL: urls["aggregator"] ?? "",
        EVALUATOR_URL: urls["evaluator"] ?? "",
        // As deployed: who calls clients may not call the coordinator, and the other way round.
        ...(name === "client"
          ? { CLIENT_URL: urls[instanceName] ?? "", TASK_INVOKER: member("client-invoker") }
          : { CLIENT_TASK_INVOKER: member("client-invoker") }),
        MEMORY_MIB: String(shape.memoryMib),
        AGGREGATOR_MEMORY_MIB: String(functionShapes.aggregator.memoryMib),
        EVALUATOR_MEMORY_MIB: String(functionShapes.evaluator.memoryMib),
        VCPU: String(shape.vcpu),
      }),
      ...options.functionEnv,
    }),
  });
  const runtime = started(
    await startRuntime({
      functions: [
        ...functionNames.map((name) => spec(name, name, functionShapes[name])),
        ...options.clientFunctions.map(({ name, shape, idleSeconds }) => ({
          ...spec("client", name, { ...functionShapes.client, ...shape }),
          startsInTurn: true,
          ...(idleSeconds === undefined ? {} : { idleSeconds }),
        })),
      ],
      faults: options.faults ?? [],
      seed,
      graceSeconds: 3,
      ...(options.onLog === undefined ? {} : { onLog: options.onLog }),
      ...(options.onEvent === undefined ? {} : { onEvent: options.onEvent }),
    }),
  );

  tasks.release();
  return {
    projectId: PROJECT_ID,
    firestore: { implementation: firestore.implementation, reason: firestore.reason },
    runtime,
    tasks,
    services: [...services],
    apiUrl: runtime.url("api"),
    env: {
      GOOGLE_CLOUD_PROJECT: PROJECT_ID,
      ...firestore.env,
      ...storage.env,
      ...tasks.env,
      ...metadata.env,
      ...identityEnv.get("operator"),
      API_URL: runtime.url("api"),
    },
    inject,
    usage: () =>
      firestore.implementation === "official" ? { ...meter.read(), firestore: null } : meter.read(),
    resetUsage: () => meter.reset(),
    envAs: (functionName) => identityEnv.get(functionName) ?? {},
    operatorToken: (audience) => metadata.mintIdToken({ email: member("operator"), audience }),
    queueToken: (audience) => metadata.mintIdToken({ email: member("task-invoker"), audience }),
    clientQueueToken: (audience) => metadata.mintIdToken({ email: member("client-invoker"), audience }),
    putData: (object, bytes) =>
      putObject(storage.endpoint, object, bytes, metadata.identities.accessToken(member("operator")).token),
    stop: async () => {
      await tasks.halt(); // First, for the functions' end is not a failure of their tasks.
      await stopAll();
    },
  };
}

/** Of all client functions together. */
function clientInstances({ clientFunctions }: BoxOptions): number {
  const each = clientFunctions.map(({ shape }) => shape?.maxInstances ?? functionShapes.client.maxInstances);
  return Math.max(
    queueSettings.client.maxConcurrentDispatches,
    each.reduce((sum, instances) => sum + instances, 0),
  );
}

function requireFaults(implementation: string, faults: readonly CallFaultInput[]): void {
  if (implementation !== "embedded" && faults.some(({ service }) => service === "firestore")) {
    throw new FlError(
      "failed-precondition",
      'The official Firestore emulator cannot be made to fail: use `firestore: "embedded"`.',
    );
  }
}

async function putObject(
  endpoint: string,
  object: string,
  bytes: Uint8Array<ArrayBuffer>,
  accessToken: string,
): Promise<void> {
  const query = `uploadType=media&name=${encodeURIComponent(object)}`;
  const response = await fetch(`${endpoint}/upload/storage/v1/b/${buckets.data}/o?${query}`, {
    method: "POST",
    headers: { authorization: `Bearer ${accessToken}`, "content-type": "application/octet-stream" },
    body: bytes,
  });
  if (!response.ok) {
    const reason = messageOf(await response.text());
    throw new FlError("internal", `The local storage did not take ${object}: ${reason}.`);
  }
}

/** Of an error as the JSON API of Cloud Storage answers it. */
function messageOf(answer: string): string {
  const found = z.object({ error: z.object({ message: z.string() }) }).safeParse(parsed(answer));
  return (found.data?.error.message ?? answer).replace(/^Error: /, "").replace(/\.$/, "");
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** How Node is started in a function that computes, as deployed. */
function startedWith({ memoryMib }: FunctionShape): Readonly<Record<string, string>> {
  const options = nodeOptions(memoryMib);
  return options === undefined ? {} : { NODE_OPTIONS: options };
}
