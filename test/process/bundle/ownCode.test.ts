// An owner's own code in a bundle: in the functions that work with it and in no other, loaded lazily, with
// packages of its own; and what is no such code is refused before anything is written.
import { execFile, spawnSync } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { unzipSync } from "fflate";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Bundle, bundleFunctions } from "../../../infra/bundle/bundleFunctions.ts";
import { givenTopology } from "../../../shared/core/models/givenTopology.ts";
import { modelProblems } from "../../../shared/core/models/modelProblems.ts";
import { FUNCTION_NAMES, type FunctionName } from "../../../shared/core/protocol/tasks.ts";
import { RunSpec } from "../../../shared/core/schemas/spec.ts";
import { readGuide } from "../../support/guides.ts";
import { refusalOf } from "../../support/refusal.ts";

const root = resolve(import.meta.dirname, "../../..");
let scratch = "";
/** As the owner has it: beside this repository, with packages of its own. */
let folder = "";
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "own code #1-"));
  folder = join(scratch, "clinic");
  await cp(join(root, "examples/own-code"), folder, { recursive: true });
  await mkdir(join(folder, "node_modules/hl7"), { recursive: true });
  await writeFile(join(folder, "node_modules/hl7/package.json"), '{"name":"hl7","version":"1.0.0"}');
  await writeFile(
    join(folder, "node_modules/hl7/index.js"),
    'const { sep } = require("path");\nmodule.exports = { secretOfHl7: "hl7" + sep };\n',
  );
  await writeFile(join(folder, "node_modules/hl7/index.d.ts"), "export const secretOfHl7: string;\n");
  await symlink(root, join(folder, "node_modules/fedstratus"));
});
afterAll(() => rm(scratch, { recursive: true, force: true }));

const put = async (name: string, content: string) => {
  await writeFile(join(folder, name), content);
  return join(folder, name);
};
const textsOf = ({ files }: Bundle) =>
  Object.entries(files)
    .filter(([path]) => path.endsWith(".mjs"))
    .map(([path, bytes]) => [path, Buffer.from(bytes).toString()] as const);

describe("a bundle with an owner's code", () => {
  let bundles: Readonly<Record<FunctionName, Bundle>>;
  let plain: Readonly<Record<FunctionName, Bundle>>;
  let outDir = "";
  beforeAll(async () => {
    const loader = await put(
      "withPackage.ts",
      'import { secretOfHl7 } from "hl7";\nimport type { Loader } from "fedstratus/client";\n' +
        'export const about = { name: "hl7-loader", version: "2.0.1" };\n' +
        "const load: Loader = async ({ log }) => {\n  log.info(secretOfHl7);\n" +
        "  return { x: { shape: [1, 1], values: [1] }, y: { shape: [1], values: [0] } };\n};\nexport default load;\n",
    );
    const own = { loader, trainer: join(folder, "trainer.ts"), layers: join(folder, "layers.ts") };
    // Within the repository, where the packages outside of a bundle are found.
    await mkdir(join(root, "dist"), { recursive: true });
    outDir = await mkdtemp(join(root, "dist/own-test."));
    bundles = await bundleFunctions({ outDir, own });
    plain = await bundleFunctions({ outDir: join(scratch, "plain") });
  });
  afterAll(() => rm(outDir, { recursive: true, force: true }));

  it.each(FUNCTION_NAMES)("has it where %s works with it", (name) => {
    const text = textsOf(bundles[name])
      .map(([, content]) => content)
      .join("\n");
    const found = {
      loader: text.includes('"hl7-loader"'),
      trainer: text.includes('"softmax-regression"'),
      layers: text.includes('"rms-layers"'),
    };
    const isClient = name === "client";
    expect(found).toEqual({ loader: isClient, trainer: isClient, layers: isClient || name === "evaluator" });
  });

  it("counts none of it to our own code, and changes nothing of functions without it", () => {
    for (const name of FUNCTION_NAMES) {
      expect(bundles[name].packages).toEqual(plain[name].packages);
      if (name === "client" || name === "evaluator") continue;
      expect(bundles[name].files).toEqual(plain[name].files);
    }
    const more = bundles.client.sizeBytes - plain.client.sizeBytes;
    expect(Math.abs(more)).toBeLessThan(2_048);
  });

  it("loads it when it is needed, with its packages in the chunk", () => {
    const chunks = textsOf(bundles.client);
    const withPackage = chunks.filter(([, text]) => text.includes("secretOfHl7"));
    expect(withPackage).toHaveLength(1);
    const [[path = ""] = []] = withPackage;
    const name = path.split("/").at(-1) ?? "";
    const importers = chunks.filter(
      ([, text]) => text.includes(name) && !text.includes(`sourceMappingURL=${name}`),
    );
    for (const [, text] of importers) expect(text).toMatch(new RegExp(`import\\("[./a-z]*${name}"\\)`));
    expect(importers.length).toBeGreaterThan(0);
  });

  it("runs as the function does", async () => {
    const script = `
      const chunks = ${JSON.stringify(textsOf(bundles.client).map(([path]) => path))};
      const [path] = chunks.filter((name) => name.includes("withPackage"));
      const own = await import(${JSON.stringify(`${bundles.client.dir}/`)}.replace(/^/, "") + path);
      const lines = [];
      const data = await own.default({ log: { info: (line) => lines.push(line) } });
      console.log(JSON.stringify([own.about, lines, data.x.shape]));`;
    const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", script]);
    expect(JSON.parse(stdout)).toEqual([{ name: "hl7-loader", version: "2.0.1" }, ["hl7/"], [1, 1]]);
  });

  it("is the same for the same code", async () => {
    const again = await bundleFunctions({
      outDir: join(scratch, "again"),
      own: {
        loader: join(folder, "withPackage.ts"),
        trainer: join(folder, "trainer.ts"),
        layers: join(folder, "layers.ts"),
      },
    });
    expect(again.client.files).toEqual(bundles.client.files);
  });
});

describe("what is no owner's code", () => {
  const bad: readonly [string, string, RegExp][] = [
    ["no about", "export default async () => ({});", /must export const about = .*about: must be an object/],
    [
      "a version of two numbers",
      'export const about = { name: "a", version: "1.0" };\nexport default () => 1;',
      /about\.version: use three numbers/,
    ],
    [
      "no default export",
      'export const about = { name: "a", version: "1.0.0" };',
      /its default export must be a function/,
    ],
    ["an error while it loads", 'throw new Error("no licence");', /it does not load: Error: no licence/],
    ["an end of its process", "process.exit(3);", /its process ended while it was loaded/],
  ];
  it.each(bad)("is refused: %s", async (_, content, problem) => {
    const outDir = join(scratch, "refused");
    const loader = await put("bad.ts", content);
    const error = await refusalOf(() => bundleFunctions({ outDir, own: { loader } }));
    expect(error).toMatchObject({ code: "invalid-argument" });
    expect(error.message).toMatch(/^--loader .*bad\.ts: /);
    expect(error.message).toMatch(problem);
    await expect(readdir(outDir)).rejects.toThrow("ENOENT");
  });

  it("is refused: a file that is missing", async () => {
    const error = await refusalOf(() => bundleFunctions({ own: { trainer: join(folder, "none.ts") } }));
    expect(error.message).toMatch(/^--trainer .*none\.ts: there is no such file\.$/);
  });

  it("leaves no file behind", async () => {
    const left = (await readdir(join(root, "dist"))).filter((name) => name.startsWith("own-code."));
    expect(left).toEqual([]);
  });
});

const check = async (options: readonly string[], cwd: string) => {
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  return promisify(execFile)(process.execPath, [tsc, "--noEmit", ...options], { cwd }).then(
    () => "",
    ({ stdout }: { readonly stdout: string }) => stdout,
  );
};

describe("the types of fedstratus/client", () => {
  it("are found within this repository, and beside it where it is installed", async () => {
    expect(await check(["-p", "examples/own-code"], root)).toBe("");
    await rm(join(folder, "bad.ts"), { force: true });
    expect(await check(["-p", folder], scratch)).toBe("");
  });

  it("find what is wrong", async () => {
    const other = join(scratch, "wrong");
    await mkdir(join(other, "node_modules"), { recursive: true });
    await symlink(root, join(other, "node_modules/fedstratus"));
    await cp(join(folder, "tsconfig.json"), join(other, "tsconfig.json"));
    await writeFile(
      join(other, "loader.ts"),
      'import type { Loader } from "fedstratus/client";\nconst load: Loader = async () => ({ x: 1 });\nexport default load;\n',
    );
    expect(await check(["-p", other], scratch)).toMatch(/loader\.ts\(2,\d+\): error TS2322/);
  });
});

describe("the guide to code of one's own", () => {
  const page = readGuide("docs/own-code.md");
  const blockAfter = (mark: string) =>
    new RegExp(`<!-- ${mark} -->\n\`\`\`\\w+\n([^\`]+)\`\`\``).exec(page)?.[1] ?? "";

  it("shows a spec that is valid", () => {
    const spec = RunSpec.parse(JSON.parse(blockAfter("own-requires")));
    expect(spec.requires).toEqual({
      loader: { name: "ecg-records", version: "^1.0.0" },
      layers: { name: "rms-layers" },
    });
    expect(modelProblems(givenTopology(spec.model), spec.training.loss, true)).toEqual([]);
  });

  it("shows a loader that compiles", async () => {
    const code = /```ts\n(import type \{ About, Loader \}[^`]+)```/.exec(page)?.[1] ?? "";
    const shown = join(scratch, "shown");
    await mkdir(join(shown, "node_modules"), { recursive: true });
    await symlink(root, join(shown, "node_modules/fedstratus"));
    await cp(join(folder, "tsconfig.json"), join(shown, "tsconfig.json"));
    await writeFile(join(shown, "loader.ts"), code);
    expect(await check(["-p", shown], scratch)).toBe("");
  });

  it.skipIf(spawnSync("bash", ["--version"]).error !== undefined)(
    "builds archives by its command (bash)",
    async () => {
      const out = await mkdtemp(join(root, "dist/own-guide."));
      try {
        const command = blockAfter("own-bundle")
          .replaceAll("dist/clinic-07", out)
          .replace("npm run bundle --", `"${process.execPath}" infra/bundle/main.ts`);
        const { stdout } = await promisify(execFile)("bash", ["-euc", command], { cwd: root });
        expect(stdout).toMatch(/client-[0-9a-f]{16}\.zip/);
        const [archive = ""] = (await readdir(join(out, "archives"))).filter((name) =>
          name.startsWith("client-"),
        );
        const files = unzipSync(await readFile(join(out, "archives", archive)));
        const text = Object.entries(files)
          .filter(([name]) => name.endsWith(".mjs"))
          .map(([, bytes]) => Buffer.from(bytes).toString())
          .join("\n");
        expect(text).toContain('"ecg-records"');
        expect(text).toContain('"rms-layers"');
      } finally {
        await rm(out, { recursive: true });
      }
    },
  );
});
