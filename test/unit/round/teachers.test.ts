// Codistillation: which versions of other runs a round's clients learn from, and which runs are left out.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MAX_TEACHERS } from "../../../shared/core/methods/training/codistillation/face.ts";
import { createRun } from "../../../shared/core/round/control.ts";
import { planRound } from "../../../shared/core/round/open.ts";
import { memoryRows } from "../../../shared/core/round/runCheck.ts";
import { beyondGroup, chosenTeachers, offeredTeachers } from "../../../shared/core/round/teachers.ts";
import { groupOf, isRefreshed, learns, learnsIn } from "../../../shared/core/round/teachingGroup.ts";
import { Round } from "../../../shared/core/schemas/round.ts";
import { Run } from "../../../shared/core/schemas/run.ts";
import { MAX_LEFT_OUT } from "../../../shared/core/schemas/teachers.ts";
import { buildRound, buildRun, buildSpec, deepFreeze, T0 } from "../../support/builders.ts";
import { isValid } from "../../support/documents.ts";

const specOf = (training: object = {}) =>
  buildSpec({ training: { method: "codistillation", group: "wards", ...training } });

let born = 0;
const member = (runId: string, more: Partial<Run> = {}): Run =>
  deepFreeze(
    buildRun({ runId, spec: specOf(), status: "running", modelVersion: 3, createdAt: T0 + ++born, ...more }),
  );
const own = member("own");
const there = { hasSameTopology: true, hasVersion: true };

describe("the rounds that learn", () => {
  it("begin after the burn-in, which is inclusive", () => {
    const spec = specOf({ burnInRounds: 3 });
    expect([1, 2, 3, 4, 5].map((round) => learnsIn(spec, round))).toEqual([false, false, false, true, true]);
    expect(learnsIn(specOf({ burnInRounds: 0 }), 1)).toBe(true);
  });

  it("are none with weight 0, or another method", () => {
    expect(learnsIn(specOf({ weight: 0, burnInRounds: 0 }), 5)).toBe(false);
    expect(learns(specOf({ weight: 0 }))).toBe(false);
    expect(learnsIn(buildSpec(), 5)).toBe(false);
    expect(groupOf(specOf({ weight: 0 }))).toBe("wards");
    expect(groupOf(buildSpec())).toBeNull();
  });

  it("take the newest versions in the first of them, and every so many rounds from there", () => {
    const spec = specOf({ burnInRounds: 2, refreshRounds: 3 });
    const refreshed = [3, 4, 5, 6, 7, 8, 9].filter((round) => isRefreshed(spec, round));
    expect(refreshed).toEqual([3, 6, 9]);
    const each = specOf({ burnInRounds: 2 });
    expect([3, 4, 5].every((round) => isRefreshed(each, round))).toBe(true);
  });
});

describe("what the others offer", () => {
  const offered = (members: readonly Run[], round = 3, before?: Parameters<typeof offeredTeachers>[3]) =>
    offeredTeachers(own, round, members, before);

  it("is the newest version of each but the run itself, the oldest run first", () => {
    const [a, b] = [member("a", { modelVersion: 7 }), member("b", { status: "completed" })];
    expect(offered([b, own, a])).toEqual({
      offered: [
        { runId: "a", version: 7 },
        { runId: "b", version: 3 },
      ],
      leftOut: [],
    });
  });

  const parameters = (name: string, shape: number[]) => ({
    model: { parameters: [{ name, shape }], parameterCount: 6, sizeBytes: 24 },
  });
  it.each<[string, Partial<Run>, RegExp]>([
    ["has only its initial weights", { modelVersion: 0 }, /no version yet/],
    ["is being prepared", { status: "preparing", model: null, modelVersion: null }, /no version yet/],
    ["is cancelled", { status: "cancelled" }, /cancelled/],
    ["has failed", { status: "failed" }, /failed/],
    ["has another shape", parameters("w", [3, 2]), /another one/],
    ["has another name", parameters("v", [2, 3]), /another one/],
    ["has another loss", { spec: specOf({ loss: "categoricalCrossentropy" }) }, /categoricalCrossentropy/],
  ])("is nothing where a run %s, with the reason", (_what, more, reason) => {
    const found = offered([member("other", more), member("good")]);
    expect(found.offered).toEqual([{ runId: "good", version: 3 }]);
    expect(found.leftOut).toEqual([{ runId: "other", reason: expect.stringMatching(reason) }]);
  });

  describe("between two refreshes", () => {
    const learner = member("own", { spec: specOf({ refreshRounds: 2 }) });
    const before = { versions: [{ runId: "a", version: 2 }], leftOut: [] };
    const of = (round: number, a: Partial<Run>) =>
      offeredTeachers(learner, round, [member("a", a), member("b")], before).offered;

    it("is the version of the round before, and the newest of runs that had none", () => {
      expect(of(4, {})).toEqual([
        { runId: "a", version: 2 },
        { runId: "b", version: 3 },
      ]);
      expect(of(5, {})[0]).toEqual({ runId: "a", version: 3 });
    });

    it("is another one where that version was set back, and none where its run has left", () => {
      const setBacks = [{ version: 2, round: 2, goodVersion: 1, reason: "not finite" }];
      expect(of(4, { setBacks })[0]).toEqual({ runId: "a", version: 3 });
      expect(of(4, { status: "cancelled" })).toEqual([{ runId: "b", version: 3 }]);
    });
  });

  it("does not touch what it is given, in any order of members", () => {
    const all = ["a", "b", "c", "d", "e"].map((runId) => member(runId));
    fc.assert(
      fc.property(fc.shuffledSubarray(all), (some) => {
        const names = offered(deepFreeze([...some])).offered.map(({ runId }) => runId);
        expect(names).toEqual(some.map(({ runId }) => runId).toSorted());
      }),
    );
  });
});

describe("the teachers of a round", () => {
  const offers = (count: number) => ({
    offered: Array.from({ length: count }, (_, i) => ({ runId: `r-${i}`, version: i + 1 })),
    leftOut: [],
  });

  it("are as many as there may be, and the next ones say why not", () => {
    const { versions, leftOut } = chosenTeachers(offers(MAX_TEACHERS + 1), () => there);
    expect(versions).toEqual(offers(MAX_TEACHERS).offered);
    expect(leftOut).toEqual([{ runId: `r-${MAX_TEACHERS}`, reason: "4 other runs teach already" }]);
  });

  it("are those whose files are there and whose layers are the same", () => {
    const files = [there, { ...there, hasSameTopology: false }, { ...there, hasVersion: false }, there];
    const { versions, leftOut } = chosenTeachers(offers(4), ({ version }) => files[version - 1] ?? there);
    expect(versions.map(({ runId }) => runId)).toEqual(["r-0", "r-3"]);
    expect(leftOut).toEqual([
      { runId: "r-1", reason: "its model is another one" },
      { runId: "r-2", reason: "the file of its version 3 is gone" },
    ]);
  });

  it("say first that there are more runs than are looked at, however many are left out", () => {
    const beyond = beyondGroup("wards");
    const leftOut = Array.from({ length: 99 }, (_, i) => ({ runId: `r-${i}`, reason: "it has failed" }));
    const teachers = chosenTeachers({ offered: [], leftOut: [beyond, ...leftOut] }, () => there);
    expect(teachers.leftOut[0]?.reason).toMatch(/^group wards has more than 100 runs/);
    expect(isValid(Round, buildRound({ teachers }))).toBe(true);
  });

  it("keep a round's document small, however many runs there are", () => {
    const leftOut = Array.from({ length: 500 }, (_, i) => ({ runId: `r-${i}`, reason: "it has failed" }));
    const teachers = chosenTeachers({ offered: [], leftOut }, () => there);
    expect(teachers.leftOut).toHaveLength(MAX_LEFT_OUT);
    expect(isValid(Round, buildRound({ teachers }))).toBe(true);
  });

  it("are written into the document of the round that opens; without any the field is absent", () => {
    const teachers = chosenTeachers(offers(2), () => there);
    const chosen = {
      selection: { cohort: [], considered: [] },
      clients: new Map(),
      rosterAsOfAt: T0,
      openUsd: 0,
    };
    const planned = (more: object) =>
      planRound(own, { round: 3, baseVersion: 2 }, { ...chosen, ...more }, T0).round;
    expect(planned({ teachers }).teachers).toEqual(teachers);
    expect("teachers" in planned({})).toBe(false);
  });
});

describe("a run of a group", () => {
  it("says so in its document, whatever its weight; others do not", () => {
    const run = createRun("r", specOf({ weight: 0 }), "operator@example.org", T0);
    expect(run.teaches).toBe("wards");
    expect(isValid(Run, run)).toBe(true);
    expect("teaches" in createRun("r", buildSpec(), "operator@example.org", T0)).toBe(false);
  });

  it("takes a client's memory for one more model, downloaded and predicting", () => {
    const model = { parameters: [], parameterCount: 2 ** 24, sizeBytes: 2 ** 26, layers: 1 };
    const none = { aggregatorMib: null, evaluatorMib: null, clientMib: null };
    const needed = (training: object) =>
      memoryRows(model, specOf(training), none).find((row) => row.function === "client")?.neededMib ?? 0;
    expect(needed({}) - needed({ weight: 0 })).toBe(128);
  });
});
