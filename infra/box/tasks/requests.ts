// What clients ask for, checked against the limits of Cloud Tasks and turned into our own shapes.
import type { protos } from "@google-cloud/tasks";
import { FlError } from "../../../shared/core/errors.ts";
import { toMs } from "./messages.ts";
import type { NewTask, TaskRequest } from "./queue.ts";
import { defaultQueueConfig, type QueueConfig } from "./queueConfig.ts";
import { requireTaskName } from "./resourceNames.ts";

type QueueMessage = protos.google.cloud.tasks.v2.IQueue;
type TaskMessage = protos.google.cloud.tasks.v2.ITask;
type HttpMessage = protos.google.cloud.tasks.v2.IHttpRequest;

const maxTaskBytes = 1024 * 1024;
const maxHeaderBytes = 80 * 1024;
const maxUrlLength = 2083;
const maxScheduleAheadMs = 30 * 24 * 3_600_000;
const defaultDeadlineMs = 600_000;
const minDeadlineMs = 15_000;
const maxDeadlineMs = 1_800_000;
const methodsWithBody: readonly string[] = ["POST", "PUT", "PATCH"];

/** The path of every setting in an update mask. */
const maskPaths: Readonly<Record<keyof QueueConfig, string>> = {
  maxDispatchesPerSecond: "rate_limits.max_dispatches_per_second",
  maxConcurrentDispatches: "rate_limits.max_concurrent_dispatches",
  maxAttempts: "retry_config.max_attempts",
  maxRetryDurationMs: "retry_config.max_retry_duration",
  minBackoffMs: "retry_config.min_backoff",
  maxBackoffMs: "retry_config.max_backoff",
  maxDoublings: "retry_config.max_doublings",
};

/** The settings in a message; what is unset (0 on the wire) gets its default. */
export function configOfMessage(queue: QueueMessage): QueueConfig {
  const { rateLimits, retryConfig } = queue;
  const given = {
    maxDispatchesPerSecond: rateLimits?.maxDispatchesPerSecond || undefined,
    maxConcurrentDispatches: rateLimits?.maxConcurrentDispatches || undefined,
    maxAttempts: retryConfig?.maxAttempts || undefined,
    maxRetryDurationMs: retryConfig?.maxRetryDuration ? toMs(retryConfig.maxRetryDuration) : undefined,
    minBackoffMs: retryConfig?.minBackoff ? toMs(retryConfig.minBackoff) : undefined,
    maxBackoffMs: retryConfig?.maxBackoff ? toMs(retryConfig.maxBackoff) : undefined,
    maxDoublings: retryConfig?.maxDoublings || undefined,
  };
  return { ...defaultQueueConfig, ...withoutUndefined(given) };
}

/** The current settings with those that the mask names replaced; an empty mask names all. */
export function updatedConfig(
  current: QueueConfig,
  message: QueueMessage,
  mask: readonly string[],
): QueueConfig {
  const asked = configOfMessage(message);
  const named = (path: string) =>
    mask.length === 0 || mask.some((entry) => path === entry || path.startsWith(`${entry}.`));
  const keys = Object.keys(maskPaths) as (keyof QueueConfig)[];
  const changes = keys.filter((key) => named(maskPaths[key])).map((key) => [key, asked[key]]);
  return { ...current, ...Object.fromEntries(changes) };
}

/**
 * A task to be added to a queue.
 *
 * @param id the name to give a task that has none.
 * @throws FlError("invalid-argument") for anything that Cloud Tasks would refuse, or that only it can do.
 */
export function newTask(message: TaskMessage, queueName: string, id: string, nowMs: number): NewTask {
  const name = requireTaskName(message.name || `${queueName}/tasks/${id}`, queueName);
  if (!message.httpRequest)
    throw refused(name, "has no httpRequest; App Engine tasks are not supported here");
  const request = taskRequest(name, message.httpRequest);
  const scheduleMs = message.scheduleTime ? toMs(message.scheduleTime) : nowMs;
  if (scheduleMs > nowMs + maxScheduleAheadMs) throw refused(name, "is scheduled more than 30 days ahead");
  const deadlineMs = message.dispatchDeadline ? toMs(message.dispatchDeadline) : defaultDeadlineMs;
  if (deadlineMs < minDeadlineMs || deadlineMs > maxDeadlineMs) {
    throw refused(name, "has a dispatchDeadline outside 15 s to 30 min");
  }
  return { name, request, deadlineMs, scheduleMs };
}

function taskRequest(name: string, message: HttpMessage): TaskRequest {
  const url = message.url ?? "";
  if (!/^https?:\/\//.test(url) || !URL.canParse(url)) {
    throw refused(name, "needs a url that begins with http:// or https://");
  }
  if (url.length > maxUrlLength) throw refused(name, `has a url longer than ${maxUrlLength} characters`);
  const unspecified = !message.httpMethod || message.httpMethod === "HTTP_METHOD_UNSPECIFIED";
  const method = unspecified ? "POST" : String(message.httpMethod);
  const body = Buffer.from(message.body ?? "");
  if (body.length > 0 && !methodsWithBody.includes(method))
    throw refused(name, `has a body, which ${method} may not`);
  const headers = message.headers ?? {};
  const headerBytes = Object.entries(headers).reduce(
    (sum, [key, value]) => sum + key.length + value.length,
    0,
  );
  if (headerBytes > maxHeaderBytes) throw refused(name, "has more than 80 KiB of headers");
  if (url.length + headerBytes + body.length > maxTaskBytes) throw refused(name, "is larger than 1 MiB");
  if (message.oauthToken) throw refused(name, "asks for an oauthToken, which is not supported here");
  const email = message.oidcToken?.serviceAccountEmail;
  if (message.oidcToken && !email) throw refused(name, "has an oidcToken without a serviceAccountEmail");
  const oidc = email ? { email, audience: message.oidcToken?.audience || url } : undefined;
  return { url, method, headers, body, oidc };
}

function refused(name: string, why: string): FlError {
  return new FlError("invalid-argument", `Task ${name} ${why}.`);
}

function withoutUndefined<T extends object>(given: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const entries = Object.entries(given).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> };
}
