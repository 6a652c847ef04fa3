// The guide's two ways to remove a deployment, on one that the stand-in provider has made.
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { valuesAt } from "../../infra/terraform/planRules.ts";
import { type Bench, openBench, plan, resourcesOf, rootVariables } from "./support.ts";

const guide = readFileSync(new URL("../../docs/deploy.md", import.meta.url), "utf8");

/** The arguments of the terraform commands below a mark. */
function commandsAt(mark: string): readonly (readonly string[])[] {
  const block = guide.slice(guide.indexOf(`<!-- ${mark} -->`)).split("```")[1] ?? "";
  const lines = block.split("\n").filter((line) => line.startsWith("terraform "));
  return lines.map((line) => line.split(" ").filter((word) => !/^(terraform|-chdir=terraform)$/.test(word)));
}

let bench: Bench;
beforeAll(async () => {
  bench = await openBench();
  await bench.workspace.run(".", "init", "-backend=false", "-no-color");
  await apply("apply");
});
afterAll(() => bench.close());

async function apply(...args: readonly string[]): Promise<string> {
  const { code, output } = await bench.workspace.run(
    ".",
    ...args,
    "-no-color",
    "-auto-approve",
    ...rootVariables(bench.archivesDir),
  );
  expect(code, output).toBe(0);
  return output;
}

it("lifts every protection first, and then destroys", async () => {
  const [lift = [], destroy] = commandsAt("remove");
  expect(lift[0]).toBe("apply");
  expect(destroy).toEqual(["destroy"]);
  const variables = [...rootVariables(bench.archivesDir), ...lift.slice(1)];
  const changed = resourcesOf(await plan(bench.workspace, ".", variables));
  const holders = changed.filter(({ type }) => /^google_storage_(bucket|managed_folder)$/.test(type));
  expect(holders).toHaveLength(5);
  for (const { address, values } of holders) expect(values["force_destroy"], address).toBe(true);
  const database = changed.filter(({ type }) => type === "google_firestore_database");
  expect(
    valuesAt(
      database.map(({ values }) => values),
      ["delete_protection_state"],
    ),
  ).toEqual(["DELETE_PROTECTION_DISABLED"]);
  expect(
    valuesAt(
      database.map(({ values }) => values),
      ["deletion_policy"],
    ),
  ).toEqual(["DELETE"]);
});

it("keeps the database and the buckets that Terraform was made to forget, and nothing else", async () => {
  const [forget = [], destroy = []] = commandsAt("keep");
  expect(forget.slice(0, 2)).toEqual(["state", "rm"]);
  const { code, output } = await bench.workspace.run(".", ...forget);
  expect(code, output).toBe(0);
  const destroyed = await apply(...destroy);
  expect(destroyed).not.toMatch(
    /google_storage_bucket\.main|google_firestore_|google_storage_managed_folder/,
  );
  expect(destroyed).toMatch(/module\.accounts\.google_service_account\.main\["api"\]: Destruction complete/);
  expect((await bench.workspace.run(".", "state", "list")).output.trim()).toBe("");
});
