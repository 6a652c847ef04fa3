// Errors on the wire: every code has its status, and nothing leaves the server that was not meant to.
import { describe, expect, it } from "vitest";
import { type ErrorCode, FlError } from "../../../shared/core/errors.ts";
import { errorResponse, retryAfterSeconds } from "../../../shared/http/errors.ts";

/** Status, and Retry-After with the code's own verdict. */
const TABLE: Record<ErrorCode, [status: number, retryAfter: string | undefined]> = {
  "invalid-argument": [400, undefined],
  unauthenticated: [401, undefined],
  "permission-denied": [403, undefined],
  "not-found": [404, undefined],
  "method-not-allowed": [405, undefined],
  "already-exists": [409, undefined],
  "failed-precondition": [409, undefined],
  "too-large": [413, undefined],
  "unsupported-media-type": [415, undefined],
  "resource-exhausted": [429, "1"],
  "data-loss": [500, undefined],
  internal: [500, "1"],
  aborted: [503, "1"],
  "deadline-exceeded": [503, "1"],
  unavailable: [503, "1"],
};
const codes = Object.keys(TABLE) as ErrorCode[];

describe("errorResponse", () => {
  it.each(codes)("%s", (code) => {
    const response = errorResponse(new FlError(code, "Run r is paused."));
    const [status, retryAfter] = TABLE[code];
    expect(response.status).toBe(status);
    expect(response.headers?.["retry-after"]).toBe(retryAfter);
    expect(response.headers?.["www-authenticate"]).toBe(status === 401 ? "Bearer" : undefined);
    const message = status === 500 ? expect.stringContaining("log has the details") : "Run r is paused.";
    expect(response.body).toEqual({ error: { code, message } });
  });

  it("lists the problems of an input", () => {
    const problems = [{ path: "round.quorum", message: "too big" }];
    const { body } = errorResponse(new FlError("invalid-argument", "1 problem", { problems }));
    expect(body).toEqual({ error: { code: "invalid-argument", message: "1 problem", problems } });
  });

  it("a conflict may pass: then it says when", () => {
    const busy = new FlError("failed-precondition", "A round is open.", { retry: { afterMs: 5_000 } });
    expect(errorResponse(busy)).toMatchObject({ status: 409, headers: { "retry-after": "5" } });
  });

  const secret = "postgres://admin:hunter2@10.0.0.1";
  it.each([
    ["an unknown error", new TypeError(secret)],
    ["text", secret],
    ["nothing", undefined],
    ["an internal error", new FlError("internal", secret, { problems: [{ path: secret, message: secret }] })],
    [
      "a damaged document",
      new FlError("data-loss", secret, { problems: [{ path: secret, message: secret }] }),
    ],
    ["one that looks like ours", { name: "FlError", code: "not-found", message: secret, retry: "never" }],
    ["a cause", new FlError("unavailable", "No answer.", { cause: new Error(secret) })],
  ])("reports nothing of %s", (_what, error) => {
    const response = errorResponse(error);
    expect(response.status).toBeGreaterThanOrEqual(500);
    expect(JSON.stringify(response)).not.toContain("hunter2");
    expect(JSON.stringify(response)).not.toContain("stack");
  });
});

describe("retryAfterSeconds", () => {
  it.each([
    ["never", null],
    ["soon", 1],
    [{ afterMs: -5 }, 1],
    [{ afterMs: 0 }, 1],
    [{ afterMs: 1_000 }, 1],
    [{ afterMs: 1_001 }, 2],
    [{ afterMs: 120_000 }, 120],
  ] as const)("%j is %s", (retry, seconds) => {
    expect(retryAfterSeconds(retry)).toBe(seconds);
  });
});
