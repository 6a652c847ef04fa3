// Deployments and silos as they are made, under the fewest inputs and under inputs that differ in every
// variable: each value of each resource, what it waits for, the outputs. What a change of the configuration
// does is seen in golden/*.txt.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as z from "zod";
import { ClientRegistration } from "../../shared/core/schemas/client.ts";
import type { Applied } from "./applied.ts";
import { everything, everythingOfSilo, fewest, fewestOfSilo } from "./inputs.ts";
import { expectedOf, openScenarios, type ScenarioName, type Scenarios, scenarioNames } from "./scenarios.ts";
import { configuration } from "./support.ts";
import { valueProblems } from "./values.ts";

let scenarios: Scenarios;
const made = new Map<ScenarioName, Applied>();
beforeAll(async () => {
  scenarios = await openScenarios();
  for (const name of scenarioNames) {
    const applied = await scenarios.apply(name);
    if ("refusal" in applied) throw new Error(`${name}: ${applied.refusal}`);
    made.set(name, applied);
  }
}, 600_000);
afterAll(() => scenarios.close());

const of = (name: ScenarioName): Applied => made.get(name) ?? { resources: [], outputs: {} };

describe("the inputs", () => {
  it.each([
    [".", fewest(""), everything("other")],
    ["modules/client_silo", fewestOfSilo("", {}), everythingOfSilo("other")],
  ])("of %s differ in every variable", (folder, some, all) => {
    const text = readFileSync(join(configuration, folder, "variables.tf"), "utf8");
    const declared = [...text.matchAll(/^variable "(\w+)"/gm)].map(([, name]) => name);
    expect(Object.keys(all)).toEqual(declared);
    const given: Readonly<Record<string, unknown>> = some;
    for (const [name, value] of Object.entries(all)) expect(value, name).not.toEqual(given[name]);
  });
});

describe.each(scenarioNames)("%s", (name) => {
  it("is made as it was before", async () => {
    // Read the difference; where it is meant: npx vitest run test/terraform/applied.test.ts -u
    await expect(scenarios.text(of(name))).toMatchFileSnapshot(`golden/${name}.txt`);
  });

  it("gives each variable of each function its value, enables what is used, and waits for what it needs", () => {
    expect(of(name).resources.length).toBeGreaterThan(15);
    expect(valueProblems(of(name).resources, expectedOf(name))).toEqual([]);
  });
});

describe("what others are given", () => {
  it("fits a silo: its client claims at this coordinator, and only this client queue may call it", () => {
    // The silo was applied with these two, and neither is missing nor unknown to it.
    const given = fewestOfSilo(
      "",
      of("root-fewest").outputs["federation"] as Readonly<Record<string, unknown>>,
    );
    const { resources } = of("silo-fewest");
    const environment = resources.find(({ type }) => type === "google_cloudfunctions2_function");
    expect(JSON.stringify(environment?.values)).toContain(
      `"COORDINATOR_URL":"${given.federation["coordinator_url"]}"`,
    );
    const callers = resources.filter(({ type }) => type === "google_cloud_run_service_iam_member");
    expect(callers.map(({ values }) => values["member"])).toEqual([
      `serviceAccount:${given.federation["task_invoker"]}`,
    ]);
    const silo = readFileSync(join(configuration, "modules/client_silo/variables.tf"), "utf8");
    const [, type = ""] = /variable "federation" \{[\s\S]*?object\(\{\n([\s\S]*?)\n {2}\}\)/.exec(silo) ?? [];
    const names = [...type.matchAll(/^\s+(\w+)/gm)].map(([, key]) => key);
    for (const name of ["root-fewest", "root-everything", "example-federation"] as const) {
      const output = z.record(z.string(), z.unknown()).parse(of(name).outputs["federation"]);
      expect(Object.keys(output).toSorted()).toEqual(names);
    }
  });

  it.each(["root-fewest", "root-everything"] as const)("is a registration that the api takes: %s", (name) => {
    const registration = z.record(z.string(), z.unknown()).parse(of(name).outputs["client_registration"]);
    expect(ClientRegistration.parse({ clientId: "clinic-01", ...registration })).toMatchObject(registration);
  });

  it.each(["silo-fewest", "silo-everything", "example-silo"] as const)(
    "is a silo's registration: %s",
    (name) => {
      const registration = z.record(z.string(), z.unknown()).parse(of(name).outputs["registration"]);
      expect(ClientRegistration.parse(registration)).toMatchObject(registration);
    },
  );
});
