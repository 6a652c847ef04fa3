// A client tried on its owner's machine: the guide's command works as it says, what is wrong is told at once,
// and nothing is left behind.
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readGuide } from "../../support/guides.ts";

const root = resolve(import.meta.dirname, "../../..");
const page = readGuide("docs/own-code.md");
let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "fedstratus dev #1-"));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function run(...args: readonly string[]): Promise<Ended> {
  return new Promise((done) => {
    execFile(
      process.execPath,
      [join(root, "infra/clientDev/main.ts"), ...args],
      { cwd: root },
      (error, stdout, stderr) => {
        done({ code: error === null ? 0 : Number(error.code ?? 1), stdout, stderr });
      },
    );
  });
}

/** The words of the guide's command, after `npm run client:dev --`. */
function guideArguments(): readonly string[] {
  const [, block = ""] = /<!-- own-dev -->\n```sh\nnpm run client:dev -- ([^`]+)```/.exec(page) ?? [];
  return block
    .replaceAll("\\\n", " ")
    .split(/\s+/)
    .filter((word) => word !== "");
}

test("the guide's command reads the data and trains on them", async () => {
  const { code, stdout, stderr } = await run(...guideArguments(), "--json");
  expect(stderr).not.toContain("problem");
  expect(code).toBe(0);
  const { facts, problems } = JSON.parse(stdout);
  expect(problems).toEqual([]);
  expect(facts).toMatchObject({
    code: {
      loader: { name: "ecg-records", version: "1.0.0" },
      layers: { name: "rms-layers", version: "1.0.0" },
    },
    samples: 79,
    isStream: true,
    inputShape: [8],
    rows: { rows: 80, refused: [{ reason: "not-a-class", rows: 1, firstRow: 7 }] },
  });
  expect(facts.steps).toBeGreaterThan(0);
});

test("the report on a pipe has the guide's lines, and no JSON", async () => {
  const [, shown = ""] = /<!-- own-dev-report -->\n```text\n([^`]+)```/.exec(page) ?? [];
  const { code, stdout } = await run(...guideArguments());
  expect(code).toBe(0);
  const lines = stdout.split("\n");
  expect(lines).toEqual(expect.arrayContaining(shown.trim().split("\n")));
  expect(stripVTControlCharacters(stdout)).toBe(stdout);
  expect(stdout).not.toMatch(/["{}[\]]/);
});

test("what is wrong is told, and the owner's own words are in the log alone", async () => {
  const loader = join(folder, "loader.ts");
  writeFileSync(
    loader,
    'export const about = { name: "mine", version: "1.0.0" };\nexport default async () => {\n  throw new Error("ssn-078-05-1120");\n};\n',
  );
  const { code, stdout, stderr } = await run("--data", join(folder, "a b.ecg"), "--loader", loader);
  expect(code).toBe(1);
  expect(stdout).toContain("problem        The owner's loader mine 1.0.0 failed: see the owner's log.");
  expect(stdout).not.toContain("ssn");
  expect(stderr).toMatch(/"error":"Error: ssn-078-05-1120.*"message":"the owner's code failed"/);
});

test("a spec that cannot be used is refused with every problem", async () => {
  const model = join(folder, "spec.json");
  writeFileSync(model, JSON.stringify({ name: "", model: { builtin: "none" }, selection: {} }));
  const { code, stdout } = await run("--data", folder, "--model", model);
  expect(code).toBe(1);
  expect(stdout).toMatch(/problem {8}The spec cannot be used: .*name: .*selection/);
  const missing = await run("--data", folder, "--model", join(folder, "none.json"));
  expect(missing).toMatchObject({ code: 1, stdout: "" });
  expect(missing.stderr).toMatch(/none\.json cannot be read/);
});

test("a spec and its model may be in a file each", async () => {
  const folders = join(root, "examples/tabular/damage");
  const data = join(folder, "carrier.csv");
  const row = "B-737,Approach,Day,Small,140,no";
  writeFileSync(
    data,
    `aircraft,phase,time,size,speed,damage\n${`${row}\n${row.replace("no", "yes")}\n`.repeat(20)}`,
  );
  const given = [
    "--data",
    data,
    "--features",
    join(folders, "features.json"),
    "--spec",
    join(folders, "spec.json"),
  ];
  const { code, stdout } = await run(...given, "--model", join(folders, "model.json"));
  expect(stdout).toMatch(/^samples +40$/m);
  expect(code).toBe(0);
  const without = await run(...given);
  expect(without.stdout).toContain("problem        The spec cannot be used: model: is required.");
  const twice = await run(
    "--data",
    data,
    "--spec",
    "examples/own-code/spec.json",
    "--model",
    join(folders, "model.json"),
  );
  expect(twice).toMatchObject({ code: 1, stderr: expect.stringContaining("leave one out") });
});

test("the example's spec is the guide's, and nothing is left behind", () => {
  const [, shown = ""] = /<!-- own-requires -->\n```json\n([^`]+)```/.exec(page) ?? [];
  expect(JSON.parse(readFileSync(join(root, "examples/own-code/spec.json"), "utf8"))).toEqual(
    JSON.parse(shown),
  );
  expect(readdirSync(join(root, "dist")).filter((name) => /^client-dev\./.test(name))).toEqual([]);
});
