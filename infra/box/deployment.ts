// What a deployment consists of, in one table: identities, queues, buckets, and what each function has and
// may touch.
import type { FunctionName } from "../../shared/core/protocol/tasks.ts";

export interface FunctionShape {
  readonly memoryMib: number;
  readonly vcpu: number;
  readonly timeoutSeconds: number;
  /** Requests that one instance serves at once; training takes an instance for itself. */
  readonly concurrency: number;
  readonly maxInstances: number;
}

/** All instances together fit into what a new project may have in a region: 20 vCPUs and 40 GiB. */
export const functionShapes: Readonly<Record<FunctionName, FunctionShape>> = {
  api: { memoryMib: 512, vcpu: 1, timeoutSeconds: 60, concurrency: 80, maxInstances: 2 },
  coordinator: { memoryMib: 512, vcpu: 1, timeoutSeconds: 60, concurrency: 80, maxInstances: 4 },
  aggregator: { memoryMib: 2_048, vcpu: 1, timeoutSeconds: 540, concurrency: 1, maxInstances: 2 },
  evaluator: { memoryMib: 2_048, vcpu: 1, timeoutSeconds: 540, concurrency: 1, maxInstances: 2 },
  client: { memoryMib: 2_048, vcpu: 1, timeoutSeconds: 540, concurrency: 1, maxInstances: 10 },
};

export const buckets = { models: "fedstratus-models", data: "fedstratus-data" } as const;

export const queueIds = { control: "control", client: "client" } as const;

/**
 * Retries of the queues. A transition is tried until it is done; a client's training is tried three times.
 */
export const queueSettings = {
  control: { maxAttempts: -1, minBackoffMs: 200, maxBackoffMs: 10_000, maxDoublings: 6 },
  client: {
    maxAttempts: 3,
    minBackoffMs: 1_000,
    maxBackoffMs: 30_000,
    maxDoublings: 4,
    // As many as there may be instances: a call that finds none free is refused, and costs a try.
    maxConcurrentDispatches: functionShapes.client.maxInstances,
  },
} as const;

/** The service account of a function, a queue or a person in a project. */
export function serviceAccount(name: string, projectId: string): string {
  return `${name}@${projectId}.iam.gserviceaccount.com`;
}

/**
 * Whose accounts may call which function; the coordinator's callers are the accounts of the registered
 * clients, too.
 */
export const invokerNames: Readonly<Record<FunctionName, readonly string[]>> = {
  api: ["operator"],
  coordinator: ["task-invoker"],
  aggregator: ["task-invoker"],
  evaluator: ["task-invoker"],
  client: ["client-invoker"],
};

/** Who may touch which bucket. The client function may touch its owner's data and nothing else. */
export function bucketGrants(projectId: string) {
  const member = (name: string) => serviceAccount(name, projectId);
  const { models } = buckets;
  return [
    { member: member("api"), bucket: models, role: "creator" },
    { member: member("coordinator"), bucket: models, role: "writer" },
    { member: member("aggregator"), bucket: models, role: "writer" },
    { member: member("evaluator"), bucket: models, role: "writer" },
    { member: member("evaluator"), bucket: buckets.data, prefix: "evaluation/", role: "reader" },
    { member: member("operator"), bucket: buckets.data, role: "writer" },
  ] as const;
}
