// The README says what there is: its spec is valid, its table has every field, its commands and links exist.
import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import * as z from "zod";
import { STRATEGY_NAMES } from "../../../infra/cli/demo/demoOptions.ts";
import { simulateCommand } from "../../../infra/sim/command.ts";
import { simulate } from "../../../infra/sim/simulate.ts";
import { SelectionOptions } from "../../../shared/core/methods/selection/options.ts";
import { modelSpec } from "../../../shared/core/models/builtinModels.ts";
import { toLayersTopology } from "../../../shared/core/models/topology.ts";
import { RunSpec } from "../../../shared/core/schemas/spec.ts";

const root = new URL("../../../", import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), "utf8");
const readme = read("README.md");
const Scripts = z.object({ scripts: z.record(z.string(), z.string()) });

interface Field {
  readonly path: string;
  readonly default: unknown;
}

type Node = Readonly<Record<string, unknown>>;
const schema = z.toJSONSchema(RunSpec, { io: "input" });

/**
 * The fields of a JSON schema that hold a value, those of all alternatives, but not what is within a
 * topology.
 */
function fieldsOf(node: Node, path: string): readonly Field[] {
  const reference = node["$ref"];
  if (typeof reference === "string") {
    const name = reference.replace("#/$defs/", "");
    return fieldsOf(schema.$defs?.[name] ?? {}, path);
  }
  const alternatives = node["anyOf"] ?? node["oneOf"];
  if (Array.isArray(alternatives)) return alternatives.flatMap((one: Node) => fieldsOf(one, path));
  const properties = node["properties"];
  if (typeof properties !== "object" || properties === null || path === "model.layers") {
    return [{ path, default: node["default"] }];
  }
  return Object.entries(properties).flatMap(([name, inner]: [string, Node]) =>
    fieldsOf(inner, path === "" ? name : `${path}.${name}`),
  );
}

/** The options that the sources of a folder declare. */
function flagsOf(folder: string): readonly string[] {
  return readdirSync(new URL(`${folder}/`, root))
    .filter((name) => name.endsWith(".ts"))
    .flatMap((name) => read(`${folder}/${name}`).match(/(?<=["[])--[a-z-]+(?=[ "])/g) ?? []);
}

describe("README.md", () => {
  it("shows a spec that is valid", () => {
    const spec = /<!-- spec -->\n```json\n([^`]+)```/.exec(readme)?.[1] ?? "";
    expect(RunSpec.parse(JSON.parse(spec))).toMatchObject({ name: "fashion-20", encoding: "f32" });
  });

  it("has every field of a spec in its table, with its default", () => {
    const rows = readme.split("\n").filter((line) => line.startsWith("| `"));
    const fields = fieldsOf({ ...schema }, "");
    expect(fields.length).toBeGreaterThan(20);
    for (const field of fields) {
      const row = rows.find((line) => line.split("|")[1]?.includes(`\`${field.path}\``));
      expect(row, `the row of ${field.path}`).toBeDefined();
      const isPlain = typeof field.default === "number" || typeof field.default === "string";
      if (isPlain)
        expect(row?.split("|")[2], `the default of ${field.path}`).toContain(String(field.default));
    }
  });

  it("names only fields that a spec has", () => {
    const known = new Set(fieldsOf({ ...schema }, "").map(({ path }) => path));
    const table = readme.slice(readme.indexOf("| field |"), readme.indexOf("## Bring your own model"));
    const named = table.split("\n").flatMap((line) => line.split("|")[1]?.match(/[\w.]+(?=`)/g) ?? []);
    expect(named.filter((path) => !known.has(path))).toEqual([]);
  });

  it("names all commands that there are, and no other", () => {
    const { scripts } = Scripts.parse(JSON.parse(read("package.json")));
    const named = [...readme.matchAll(/\bnpm (?:run ([a-z]+(?::[a-z]+)?)|(test))\b/g)].map(
      ([, run, test]) => run ?? test ?? "",
    );
    expect(named.filter((name) => !(name in scripts))).toEqual([]);
    expect(Object.keys(scripts).filter((name) => !named.includes(name))).toEqual([]);
  });

  it.each(["infra/cli", "infra/sim", "infra/bench", "infra/data"])("names every flag of %s", (folder) => {
    const flags = flagsOf(folder);
    expect(flags.length).toBeGreaterThan(1);
    expect(flags.filter((flag) => !readme.includes(`\`${flag}`) && !readme.includes(` ${flag} `))).toEqual(
      [],
    );
  });

  it("gives commands only flags that they have", () => {
    const calls = [...readme.matchAll(/\bnpm run ([a-z]+) -- ([^`\n#]+)/g)];
    expect(calls.length).toBeGreaterThan(3);
    for (const [call, script = "", rest = ""] of calls) {
      const folder = {
        simulate: "infra/sim",
        data: "infra/data",
        bench: "infra/bench",
        bundle: "infra/bundle",
      }[script];
      const given = rest.match(/--[a-z-]+/g) ?? [];
      expect(
        given.filter((flag) => !flagsOf(folder ?? "infra/cli").includes(flag)),
        call,
      ).toEqual([]);
    }
  });

  it("names the strategies that there are, and those that the demo takes", () => {
    const names = SelectionOptions.options.map(({ shape }) => shape.strategy.value);
    const rowOf = (cell: string) => readme.split("\n").find((line) => line.startsWith(`| \`${cell}\` |`));
    for (const name of names) expect(rowOf("selection.strategy")).toContain(`\`${name}\``);
    for (const name of STRATEGY_NAMES) expect(rowOf("--strategy")).toContain(`\`${name}\``);
  });

  it("shows what its simulation prints", async () => {
    const [, args = "", printed] = /npm run simulate -- (.+)\n```\n\n```text\n([^`]+)```/.exec(readme) ?? [];
    const [out, err] = [new PassThrough(), new PassThrough()];
    const command = simulateCommand((options) => simulate({ ...options, workers: 1 }, out, err));
    await command.parseAsync(args.split(" "), { from: "user" });
    expect(String(out.read())).toBe(printed);
  });

  it("makes a spec of a model.json", async () => {
    const [, script = ""] = /node -e '\n([^']+)' > spec\.json/.exec(readme) ?? [];
    const folder = await mkdtemp(join(tmpdir(), "readme-"));
    try {
      await writeFile(join(folder, "model.json"), JSON.stringify(toLayersTopology(modelSpec("tiny-mlp"))));
      const { stdout } = await promisify(execFile)(process.execPath, ["-e", script], { cwd: folder });
      expect(RunSpec.parse(JSON.parse(stdout))).toMatchObject({ name: "my model" });
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it("calls only routes that the api has", () => {
    const routes = ["clients", "runs", "results"].flatMap((file) =>
      [...read(`functions/api/${file}.ts`).matchAll(/path: ["`](\/v1[^"`]+)/g)].map(
        ([, path]) => new RegExp(`^${path?.replace(/\$?\{\w+\}/g, "[^/]+")}$`),
      ),
    );
    const called = [...readme.matchAll(/\$API_URL(\/v1[^"?]*)/g)].map(([, path]) => path ?? "");
    expect(called.length).toBeGreaterThan(10);
    expect(called.filter((path) => !routes.some((route) => route.test(path)))).toEqual([]);
  });

  it("links to files and headings that exist", () => {
    const headings = [...readme.matchAll(/^#+ (.+)$/gm)].map(([, title]) =>
      (title ?? "")
        .toLowerCase()
        .replace(/[^\w -]/g, "")
        .replaceAll(" ", "-"),
    );
    const links = [...readme.matchAll(/\]\(([^)]+)\)/g)].map(([, target]) => target ?? "");
    const local = links.filter((target) => !target.startsWith("https://"));
    const isBroken = (target: string) =>
      target.startsWith("#")
        ? !headings.includes(target.slice(1))
        : !existsSync(fileURLToPath(new URL(target, root)));
    expect(local.length).toBeGreaterThan(10);
    expect(local.filter(isBroken)).toEqual([]);
  });
});
