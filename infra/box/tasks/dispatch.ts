// One attempt of a task: the headers that Cloud Tasks sends, and the HTTP request with its deadline.
import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { finished } from "node:stream/promises";
import type { AttemptOutcome, QueuedTask, TaskRequest } from "./queue.ts";
import { lastSegment } from "./resourceNames.ts";
import { parseRetryAfter } from "./retry.ts";

/** Headers that a task may not set itself; Cloud Tasks drops or replaces them. */
const reserved =
  /^(host|content-length|user-agent|connection|transfer-encoding|x-google-.*|x-appengine-.*|x-cloudtasks-.*)$/;

/** The headers of a task's current attempt, names in lower case, without its token. */
export function attemptHeaders(queueName: string, task: QueuedTask): Record<string, string> {
  const own = Object.entries(task.request.headers).map(
    ([name, value]) => [name.toLowerCase(), value] as const,
  );
  return {
    ...Object.fromEntries(own.filter(([name]) => !reserved.test(name))),
    "user-agent": "Google-Cloud-Tasks",
    "x-cloudtasks-queuename": lastSegment(queueName),
    "x-cloudtasks-taskname": lastSegment(task.name),
    "x-cloudtasks-taskretrycount": String(task.dispatchCount - 1),
    "x-cloudtasks-taskexecutioncount": String(task.executionCount),
    "x-cloudtasks-tasketa": String((task.lastAttempt?.scheduleMs ?? task.scheduleMs) / 1_000),
    ...(task.previousStatus !== undefined && {
      "x-cloudtasks-taskpreviousresponse": String(task.previousStatus),
    }),
  };
}

export interface SendOptions {
  readonly headers: Readonly<Record<string, string>>;
  readonly deadlineMs: number;
  /** Aborts the request; the outcome is then `stopped`. */
  readonly signal: AbortSignal;
}

/**
 * Makes the request and reads its answer to the end. Never rejects: a failure is an outcome. A new connection
 * every time, so that no answer is lost to one that the target was just closing.
 */
export async function send(request: TaskRequest, options: SendOptions): Promise<AttemptOutcome> {
  if (options.signal.aborted) return { kind: "stopped", message: "The task service is stopping." };
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(), options.deadlineMs);
  try {
    const response = await exchange(
      request,
      options.headers,
      AbortSignal.any([deadline.signal, options.signal]),
    );
    const status = response.statusCode ?? 0;
    const waits = status === 429 || status === 503;
    const retryAfterMs = waits ? parseRetryAfter(response.headers["retry-after"], Date.now()) : undefined;
    return { kind: "status", status, retryAfterMs };
  } catch (error) {
    if (options.signal.aborted) return { kind: "stopped", message: "The task service is stopping." };
    if (deadline.signal.aborted) {
      return { kind: "deadline", message: `No answer within ${options.deadlineMs} ms.` };
    }
    return { kind: "unreachable", message: error instanceof Error ? error.message : String(error) };
  } finally {
    clearTimeout(timer);
  }
}

async function exchange(
  { url, method, body }: TaskRequest,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const target = new URL(url);
  const start = target.protocol === "https:" ? httpsRequest : httpRequest;
  const hasBody = method === "POST" || method === "PUT" || method === "PATCH";
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const outgoing = start(target, {
      method,
      headers: { ...headers, ...(hasBody && { "content-length": body.byteLength }) },
      agent: false,
      signal,
    });
    outgoing.on("response", resolve);
    outgoing.on("error", reject);
    outgoing.end(hasBody ? body : undefined);
  });
  await finished(response.resume());
  return response;
}
