// Signals: bounded where they come in, and kept as far as the strategy reads them.
import { describe, expect, it } from "vitest";
import { shardEntries } from "../../../shared/core/roster/enrol.ts";
import { foldOutcome, foldRound, historyLength } from "../../../shared/core/roster/fold.ts";
import { publish } from "../../../shared/core/round/publish.ts";
import { report } from "../../../shared/core/round/report.ts";
import { signalsOf } from "../../../shared/core/round/signals.ts";
import { ReportRequest } from "../../../shared/core/schemas/protocol.ts";
import { RosterShard, SHARD_SIZE } from "../../../shared/core/schemas/roster.ts";
import { MAX_SIGNALS, MAX_SIGNALS_READ, Signals } from "../../../shared/core/schemas/signals.ts";
import { parse } from "../../../shared/http/parse.ts";
import {
  buildInvocation,
  buildOutcome,
  buildRecord,
  buildReport,
  buildReported,
  buildRound,
  buildRun,
  buildShard,
  buildSpec,
  deepFreeze,
  T0,
} from "../../support/builders.ts";
import { isValid, storedBytes } from "../../support/documents.ts";
import { refusal } from "../../support/refusal.ts";

const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`s-${i}`, i]));

describe("what a report may bring", () => {
  it.each([
    {},
    { "loss-before": -1e30, Loss2: 1e30 },
    many(MAX_SIGNALS),
    { ["x".repeat(40)]: 0, "1": 1, "-": 2 },
    { constructor: 1, toString: 2, hasOwnProperty: 3 },
  ])("%j", (signals) => {
    expect(Signals.parse(signals)).toEqual(signals);
    const wire = JSON.parse(JSON.stringify({ ...buildReport({ signals }), sentAt: "2026-03-01T12:00:00Z" }));
    expect(parse(ReportRequest, wire, "", "parts").signals).toEqual(signals);
  });

  it.each([
    ["signals", many(MAX_SIGNALS + 1)],
    ["signals.loss", { loss: 1.01e30 }],
    ["signals.loss", { loss: -1.01e30 }],
    ["signals.loss", { loss: null }],
    ["signals.loss", { loss: "1" }],
    ["signals.loss", { loss: { by: 1 } }],
    ["signals.loss_before", { loss_before: 1 }],
    ["signals.löss", { löss: 1 }],
    ["signals.", { "": 1 }],
    [`signals.${"x".repeat(41)}`, { ["x".repeat(41)]: 1 }],
    ["signals", [1]],
    ["signals", null],
  ])("not beyond its bounds: %s", (path, signals) => {
    const wire = { ...buildReport(), sentAt: "2026-03-01T12:00:00Z", signals };
    const { problems } = refusal(() => parse(ReportRequest, wire, "", "parts"));
    expect(problems.map((problem) => problem.path)).toEqual([path]);
  });

  it("stands on the invocation, however it ended, and is absent where nothing came", () => {
    const [run, round] = [buildRun({ status: "running" }), buildRound()];
    const invocation = buildInvocation({ status: "training", attempt: 1 });
    const stored = { sizeBytes: 500, generation: "1" };
    const reported = (change: Partial<ReportRequest>) =>
      report(run, round, invocation, buildReport(change), stored, 0, T0).invocation;
    const signals = { "gradient-norm": 0.5 };
    expect(reported({ signals })).toMatchObject({ status: "reported", signals });
    const failure = { kind: "failure", failure: { code: "internal", message: "x" } } as const;
    expect(reported({ signals, result: failure })).toMatchObject({ status: "failed", signals });
    expect(reported({})).not.toHaveProperty("signals");
  });
});

describe("signalsOf", () => {
  it("has what the strategy reads and the report brought, and nothing else", () => {
    const { training } = buildReported();
    const signals = { a: 1, b: 2 };
    expect(signalsOf({ signals, training }, ["b", "c"])).toEqual({ b: 2 });
    expect(signalsOf({ signals, training }, [])).toBeUndefined();
    expect(signalsOf({ training }, ["constructor", "toString"])).toBeUndefined();
  });

  it("has the losses and the samples of every client that trained", () => {
    const { training } = buildReported();
    const read = ["loss-before", "loss-after", "samples"];
    expect(signalsOf({ training }, read)).toEqual({ "loss-before": 2, "loss-after": 1, samples: 10 });
    expect(signalsOf({ signals: { "loss-after": 7 }, training }, read)).toMatchObject({ "loss-after": 7 });
    expect(signalsOf({ training: null }, read)).toBeUndefined();
    if (training === null) throw new Error("no training");
    const odd = { ...training, lossBefore: null, lossAfter: 1e308 };
    const kept = signalsOf({ training: odd }, read);
    expect(kept).toEqual({ "loss-after": 1e30, samples: 10 });
    expect(Signals.safeParse(kept).success).toBe(true);
  });
});

describe("an outcome", () => {
  const round = deepFreeze(
    buildRound({ status: "aggregating", inputs: [{ round: 1, clientId: "in", attempt: 1 }], signals: ["x"] }),
  );
  const signals = { x: 1, y: 2 };
  const cohort = [
    buildReported({ clientId: "in", signals }),
    buildReported({ clientId: "out", signals }),
    buildReported({ clientId: "failed", status: "failed", update: null, signals }),
    buildInvocation({ clientId: "silent", status: "training", claimedAt: T0 }),
  ];
  const late = [buildReported({ clientId: "late", status: "late", signals })];
  const result = { consumed: [], dropped: [], newVersion: null, aggregateMs: 0, aggregateCostUsd: 0 };
  const outcomes = (of: typeof round) =>
    publish(buildRun(), of, result, cohort, late, () => 0, T0)?.round.outcomes;

  it("has the signals that the round's strategy reads, once its report is the round's", () => {
    expect(outcomes(round)?.map((outcome) => [outcome.clientId, outcome.result, outcome.signals])).toEqual([
      ["in", "in-time", { x: 1 }],
      ["out", "missed", undefined],
      ["failed", "failed", { x: 1 }],
      ["silent", "missed", undefined],
      ["late", "late", { x: 1 }],
    ]);
  });

  it("has none where it reads none", () => {
    for (const outcome of outcomes({ ...round, signals: [] }) ?? [])
      expect(outcome).not.toHaveProperty("signals");
  });
});

describe("the roster", () => {
  const at = (reportedAt: number, signals: Signals) => buildOutcome({ reportedAt, signals });

  it("keeps the newest value of each signal", () => {
    const first = foldOutcome(deepFreeze(buildRecord()), at(T0, { a: 1, b: 1 }));
    expect(first.signals).toEqual({ a: 1, b: 1 });
    const second = foldOutcome(deepFreeze(first), at(T0 + 1, { b: 2 }));
    expect(second.signals).toEqual({ a: 1, b: 2 });
    const older = foldOutcome(deepFreeze(second), { ...at(T0, { b: 3, c: 3 }), result: "late" });
    expect(older.signals, "a report from before").toEqual({ a: 1, b: 2, c: 3 });
    expect(foldOutcome(older, buildOutcome()).signals, "a report without").toEqual(older.signals);
    expect(foldOutcome(buildRecord(), buildOutcome())).not.toHaveProperty("signals");
  });

  it("keeps no more names than a strategy reads, the newest", () => {
    const old = foldOutcome(buildRecord(), at(T0, { a: 1, b: 1, c: 1, d: 1 }));
    const { signals = {} } = foldOutcome(old, at(T0 + 1, { e: 2, a: 2 }));
    expect(Object.keys(signals)).toHaveLength(MAX_SIGNALS_READ);
    expect(signals).toMatchObject({ e: 2, a: 2 });
  });

  it("gives them to strategies", () => {
    const shard = buildShard({ clients: { a: buildRecord({ signals: { x: 1 } }), b: buildRecord() } });
    expect(shardEntries(shard)).toMatchObject([{ clientId: "a", signals: { x: 1 } }, { clientId: "b" }]);
    expect(shardEntries(shard)[1]).not.toHaveProperty("signals");
    const folded = foldRound(
      shard,
      buildRound({ status: "closed", outcomes: [buildOutcome({ clientId: "b", signals: { x: 2 } })] }),
      buildSpec().selection,
    );
    expect(folded.clients["b"]?.signals).toEqual({ x: 2 });
  });

  it("has room for the longest names and histories of a shard", () => {
    const keep = historyLength(buildSpec().selection);
    const full = Array.from({ length: keep }, (_, i) => i + 0.5);
    const names = Array.from({ length: MAX_SIGNALS_READ }, (_, i) => `${i}`.padStart(40, "s"));
    const record = buildRecord({
      trainMsHistory: full,
      coldStartMsHistory: full,
      missedRounds: full.map(Math.ceil),
      lastSeenAt: T0,
      signals: Object.fromEntries(names.map((name) => [name, 1e30])),
    });
    const clients = Array.from({ length: SHARD_SIZE }, (_, i) => [`${i}`.padStart(63, "n"), record] as const);
    const shard = buildShard({ clients: Object.fromEntries(clients) });
    expect(isValid(RosterShard, shard)).toBe(true);
    expect(storedBytes(shard)).toBeLessThan(640 * 1_024);
  });
});
