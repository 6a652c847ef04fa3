// Scenarios: those that come with the simulator are whole, and a bad one is refused with everything that is
// wrong with it.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadScenario, parseScenario, scenarioNames } from "../../../../infra/sim/scenario/loadScenario.ts";
import { runSpecOf } from "../../../../infra/sim/scenario/runSpec.ts";
import { type Measured, measuredAt } from "../../../../infra/sim/scenario/scenario.ts";
import { FlError } from "../../../../shared/core/errors.ts";
import { buildScenario } from "../builders.ts";

const shipped = await scenarioNames();
const published = shipped.filter((name) => name.startsWith("paper/"));

/** What was published of each data set: clients, of them a round, rounds. */
const setUps: Readonly<Record<string, readonly [number, number, number]>> = {
  "paper/femnist": [300, 175, 40],
  "paper/mnist": [300, 200, 60],
  "paper/shakespeare": [100, 50, 25],
  "paper/speech": [542, 200, 60],
};

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "scenario-"));
});
afterAll(() => rm(folder, { recursive: true }));

describe("the scenarios that come with the simulator", () => {
  it("are there", () => {
    expect(published).toEqual(Object.keys(setUps));
    expect(shipped).toEqual(expect.arrayContaining(["million", "mixed/crash-slow", "mixed/fashion"]));
  });

  it.each(shipped)("%s gives a run's spec with and without the published behaviour", async (name) => {
    const scenario = await loadScenario(name);
    expect(scenario.description).toMatch(/\.$/);
    for (const paperFaithful of [true, false]) {
      const choice = { strategy: "fedlesscan", paperFaithful, level: 0.3, seed: 7 };
      expect(runSpecOf(scenario, choice, {})).toMatchObject({
        seed: 7,
        selection: { strategy: "fedlesscan", cohortSize: scenario.cohortSize, paperFaithful },
        stop: { rounds: scenario.rounds },
      });
    }
  });

  it.each(published)("%s has the published set-up and a number for every cell", async (name) => {
    const {
      clients,
      cohortSize,
      rounds,
      stragglers,
      accounting,
      published: known,
    } = await loadScenario(name);
    expect([clients, cohortSize, rounds]).toEqual(setUps[name]);
    expect(stragglers).toEqual({ crash: 1, slow: 0, flaky: 0 });
    expect(accounting).toBe("published");
    const measures: readonly (keyof Measured)[] = ["eur", "timeMinutes", "accuracy"];
    for (const strategy of ["fedavg", "fedprox", "fedlesscan"])
      for (const level of [0, 0.1, 0.3, 0.5, 0.7])
        for (const measure of measures)
          expect(
            measuredAt(known, strategy, level, measure),
            `${strategy} ${level} ${measure}`,
          ).toBeGreaterThan(0);
  });
});

describe("a scenario of the user's own", () => {
  it("is read from its file", async () => {
    const file = join(folder, "mine.json");
    await writeFile(file, JSON.stringify(buildScenario({ clients: 33 })));
    expect((await loadScenario(file)).clients).toBe(33);
  });

  it("that is not there names those that are", async () => {
    await expect(loadScenario("paper/cifar")).rejects.toThrow(
      new FlError(
        "not-found",
        `There is no scenario paper/cifar; there are ${shipped.join(", ")}, or a .json file of yours.`,
      ),
    );
  });

  it.each(["", "{", "clients: 3"])("that is not JSON is refused as such: %j", (text) => {
    expect(() => parseScenario("mine", text)).toThrow(
      new FlError("invalid-argument", "Scenario mine is not JSON."),
    );
  });

  it("is refused with everything that is wrong at once", () => {
    const broken = {
      ...buildScenario(),
      clients: 0,
      rounds: 1.5,
      colour: "red",
      crash: { manner: "explodes" },
      roundsAt: { "1.5": 3 },
    };
    const error = thrownBy(() => parseScenario("mine", JSON.stringify(broken)));
    expect(error).toBeInstanceOf(FlError);
    expect(error).toMatchObject({ code: "invalid-argument" });
    for (const said of ["Scenario mine", "clients", "rounds", '"colour"', "crash.manner", "roundsAt"])
      expect(String(error)).toContain(said);
  });

  it.each([
    ["more clients a round than there are", { cohortSize: 21 }, "cohortSize must not exceed clients"],
    [
      "kinds of stragglers that are not all",
      { stragglers: { crash: 0.4, slow: 0.5 } },
      "the shares must sum to 1",
    ],
    ["a share above one", { flakyProbability: 1.01 }, "flakyProbability"],
    ["slow clients that are fast", { slowFactor: [0.5, 2] }, "slowFactor"],
  ])("is refused for %s", (_what, fields, said) => {
    const text = JSON.stringify({ ...buildScenario(), ...fields });
    expect(() => parseScenario("mine", text)).toThrow(said);
  });

  it.each([
    ["a cohort of everybody", { cohortSize: 20 }],
    ["shares that sum to 1 but for rounding", { stragglers: { crash: 0.1, slow: 0.2, flaky: 0.7 } }],
    ["no slower client", { slowFactor: [1, 1] }],
  ])("is accepted with %s", (_what, fields) => {
    expect(() => parseScenario("mine", JSON.stringify({ ...buildScenario(), ...fields }))).not.toThrow();
  });
});

function thrownBy(act: () => unknown): unknown {
  try {
    return act();
  } catch (error) {
    return error;
  }
}
