// The documents say what there is: specs are valid, options are described, commands, flags, routes and links
// exist.
import { execFile } from "node:child_process";
import { existsSync, globSync, readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { PassThrough } from "node:stream";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it, test } from "vitest";
import * as z from "zod";
import { STRATEGY_NAMES } from "../../../infra/cli/demo/demoOptions.ts";
import { closingLines } from "../../../infra/cli/view/closing.ts";
import { paletteOf } from "../../../infra/cli/view/palette.ts";
import { RoundSnapshot } from "../../../infra/cli/view/roundSnapshot.ts";
import { clientProtocolSchema } from "../../../infra/docs/clientProtocol.ts";
import { withCommands } from "../../../infra/docs/cliReference.ts";
import { estimateSchema } from "../../../infra/docs/estimateSchema.ts";
import { withExportColumns } from "../../../infra/docs/exportReference.ts";
import { withLeague } from "../../../infra/docs/leaguePage.ts";
import { methodPages } from "../../../infra/docs/methodPages.ts";
import { specOptions, withSpecOptions } from "../../../infra/docs/specReference.ts";
import { simulateCommand } from "../../../infra/sim/command.ts";
import { simulate } from "../../../infra/sim/simulate.ts";
import { aggregationFaces } from "../../../shared/core/methods/registry/aggregationFaces.ts";
import { relayFaces } from "../../../shared/core/methods/registry/relayFaces.ts";
import { selectionFaces } from "../../../shared/core/methods/registry/selectionFaces.ts";
import { trainingFaces } from "../../../shared/core/methods/registry/trainingFaces.ts";
import { updateFaces } from "../../../shared/core/methods/registry/updateFaces.ts";
import { SelectionOptions } from "../../../shared/core/methods/selection/options.ts";
import { modelSpec } from "../../../shared/core/models/builtinModels.ts";
import { givenTopology } from "../../../shared/core/models/givenTopology.ts";
import { modelProblems } from "../../../shared/core/models/modelProblems.ts";
import { toLayersTopology } from "../../../shared/core/models/topology.ts";
import { hasTopology } from "../../../shared/core/schemas/model.ts";
import { RunSpec } from "../../../shared/core/schemas/spec.ts";
import { guidePaths, guides, readGuide } from "../../support/guides.ts";

const root = new URL("../../../", import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), "utf8");
const Scripts = z.object({ scripts: z.record(z.string(), z.string()) });

/** The options that the sources of a folder declare. */
function flagsOf(folder: string): readonly string[] {
  return readdirSync(new URL(`${folder}/`, root))
    .filter((name) => name.endsWith(".ts"))
    .flatMap((name) => read(`${folder}/${name}`).match(/(?<=["[])--[a-z-]+(?=[ "])/g) ?? []);
}

describe("the reference of a spec", () => {
  const page = readGuide("docs/spec.md");

  it("shows a spec that is valid", () => {
    const spec = /<!-- spec -->\n```json\n([^`]+)```/.exec(page)?.[1] ?? "";
    expect(RunSpec.parse(JSON.parse(spec))).toMatchObject({ name: "fashion-20", encoding: "f32" });
  });

  it("has the options as they are: if not, `npm run docs` writes them", () => {
    expect(specOptions().length).toBeGreaterThan(40);
    expect(page).toBe(withSpecOptions(page));
  });

  it("describes every option", () => {
    expect(specOptions().filter(({ meaning }) => meaning === "")).toEqual([]);
  });
});

describe("the pages of methods", () => {
  const pages = methodPages(fileURLToPath(root));

  it("are as the methods' folders say: if not, `npm run docs` writes them", () => {
    const written = globSync("docs/methods/*.md", { cwd: root }).map((path) => path.split("/").at(-1) ?? "");
    expect(written.sort()).toEqual([...pages.keys()].sort());
    for (const [name, text] of pages) expect(readGuide(`docs/methods/${name}`), name).toBe(text);
  });

  it("are one for each method, whatever its kind", () => {
    const faces = [
      ...[...selectionFaces, ...aggregationFaces, ...trainingFaces, ...updateFaces],
      ...relayFaces,
    ];
    expect(pages.size).toBe(faces.length + 1);
  });
});

test("the schema of an estimate is as the code says: if not, `npm run docs` writes it", () => {
  expect(JSON.parse(read("docs/estimate.schema.json"))).toEqual(JSON.parse(estimateSchema()));
});

describe("the client protocol's schemas", () => {
  const schema = JSON.parse(clientProtocolSchema());

  it("are as the code says: if not, `npm run docs` writes them", () => {
    expect(JSON.parse(read("docs/client-protocol.schema.json"))).toEqual(schema);
  });

  it("has what the guide names, closed where a client writes and open where it reads", () => {
    expect(Object.keys(schema.$defs)).toEqual(
      expect.arrayContaining(["Task", "Claim", "Grant", "Report", "Receipt"]),
    );
    const closed = (name: string) =>
      JSON.stringify(schema.$defs[name]).includes('"additionalProperties":false');
    expect(["Task", "Claim", "Grant", "Report", "Receipt"].map(closed)).toEqual([
      false,
      true,
      false,
      true,
      false,
    ]);
    const references = [...JSON.stringify(schema).matchAll(/"#\/\$defs\/([^"]+)"/g)].map(
      ([, name = ""]) => name,
    );
    expect(references.filter((name) => !Object.hasOwn(schema.$defs, name))).toEqual([]);
  });

  it("has the keys that the guide speaks of", () => {
    const guide = readGuide("docs/client-protocol.md");
    const keys = new Set([...JSON.stringify(schema).matchAll(/"(\w+)":/g)].map(([, key]) => key));
    const spoken = [...guide.matchAll(/`([a-z]\w*[A-Z]\w*)(?:\.\w+)?(?::[^`]*)?`/g)].map(
      ([, key = ""]) => key,
    );
    expect(spoken.length).toBeGreaterThan(5);
    expect(spoken.filter((key) => !keys.has(key) && key !== "timeoutSeconds")).toEqual([]);
  });
});

it("docs/export.md has the columns as they are: if not, `npm run docs` writes them", () => {
  const page = readGuide("docs/export.md");
  expect(
    page.match(/^\| `\w+` \| (?:text|whole number|number|true, false|moment) \| .+\. \|$/gm)?.length,
  ).toBeGreaterThan(70);
  expect(page).toBe(withExportColumns(page));
});

it("docs/cli.md has the commands as they are: if not, `npm run docs` writes them", () => {
  const page = readGuide("docs/cli.md");
  expect(page).toBe(withCommands(page));
});

it("docs/league.md has the games as they are: if not, `npm run docs` writes them", () => {
  const page = readGuide("docs/league.md");
  expect(page).toBe(withLeague(page, read("docs/league.json")));
  expect(page.match(/^\| `[\w, -]+` \| \d of \d \|/gm)?.length).toBeGreaterThan(80);
});

it.each(globSync("examples/*.json", { cwd: root }))("%s is a spec", (path) => {
  expect(RunSpec.safeParse(JSON.parse(read(path)))).toMatchObject({ success: true });
});

describe("README.md", () => {
  const readme = readGuide("README.md");

  it("is short", () => {
    expect(readme.split("\n").length).toBeLessThanOrEqual(160);
  });

  it("shows the table that the demo prints", () => {
    const printed = /```text\n(round [^`]+)```/.exec(readme)?.[1] ?? "";
    const [, , ...lines] = printed.trimEnd().split("\n");
    const rounds = lines.slice(0, -3).map(snapshotOfLine);
    const sum = (of: (round: RoundSnapshot) => number) =>
      rounds.reduce((total, round) => total + of(round), 0);
    const inTime = sum(({ reported }) => reported) / sum(({ invoked }) => invoked);
    const report = {
      ...totalsOfLine(lines.at(-2) ?? ""),
      rounds: rounds.length,
      invocations: sum(({ invoked }) => invoked),
      coldStarts: sum(({ coldStarts }) => coldStarts),
      late: 0,
      failed: 0,
      eur: inTime,
      runId: "demo",
      strategy: "fedlesscan",
      backend: "native",
      firestore: "embedded",
      perRound: rounds,
    };
    expect(rounds.length).toBeGreaterThan(5);
    expect(closingLines(report, 100, paletteOf(false)).join("\n")).toBe(printed.trimEnd());
  });
});

/** A row of the demo's table, as the round that it shows. */
function snapshotOfLine(line: string): RoundSnapshot {
  const [round, invoked, shown, late, failed, missed, cold, accuracy, eur, usd, seconds, ...closedBy] = line
    .trim()
    .split(/ +/);
  const count = (text: string | undefined) => (text === "–" ? 0 : Number(text));
  return RoundSnapshot.parse({
    round: Number(round),
    status: "closed",
    invoked: Number(invoked),
    training: 0,
    reported: Number(shown?.split("/")[0]),
    late: count(late),
    failed: count(failed),
    missed: count(missed),
    coldStarts: count(cold),
    accuracy: Number(accuracy),
    loss: null,
    eur: Number(eur),
    costUsd: Number(usd),
    wallSeconds: Number(seconds),
    deadlineSeconds: 60,
    closeReason: closedBy.join("-"),
  });
}

/** The figures of the last line that no row has. */
function totalsOfLine(line: string) {
  const [, accuracy, usd, seconds] =
    /accuracy ([\d.]+) .* ([\d.]+) USD .* ([\d.]+) s$/.exec(line)?.map(Number) ?? [];
  return { accuracy: accuracy ?? 0, loss: null, costUsd: usd ?? 0, wallSeconds: seconds ?? 0 };
}

describe("the documents", () => {
  it("names all commands that there are, and no other", () => {
    const { scripts } = Scripts.parse(JSON.parse(read("package.json")));
    const named = [...guides.matchAll(/\bnpm (?:run ([a-z]+(?::[a-z]+)?)|(test))\b/g)].map(
      ([, run, test]) => run ?? test ?? "",
    );
    expect(named.filter((name) => !(name in scripts))).toEqual([]);
    expect(Object.keys(scripts).filter((name) => !named.includes(name))).toEqual([]);
  });

  it.each(["infra/cli", "infra/sim", "infra/bench", "infra/data"])("names every flag of %s", (folder) => {
    const flags = flagsOf(folder);
    expect(flags.length).toBeGreaterThan(1);
    expect(flags.filter((flag) => !guides.includes(`\`${flag}`) && !guides.includes(` ${flag} `))).toEqual(
      [],
    );
  });

  it("gives commands only flags that they have", () => {
    const calls = [...guides.matchAll(/\bnpm run ([a-z]+) -- ([^`\n#]+)/g)];
    expect(calls.length).toBeGreaterThan(3);
    for (const [call, script = "", rest = ""] of calls) {
      const folder = {
        simulate: "infra/sim",
        data: "infra/data",
        bench: "infra/bench",
        bundle: "infra/bundle",
        conformance: "infra/conformance",
      }[script];
      const given = rest.match(/--[a-z-]+/g) ?? [];
      // Some are made where several commands have them.
      const known = [...flagsOf(folder ?? "infra/cli"), ...flagsOf("infra/cli")];
      expect(
        given.filter((flag) => !known.includes(flag)),
        call,
      ).toEqual([]);
    }
  });

  it("names the strategies that there are, and those that the demo takes", () => {
    const names = SelectionOptions.options.map(({ shape }) => shape.strategy.value);
    const rowIn = (text: string, cell: string) =>
      text.split("\n").find((line) => line.startsWith(`| \`${cell}\` |`));
    const rowOf = (cell: string) => rowIn(guides, cell);
    for (const name of names)
      expect(rowIn(readGuide("docs/spec.md"), "selection.strategy")).toContain(`\`${name}\``);
    for (const name of STRATEGY_NAMES) expect(rowOf("--strategy")).toContain(`\`${name}\``);
  });

  it("shows what its simulation prints", async () => {
    const [, args = "", printed] = /npm run simulate -- (.+)\n```\n\n```text\n([^`]+)```/.exec(guides) ?? [];
    const [out, err] = [new PassThrough(), new PassThrough()];
    const command = simulateCommand(
      (options) => simulate({ ...options, workers: 1 }, out, err),
      () => Promise.reject(new Error("the league was run")),
    );
    await command.parseAsync(args.split(" "), { from: "user" });
    expect(String(out.read())).toBe(printed);
  });

  it("makes a spec of a model.json", async () => {
    const [, script = ""] = /node -e '\n([^']+)' > spec\.json/.exec(guides) ?? [];
    const folder = await mkdtemp(join(tmpdir(), "readme-"));
    try {
      await writeFile(join(folder, "model.json"), JSON.stringify(toLayersTopology(modelSpec("tiny-mlp"))));
      const { stdout } = await promisify(execFile)(process.execPath, ["-e", script], { cwd: folder });
      expect(RunSpec.parse(JSON.parse(stdout))).toMatchObject({ name: "my model" });
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it("shows specs that a run can be created with", () => {
    const text = readGuide("docs/models-and-data.md");
    const specs = [...text.matchAll(/```json\n(\{\n {2}"name":[^`]+)```/g)].map(([, json = ""]) =>
      JSON.parse(json),
    );
    expect(specs.length).toBeGreaterThan(0);
    for (const written of specs) {
      const { model, training } = RunSpec.parse(written);
      if (hasTopology(model)) expect(modelProblems(givenTopology(model), training.loss)).toEqual([]);
    }
  });

  it("calls only routes that the api has", () => {
    const routes = globSync("functions/api/*.ts", { cwd: root }).flatMap((file) =>
      [...read(file).matchAll(/path: ["`](\/v1[^"`]+)/g)].map(
        ([, path]) => new RegExp(`^${path?.replace(/\$?\{\w+\}/g, "[^/]+")}$`),
      ),
    );
    const called = [...guides.matchAll(/\$API_URL(\/v1[^"?]*)/g)].map(([, path]) => path ?? "");
    expect(called.length).toBeGreaterThan(10);
    expect(called.filter((path) => !routes.some((route) => route.test(path)))).toEqual([]);
  });

  it.each(guidePaths)("%s links to files and headings that exist", (path) => {
    const links = [...readGuide(path).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target ?? "");
    const local = links.filter((target) => !/^(https?|mailto):/.test(target));
    expect(local.filter((target) => !linkExists(path, target))).toEqual([]);
  });

  it("link to each other", () => {
    const linked = guidePaths.flatMap((path) =>
      [...readGuide(path).matchAll(/\]\(([^)\s#]+\.md)/g)].map(([, target = ""]) =>
        join(dirname(path), target),
      ),
    );
    expect(guidePaths.filter((path) => path !== "README.md" && !linked.includes(path))).toEqual([]);
  });
});

function linkExists(from: string, target: string): boolean {
  const [file = "", anchor] = target.split("#");
  const path = file === "" ? from : join(dirname(from), file);
  if (!existsSync(fileURLToPath(new URL(path, root)))) return false;
  return anchor === undefined || anchorsOf(readGuide(path)).includes(anchor);
}

/** As GitHub makes them of headings: in lower case, without punctuation, with hyphens for blanks. */
function anchorsOf(guide: string): readonly string[] {
  return [...guide.replace(/^```[\s\S]*?^```/gm, "").matchAll(/^#+ (.+)$/gm)].map(([, title = ""]) =>
    title
      .toLowerCase()
      .replace(/[^\w -]/g, "")
      .replaceAll(" ", "-"),
  );
}
