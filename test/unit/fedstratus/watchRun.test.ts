// A run that is followed by a clock of its own: what is printed, once each and in order, whatever becomes of
// the connection, and how a watch ends.
import { PassThrough } from "node:stream";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import type { ApiCall } from "../../../infra/cli/apiTransport.ts";
import { roundLog } from "../../../infra/cli/view/roundLog.ts";
import { snapshotOf } from "../../../infra/cli/view/roundSnapshot.ts";
import { apiOf } from "../../../infra/fedstratus/frame/api.ts";
import type { Context } from "../../../infra/fedstratus/frame/context.ts";
import { failureOf, NotYet } from "../../../infra/fedstratus/frame/failures.ts";
import { createOutput } from "../../../infra/fedstratus/output/output.ts";
import { parseFailures, parseGoal } from "../../../infra/fedstratus/watch/goal.ts";
import { ROUNDS_KEPT, runReader } from "../../../infra/fedstratus/watch/runReader.ts";
import { watchRun } from "../../../infra/fedstratus/watch/watchRun.ts";
import { FlError } from "../../../shared/core/errors.ts";
import { Invocation } from "../../../shared/core/schemas/invocation.ts";
import { Run } from "../../../shared/core/schemas/run.ts";
import { buildInvocation, buildRound, buildRun, T0 } from "../../support/builders.ts";
import { runs } from "../../support/tier.ts";
import { encodedFigures, WatchedRun, type WatchedRunOptions } from "../../support/watchedRun.ts";

interface Watching {
  readonly run: WatchedRunOptions;
  /** When nothing answers, in ms since the watch began; the ends are exclusive. */
  readonly away?: readonly (readonly [fromMs: number, toMs: number])[];
  readonly until?: string;
  readonly failOn?: string;
  readonly timeoutMs?: number;
  readonly intervalMs?: number;
  readonly json?: boolean;
  /** When Ctrl-C is pressed. */
  readonly interruptedMs?: number;
  /** How the api fails while it is away. */
  readonly failure?: () => FlError;
}

const gone = () => new FlError("unavailable", "Nothing answers.");

async function watch(options: Watching) {
  const { away = [], timeoutMs, json = false, interruptedMs, failure = gone } = options;
  const world = new WatchedRun(options.run);
  let nowMs = T0;
  const asked: string[] = [];
  const written = { stdout: "", stderr: "" };
  const stream = (name: keyof typeof written) =>
    ({ write: (text: string) => (written[name] += text) }) as unknown as Context["io"]["stdout"];
  const stop = new AbortController();
  const io: Context["io"] = {
    stdout: stream("stdout"),
    stderr: stream("stderr"),
    stdin: new PassThrough(),
    env: {},
    cwd: "/",
    home: "/",
    platform: "linux",
    nowMs: () => nowMs,
    sleep: async (ms) => {
      nowMs += ms;
      if (interruptedMs !== undefined && nowMs - T0 >= interruptedMs) stop.abort();
    },
    interruption: () => ({
      signal: stop.signal,
      exitCode: () => (stop.signal.aborted ? 130 : 0),
      dispose: () => undefined,
    }),
  };
  const transport = {
    url: "https://api.example.org",
    call: async (call: ApiCall) => {
      asked.push(call.path);
      const sinceMs = nowMs - T0;
      if (away.some(([from, to]) => sinceMs > from && sinceMs < to)) throw failure();
      return world.answer(call, nowMs);
    },
  };
  const context = {
    io,
    out: createOutput(io, { json, fields: undefined, quiet: false, color: false }),
    options: { timeoutMs, quiet: false },
    api: async () => apiOf(transport, "/"),
  } as unknown as Context;
  const ended = await watchRun(
    "run-1",
    {
      goal: parseGoal(options.until ?? "completed"),
      failOn: parseFailures(options.failOn ?? "failed"),
      intervalMs: options.intervalMs,
    },
    context,
  ).then(
    (exit) => ({ exit, error: undefined }),
    (error: unknown) => ({ exit: undefined, error }),
  );
  const lines = written.stdout.split("\n").filter((line) => line !== "");
  return { ...ended, ...written, lines, asked, tookMs: nowMs - T0 };
}

const opened = (lines: readonly string[]) =>
  lines.flatMap((line) => Number(/^round (\d+) opened/.exec(line)?.[1] ?? 0) || []);
const closed = (lines: readonly string[]) =>
  lines.flatMap((line) => Number(/^round (\d+) (?:closed|degraded|too few)/.exec(line)?.[1] ?? 0) || []);
const upTo = (last: number) => Array.from({ length: last }, (_, i) => i + 1);

describe("while the api is away for a minute", () => {
  const run = { rounds: 12 };
  const away = [[20_000, 80_000]] as const;

  test("no round is lost, none is told twice, and a person learns of it once", async () => {
    const { exit, lines, stderr } = await watch({ run, away });
    expect(exit).toBeUndefined();
    expect(opened(lines)).toEqual(upTo(12));
    expect(closed(lines)).toEqual(upTo(12));
    expect(new Set(lines).size).toBe(lines.length);
    expect(stderr.match(/The api is away\. The run goes on meanwhile/g)).toHaveLength(1);
    expect(stderr.match(/The api is back\./g)).toHaveLength(1);
    expect(stderr.trim().split("\n").at(-1)).toMatch(/^The run is completed: accuracy 0\.501/);
  });

  test("as JSON each round ends as it ended, and no document comes twice", async () => {
    const { lines, stderr } = await watch({ run, away, json: true });
    const events = lines.map((line) => JSON.parse(line));
    expect(new Set(lines).size).toBe(lines.length);
    expect(stderr).toBe("");
    const last = new Map(
      events.filter(({ type }) => type === "round").map(({ round }) => [round.round, round]),
    );
    expect([...last.keys()]).toEqual(upTo(12));
    for (const { status, loss } of last.values())
      expect({ status, loss }).toEqual({ status: "closed", loss: 1 });
    expect(events.at(-1)).toMatchObject({ type: "end", reason: "met", run: { status: "completed" } });
  });

  test("it is asked again, and no more often than every 15 s", async () => {
    const { asked } = await watch({ run: { rounds: 1, trainMs: 100_000 }, away: [[10_000, 70_000]] });
    expect(asked.length).toBeGreaterThan(8);
    expect(asked.length).toBeLessThan(16);
  });

  test.each(["internal", "resource-exhausted", "aborted", "deadline-exceeded"] as const)(
    "also where it says %s",
    async (code) => {
      const failure = () => new FlError(code, "Not now.");
      const { exit, lines } = await watch({ run, away, failure });
      expect(exit).toBeUndefined();
      expect(closed(lines)).toEqual(upTo(12));
    },
  );

  test("but not where it says that nobody may see the run", async () => {
    const { error } = await watch({ run, away, failure: () => new FlError("permission-denied", "No.") });
    expect(error).toMatchObject({ code: "permission-denied" });
  });
});

test("rounds that ended in a gap longer than a look are told once each, in order", async () => {
  const { lines } = await watch({ run: { rounds: 60 }, away: [[12_000, 400_000]] });
  expect(opened(lines)).toEqual(upTo(60));
  expect(closed(lines)).toEqual(upTo(60));
});

test("over 1,000 rounds what is kept stays the same, none is read again, and each is told once", async () => {
  const rounds = 1_000;
  // Answers are made of these, so that the test takes no longer than the reader.
  const over = { status: "closed", newVersion: 1, closedAt: T0, followedUp: true, loss: 1 } as const;
  const closedRound = buildRound(over);
  const figures = encodedFigures(closedRound);
  const run = z.encode(Run, buildRun());
  const invocation = z.encode(Invocation, buildInvocation());
  const asked = new Set<string>();
  let last = 1;
  const call = async ({ path }: ApiCall) => {
    asked.add(path);
    const told = Array.from({ length: Math.min(last, 2) }, (_, i) => last - i).toReversed();
    const news = told.map((round) =>
      round < last
        ? { ...figures, round }
        : { ...figures, round, status: "training", closedAt: null, loss: null },
    );
    const invocations = told.map((round) => ({ ...invocation, round }));
    return { cursor: "c", run: { ...run, round: last, openRound: last }, rounds: news, invocations };
  };
  const reader = runReader("run-1", apiOf({ url: "https://api.example.org", call }, "/"));
  const lines: string[] = [];
  const log = roundLog((line) => lines.push(line));
  const sizes = new Set<number>();
  for (; last <= rounds; last++) {
    const { rounds: kept, snapshots, leftOut } = await reader.read(T0);
    expect(leftOut.rounds + kept.length).toBe(last);
    expect(leftOut.closed).toBe(leftOut.rounds);
    if (last > ROUNDS_KEPT) sizes.add(kept.length);
    log.show(snapshots);
  }
  expect([...sizes]).toEqual([ROUNDS_KEPT + 1]);
  expect([...asked]).toEqual(["/v1/runs/run-1/live"]);
  expect(opened(lines)).toEqual(upTo(rounds));
  expect(closed(lines)).toEqual(upTo(rounds - 1));
});

test("a round that still waits for its score when it is left out is told without one, once", () => {
  const lines: string[] = [];
  const log = roundLog((line) => lines.push(line));
  const unscored = (round: number) =>
    snapshotOf(buildRound({ round, status: "closed", closedAt: T0, newVersion: round }), [], T0);
  log.show([unscored(1), unscored(2)]);
  expect(closed(lines)).toEqual([]);
  log.show([unscored(2), unscored(3)]);
  expect(closed(lines)).toEqual([1]);
  log.rest();
  expect(closed(lines)).toEqual([1, 2, 3]);
  expect(opened(lines)).toEqual([1, 2, 3]);
});

test("an api that stays away for ten minutes ends the watch as unreachable", async () => {
  const { error, lines, tookMs } = await watch({
    run: { rounds: 200 },
    away: [[5_000, 900_000]],
    json: true,
  });
  expect(failureOf(error)).toMatchObject({ exit: "unreachable" });
  expect(tookMs).toBeGreaterThanOrEqual(605_000);
  expect(tookMs).toBeLessThan(640_000);
  expect(lines.filter((line) => line.includes('"end"'))).toEqual([]);
});

test("whatever the outages and the pace, each round opens once and closes once, in order", async () => {
  const outage = fc.tuple(fc.nat({ max: 500_000 }), fc.integer({ min: 1, max: 550_000 }));
  const pace = fc.record({
    rounds: fc.integer({ min: 1, max: 70 }),
    trainMs: fc.integer({ min: 1_000, max: 15_000 }),
    scoreMs: fc.option(fc.integer({ min: 0, max: 5_000 }), { nil: null }),
    degraded: fc.uniqueArray(fc.integer({ min: 1, max: 70 }), { maxLength: 5 }),
  });
  const interval = fc.option(fc.integer({ min: 500, max: 60_000 }), { nil: undefined });
  await fc.assert(
    fc.asyncProperty(pace, fc.array(outage, { maxLength: 2 }), interval, async (run, outages, intervalMs) => {
      const away = outages.map(([from, lasts]) => [from, from + lasts] as const);
      const { exit, error, lines } = await watch({
        run,
        away,
        ...(intervalMs === undefined ? {} : { intervalMs }),
      });
      if (error !== undefined) {
        // Two outages in a row may last for ten minutes.
        expect(error).toMatchObject({ code: "unavailable" });
        return;
      }
      expect(exit).toBeUndefined();
      const told = opened(lines);
      expect(told).toEqual(upTo(run.rounds).slice((told[0] ?? 1) - 1));
      // A round that made no version waits for no score, and may so be told before an earlier one.
      const ended = closed(lines);
      expect(run.degraded.length === 0 ? ended : ended.toSorted((a, b) => a - b)).toEqual(told);
    }),
    { numRuns: runs(100) },
  );
});

describe("a watch ends", () => {
  const run = { rounds: 5, degraded: [3] };

  test("with --until once that round is over, and says so", async () => {
    const { exit, lines, stderr, tookMs } = await watch({ run, until: "round=2" });
    expect(exit).toBeUndefined();
    expect(closed(lines)).toEqual([1, 2]);
    expect(stderr).toMatch(/^The run is running: /);
    expect(tookMs).toBeLessThan(24_000);
  });

  test("with --until once that accuracy is reached", async () => {
    const { exit, lines } = await watch({ run, until: "accuracy=0.5002" });
    expect(exit).toBeUndefined();
    expect(closed(lines).at(-1)).toBe(2);
  });

  test("with 1 where it has ended without it", async () => {
    const { error } = await watch({ run, until: "accuracy=0.9", json: true });
    expect(error).toMatchObject({ code: "failed-precondition", message: /without an accuracy of 0\.9/ });
  });

  test("with 6 at --timeout, to the millisecond, with what was seen until then", async () => {
    const { error, lines, tookMs } = await watch({ run, timeoutMs: 12_345, json: true });
    expect(error).toBeInstanceOf(NotYet);
    expect(Object(error).message).toBe("After 12 s, what was waited for has not come: run run-1 is running.");
    expect(tookMs).toBe(12_345);
    expect(JSON.parse(lines.at(-1) ?? "")).toMatchObject({
      type: "end",
      reason: "timeout",
      run: { runId: "run-1" },
    });
  });

  test("with 6 where the api was away all the time", async () => {
    const { error } = await watch({ run, timeoutMs: 30_000, away: [[-1, 60_000]] });
    expect(Object(error).message).toContain("run run-1 is not known");
  });

  test("with 1 at what --fail-on names, and goes on otherwise", async () => {
    const failed = await watch({ run, failOn: "degraded", json: true });
    expect(failed.error).toMatchObject({ message: "Round 3 is degraded: 1 of 2 updates that are needed." });
    expect(JSON.parse(failed.lines.at(-1) ?? "")).toMatchObject({ type: "end", reason: "failed" });
    expect((await watch({ run })).exit).toBeUndefined();
    const paused = { ...run, pausedMs: 15_000 };
    expect((await watch({ run: paused, failOn: "degraded,paused" })).error).toMatchObject({
      message: /^Run run-1 is paused/,
    });
    expect((await watch({ run: paused, until: "round=5" })).exit).toBeUndefined();
  });

  test("with 130 at Ctrl-C, says that the run goes on and how to come back, and leaves it alone", async () => {
    const { exit, stderr, asked } = await watch({ run, interruptedMs: 10_000 });
    expect(exit).toBe("interrupted");
    expect(stderr).toBe("The run goes on. Come back to it with: fedstratus run watch run-1\n");
    expect(new Set(asked)).toEqual(new Set(["/v1/runs/run-1/live"]));
    const asJson = await watch({ run, interruptedMs: 10_000, json: true });
    expect(asJson.stderr).toBe("");
    expect(JSON.parse(asJson.lines.at(-1) ?? "")).toMatchObject({ type: "end", reason: "interrupted" });
  });
});
