// Documents, calls and tasks: strict everywhere, with the defaults and bounds that the protocol relies on.
import { describe, expect, it } from "vitest";
import * as z from "zod";
import { TASKS, WATCHDOG } from "../../../shared/core/protocol/tasks.ts";
import { ClientChecks } from "../../../shared/core/schemas/check.ts";
import {
  CheckClaim,
  CheckGrant,
  CheckReceipt,
  CheckReport,
} from "../../../shared/core/schemas/checkCalls.ts";
import { Client, ClientRegistration } from "../../../shared/core/schemas/client.ts";
import { ClientState } from "../../../shared/core/schemas/clientState.ts";
import { Evaluation } from "../../../shared/core/schemas/evaluation.ts";
import { IdempotencyRecord } from "../../../shared/core/schemas/idempotency.ts";
import { Invocation } from "../../../shared/core/schemas/invocation.ts";
import { ClaimRequest, Grant, Receipt, ReportRequest } from "../../../shared/core/schemas/protocol.ts";
import { RosterShard } from "../../../shared/core/schemas/roster.ts";
import { Round } from "../../../shared/core/schemas/round.ts";
import { Run } from "../../../shared/core/schemas/run.ts";
import { parse } from "../../../shared/http/parse.ts";
import {
  buildChecks,
  buildClient,
  buildClientState,
  buildEvaluation,
  buildFacts,
  buildInvocation,
  buildReport,
  buildReported,
  buildRound,
  buildRun,
  buildShard,
  buildSpec,
  T0,
} from "../../support/builders.ts";
import { refusal } from "../../support/refusal.ts";

type Wire = Record<string, unknown>;
const wire = <T>(schema: z.ZodType<T>, value: T) => z.encode(schema, value) as Wire;
const wrong = (schema: z.ZodType, value: unknown) =>
  refusal(() => parse(schema, value)).problems.map(({ path }) => path);

const link = { url: "https://b/o", headers: { "x-goog-meta": "1" }, expiresAt: T0 };
const grant: Grant = {
  attempt: 1,
  baseVersion: 0,
  training: buildSpec().training,
  encoding: "f32",
  seed: 1,
  parameters: [{ name: "w", shape: [] }],
  deadlineAt: T0,
  onDeadline: "finish-late",
  topology: link,
  model: link,
  update: link,
};
const kinds: [string, z.ZodType, Wire][] = [
  ["Client", Client, wire(Client, buildClient())],
  ["Run", Run, wire(Run, buildRun())],
  ["Round", Round, wire(Round, buildRound())],
  ["Invocation", Invocation, wire(Invocation, buildReported())],
  ["RosterShard", RosterShard, wire(RosterShard, buildShard())],
  ["ClientState", ClientState, wire(ClientState, buildClientState())],
  [
    "IdempotencyRecord",
    IdempotencyRecord,
    wire(IdempotencyRecord, {
      fingerprint: "f",
      runId: "r",
      round: null,
      request: null,
      version: null,
      expiresAt: T0,
    }),
  ],
  ["ClaimRequest", ClaimRequest, { runId: "r", round: 1, clientId: "c", coldStart: true }],
  ["ReportRequest", ReportRequest, wire(ReportRequest, buildReport())],
  ["Grant", Grant, wire(Grant, grant)],
  ["Receipt", Receipt, { status: "late", reason: null }],
  ["ClientChecks", ClientChecks, wire(ClientChecks, buildChecks())],
  ["Evaluation", Evaluation, wire(Evaluation, buildEvaluation())],
  ["CheckClaim", CheckClaim, { clientId: "c", number: 1, release: 2 }],
  ["CheckGrant", CheckGrant, wire(CheckGrant, { untilAt: T0 })],
  [
    "CheckReport",
    CheckReport,
    wire(CheckReport, { clientId: "c", number: 1, facts: buildFacts(), problems: [] }),
  ],
  ["CheckReceipt", CheckReceipt, { status: "taken" }],
  ["CheckTask", TASKS.check.body, { clientId: "c", number: 1 }],
  ["CheckClientTask", TASKS["check-client"].body, { clientId: "c", number: 1, pass: 2 }],
  ["PrepareTask", TASKS.prepare.body, { runId: "r" }],
  ["OpenRoundTask", TASKS["open-round"].body, { runId: "r", request: 1 }],
  ["CloseRoundTask", TASKS["close-round"].body, { runId: "r", round: 1, pass: 2 }],
  ["PassOnTask", TASKS["pass-on"].body, { runId: "r", round: 1, group: 1, hop: 1 }],
  ["InvokeTask", TASKS.invoke.body, { runId: "r", round: 1, clientId: "c" }],
  ["AggregateTask", TASKS.aggregate.body, { runId: "r", round: 1 }],
  ["SweepTask", TASKS.sweep.body, { runId: "r", pass: 1 }],
  ["WatchTask", WATCHDOG.body, {}],
  ["ScoreTask", TASKS.score.body, { runId: "r", version: 1, number: 1 }],
  ["EvaluateTask", TASKS.evaluate.body, { runId: "r", round: 1, version: 1 }],
];

/** What documents of an earlier release, or requests, may leave out. */
const DEFAULTS = new Map<z.ZodType, readonly string[]>([
  [Client, ["capacity", "dataCard", "labels"]],
  [Run, ["waiting", "unscoredReason", "labels", "notes"]],
  [Round, ["costs", "groups", "selectionState", "signals"]],
  [IdempotencyRecord, ["version"]],
  [Grant, ["topology"]],
  [Invocation, ["endedAt", "callUntilAt", "refusedAt", "spentUsd", "updateGeneration"]],
]);

describe.each(kinds)("%s", (_name, schema, value) => {
  it("comes back from JSON as it was", () => {
    const parsed = parse(schema, JSON.parse(JSON.stringify(value)));
    expect(z.encode(schema, parsed)).toEqual(value);
  });

  it("knows no other keys, at the top or further down", () => {
    expect(wrong(schema, { ...value, extra: 1 })).toEqual(["extra"]);
    for (const [key, part] of Object.entries(value)) {
      if (typeof part !== "object" || part === null || Array.isArray(part)) continue;
      if (key === "labels" || key === "clients") continue; // Their keys are names.
      const paths = wrong(schema, { ...value, [key]: { ...part, extra: 1 } });
      expect(paths, key).toContain(`${key}.extra`);
    }
  });

  it("needs every key", () => {
    const defaults = DEFAULTS.get(schema) ?? [];
    for (const key of Object.keys(value)) {
      const { [key]: _left, ...rest } = value;
      if (defaults.includes(key)) expect(schema.safeParse(rest).success, key).toBe(true);
      else expect(wrong(schema, rest), key).toContain(key);
    }
  });
});

describe("ClientRegistration", () => {
  const least = {
    clientId: "lab-1",
    url: "https://lab-1.example.org/train",
    serviceAccount: "lab-1@silo.iam.gserviceaccount.com",
  };

  it("has defaults for what an instance has", () => {
    expect(ClientRegistration.parse(least)).toEqual({
      ...least,
      capacity: { memoryMib: 2_048, vcpu: 1, timeoutSeconds: 540 },
      dataCard: {},
      labels: {},
    });
  });

  it.each([
    [
      "url",
      ["http://127.0.0.1:8080/", "https://x.run.app"],
      ["x.run.app", "ftp://x", "https:x", "javascript:1", ""],
    ],
    ["serviceAccount", ["a@b.org"], ["a", ""]],
    ["clientId", ["a"], ["A", "../a"]],
    [
      "capacity",
      [
        {},
        { memoryMib: 128, vcpu: 0.08, timeoutSeconds: 1 },
        { memoryMib: 32_768, vcpu: 8, timeoutSeconds: 1_800 },
      ],
      [
        { memoryMib: 127 },
        { memoryMib: 32_769 },
        { vcpu: 0.07 },
        { vcpu: 9 },
        { timeoutSeconds: 0 },
        { timeoutSeconds: 1_801 },
      ],
    ],
    [
      "dataCard",
      [{ samples: 0, classes: 1, description: "x" }],
      [{ samples: -1 }, { classes: 0 }, { rows: 5 }],
    ],
    [
      "labels",
      [{}, { site: "" }, { "k8s.io/zone": "a" }, { A_b: "x".repeat(63) }, { ["x".repeat(63)]: "1" }],
      // Firestore keeps names that begin and end with two underscores for itself.
      [
        { "": "x" },
        { __name__: "x" },
        { _a: "x" },
        { "a b": "x" },
        { ["x".repeat(64)]: "1" },
        { a: "x".repeat(64) },
        { a: 1 },
        Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`l${i}`, "x"])),
      ],
    ],
  ])("%s", (key, good, bad) => {
    for (const value of good) {
      expect(ClientRegistration.safeParse({ ...least, [key]: value }).success, JSON.stringify(value)).toBe(
        true,
      );
    }
    for (const value of bad) {
      const paths = wrong(ClientRegistration, { ...least, [key]: value });
      expect(paths.every((path) => path.startsWith(key)) && paths.length === 1, JSON.stringify(value)).toBe(
        true,
      );
    }
  });

  it("says what a label's name may be", () => {
    const { problems } = refusal(() => parse(ClientRegistration, { ...least, labels: { "a b": "x" } }));
    expect(problems).toEqual([{ path: "labels.a b", message: expect.stringContaining("letters, digits") }]);
  });
});

describe("ReportRequest", () => {
  const sent = wire(ReportRequest, buildReport());
  const withPart = (key: string, change: object) => ({
    ...sent,
    [key]: { ...(sent[key] as object), ...change },
  });
  const inResult = (key: string, change: object) => {
    const result = sent["result"] as Wire;
    return { ...sent, result: { ...result, [key]: { ...(result[key] as object), ...change } } };
  };

  it.each([
    ["attempt", { ...sent, attempt: 0 }],
    ["round", { ...sent, round: 0 }],
    ["clientId", { ...sent, clientId: "../x" }],
    ["bytesUp", { ...sent, bytesUp: -1 }],
    ["peakRssMib", { ...sent, peakRssMib: -0.1 }],
    ["timings.trainMs", withPart("timings", { trainMs: -1 })],
    ["timings.reportMs", withPart("timings", { reportMs: 1 })],
    ["result.kind", { ...sent, result: { kind: "partial" } }],
    ["result.update.sha256", inResult("update", { sha256: "0".repeat(63) })],
    ["result.update.sha256", inResult("update", { sha256: "A".repeat(64) })],
    ["result.update.sizeBytes", inResult("update", { sizeBytes: 0 })],
    ["result.training.samples", inResult("training", { samples: 0 })],
    ["result.training.samples", inResult("training", { samples: 1e12 + 1 })],
    ["result.training.lossAfter", inResult("training", { lossAfter: "NaN" })],
    ["result.failure.code", { ...sent, result: { kind: "failure", failure: { code: "", message: "" } } }],
    [
      "result.failure.message",
      { ...sent, result: { kind: "failure", failure: { code: "x", message: "x".repeat(2_001) } } },
    ],
  ])("refuses a bad %s", (path, value) => {
    expect(wrong(ReportRequest, value)).toEqual([path]);
  });

  it("is an update or a failure, not both", () => {
    const failure = { code: "internal", message: "x" };
    const both = { ...sent, result: { ...(sent["result"] as Wire), failure } };
    expect(wrong(ReportRequest, both)).toEqual(["result.failure"]);
  });

  it("a loss that is not a number is written as null", () => {
    expect(ReportRequest.safeParse(inResult("training", { lossBefore: null })).success).toBe(true);
  });
});

describe("documents", () => {
  it.each([
    ["status", { ...wire(Invocation, buildInvocation()), status: "done" }],
    ["chargedUsd", { ...wire(Invocation, buildInvocation()), chargedUsd: -1 }],
  ])("an invocation with a bad %s", (path, value) => {
    expect(wrong(Invocation, value)).toEqual([path]);
  });

  it.each([
    ["eur", 1.01],
    ["eur", -0.01],
    ["closeReason", "tired"],
    ["round", 0],
    ["inputs", [{ round: 1, clientId: "a", attempt: 0 }]],
  ])("a round with a bad %s", (key, value) => {
    const paths = wrong(Round, { ...wire(Round, buildRound()), [key]: value });
    expect(paths[0]?.startsWith(key)).toBe(true);
  });

  it("a sweep's passes are counted from 1", () => {
    expect(wrong(TASKS.sweep.body, { runId: "r", pass: 0 })).toEqual(["pass"]);
  });

  it("a close task knows the deadline and its extension only", () => {
    for (const pass of [0, 3, "1"])
      expect(wrong(TASKS["close-round"].body, { runId: "r", round: 1, pass })).toEqual(["pass"]);
  });
});
