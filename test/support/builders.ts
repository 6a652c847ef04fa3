// Valid documents with overrides, so that a test says only what it is about.
import { askEvaluation } from "../../shared/core/round/askedEvaluation.ts";
import { askCheck } from "../../shared/core/round/check.ts";
import type { StoredUpdate } from "../../shared/core/round/report.ts";
import type { Check, CheckFacts, ClientChecks } from "../../shared/core/schemas/check.ts";
import type { Client } from "../../shared/core/schemas/client.ts";
import type { ClientState } from "../../shared/core/schemas/clientState.ts";
import type { Evaluation } from "../../shared/core/schemas/evaluation.ts";
import type { Invocation } from "../../shared/core/schemas/invocation.ts";
import type { ReportRequest } from "../../shared/core/schemas/protocol.ts";
import type { RosterRecord, RosterShard } from "../../shared/core/schemas/roster.ts";
import { NO_COSTS, type Outcome, type Round } from "../../shared/core/schemas/round.ts";
import type { Run } from "../../shared/core/schemas/run.ts";
import { RunSpec, type StoredRunSpec } from "../../shared/core/schemas/spec.ts";

/** The moment that documents are made at, in ms since 1970. */
export const T0 = Date.parse("2026-03-01T12:00:00.000Z");

/** A spec with every default; parts of it are overridden as a caller writes them. */
export function buildSpec(overrides: Record<string, unknown> = {}): StoredRunSpec {
  const spec = RunSpec.parse({
    name: "test",
    model: { builtin: "tiny-mlp" },
    selection: { strategy: "random", cohortSize: 3 },
    ...overrides,
  });
  return { ...spec, model: { builtin: "tiny-mlp" } };
}

/** What is wrong with a spec of these parts, as `path: message`; nothing where it is valid. */
export function specIssues(overrides: Record<string, unknown>): readonly string[] {
  const { error } = RunSpec.safeParse({
    name: "test",
    model: { builtin: "tiny-mlp" },
    selection: { strategy: "random", cohortSize: 3 },
    ...overrides,
  });
  return (error?.issues ?? []).map(({ path, message }) => `${path.join(".")}: ${message}`);
}

/** A run that is ready for its first round. */
export function buildRun(overrides: Partial<Run> = {}): Run {
  return {
    runId: "run-1",
    spec: buildSpec(),
    status: "ready",
    statusReason: null,
    waiting: null,
    startWhenReady: false,
    round: 0,
    openRound: null,
    openRequest: { number: 0, pending: false },
    model: { parameters: [{ name: "w", shape: [2, 3] }], parameterCount: 6, sizeBytes: 24 },
    modelVersion: 0,
    evaluatedVersion: null,
    best: null,
    unscoredReason: null,
    accuracy: null,
    loss: null,
    eur: null,
    totals: {
      invoked: 0,
      inTime: 0,
      late: 0,
      failed: 0,
      rejected: 0,
      missed: 0,
      costUsd: 0,
      preparationUsd: 0,
      wallMs: 0,
    },
    createdBy: "operator@example.org",
    labels: {},
    notes: "",
    createdAt: T0,
    startedAt: null,
    endedAt: null,
    swept: false,
    updatedAt: T0,
    ...overrides,
  };
}

/** Round 1 in training, with a cohort of three and a deadline a minute after it was opened. */
export function buildRound(overrides: Partial<Round> = {}): Round {
  const cohort = overrides.cohort ?? ["client-a", "client-b", "client-c"];
  return {
    runId: "run-1",
    round: 1,
    status: "training",
    strategy: "random",
    cohort,
    wanted: cohort.length,
    notChosen: [],
    consideredCount: cohort.length,
    groups: [],
    selectionState: null,
    signals: [],
    deadlineAt: T0 + 60_000,
    extended: false,
    baseVersion: 0,
    newVersion: null,
    closeReason: null,
    counts: {
      invoked: cohort.length,
      inTime: 0,
      late: 0,
      failed: 0,
      rejected: 0,
      missed: 0,
      coldStarts: 0,
    },
    consumed: [],
    dropped: [],
    outcomes: [],
    inputs: null,
    accuracy: null,
    loss: null,
    unscoredReason: null,
    eur: null,
    costUsd: null,
    costs: NO_COSTS,
    timings: { trainingMs: null, aggregateMs: null, evaluateMs: null, wallMs: null },
    rosterAsOfAt: T0,
    followedUp: false,
    openedAt: T0,
    aggregatingAt: null,
    closedAt: null,
    ...overrides,
  };
}

/** A client of `buildRound`, invited and not heard from yet. */
export function buildInvocation(overrides: Partial<Invocation> = {}): Invocation {
  return {
    runId: "run-1",
    round: 1,
    clientId: "client-a",
    status: "invoked",
    url: "https://client-a.example.org/",
    serviceAccount: "client-a@silo.iam.gserviceaccount.com",
    capacity: { memoryMib: 2_048, vcpu: 1, timeoutSeconds: 540 },
    maxSamples: null,
    tier: null,
    reason: "drawn 1st of 3 from 3 available",
    baseVersion: 0,
    attempt: 0,
    coldStart: null,
    update: null,
    updateGeneration: null,
    training: null,
    timings: null,
    bytesDown: null,
    bytesUp: null,
    peakRssMib: null,
    costUsd: null,
    spentUsd: 0,
    costEstimated: false,
    chargedUsd: 0,
    staleness: null,
    weight: null,
    consumedInRound: null,
    failure: null,
    invokedAt: T0,
    claimedAt: null,
    reportedAt: null,
    endedAt: null,
    callUntilAt: null,
    refusedAt: null,
    updatedAt: T0,
    deleteAt: T0 + 90 * 86_400_000,
    ...overrides,
  };
}

/** An invocation whose update is in: claimed a second after it was invited, reported ten seconds later. */
export function buildReported(overrides: Partial<Invocation> = {}): Invocation {
  const { timings, result } = buildReport();
  return buildInvocation({
    status: "reported",
    attempt: 1,
    coldStart: true,
    update: result.kind === "update" ? result.update : null,
    training: result.kind === "update" ? result.training : null,
    timings: { ...timings, reportMs: 5 },
    bytesDown: 1_000,
    bytesUp: 500,
    peakRssMib: 300,
    costUsd: 0.001,
    claimedAt: T0 + 1_000,
    reportedAt: T0 + 11_000,
    ...overrides,
  });
}

/** The report of a first attempt that brought an update of 10 samples. */
export function buildReport(overrides: Partial<ReportRequest> = {}): ReportRequest {
  return {
    runId: "run-1",
    round: 1,
    clientId: "client-a",
    attempt: 1,
    sentAt: T0 + 10_995,
    coldStart: true,
    timings: {
      queueWaitMs: 10,
      coldStartMs: 2_000,
      claimMs: 20,
      downloadMs: 30,
      dataMs: 40,
      trainMs: 5_000,
      uploadMs: 50,
    },
    bytesDown: 1_000,
    bytesUp: 500,
    peakRssMib: 300,
    result: {
      kind: "update",
      update: { attempt: 1, sizeBytes: 500, sha256: "0".repeat(64) },
      training: {
        samples: 10,
        steps: 4,
        partial: false,
        lossBefore: 2,
        lossAfter: 1,
        backend: "script",
      },
    },
    ...overrides,
  };
}

export function buildClient(overrides: Partial<Client> = {}): Client {
  const clientId = overrides.clientId ?? "client-a";
  return {
    clientId,
    url: `https://${clientId}.example.org`,
    serviceAccount: `${clientId}@silo.iam.gserviceaccount.com`,
    capacity: { memoryMib: 2_048, vcpu: 1, timeoutSeconds: 540 },
    dataCard: {},
    labels: {},
    retired: false,
    registeredAt: T0,
    updatedAt: T0,
    ...overrides,
  };
}

export function buildOutcome(overrides: Partial<Outcome> = {}): Outcome {
  return {
    clientId: "client-a",
    round: 1,
    result: "in-time",
    trainMs: 5_000,
    coldStartMs: null,
    busyUntilAt: null,
    costUsd: 0.001,
    ...overrides,
  };
}

/** A client that has not been invited yet. */
export function buildRecord(overrides: Partial<RosterRecord> = {}): RosterRecord {
  return {
    invocations: 0,
    trainMsHistory: [],
    coldStartMsHistory: [],
    missedRounds: [],
    cooldownRounds: 0,
    lastSelectedRound: null,
    busyUntilAt: null,
    ...overrides,
  };
}

export function buildShard(overrides: Partial<RosterShard> = {}): RosterShard {
  return { runId: "run-1", shard: 0, foldedRound: 0, clients: { "client-a": buildRecord() }, ...overrides };
}

export function buildClientState(overrides: Partial<ClientState> = {}): ClientState {
  return {
    runId: "run-1",
    clientId: "client-a",
    round: 1,
    attempt: 1,
    sizeBytes: 300,
    sha256: "a".repeat(64),
    updatedAt: T0,
    ...overrides,
  };
}

/** What a check of a client found out that has 100 samples of the tiny model. */
export function buildFacts(overrides: Partial<CheckFacts> = {}): CheckFacts {
  return {
    release: 2,
    coldStart: true,
    coldStartMs: 1_200,
    backend: "tfjs-node 2.21.0",
    memoryMib: 2_048,
    peakRssMib: 400,
    dataMs: 20,
    samples: 100,
    isStream: false,
    inputShape: [4],
    targetShape: [],
    classes: 3,
    rows: null,
    steps: 4,
    stepMs: 3,
    warmUpMs: 20,
    ...overrides,
  };
}

/** The checks of a client whose first one has passed. */
export function buildChecks(overrides: Partial<Check> = {}): ClientChecks {
  const client = buildClient();
  const wish = { runId: null, data: null, askedBy: "operator@example.org" };
  const { checks, check } = askCheck(null, client, wish, T0);
  const passed = { ...check, status: "passed" as const, facts: buildFacts(), endedAt: T0 + 5_000 };
  return { ...checks, checks: [{ ...passed, ...overrides }] };
}

/** A version's evaluation as it is asked for. */
export function buildEvaluation(overrides: Partial<Evaluation> = {}): Evaluation {
  const asked = askEvaluation(null, buildRun(), 3, {}, "operator@example.org", T0);
  return { ...asked, ...overrides };
}

/** The same value, frozen all the way down: a write to it fails the test. */
export function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const part of Object.values(value)) deepFreeze(part);
  }
  return value;
}

/** The object of the update that `buildReport` reports. */
export function buildStored(): StoredUpdate {
  const { result } = buildReport();
  if (result.kind === "failure") throw new Error("buildReport brings an update");
  return { sizeBytes: result.update.sizeBytes, generation: "7" };
}
