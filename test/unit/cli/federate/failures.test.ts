// Why clients failed, for a person who is operator and owner at once.
import { describe, expect, it } from "vitest";
import { failureLines, ownersLog } from "../../../../infra/cli/federate/failures.ts";

const line = (clientId: unknown, error: unknown, severity = "ERROR") =>
  JSON.stringify({
    function: "client",
    runId: "r",
    clientId,
    severity,
    message: "training failed for good",
    error,
  });
const SAID = "The client's data set cannot be used. The log of its function says more.";
const failed = (clientId: string, round: number, message = SAID) => ({
  clientId,
  round,
  status: "failed" as const,
  failure: { code: "invalid-argument", message },
});

describe("the lines of a run's failures", () => {
  it("have a client each, with its rounds and what its log says, causes included", () => {
    const log = ownersLog();
    log.add(line("a", "FlError: an older one"));
    log.add(
      line(
        "a",
        'FlError: there is no column "age".\n    at rowEncoder (x.mjs:1:2)\ncaused by Error: no age\n    at y',
      ),
    );
    expect(failureLines([failed("a", 1), failed("b", 1), failed("a", 7)], log)).toEqual([
      `a failed in round 1, 7: ${SAID} Its log: there is no column "age". Because: no age`,
      `b failed in round 1: ${SAID}`,
    ]);
  });

  it("say nothing twice, and nothing of invocations that went well", () => {
    const log = ownersLog();
    log.add(line("a", "FlError: none of its rows can be used"));
    const fine = { clientId: "b", round: 1, status: "consumed" as const, failure: null };
    const message = "Bad data set: none of its rows can be used: not-a-number 5.";
    expect(failureLines([failed("a", 1, message), fine], log)).toEqual([`a failed in round 1: ${message}`]);
  });

  it("keep an update's rejection apart from what the client has logged", () => {
    const log = ownersLog();
    log.add(line("a", "FlError: of another round"));
    const rejected = { ...failed("a", 2, "Its norm is above 10."), status: "rejected" as const };
    expect(failureLines([rejected], log)).toEqual(["a rejected in round 2: Its norm is above 10."]);
  });
});

it.each([
  "",
  "no JSON with ERROR",
  '{"severity":"ERROR"',
  '"ERROR"',
  line(7, "x"),
  line("a", { not: "text" }),
  line("a", "a warning", "WARNING"),
])("a line that is no client's error is passed over: %s", (other) => {
  const log = ownersLog();
  log.add(other);
  expect(log.errorOf("a")).toBeUndefined();
});

it("a client of any name has no other's error", () => {
  const log = ownersLog();
  expect(log.errorOf("constructor")).toBeUndefined();
});
