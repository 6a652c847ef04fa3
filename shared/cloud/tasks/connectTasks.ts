// The task queue over Cloud Tasks: names, identity tokens and times as the service wants them, its errors as
// ours.

import type { CloudTasksClient, protos } from "@google-cloud/tasks";
import { type ErrorCode, FlError } from "../../core/errors.ts";
import type { FoundTask, QueueKey, SentTask, Task, TaskQueue } from "../../core/ports/taskQueue.ts";
import { once } from "../once.ts";

export interface TasksConnection {
  readonly projectId: string;
  /** Region of the queues. */
  readonly location: string;
  /** Ids of the queues that this function adds to. */
  readonly queues: Readonly<Partial<Record<QueueKey, string>>>;
  /** The service accounts whose identity tokens the tasks of each queue carry. */
  readonly invokerEmails: Readonly<Partial<Record<QueueKey, string>>>;
  /** `host:port` of a local Cloud Tasks; absent: the real one. */
  readonly emulatorHost?: string;
  /** How long a call is repeated while the service does not answer; default 15,000. */
  readonly patienceMs?: number;
}

export interface ConnectedTasks extends TaskQueue {
  /** Ends the connection. */
  close(): Promise<void>;
}

const maxTaskBytes = 1024 * 1024;
const namePattern = /^[A-Za-z0-9_-]{1,500}$/;

/** So that a task handler still has time to answer. */
const PATIENCE_MS = 15_000;

/**
 * Every task has a name, so creating one is safe to repeat: the client retries it, which it does not do by
 * itself.
 */
const clientConfig = (patienceMs: number) => ({
  interfaces: {
    "google.cloud.tasks.v2.CloudTasks": {
      retry_codes: { passing: ["CANCELLED", "DEADLINE_EXCEEDED", "UNAVAILABLE"] },
      retry_params: {
        named_task: {
          initial_retry_delay_millis: 100,
          retry_delay_multiplier: 2,
          max_retry_delay_millis: 2_000,
          initial_rpc_timeout_millis: 5_000,
          rpc_timeout_multiplier: 1,
          max_rpc_timeout_millis: 5_000,
          total_timeout_millis: patienceMs,
        },
      },
      methods: {
        GetTask: { timeout_millis: patienceMs, retry_codes_name: "passing", retry_params_name: "named_task" },
        ListTasks: {
          timeout_millis: patienceMs,
          retry_codes_name: "passing",
          retry_params_name: "named_task",
        },
        DeleteTask: {
          timeout_millis: patienceMs,
          retry_codes_name: "passing",
          retry_params_name: "named_task",
        },
        CreateTask: {
          timeout_millis: patienceMs,
          retry_codes_name: "passing",
          retry_params_name: "named_task",
        },
      },
    },
  },
});

/** gRPC status numbers that mean something to a caller; everything else is internal. */
const codes: Readonly<Record<number, ErrorCode>> = {
  1: "unavailable", // Never by us: the other side went away.
  3: "invalid-argument",
  4: "unavailable",
  5: "not-found",
  7: "permission-denied",
  8: "resource-exhausted",
  9: "failed-precondition",
  14: "unavailable",
  16: "unauthenticated",
};
/** What is missing, by the status of a call that fails until a person has done something. */
const missing: ReadonlyMap<number, string> = new Map([
  [5, "there is no such queue; create it, or check the names that this function was given"],
  [
    7,
    "this function's service account may not; give it roles/cloudtasks.enqueuer, roles/cloudtasks.viewer and, on the client queue, roles/cloudtasks.taskDeleter, and roles/iam.serviceAccountUser on the queue's invoker",
  ],
  [9, "the queue does not take tasks; resume it"],
  [16, "the credentials of this function are not accepted; check its service account"],
]);
/** Room for how an attempt ended. */
const ANSWER_LENGTH = 300;
const alreadyExists = 6;
const notFound = 5;

/** Nothing is loaded or asked before the first call. */
export function connectTasks(connection: TasksConnection): ConnectedTasks {
  let client: CloudTasksClient | undefined;
  const connected = once(async () => {
    client = await openClient(connection);
    return client;
  });
  return {
    enqueue: async (task) => enqueue(await connected(), connection, task),
    find: async (name, queue) => find(await connected(), connection, name, queue),
    sent: async (queue) => sent(await connected(), connection, queue),
    remove: async (name, queue) => remove(await connected(), connection, name, queue),
    close: async () => {
      await client?.close();
    },
  };
}

async function openClient({
  projectId,
  emulatorHost,
  patienceMs = PATIENCE_MS,
}: TasksConnection): Promise<CloudTasksClient> {
  const { CloudTasksClient } = await import("@google-cloud/tasks");
  return new CloudTasksClient({
    projectId,
    clientConfig: clientConfig(patienceMs),
    ...(emulatorHost === undefined ? {} : await insecureOptions(emulatorHost)),
  });
}

async function insecureOptions(emulatorHost: string) {
  const { credentials } = await import("@grpc/grpc-js");
  const { hostname, port } = new URL(`http://${emulatorHost}`);
  return {
    apiEndpoint: hostname,
    port: Number(port),
    sslCreds: credentials.createInsecure(),
    // Else it is asked of the metadata server, for nothing.
    clientOptions: { universeDomain: "googleapis.com" },
  };
}

async function find(
  client: CloudTasksClient,
  { projectId, location, queues }: TasksConnection,
  name: string,
  queue: QueueKey,
): Promise<FoundTask | null> {
  try {
    const path = client.taskPath(projectId, location, known(queues, queue), name);
    const [{ lastAttempt }] = await client.getTask({ name: path });
    if (!lastAttempt?.responseTime) {
      return {
        sentAtMs: lastAttempt?.dispatchTime ? msOf(lastAttempt.dispatchTime) : null,
        lastAnswer: null,
      };
    }
    const { code, message } = lastAttempt.responseStatus ?? {};
    const lastAnswer = (message || `status ${code ?? "unknown"}`).slice(0, ANSWER_LENGTH).toWellFormed();
    return { sentAtMs: null, lastAnswer };
  } catch (error) {
    const code = grpcCode(error);
    if (code === notFound) return null;
    throw queueFault(`Task ${name} could not be looked up in queue ${queues[queue]}`, code, error);
  }
}

/** Pages of a listing, and tasks of one: looking at more would take longer than it is worth. */
const [MOST_PAGES, PAGE_SIZE] = [5, 1_000];

async function sent(
  client: CloudTasksClient,
  { projectId, location, queues }: TasksConnection,
  queue: QueueKey,
): Promise<readonly SentTask[]> {
  const parent = client.queuePath(projectId, location, known(queues, queue));
  const found: SentTask[] = [];
  let pageToken = "";
  try {
    for (let page = 1; page <= MOST_PAGES; page++) {
      const request = { parent, pageSize: PAGE_SIZE, pageToken };
      const [tasks, next] = await client.listTasks(request, { autoPaginate: false });
      for (const { name, lastAttempt, dispatchDeadline } of tasks) {
        if (!name || !lastAttempt?.dispatchTime || lastAttempt.responseTime) continue;
        const untilMs = msOf(lastAttempt.dispatchTime) + msOf(dispatchDeadline ?? { seconds: 600 });
        found.push({ name: name.slice(name.lastIndexOf("/") + 1), untilMs });
      }
      pageToken = next?.pageToken ?? "";
      if (pageToken === "") break;
    }
    return found;
  } catch (error) {
    throw queueFault(`The tasks of queue ${queues[queue]} could not be listed`, grpcCode(error), error);
  }
}

async function remove(
  client: CloudTasksClient,
  { projectId, location, queues }: TasksConnection,
  name: string,
  queue: QueueKey,
): Promise<void> {
  try {
    await client.deleteTask({ name: client.taskPath(projectId, location, known(queues, queue), name) });
  } catch (error) {
    const code = grpcCode(error);
    if (code === notFound) return;
    throw queueFault(`Task ${name} could not be removed from queue ${queues[queue]}`, code, error);
  }
}

function msOf({ seconds, nanos }: protos.google.protobuf.ITimestamp): number {
  return Number(seconds ?? 0) * 1_000 + Math.floor((nanos ?? 0) / 1e6);
}

/** @throws FlError("internal") where this function was never to add to that queue: a defect of ours. */
function known(of: Readonly<Partial<Record<QueueKey, string>>>, queue: QueueKey): string {
  const value = of[queue];
  if (value === undefined) throw new FlError("internal", `This function knows no ${queue} queue.`);
  return value;
}

function queueFault(what: string, code: number | undefined, cause: unknown): FlError {
  const why = missing.get(code ?? 0);
  const ours = codes[code ?? 0] ?? "internal";
  return why === undefined
    ? new FlError(ours, `${what} (${ours}).`, { cause })
    : new FlError(ours, `${what}: ${why}.`, { cause, retry: "needs-a-person" });
}

function grpcCode(error: unknown): number | undefined {
  return error instanceof Error && "code" in error ? Number(error.code) : undefined;
}

async function enqueue(
  client: CloudTasksClient,
  connection: TasksConnection,
  task: Task,
): Promise<"created" | "exists"> {
  const { projectId, location, queues } = connection;
  const parent = client.queuePath(projectId, location, known(queues, task.queue));
  try {
    await client.createTask({
      parent,
      task: taskMessage(task, parent, known(connection.invokerEmails, task.queue)),
    });
    return "created";
  } catch (error) {
    if (error instanceof FlError) throw error;
    const code = grpcCode(error);
    if (code === alreadyExists) return "exists";
    throw queueFault(`Task ${task.name} was not added to queue ${queues[task.queue]}`, code, error);
  }
}

function taskMessage(task: Task, parent: string, email: string): protos.google.cloud.tasks.v2.ITask {
  const refused = (code: ErrorCode, why: string) =>
    new FlError(code, `Task "${task.name.slice(0, 500)}" ${why}.`);
  if (!namePattern.test(task.name)) {
    throw refused("invalid-argument", "needs a name of 1 to 500 letters, digits, hyphens and underscores");
  }
  if (!/^https?:\/\//.test(task.url) || !URL.canParse(task.url)) {
    throw refused("invalid-argument", "needs a url that begins with http:// or https://");
  }
  const deadlineSeconds = task.deadlineSeconds ?? 600;
  if (!(deadlineSeconds >= 15 && deadlineSeconds <= 1_800)) {
    throw refused("invalid-argument", `needs deadlineSeconds from 15 to 1800, not ${deadlineSeconds}`);
  }
  const body = Buffer.from(JSON.stringify(task.body) ?? "");
  if (body.length === 0) throw refused("invalid-argument", "needs a body that JSON can express");
  if (body.length > maxTaskBytes - 4_096) throw refused("too-large", `has a body of ${body.length} bytes`);
  return {
    name: `${parent}/tasks/${task.name}`,
    httpRequest: {
      url: task.url,
      httpMethod: "POST",
      headers: { "content-type": "application/json" },
      body,
      oidcToken: { serviceAccountEmail: email, audience: task.audience ?? new URL(task.url).origin },
    },
    dispatchDeadline: time(deadlineSeconds * 1_000),
    ...(task.scheduleAtMs !== undefined && { scheduleTime: time(task.scheduleAtMs) }),
  };
}

function time(ms: number): protos.google.protobuf.ITimestamp {
  const seconds = Math.floor(ms / 1_000);
  return { seconds, nanos: Math.floor((ms - seconds * 1_000) * 1e6) };
}
