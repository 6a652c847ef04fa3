// What failures come to: an exit code, a document for programs and lines for people.
import { describe, expect, test } from "vitest";
import { ApiAnswer } from "../../../infra/cli/apiAnswer.ts";
import { failureLines, failureOf, NotYet, UsageError } from "../../../infra/fedstratus/frame/failures.ts";
import { type ErrorCode, FlError } from "../../../shared/core/errors.ts";

test.each<[ErrorCode, string]>([
  ["invalid-argument", "input"],
  ["too-large", "input"],
  ["unauthenticated", "identity"],
  ["permission-denied", "identity"],
  ["not-found", "refused"],
  ["already-exists", "refused"],
  ["failed-precondition", "refused"],
  ["data-loss", "refused"],
  ["unavailable", "unreachable"],
  ["resource-exhausted", "unreachable"],
  ["deadline-exceeded", "unreachable"],
  ["aborted", "unreachable"],
])("%s ends as %s", (code, exit) => {
  expect(failureOf(new FlError(code, "Why."))).toMatchObject({ exit, error: { code, message: "Why." } });
});

describe("an answer of the api", () => {
  const answer = new ApiAnswer(404, "There is no run x.", "ab".repeat(16));
  const error = new FlError("not-found", "GET /v1/runs/x answered 404: There is no run x.", {
    cause: answer,
  });

  test("is told in its own words, with the trace", () => {
    expect(failureOf(error)?.error).toEqual({
      code: "not-found",
      message: "There is no run x.",
      trace: "ab".repeat(16),
    });
  });

  test("that something went wrong there is no fault of ours; without an answer it is", () => {
    const there = new FlError("internal", "500", { cause: new ApiAnswer(500, "Our side.", "") });
    expect(failureOf(there)?.exit).toBe("refused");
    expect(failureOf(new FlError("internal", "?"))).toBeNull();
    expect(failureOf(new TypeError("x is not a function"))).toBeNull();
    expect(failureOf("thrown")).toBeNull();
  });
});

test("wrong usage and what was waited for in vain have codes of their own", () => {
  expect(failureOf(new UsageError("Unknown option.", "see --help"))).toEqual({
    exit: "usage",
    error: { code: "usage", message: "Unknown option.", hint: "see --help" },
  });
  expect(failureOf(new NotYet("Still running."))?.exit).toBe("waited");
});

test("the system's refusals are told in a sentence", () => {
  const error = Object.assign(new Error("EACCES"), { code: "EACCES", path: "/x" });
  expect(failureOf(error)?.error.message).toMatch(/^\/x cannot be used: this user does not have the rights/);
});

test("several problems are listed one a line, one is in the sentence", () => {
  const problems = [
    { path: "training.batchSize", message: "must be at least 1" },
    { path: "", message: "is no object" },
  ];
  const lines = (list: typeof problems, message: string) =>
    failureLines({ exit: "input", error: { code: "invalid-argument", message, problems: list } });
  expect(
    lines(problems, "The request has 2 problems: training.batchSize: must be at least 1; is no object."),
  ).toEqual([
    "error: The request has 2 problems:",
    "  training.batchSize: must be at least 1",
    "  is no object",
  ]);
  expect(lines(problems.slice(1), "The request has 1 problem: is no object.")).toEqual([
    "error: The request has 1 problem: is no object.",
  ]);
});
