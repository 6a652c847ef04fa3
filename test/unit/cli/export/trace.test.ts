// A run as a trace: each thread named before its first event, all times whole and from the run's begin.
import { expect, it } from "vitest";
import { TraceEvents } from "../../../../infra/cli/export/tools/trace.ts";
import { buildInvocation, buildReported, buildRound } from "../../../support/builders.ts";

const T = 5_000_000;

it("a trace has the run as process, its rounds and clients as threads", () => {
  const round = buildRound({
    openedAt: T + 10,
    aggregatingAt: T + 900,
    closedAt: T + 1_000,
    status: "closed",
  });
  const reported = buildReported({
    clientId: "b",
    invokedAt: T + 10,
    claimedAt: T + 20,
    reportedAt: T + 800,
  });
  const missed = buildInvocation({
    clientId: "__proto__",
    invokedAt: T + 10,
    claimedAt: null,
    status: "missed",
  });
  const trace = new TraceEvents(T, T + 5_000);
  const events = [
    ...trace.begin("run-1"),
    ...trace.round(round),
    ...trace.invocation(reported, round),
    ...trace.invocation(missed, round),
    ...trace.invocation({ ...reported, round: 2 }, round),
  ] as unknown as readonly {
    name: string;
    ph: string;
    ts?: number;
    dur?: number;
    tid: number;
    args: { name?: string };
  }[];
  const named = events.filter(({ name }) => name === "thread_name");
  expect(named.map(({ tid, args }) => [tid, args.name])).toEqual([
    [0, "rounds"],
    [1, "b"],
    [2, "__proto__"],
  ]);
  const seen = new Set<number>();
  for (const { name, ph, ts, dur, tid } of events) {
    if (name === "thread_name") seen.add(tid);
    if (ph !== "X") continue;
    expect(seen).toContain(tid);
    expect(Number.isInteger(ts) && Number.isInteger(dur)).toBe(true);
    expect(ts).toBeGreaterThanOrEqual(0);
    expect(dur).toBeGreaterThanOrEqual(0);
  }
  expect(events.find(({ name }) => name === "aggregation")).toMatchObject({
    ts: 900_000,
    dur: 100_000,
    tid: 0,
  });
  expect(events.find(({ name }) => name === "round 1: missed")).toMatchObject({
    ts: 10_000,
    dur: 990_000,
    tid: 2,
  });
  const outer = events.filter(({ name }) => name.startsWith("round ") && name.includes(":"));
  const inner = events.filter(({ tid, name }) => tid === 1 && name === "train");
  expect(inner).toHaveLength(2);
  expect(inner[0]?.ts).toBeGreaterThanOrEqual(outer[0]?.ts ?? 0);
});
