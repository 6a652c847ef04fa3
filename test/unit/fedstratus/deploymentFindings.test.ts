// What `fedstratus doctor` says of a deployment, at the bounds.
import { describe, expect, test } from "vitest";
import {
  backendFinding,
  type Meta,
  queueFinding,
  quotaFinding,
  releaseFinding,
  watchdogFinding,
} from "../../../infra/fedstratus/documents/deploymentFindings.ts";
import { buildReported, buildRound, buildRun, T0 } from "../../support/builders.ts";

const meta: Meta = {
  release: "0.2.0",
  clientRelease: 4,
  now: T0,
  caller: "operator@example.org",
  limits: { cohort: 1_000, rounds: 9_999 },
  watchdog: { lookedAt: T0 - 60_000, missing: 0, failures: 0 },
};

describe("the release", () => {
  test("is that of this program, with what the deployment can do", () => {
    expect(releaseFinding(meta, "0.2.0")).toEqual({
      detail:
        "the deployment is of release 0.2.0, and so is this program; client protocol 4, up to 1000 clients a round and 9999 rounds a run",
    });
  });

  test.each([
    ["0.1.9", /^install fedstratus 0\.2\.0/],
    ["0.1.10", /^install fedstratus 0\.2\.0/],
    ["0.2.1", /^deploy release 0\.2\.1, or install fedstratus 0\.2\.0/],
    ["0.10.0", /^deploy release 0\.10\.0/],
    ["1.0.0", /^deploy release 1\.0\.0/],
  ])("differs from %s, and the older one is to move", (own, remedy) => {
    expect(releaseFinding(meta, own)).toMatchObject({
      verdict: "warning",
      remedy: expect.stringMatching(remedy),
    });
  });
});

describe("the watchdog", () => {
  const look = (watchdog: Meta["watchdog"]) => watchdogFinding({ ...meta, watchdog }, false);

  test("has looked within the hour, and what it found is told", () => {
    expect(look({ lookedAt: T0 - 3_600_000, missing: 0, failures: 0 })).toEqual({
      detail: expect.stringMatching(/^it looked .* ago, and nothing was missing$/),
    });
    expect(look({ lookedAt: T0, missing: 3, failures: 0 }).detail).toContain("it asked for 3 tasks again");
    expect(look({ lookedAt: T0 - 3_600_001, missing: 0, failures: 0 })).toMatchObject({
      verdict: "warning",
      remedy: expect.stringContaining("Cloud Scheduler"),
    });
  });

  test("that could not look after runs, has never looked, or is not told of, is worth a warning", () => {
    expect(look({ lookedAt: T0, missing: 0, failures: 2 })).toMatchObject({
      verdict: "warning",
      detail: expect.stringContaining("could not look after 2 runs"),
    });
    expect(look(null)).toMatchObject({ verdict: "warning", detail: "it has never looked" });
    expect(look(undefined)).toMatchObject({
      verdict: "warning",
      detail: expect.stringContaining("earlier release"),
    });
  });

  test("is not missed in a local cloud, and told of where there is one", () => {
    expect(watchdogFinding({ ...meta, watchdog: null }, true).verdict).toBeUndefined();
    const late = { lookedAt: T0 - 3_600_001, missing: 0, failures: 0 };
    expect(watchdogFinding({ ...meta, watchdog: late }, true).verdict).toBe("warning");
  });

  test("by a clock that is ahead has looked just now", () => {
    expect(look({ lookedAt: T0 + 5_000, missing: 0, failures: 0 }).verdict).toBeUndefined();
  });
});

describe("the queue", () => {
  const MINUTES_5 = 5 * 60_000;
  const preparing = buildRun({ status: "preparing", updatedAt: T0 });
  const pending = buildRun({ openRequest: { number: 2, pending: true }, status: "running", updatedAt: T0 });

  test("holds up runs that have waited for a task for more than five minutes", () => {
    for (const run of [preparing, pending]) {
      expect(queueFinding([run], T0 + MINUTES_5)).toEqual({
        detail: "no run has waited for a task for long",
      });
      expect(queueFinding([run], T0 + MINUTES_5 + 1)).toMatchObject({
        verdict: "warning",
        detail: expect.stringContaining("run-1 for"),
        remedy: expect.stringContaining("control queue"),
      });
    }
    const many = Array.from({ length: 5 }, () => preparing);
    expect(queueFinding(many, T0 + 600_000).detail).toMatch(/, and 2 more$/);
  });

  test("has nothing to do with runs that wait for clients, or have a round open", () => {
    const waiting = { what: "clients" as const, clientIds: [], count: 2, sinceAt: T0, untilAt: T0 };
    const others = [{ ...pending, waiting }, { ...pending, openRound: 2 }, buildRun({ status: "ready" })];
    expect(queueFinding(others, T0 + 10 * MINUTES_5).verdict).toBeUndefined();
    expect(queueFinding([], T0).verdict).toBeUndefined();
  });
});

describe("the backend", () => {
  const run = buildRun();
  const reported = (clientId: string, backend: string) => {
    const { training } = buildReported();
    if (training === null) throw new Error("it has trained");
    return { clientId, training: { ...training, backend } };
  };
  const native = reported("clinic-a", "tfjs-node 2.21.0");
  const portable = reported("clinic-b", "wasm simd");

  test("is native, or not known yet", () => {
    const round = buildRound({ scoringBackend: "tfjs-node 2.21.0" });
    expect(backendFinding({ run, round, invocations: [native] })).toEqual({
      detail: "tfjs-node 2.21.0 in round 1 of run-1",
    });
    expect(backendFinding(null).detail).toContain("not known");
    expect(backendFinding({ run, round: buildRound(), invocations: [] }).detail).toContain(
      "nothing was computed",
    );
  });

  test("that is portable is named with who has it, what it costs and what to do", () => {
    const invocations = [native, portable, { clientId: "clinic-c", training: null }];
    expect(backendFinding({ run, round: buildRound({ scoringBackend: "wasm simd" }), invocations })).toEqual({
      verdict: "warning",
      detail:
        "tfjs-node 2.21.0 and wasm simd in round 1 of run-1: without native TensorFlow are 1 of 2 clients, such as clinic-b, and the evaluator",
      remedy: expect.stringMatching(/several times as long.*require_native_tensors/),
    });
  });
});

describe("a quota", () => {
  const run = buildRun();
  const round = buildRound();
  const call = (waitMs: number | null, coldStartMs = 0) => ({
    clientId: waitMs === null ? "silent" : `waited-${waitMs}`,
    status: waitMs === null ? ("missed" as const) : ("consumed" as const),
    invokedAt: T0,
    claimedAt: waitMs === null ? null : T0 + waitMs,
    timings: { ...buildReported().timings, coldStartMs } as never,
  });

  test("is not seen where calls are claimed in time, their starts aside", () => {
    expect(quotaFinding(null).detail).toContain("not known");
    const invocations = [call(30_000), call(95_000, 65_000)];
    expect(quotaFinding({ run, round, invocations })).toEqual({
      detail: "no call waited for long in round 1 of run-1: 30 s at the most",
    });
    expect(quotaFinding({ run, round, invocations: [] })).not.toHaveProperty("verdict");
  });

  test("is a reason why calls wait, or are never claimed", () => {
    expect(quotaFinding({ run, round, invocations: [call(30_001), call(null), call(10)] })).toEqual({
      verdict: "warning",
      detail:
        "of 3 calls in round 1 of run-1, never claimed were 1, such as that of silent; claimed after more than 30 s were 1, such as that of waited-30001",
      remedy: expect.stringMatching(/max_instances.*quota of CPU/),
    });
    const going = { ...call(null), status: "invoked" as const };
    expect(quotaFinding({ run, round, invocations: [going] }), "may still be claimed").not.toHaveProperty(
      "verdict",
    );
  });
});
