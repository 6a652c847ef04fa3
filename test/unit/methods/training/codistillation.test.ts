// Codistillation as a spec names it: what it takes, and what it refuses. What it computes is held to by
// test/contract/distillationContract.ts.
import { describe, expect, it } from "vitest";
import { TrainingOptions } from "../../../../shared/core/methods/training/options.ts";
import { hooksOf } from "../../../../shared/core/methods/training/trainingOf.ts";
import { RunSpec } from "../../../../shared/core/schemas/spec.ts";
import { buildSpec, specIssues } from "../../../support/builders.ts";

const training = (more: object = {}) => ({ training: { method: "codistillation", group: "wards", ...more } });

it("is taken with its defaults", () => {
  expect(buildSpec(training()).training).toMatchObject({ weight: 1, burnInRounds: 2, refreshRounds: 1 });
});

it("adds to the loss what its weight says, and nothing with weight 0", () => {
  const hooks = (weight: number) => hooksOf(TrainingOptions.parse(training({ weight }).training));
  expect(hooks(0.5)).toEqual({ distils: 0.5 });
  expect(hooks(0)).toEqual({});
});

describe("is refused", () => {
  it.each([
    [undefined, false],
    ["", false],
    ["Wards", false],
    ["../runs", false],
    ["a/b", false],
    ["a\u0000", false],
    ["-a", false],
    ["a".repeat(64), false],
    [["wards"], false],
    ["a".repeat(63), true],
    ["7", true],
  ])("or taken for its group's name: %j", (group, isTaken) => {
    const issues = specIssues(training({ group }));
    expect(issues.length === 0).toBe(isTaken);
    if (!isTaken) expect(issues.join()).toContain("training.group");
  });

  it.each([
    [{ weight: -0.001 }, "weight"],
    [{ weight: 100.001 }, "weight"],
    [{ weight: Number.NaN }, "weight"],
    [{ burnInRounds: -1 }, "burnInRounds"],
    [{ burnInRounds: 0.5 }, "burnInRounds"],
    [{ refreshRounds: 0 }, "refreshRounds"],
    [{ runs: ["other"] }, "training"],
  ])("for %j", (more, path) => {
    expect(specIssues(training(more)).join()).toContain(path);
  });

  it.each([
    { weight: 0 },
    { weight: 100 },
    { burnInRounds: 0 },
    { burnInRounds: 9_999 },
    { refreshRounds: 1 },
  ])("not for %j", (more) => expect(specIssues(training(more))).toEqual([]));

  it.each(["meanSquaredError", "hinge", "poisson", "kullbackLeiblerDivergence"])("with %s", (loss) => {
    const issues = specIssues(training({ loss }));
    expect(issues).toContainEqual(expect.stringMatching(/^training\.loss: .*Crossentropy.*probabilities/));
  });

  it("with layers of the clients' own, and without layers at all", () => {
    expect(specIssues(training({ local: ["output"] })).join()).toMatch(/training\.local.*codistillation/);
    const model = { parameters: [{ name: "w", shape: [2] }], weights: { upload: "0".repeat(16) } };
    const { error } = RunSpec.safeParse({
      name: "named",
      model,
      selection: { strategy: "random", cohortSize: 1 },
      ...training(),
    });
    expect(error?.issues.map(({ message }) => message).join()).toContain("codistillation needs the layers");
  });

  it("with everything that is wrong at once", () => {
    expect(specIssues(training({ local: ["a"], loss: "huber" }))).toHaveLength(2);
  });
});

it.each([
  ["a relay", { round: { relay: { strategy: "chain" } } }],
  ["buffered rounds", { round: { buffer: { size: 2 } } }],
  ["a robust aggregation", { aggregation: { strategy: "median" }, round: { minUpdates: 3 } }],
])("goes with %s", (_what, more) => {
  expect(specIssues({ ...training(), ...more })).toEqual([]);
});
