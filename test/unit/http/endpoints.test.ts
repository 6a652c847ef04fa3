// Endpoints: people read what went wrong; the queue learns only whether to repeat the task.
import { describe, expect, it } from "vitest";
import * as z from "zod";
import { type ErrorCode, FlError } from "../../../shared/core/errors.ts";
import { apiEndpoint, taskEndpoint } from "../../../shared/http/endpoints.ts";
import type { HttpResponse } from "../../../shared/http/message.ts";
import { NoParams, NoQuery, route } from "../../../shared/http/routes.ts";
import { CALLER, type LogLine, recordingLog, request } from "./requests.ts";

const secret = "hunter2";
type Endpoint = typeof apiEndpoint | typeof taskEndpoint;

/** What an endpoint answers to a POST whose route fails (or whose caller is none), and what it logs. */
async function answerOf(
  endpoint: Endpoint,
  error: unknown,
  asked = request({ method: "POST", path: "/do", body: { n: 1 } }),
  stranger?: unknown,
): Promise<{ readonly response: HttpResponse; readonly lines: readonly LogLine[] }> {
  const { log, lines } = recordingLog();
  const act = route<string>()({
    method: "POST",
    path: "/do",
    summary: "Do.",
    params: NoParams,
    query: NoQuery,
    body: z.strictObject({ n: z.number() }),
    answer: { status: 200, schema: z.strictObject({ caller: z.string() }) },
    run: async ({ caller }) => {
      if (error !== null) throw error;
      return { caller };
    },
  });
  const handler = endpoint({
    routes: [act],
    authenticate: () => (stranger === undefined ? Promise.resolve(CALLER) : Promise.reject(stranger)),
    log,
  });
  const response = await handler({
    ...asked,
    headers: { ...asked.headers, "x-cloudtasks-taskname": "task-1" },
  });
  return { response, lines };
}

const unauthenticated = new FlError("unauthenticated", "The request has no ID token.");
const stranger = new FlError("permission-denied", "The caller may not call this function.");

describe.each([
  ["apiEndpoint", apiEndpoint],
  ["taskEndpoint", taskEndpoint],
])("%s", (_name, endpoint: Endpoint) => {
  it("answers as the route does, and knows the caller", async () => {
    const { response, lines } = await answerOf(endpoint, null);
    expect(response).toEqual({ status: 200, body: { caller: CALLER } });
    expect(lines).toEqual([]);
  });

  it.each([
    [401, unauthenticated, { "www-authenticate": "Bearer" }],
    [403, stranger, {}],
    [503, new FlError("unavailable", "The keys could not be fetched."), { "retry-after": "1" }],
    [500, new Error(secret), { "retry-after": "1" }],
  ])("%i to a caller without an identity, whatever is asked", async (status, error, headers) => {
    for (const path of ["/do", "/nothing"]) {
      const asked = request({ method: "POST", path, body: { n: "x" } });
      const { response, lines } = await answerOf(endpoint, null, asked, error);
      expect(response.status).toBe(status);
      expect(response.headers).toEqual(headers);
      expect(JSON.stringify(response)).not.toContain(secret);
      expect(lines).toHaveLength(status >= 500 ? 1 : 0);
    }
  });

  it("404 and 405, with the methods that there are: the queue keeps a task that went astray", async () => {
    const astray = await answerOf(endpoint, null, request({ method: "POST", path: "/done" }));
    expect(astray.response).toMatchObject({ status: 404, body: { error: { code: "not-found" } } });
    const method = await answerOf(endpoint, null, request({ method: "GET", path: "/do" }));
    expect(method.response).toMatchObject({ status: 405, headers: { allow: "POST" } });
  });

  it("500 to an unknown error, which only the log names", async () => {
    const error = new TypeError(secret);
    const { response, lines } = await answerOf(endpoint, error);
    expect(response).toMatchObject({ status: 500, body: { error: { code: "internal" } } });
    expect(JSON.stringify(response)).not.toContain(secret);
    expect(lines).toMatchObject([{ level: "error", fields: { path: "/do", error } }]);
  });
});

describe("apiEndpoint", () => {
  it("answers every failure with its status, and logs its own", async () => {
    const conflict = await answerOf(apiEndpoint, new FlError("failed-precondition", "It is paused."));
    expect(conflict.response).toMatchObject({ status: 409, body: { error: { message: "It is paused." } } });
    expect(conflict.lines).toEqual([]);
    const bad = await answerOf(apiEndpoint, null, request({ method: "POST", path: "/do", body: { n: "x" } }));
    expect(bad.response).toMatchObject({ status: 400, body: { error: { problems: [{ path: "n" }] } } });
    const down = await answerOf(apiEndpoint, new FlError("unavailable", "No answer."));
    expect(down.response).toMatchObject({ status: 503, headers: { "retry-after": "1" } });
    expect(down.lines).toMatchObject([{ level: "error", fields: { method: "POST", path: "/do" } }]);
  });
});

describe("taskEndpoint", () => {
  /** Whether the queue is to bring the task again. */
  const FATES: Record<ErrorCode, "done" | "again" | "person"> = {
    "invalid-argument": "done",
    "not-found": "done",
    "already-exists": "done",
    "failed-precondition": "done",
    "too-large": "done",
    "method-not-allowed": "done",
    "unsupported-media-type": "done",
    unauthenticated: "person",
    "permission-denied": "person",
    "data-loss": "person",
    internal: "again",
    "resource-exhausted": "again",
    aborted: "again",
    "deadline-exceeded": "again",
    unavailable: "again",
  };
  it.each(Object.entries(FATES) as [ErrorCode, string][])("%s: %s", async (code, fate) => {
    const { response, lines } = await answerOf(taskEndpoint, new FlError(code, "Because."));
    expect(lines, "every failure is logged").toHaveLength(1);
    expect(lines[0]?.fields).toMatchObject({ task: "task-1", path: "/do" });
    if (fate === "done") {
      expect(response).toEqual({ status: 200, body: { ignored: { code, reason: "Because." } } });
      expect(lines[0]).toMatchObject({ level: "warn", fields: { code, reason: "Because." } });
    } else {
      expect(response.status).toBeGreaterThanOrEqual(500);
      expect(response.headers).toEqual({ "retry-after": fate === "person" ? "300" : "1" });
    }
  });

  it("what is said to be final is final, and what may pass comes back when it may", async () => {
    const never = await answerOf(taskEndpoint, new FlError("unavailable", "Gone.", { retry: "never" }));
    expect(never.response.status).toBe(200);
    const later = await answerOf(
      taskEndpoint,
      new FlError("failed-precondition", "Not yet.", { retry: { afterMs: 2_500 } }),
    );
    expect(later.response).toMatchObject({
      status: 503,
      headers: { "retry-after": "3" },
      body: { error: { code: "failed-precondition", message: "Not yet." } },
    });
    expect(later.lines).toMatchObject([{ level: "warn" }]);
  });

  it("a damaged document says nothing of itself to the queue", async () => {
    const { response, lines } = await answerOf(taskEndpoint, new FlError("data-loss", secret));
    expect(JSON.stringify(response)).not.toContain(secret);
    expect(lines).toMatchObject([{ level: "error", fields: { code: "data-loss" } }]);
  });

  it("a body that will never be right is not asked for again", async () => {
    const asked = request({ method: "POST", path: "/do", body: { n: "x" } });
    const { response } = await answerOf(taskEndpoint, null, asked);
    expect(response).toMatchObject({ status: 200, body: { ignored: { code: "invalid-argument" } } });
  });
});
