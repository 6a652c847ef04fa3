// Exported runs as they may come: in pages, in any order, and broken in every way.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as z from "zod";
import { readRecording, recordingOf } from "../../../../infra/sim/replay/readRecording.ts";
import { FlError } from "../../../../shared/core/errors.ts";
import { Invocation } from "../../../../shared/core/schemas/invocation.ts";
import { Round } from "../../../../shared/core/schemas/round.ts";
import { Run } from "../../../../shared/core/schemas/run.ts";
import { buildInvocation, buildReported, buildRound, buildRun } from "../../../support/builders.ts";
import { runs } from "../../../support/tier.ts";

const documents = {
  run: buildRun(),
  rounds: [
    buildRound({ cohort: ["client-a", "client-b"] }),
    buildRound({ round: 2, cohort: ["client-a"] }),
    buildRound({ round: 10, cohort: [] }),
  ],
  invocations: [buildReported(), buildReported({ clientId: "client-b" }), buildInvocation({ round: 2 })],
};

// As the API writes them.
const run = z.encode(Run, documents.run);
const [round, secondRound, tenthRound] = documents.rounds.map((one) => z.encode(Round, one));
const invocations = documents.invocations.map((one) => z.encode(Invocation, one));
const [invocation] = invocations;
const first = invocations.slice(0, 2);
const manyRounds = Array.from({ length: 23 }, (_, i) =>
  z.encode(Round, buildRound({ round: i + 2, cohort: ["client-a"] })),
);

describe("an exported run", () => {
  it("is the same from documents, arrays and the API's pages, in any order", () => {
    expect(recordingOf("file", [run, round, secondRound, tenthRound, ...invocations])).toEqual(documents);
    const pages = [
      { items: [tenthRound], nextPageToken: "x" },
      { items: invocations, nextPageToken: null },
      [run, [{ items: [secondRound, round] }]],
    ];
    expect(recordingOf("file", pages)).toEqual(documents);
  });

  it.each([
    ["by name", { run, rounds: [round, secondRound, tenthRound], invocations }],
    [
      "by name, in pages",
      { run, rounds: { items: [round, secondRound, tenthRound] }, invocations: { items: invocations } },
    ],
    [
      "by name and round",
      { run, rounds: [round, secondRound, tenthRound], invocations: { 1: invocations, 2: [] } },
    ],
    [
      "in the demo's report",
      { runId: "a", rounds: 3, recording: { run, rounds: [round, secondRound, tenthRound], invocations } },
    ],
  ])("is the same %s", (_, value) => {
    expect(recordingOf("file", value)).toEqual(documents);
  });

  it("of a release that knows more than this one is read without what it knows more", () => {
    const more = [
      { ...run, colour: "red" },
      { ...round, counts: { ...round?.counts, colour: 1 } },
      ...invocations,
    ];
    expect(recordingOf("file", more)).toEqual(recordingOf("file", [run, round, ...invocations]));
  });

  it.each([
    ["no run", [round, invocation], "it has 0 runs instead of one"],
    ["two runs", [run, run, round, invocation], "it has 2 runs instead of one"],
    ["no rounds", [run, invocation], "it has no rounds"],
    ["no invocations", [run, round], "it has no invocations"],
    ["no invocations of a round", [run, round, secondRound, ...first], "lacks invocations of round 2. "],
    ["too few invocations of a round", [run, round, invocation], "lacks invocations of round 1. "],
    [
      "invocations of the first two rounds only",
      [run, round, ...manyRounds, ...invocations],
      "it lacks invocations of rounds 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22 and 2 more. ",
    ],
    ["a client among them", [run, { clientId: "a", url: "b" }], "it has clientId, url"],
    ["a number", 7, "a value is not a document"],
    ["null", [null], "a value is not a document"],
    ["an invalid run", [{ ...run, status: "asleep", round: -1 }], "status"],
    ["an invalid time", [run, round, { ...invocation, claimedAt: "noon" }], "claimedAt"],
  ])("with %s is refused by name", (_what, value, said) => {
    expect(() => recordingOf("exported.json", value)).toThrow(FlError);
    expect(() => recordingOf("exported.json", value)).toThrow("exported.json is not an exported run: ");
    expect(() => recordingOf("exported.json", value)).toThrow(said);
  });

  it.each([
    ["of a turn that never came", { invoked: 2 }, invocations.slice(0, 2), null],
    ["of all turns", { invoked: 0 }, [], "lacks invocations of round 1. "],
    ["of a turn that came", { invoked: 3 }, invocations.slice(0, 2), "lacks invocations of round 1. "],
  ])("of a relay, without an invocation %s", (_what, counts, there, said) => {
    const members = ["client-a", "client-b", "client-c"];
    const groups = [{ members: members.map((clientId) => ({ clientId, tier: null, reason: "drawn" })) }];
    const relay = buildRound({ cohort: members, relay: { groups } });
    const turns = z.encode(Round, { ...relay, counts: { ...relay.counts, ...counts } });
    const read = () => recordingOf("file", [run, turns, secondRound, ...there, invocations[2]]);
    if (said === null) expect(read().rounds).toHaveLength(2);
    else expect(read).toThrow(said);
  });

  it("of whatever JSON there is gives a recording or a refusal, never another error", () => {
    const sound = fc.constantFrom<unknown>(run, round, invocation);
    const spoilt = fc
      .tuple(
        sound,
        fc.constantFrom("round", "spec", "cohort", "attempt", "timings", "capacity"),
        fc.jsonValue(),
      )
      .map(([document, field, value]) => ({ ...Object(document), [field]: value }));
    const value = fc.oneof(fc.jsonValue(), fc.array(fc.oneof(sound, spoilt, fc.jsonValue())));
    fc.assert(
      fc.property(value, (given) => {
        try {
          expect(recordingOf("file", given).rounds.length).toBeGreaterThan(0);
        } catch (error) {
          if (!(error instanceof FlError)) throw error;
          expect(error.code).toBe("invalid-argument");
        }
      }),
      { numRuns: runs(200) },
    );
  });
});

const laidOut = (json: string) => JSON.stringify(JSON.parse(json), null, 2);

describe("the file of an exported run", () => {
  it("is read, and refused where it is not JSON or missing", async () => {
    const folder = await mkdtemp(join(tmpdir(), "recording-"));
    try {
      const file = join(folder, "run.json");
      await writeFile(file, JSON.stringify([run, round, ...invocations]));
      expect((await readRecording(file)).run).toEqual(documents.run);
      await writeFile(file, '{"items": [');
      await expect(readRecording(file)).rejects.toThrow(
        `${file} is not an exported run: it is not JSON. It must hold what the API answers to GET /v1/runs/{runId}`,
      );
      const other = join(folder, "other.json");
      await expect(readRecording(other)).rejects.toThrow(
        new FlError(
          "invalid-argument",
          `${other} cannot be read: it does not exist. Name a file that is there, and that you may read.`,
        ),
      );
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it.each([
    ["a broken first line", (lines: string[]) => ['{"items": [{]', ...lines]],
    ["a first line that never ends", (lines: string[]) => ['{"items": [', ...lines]],
    ["a string that never ends", (lines: string[]) => ['{"a": "', ...lines.map(() => '\\"')]],
    ["a broken last line", (lines: string[]) => [...lines, '{"items": [}']],
    ["words between", (lines: string[]) => [...lines, "504 Gateway Timeout", ...lines]],
  ])("of megabytes with %s is refused after one look", async (_, spoil) => {
    const folder = await mkdtemp(join(tmpdir(), "recording-"));
    try {
      const file = join(folder, "run.json");
      const lines = Array.from({ length: 4_000 }, () => JSON.stringify(invocation));
      await writeFile(file, spoil(lines).join("\n"));
      // The time of this thread: other work on the machine does not count.
      const started = process.threadCpuUsage();
      await expect(readRecording(file)).rejects.toThrow("it is not JSON");
      const { user, system } = process.threadCpuUsage(started);
      expect((user + system) / 1_000).toBeLessThan(2_000);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it.each([
    ["one after the other, as curl appends them", (parts: string[]) => parts.join("")],
    ["one a line", (parts: string[]) => parts.join("\n")],
    ["one after the other, laid out", (parts: string[]) => parts.map(laidOut).join("\n\n")],
  ])("may hold several answers, %s", async (_, text) => {
    const folder = await mkdtemp(join(tmpdir(), "recording-"));
    try {
      const file = join(folder, "run.json");
      const page = (items: readonly unknown[]) => ({ items, nextCursor: null, unreadable: [] });
      const named = { ...run, spec: { ...run.spec, name: "a}{b][ \\" } };
      const answers = [named, page([round, secondRound, tenthRound]), page(invocations)];
      await writeFile(file, text(answers.map((answer) => JSON.stringify(answer))));
      expect(await readRecording(file)).toEqual({
        ...documents,
        run: { ...documents.run, spec: { ...documents.run.spec, name: "a}{b][ \\" } },
      });
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
