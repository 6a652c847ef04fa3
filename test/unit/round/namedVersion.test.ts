// Versions by the names that people have for them, and which of them another run may begin with.
import { describe, expect, it } from "vitest";
import { namedVersion, startingVersion } from "../../../shared/core/round/namedVersion.ts";
import { buildRun, deepFreeze } from "../../support/builders.ts";

const best = { version: 2, accuracy: 0.9, loss: 0.3, round: 2 };
const run = deepFreeze(buildRun({ status: "running", modelVersion: 4, best }));
const fresh = deepFreeze(buildRun({ status: "preparing", modelVersion: null, best: null }));

describe("a version by its name", () => {
  it.each([
    [0, 0],
    [4, 4],
    ["latest", 4],
    ["best", 2],
  ] as const)("%s is version %d", (named, version) => {
    expect(namedVersion(run, named)).toEqual({ version });
    expect(startingVersion(run, named)).toEqual({ version });
  });

  it.each([
    [run, 5, "has no model version 5: its latest is 4"],
    [{ ...run, best: null }, "best", "has no best version: none of its versions is scored"],
    [fresh, "latest", "has no model version: its status is preparing"],
    [fresh, "best", "has no model version: its status is preparing"],
    [{ ...fresh, status: "failed" }, 0, "has no model version: its status is failed"],
  ] as const)("is not found in a run without it", (of, named, why) => {
    expect(namedVersion(of, named)).toEqual({ why });
    expect(startingVersion(of, named)).toEqual({ why });
  });

  it("begins no run where it was left behind, whatever its number", () => {
    const setBacks = [3, 5].map((version) => ({ version, round: version, goodVersion: 2, reason: "NaN" }));
    for (const { version } of setBacks) {
      expect(startingVersion({ ...run, setBacks }, version)).toEqual({
        why: `cannot begin another one: version ${version} of the model cannot be used: NaN`,
      });
    }
    expect(startingVersion({ ...run, setBacks }, 2)).toEqual({ version: 2 });
    expect(startingVersion({ ...run, setBacks, modelVersion: 3 }, "latest")).toMatchObject({
      why: expect.stringMatching(/^cannot begin another one/),
    });
  });
});
