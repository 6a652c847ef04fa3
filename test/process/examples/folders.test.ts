// The examples' folders fit together without being trained: specs, features files and models are valid, the
// guides name them all, and the request for a deployment is what the API takes.
import { execFileSync, spawnSync } from "node:child_process";
import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { readFederation } from "../../../infra/cli/federate/federationFile.ts";
import { readRunSpec } from "../../../infra/cli/federate/readRunSpec.ts";
import { Features } from "../../../shared/core/data/features.ts";
import { RunSpec } from "../../../shared/core/schemas/spec.ts";
import { readGuide } from "../../support/guides.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const folders = globSync("examples/**/federation.json", { cwd: root })
  .map((path) => dirname(path).replaceAll("\\", "/"))
  .toSorted();

it("are images, text and two of tables", () => {
  expect(folders).toEqual([
    "examples/images",
    "examples/tabular/damage",
    "examples/tabular/speed",
    "examples/text",
  ]);
});

describe.each(folders)("%s", (folder) => {
  it("has a spec, a features file and a model that are valid", async () => {
    const federation = await readFederation(join(root, folder));
    const { spec } = await readRunSpec(federation, { rounds: undefined, seed: 3 });
    expect(spec.seed).toBe(3);
    const text = readFileSync(federation.features ?? "", "utf8");
    expect(Features.safeParse(JSON.parse(text)).error).toBeUndefined();
  });

  it("has a model that its model.py writes", () => {
    const { class_name, module, config } = JSON.parse(readFileSync(join(root, folder, "model.json"), "utf8"));
    expect([class_name, module]).toEqual(["Sequential", "keras"]);
    const script = readFileSync(join(root, folder, "model.py"), "utf8");
    expect(script).toContain(`name="${config.name}"`);
    const classes = config.layers.map((layer: { class_name: string }) => layer.class_name).slice(1);
    const written = [...script.matchAll(/^ +layers\.(\w+)\(/gm)].map(([, name]) => name);
    expect(written).toEqual(classes);
  });

  it("is trained by a command of its README, which shows what comes of it", () => {
    const readme = readGuide(`examples/${folder.split("/")[1]}/README.md`);
    expect(readme).toMatch(new RegExp(`^npm run federate -- ${folder}$`, "m"));
    const [, lines = ""] = new RegExp(`-- ${folder} [^>]+ -->\n\n((?:\\|.*\n)+)`).exec(readme) ?? [];
    expect(lines).toMatch(
      /\| all data in one place \|.*\n\| each client alone, mean of \d+ \|.*\n\| federated \|/,
    );
  });
});

const jq = spawnSync("jq", ["--version"]).error === undefined;
it.skipIf(!jq)("make the request for a deployment as the guide says (jq)", () => {
  const [, command = ""] =
    /<!-- example-spec -->\n```sh\n([^\n]+)/.exec(readGuide("examples/README.md")) ?? [];
  const folder = mkdtempSync(join(tmpdir(), "examples-"));
  try {
    const run = `cp "$0"/*.json . && ${command}`;
    execFileSync("sh", ["-euc", run, join(root, "examples", "images")], { cwd: folder });
    const spec = RunSpec.parse(JSON.parse(readFileSync(join(folder, "run.json"), "utf8")));
    expect(spec).toMatchObject({ name: "images", model: { layers: { model_config: {} } } });
  } finally {
    rmSync(folder, { recursive: true });
  }
});
