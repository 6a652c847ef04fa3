// New projects: what is in each, that it is the examples' own, and that no folder is written over unasked.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readFederation } from "../../../infra/cli/federate/federationFile.ts";
import { readRunSpec } from "../../../infra/cli/federate/readRunSpec.ts";
import type { Api } from "../../../infra/fedstratus/frame/api.ts";
import { EXIT } from "../../../infra/fedstratus/frame/exitCodes.ts";
import { importClients } from "../../../infra/fedstratus/input/importClients.ts";
import { TEMPLATE_NAMES, type TemplateName } from "../../../infra/fedstratus/templates/names.ts";
import { nextCommands, projectFiles } from "../../../infra/fedstratus/templates/projectFiles.ts";
import { Features } from "../../../shared/core/data/features.ts";
import { RunSpec } from "../../../shared/core/schemas/spec.ts";
import { runHere, type Surroundings } from "../../support/commandLine.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const EXAMPLES = { images: "images", tabular: "tabular/damage", text: "text" } as const;
const BLANK = ["README.md", "clients.csv", "federation.json", "spec.json"];
const FULL = ["README.md", "clients.csv", "features.json", "federation.json", "model.json", "spec.json"];

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "init-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const run = (words: readonly string[], around: Partial<Surroundings> = {}) =>
  runHere(["init", ...words], { env: {}, folder, ...around });
const write = (name: string, text: string) => writeFileSync(join(folder, name), text);
const documentsOf = (name: TemplateName) =>
  Object.fromEntries(
    Object.entries(projectFiles(name)).flatMap(([file, text]) =>
      file.endsWith(".json") ? [[file, JSON.parse(text)]] : [],
    ),
  );

describe.each(TEMPLATE_NAMES)("a project of %s", (name) => {
  const files = projectFiles(name);

  test("has a spec, a model and a features file that fit", async () => {
    expect((await run(["mine", "--template", name])).code).toBe(0);
    const federation = await readFederation(join(folder, "mine"));
    const { spec } = await readRunSpec(federation, { rounds: undefined, seed: undefined });
    expect(spec.name).toBe(documentsOf(name)["spec.json"].name);
    const features = files["features.json"];
    expect(federation.features !== undefined).toBe(features !== undefined);
    if (features !== undefined) expect(Features.safeParse(JSON.parse(features)).error).toBeUndefined();
    for (const path of [federation.clients, federation.test]) {
      expect(path.startsWith(join(folder, "mine", "data"))).toBe(true);
    }
  });

  test("has as many clients as a round invites, which can be registered", async () => {
    const nobody = { list: async () => ({ items: [] }) } as unknown as Api;
    const clients = files["clients.csv"] ?? "";
    const rows = await importClients(clients, { parallel: 1, dryRun: true }, nobody);
    expect(rows.map(({ result, problems }) => ({ result, problems }))).toEqual(
      Array.from({ length: documentsOf(name)["spec.json"].selection.cohortSize }, () => ({
        result: "added",
        problems: [],
      })),
    );
  });

  test("names its files and the next commands in its README", () => {
    const readme = files["README.md"] ?? "";
    const named = [...readme.matchAll(/^\| `([^`]+)` \|/gm)].map(([, file]) => file);
    expect([...named, "README.md"].toSorted()).toEqual(Object.keys(files).toSorted());
    expect(readme).toContain(`\n${nextCommands(name).join("\n")}\n`);
    expect(readme).toContain(documentsOf(name)["federation.json"].test);
  });

  test("passes the check that it names next, from where it was made", async () => {
    const { stdout } = await run(["new-project", "--template", name, "--json"]);
    const [, ...words] = String(JSON.parse(stdout).next[0]).split(" ");
    const checked = await runHere(words, { env: {}, folder });
    expect(checked).toMatchObject({ code: 0, stderr: "" });
    expect(checked.stdout).toContain("A run can be created of it.");
  });
});

test.each(Object.entries(EXAMPLES))("%s has the documents of its example", (name, example) => {
  const documents = documentsOf(name as TemplateName);
  const read = (file: string) => JSON.parse(readFileSync(join(root, "examples", example, file), "utf8"));
  for (const file of ["spec.json", "features.json", "model.json"]) {
    expect(documents[file], file).toEqual(read(file));
  }
  const { prepare: _, ...federation } = read("federation.json");
  const { clients, test: testSet } = documents["federation.json"];
  expect(documents["federation.json"]).toEqual({ ...federation, clients, test: testSet });
  expect([`../${clients}`, clients]).toContain(federation.clients);
  expect([`../${testSet}`, testSet]).toContain(federation.test);
});

test("a blank spec has nothing that it could do without", () => {
  const spec = documentsOf("blank")["spec.json"];
  expect(RunSpec.safeParse(spec).success).toBe(true);
  const places = [["name"], ["model"], ["model", "inputShape"], ["model", "layers"]];
  places.push(["selection"], ["selection", "strategy"], ["selection", "cohortSize"]);
  const named = Object.entries(spec).flatMap(([key, value]) =>
    typeof value === "object" ? [[key], ...Object.keys(Object(value)).map((inner) => [key, inner])] : [[key]],
  );
  expect(named).toEqual(places);
  for (const [key = "", inner] of places) {
    const less = structuredClone(spec);
    if (inner === undefined) delete less[key];
    else delete less[key][inner];
    expect(RunSpec.safeParse(less).success, `without ${key} ${inner ?? ""}`).toBe(false);
  }
});

describe("where it is written", () => {
  test("a folder that is made, with those above it; files and commands are named from here", async () => {
    const { code, stdout, stderr } = await run(["a b/mine", "--template", "images"], { isPackage: true });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout.split("\n")).toEqual([
      ...FULL.map((name) => `a b/mine/${name}`),
      "",
      "Next:",
      "  fedstratus check 'a b/mine/spec.json' --model 'a b/mine/model.json' --offline",
      "  fedstratus client import 'a b/mine/clients.csv'",
      "  fedstratus train 'a b/mine/spec.json' --model 'a b/mine/model.json'",
      "",
    ]);
    expect(readdirSync(join(folder, "a b")), "nothing is left beside it").toEqual(["mine"]);
    expect(readdirSync(join(folder, "a b", "mine")).toSorted()).toEqual(FULL);
    for (const [name, text] of Object.entries(projectFiles("images"))) {
      expect(readFileSync(join(folder, "a b", "mine", name), "utf8")).toBe(text);
    }
  });

  test("this folder, where none is named; in the repository it says how to train it there", async () => {
    const { code, stdout, stderr } = await run(["--template", "blank", "--json"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const next = nextCommands("blank");
    expect(JSON.parse(stdout)).toEqual({ template: "blank", folder: ".", files: BLANK, next });
    expect(readdirSync(folder).toSorted()).toEqual(BLANK);
    const again = await run(["--template", "blank", "--force"]);
    expect(again.stderr).toBe("Or, with data in it, in a local cloud: npm run federate -- .\n");
  });

  test("not a folder that is not empty: every file that would be replaced is named", async () => {
    write("spec.json", "mine");
    write("clients.csv", "mine, too");
    write("notes.txt", "of another");
    const plain = await run(["--template", "blank"]);
    expect(plain).toMatchObject({ code: EXIT.refused, stdout: "" });
    expect(plain.stderr).toBe(
      "error: The folder . is not empty. Name another one, or write into it by --force. These would be replaced:\n" +
        "  clients.csv: would be replaced\n  spec.json: would be replaced\n",
    );
    const json = await run([".", "--template", "blank", "--json"]);
    expect(json).toMatchObject({ code: EXIT.refused, stdout: "" });
    expect(JSON.parse(json.stderr).error).toMatchObject({
      code: "already-exists",
      problems: ["clients.csv", "spec.json"].map((path) => ({ path })),
    });
    expect(readdirSync(folder).toSorted()).toEqual(["clients.csv", "notes.txt", "spec.json"]);
    expect(readFileSync(join(folder, "spec.json"), "utf8")).toBe("mine");
  });

  test("not beside other files either, unless it is said", async () => {
    write(".hidden", "");
    const { code, stderr } = await run(["--template", "blank"]);
    expect(code).toBe(EXIT.refused);
    expect(stderr).toContain("Nothing in it would be replaced.");
    expect(readdirSync(folder)).toEqual([".hidden"]);
  });

  test("by --force: files of the same names are replaced, all others stay", async () => {
    write("spec.json", "mine");
    write("notes.txt", "of another");
    mkdirSync(join(folder, "data"));
    expect((await run(["--template", "blank", "--force"])).code).toBe(0);
    expect(readdirSync(folder).toSorted()).toEqual([...BLANK, "data", "notes.txt"].toSorted());
    expect(readFileSync(join(folder, "notes.txt"), "utf8")).toBe("of another");
    expect(readFileSync(join(folder, "spec.json"), "utf8")).toBe(projectFiles("blank")["spec.json"]);
  });

  test("not half: a folder that has a file's name stops all of it, by --force as well", async () => {
    mkdirSync(join(folder, "spec.json"));
    write("README.md", "mine");
    const { code, stderr } = await run(["--template", "blank", "--force"]);
    expect(code).toBe(EXIT.refused);
    expect(stderr).toContain("Move these: spec.json.");
    expect(readdirSync(folder).toSorted()).toEqual(["README.md", "spec.json"]);
    expect(readFileSync(join(folder, "README.md"), "utf8")).toBe("mine");
  });

  test.each([[[]], [["--force"]]])("not a file (%j)", async (more) => {
    write("mine", "a file");
    const { code, stderr } = await run(["mine", "--template", "blank", ...more]);
    expect(code).toBe(EXIT.input);
    expect(stderr).toContain("mine cannot be used");
    expect(readFileSync(join(folder, "mine"), "utf8")).toBe("a file");
  });
});

describe("the template", () => {
  const DOWN = "\u001B[B";

  test("is asked for at a terminal; results alone are on stdout", async () => {
    const { code, stdout, stderr } = await run(["mine", "--fields", "template"], {
      isTerminal: true,
      stdin: `${DOWN}${DOWN}${DOWN}\r`,
    });
    expect({ code, stdout }, stderr).toEqual({ code: 0, stdout: "blank\n" });
    for (const name of TEMPLATE_NAMES) expect(stderr).toContain(name);
    expect(readdirSync(join(folder, "mine")).toSorted()).toEqual(BLANK);
  });

  test("is none after Ctrl-C, and nothing is written", async () => {
    const { code, stdout } = await run(["mine"], { isTerminal: true, stdin: "\u0003" });
    expect({ code, stdout }).toEqual({ code: EXIT.interrupted, stdout: "" });
    expect(existsSync(join(folder, "mine"))).toBe(false);
  });

  test.each<[string, readonly string[], boolean]>([
    ["in a pipe", [], false],
    ["with --no-input", ["--no-input"], true],
    ["as JSON", ["--json"], true],
  ])("is not asked for %s: it says which there are", async (_, more, isTerminal) => {
    const { code, stdout, stderr } = await run(["mine", ...more], { isTerminal });
    expect({ code, stdout }).toEqual({ code: EXIT.usage, stdout: "" });
    expect(stderr).toContain("--template: images, tabular, text, blank.");
    expect(existsSync(join(folder, "mine"))).toBe(false);
  });
});
