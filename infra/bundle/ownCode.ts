// An owner's own code on its way into a bundle: what it says of itself, found by loading it once, and the
// module that takes the place of shared/cloud/own/ownCode.ts.
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join, resolve, sep } from "node:path";
import { promisify } from "node:util";
import { build, type Plugin } from "esbuild";
import { FlError } from "../../shared/core/errors.ts";
import type { FunctionName } from "../../shared/core/protocol/tasks.ts";
import { CODE_KINDS, CodeAbout, type CodeKind } from "../../shared/core/schemas/ownCode.ts";
import { inPlainWords, plainProblems } from "../../shared/core/schemas/plainProblems.ts";
import { packageName } from "./packageName.ts";
import { requireBanner } from "./requireBanner.ts";

/** Where each kind of code lies. */
export type OwnPaths = Readonly<Partial<Record<CodeKind, string>>>;

/** A kind of code that was found to be usable. */
export interface OwnSource {
  readonly kind: CodeKind;
  /** Absolute. */
  readonly path: string;
  readonly about: CodeAbout;
}

/** Which kinds of code each function works with. */
const kindsOf: Readonly<Partial<Record<FunctionName, readonly CodeKind[]>>> = {
  client: CODE_KINDS,
  evaluator: ["layers"],
};

export function sourcesFor(name: FunctionName, sources: readonly OwnSource[]): readonly OwnSource[] {
  return sources.filter(({ kind }) => kindsOf[name]?.includes(kind) === true);
}

/** Loading it may take so long: it is TensorFlow.js at the most. */
const LOAD_MS = 60_000;

/**
 * Loads each file once, in a process of its own, as it will be in the bundle.
 *
 * @throws FlError("invalid-argument") for a file that is missing, does not load, or lacks its exports; what
 *   esbuild found wrong, with its places
 */
export async function readOwnCode(root: string, paths: OwnPaths): Promise<readonly OwnSource[]> {
  const sources: OwnSource[] = [];
  for (const kind of CODE_KINDS) {
    const given = paths[kind];
    if (given === undefined) continue;
    const path = resolve(given);
    const found = await stat(path).catch(() => null);
    if (found?.isFile() !== true) {
      throw new FlError("invalid-argument", `--${kind} ${given}: there is no such file.`);
    }
    sources.push({ kind, path, about: await aboutOf(root, kind, path, given) });
  }
  return sources;
}

async function aboutOf(root: string, kind: CodeKind, path: string, given: string): Promise<CodeAbout> {
  const { about, type, error } = await loadedOnce(root, path);
  const wrong = (what: string) => new FlError("invalid-argument", `--${kind} ${given}: ${what}.`);
  if (error !== undefined) throw wrong(`it does not load: ${error}`);
  if (type !== "function") {
    throw wrong(`its default export must be a function, see docs/own-code.md`);
  }
  const read = CodeAbout.safeParse(about, inPlainWords);
  if (read.success) return read.data;
  const problems = plainProblems(read.error).map(
    ({ path: at, message }) => `${at === "" ? "about" : `about.${at}`}: ${message}`,
  );
  throw wrong(`it must export const about = { name: "mine", version: "1.0.0" } (${problems.join("; ")})`);
}

interface Loaded {
  readonly about?: unknown;
  readonly type?: string;
  readonly error?: string;
}

async function loadedOnce(root: string, path: string): Promise<Loaded> {
  // Within the repository, so that it finds the packages that stay outside of a bundle.
  const parent = join(root, "dist");
  await mkdir(parent, { recursive: true });
  const folder = await mkdtemp(join(parent, "own-code."));
  try {
    const [entry, answer] = [join(folder, "load.mjs"), join(folder, "answer.json")];
    const { outputFiles } = await build({
      stdin: {
        contents: `import { writeFileSync } from "node:fs";
try {
  const own = await import(${JSON.stringify(path)});
  writeFileSync(process.argv[2], JSON.stringify({ about: own.about ?? null, type: typeof own.default }));
} catch (error) {
  writeFileSync(process.argv[2], JSON.stringify({ error: String(error) }));
}
process.exit(0);
`,
        resolveDir: root,
      },
      absWorkingDir: root,
      outfile: entry,
      write: false,
      bundle: true,
      platform: "node",
      format: "esm",
      target: "node22",
      banner: requireBanner,
      logLevel: "silent",
      plugins: [heavyOutside],
    });
    for (const { path: file, contents } of outputFiles) await writeFile(file, contents);
    try {
      await promisify(execFile)(process.execPath, [entry, answer], { timeout: LOAD_MS });
    } catch (cause) {
      if (!(cause instanceof Error)) throw cause;
      return { error: "its process ended while it was loaded" };
    }
    return JSON.parse(await readFile(answer, "utf8")) as Loaded;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** TensorFlow.js is loaded once a process, from where the function has it. */
const heavyOutside: Plugin = {
  name: "heavy-outside",
  setup({ onResolve }) {
    onResolve({ filter: /^@tensorflow\// }, ({ path }) => ({ path, external: true }));
  },
};

/** Puts the owner's code in the place of the empty module. Nothing where there is none. */
export function ownCodePlugin(sources: readonly OwnSource[]): Plugin {
  return {
    name: "own-code",
    setup({ onLoad }) {
      if (sources.length === 0) return;
      onLoad({ filter: /[\\/]shared[\\/]cloud[\\/]own[\\/]ownCode\.ts$/ }, async ({ path }) => {
        const given = await readFile(path, "utf8");
        const parts = sources.map(
          ({ kind, path: from, about }) =>
            `  ${kind}: { about: ${JSON.stringify(about)}, load: () => import(${JSON.stringify(from)}) },\n`,
        );
        const contents = given.replace(EMPTY, () => `export const ownCode: OwnCode = {\n${parts.join("")}};`);
        if (contents === given) throw new Error(`${path} has another form than bundles expect.`);
        return { contents, loader: "ts" };
      });
    },
  };
}

const EMPTY = "export const ownCode: OwnCode = {};";

/** Whether a package becomes part of the bundle because a file of the owner's, or of a package of its, asks for it. */
export function isOwnImport(root: string, importer: string, path: string): boolean {
  const ours = ["shared", "functions", "infra", "node_modules"].map((name) => join(root, name) + sep);
  return (
    importer !== "" &&
    !ours.some((folder) => importer.startsWith(folder)) &&
    packageName(path)?.startsWith("@tensorflow/") === false
  );
}
