// Bundles one function with esbuild: our own code and a few small packages in a few chunks, every other
// package left where it is.
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { type BuildOptions, build, type Metafile, type OutputFile, type Plugin } from "esbuild";
import { clientOf, googleClients, googleClientsBeside } from "./googleClients.ts";
import { isOwnImport, type OwnSource, ownCodePlugin } from "./ownCode.ts";
import { packageName } from "./packageName.ts";
import { requireBanner } from "./requireBanner.ts";
import { tensorFlowInside, WITH_FILES } from "./tensorFlow.ts";

export interface BuiltFunction {
  /** Content by path relative to the function's folder. */
  readonly files: Readonly<Record<string, Uint8Array>>;
  /** Our own code, without source maps. */
  readonly sizeBytes: number;
  /** Of it, what the first request has loaded before any route's own. */
  readonly firstBytes: number;
  /** Those that must be installed beside it. */
  readonly packages: readonly string[];
  /** Where the packages lie that are part of it, such as `node_modules/zod`. */
  readonly bundled: readonly string[];
  /** Whether it imports Google's clients, from where its package.json says. */
  readonly hasClients: boolean;
  /** Those that load with the entry. */
  readonly eagerPackages: readonly string[];
}

/**
 * Packages that become part of the bundle, beside TensorFlow.js and Google's clients: plain modules in dozens
 * of small files, which take much longer to find and to read than to run. What they import comes along. All
 * others stay outside: the framework's registry does not survive bundling, and some are native.
 */
const bundledPackages: ReadonlySet<string> = new Set(["is-network-error", "jose", "p-retry", "zod"]);

const packagesOutside = (root: string): Plugin => ({
  name: "packages-outside",
  setup({ onResolve }) {
    onResolve({ filter: /^[^./]/ }, ({ path, kind, importer }) => {
      const name = packageName(path);
      if (kind === "entry-point" || name === null || bundledPackages.has(name)) return undefined;
      if (/[\\/]node_modules[\\/]/.test(importer)) return undefined;
      if (isOwnImport(root, importer, path)) return undefined;
      return { path, external: true };
    });
  },
});

/**
 * The names of chunks are hashes of their content, and nothing holds a path outside `root`: same input, same
 * bytes.
 */
const settings = {
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node22",
  // An entry named `.js` has the framework load a package to find out what it is.
  outExtension: { ".js": ".mjs" },
  splitting: true, // Keeps import() lazy.
  chunkNames: "chunks/[name]-[hash]",
  sourcemap: "linked",
  sourcesContent: false, // Places are enough: the sources are published.
  metafile: true,
  write: false,
  logLevel: "silent",
} satisfies BuildOptions;

/**
 * What the archive of a function with TensorFlow takes along for its build: see infra/native. By path as
 * above.
 *
 * @throws what esbuild found wrong, with its places
 */
export async function buildNative(): Promise<Readonly<Record<string, Uint8Array>>> {
  const root = fileURLToPath(new URL("../../", import.meta.url));
  const { outputFiles } = await build({
    ...settings,
    absWorkingDir: root,
    entryPoints: {
      "native/install": "infra/native/main.ts",
      "native/probe": "infra/setup/steps/probeTensors.ts",
    },
    plugins: [packagesOutside(root)],
    outdir: "dist",
    splitting: false,
    sourcemap: false,
  });
  return filesOf(outputFiles, join(root, "dist"));
}

/**
 * @param own the owner's code that becomes part of it.
 * @throws what esbuild found wrong, with its places
 */
export async function buildFunction(
  root: string,
  name: string,
  own: readonly OwnSource[] = [],
  entry = "index",
): Promise<BuiltFunction> {
  // Nothing is written here: it is where the source maps' paths start from.
  const outdir = `dist/functions/${name}`;
  const { outputFiles, metafile } = await build({
    ...settings,
    banner: requireBanner,
    plugins: [ownCodePlugin(own), googleClientsBeside, tensorFlowInside(root), packagesOutside(root)],
    absWorkingDir: root,
    entryPoints: [`functions/${name}/${entry}.ts`],
    outdir,
  });
  const outputs = Object.entries(metafile.outputs);
  const imports = outputs.flatMap(([, output]) => output.imports);
  const clients = new Set(imports.flatMap(({ path }) => clientOf(path) ?? []));
  const google = await googleClients(root, [...clients]);
  const bundled = placesOf([...outputs.flatMap(([, { inputs }]) => Object.keys(inputs)), ...google.inputs]);
  const withFiles = WITH_FILES.filter((name) => bundled.includes(`node_modules/${name}`));
  const outside = packagesOf(imports).filter((name) => !clients.has(name));
  return {
    files: {
      ...withoutForeignMaps(filesOf(outputFiles, join(root, outdir)), outputs, outdir),
      ...google.files,
    },
    sizeBytes: sumOf(outputs.map(([, output]) => output)),
    firstBytes: sumOf(loadedOutputs(`${outdir}/${entry}.mjs`, metafile, "and-by-entry")),
    bundled,
    hasClients: clients.size > 0,
    packages: [...new Set([...outside, ...withFiles])].toSorted(),
    eagerPackages: eagerPackages(`${outdir}/${entry}.mjs`, metafile),
  };
}

function filesOf(outputFiles: readonly OutputFile[], folder: string): Readonly<Record<string, Uint8Array>> {
  return Object.fromEntries(
    outputFiles.map(({ path, contents }) => [relative(folder, path).replaceAll("\\", "/"), contents]),
  );
}

/**
 * Source maps of files that are other people's packages alone would be most of an archive, and nobody looks
 * for a function's fault there.
 */
function withoutForeignMaps(
  files: Readonly<Record<string, Uint8Array>>,
  outputs: readonly (readonly [string, Output])[],
  outdir: string,
): Readonly<Record<string, Uint8Array>> {
  const foreign = new Set(
    outputs.flatMap(([path, { inputs }]) => {
      const places = Object.keys(inputs);
      const alone = places.every((place) => /node_modules\/|^[a-z-]+:/.test(place));
      return alone ? [path.slice(outdir.length + 1)] : [];
    }),
  );
  return Object.fromEntries(
    Object.entries(files).flatMap(([path, contents]) => {
      if (path.endsWith(".map") && foreign.has(path.slice(0, -".map".length))) return [];
      return [[path, foreign.has(path) ? withoutMapLink(contents) : contents]];
    }),
  );
}

function withoutMapLink(contents: Uint8Array): Uint8Array {
  return Buffer.from(
    Buffer.from(contents)
      .toString()
      .replace(/\n\/\/# sourceMappingURL=\S+\s*$/, "\n"),
  );
}

type Output = Metafile["outputs"][string];
type Import = Output["imports"][number];

function ownBytes({ inputs }: Output): number {
  const own = Object.entries(inputs).filter(([path]) => /^(shared|functions|infra)\//.test(path));
  return own.reduce((sum, [, { bytesInOutput }]) => sum + bytesInOutput, 0);
}

/** Where the packages lie that these inputs are of, in the repository; ascending. */
export function placesOf(inputs: readonly string[]): readonly string[] {
  // Those of the owner's own code are the owner's to give.
  const places = inputs.flatMap(
    (input) => /^(?:(?!\.\.\/).*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input)?.[0] ?? [],
  );
  return [...new Set(places)].toSorted();
}

function packagesOf(imports: readonly Import[]): readonly string[] {
  const names = imports.map(({ external, path }) =>
    external === true ? (clientOf(path) ?? packageName(path)) : null,
  );
  return [...new Set(names.filter((name) => name !== null))].toSorted();
}

/**
 * The packages that our own code loads with the entry, outside the bundle and in it, without those of import
 * calls and what packages import in their turn.
 */
function eagerPackages(entry: string, { inputs, outputs }: Metafile): readonly string[] {
  const found: Import[] = [];
  const bundled: string[] = [];
  for (const output of loadedOutputs(entry, { outputs }, "at-start")) {
    const own = Object.keys(output.inputs).filter((input) => !input.includes("node_modules/"));
    const imported = own.flatMap((input) => inputs[input]?.imports ?? []).filter(isEager);
    bundled.push(...imported.flatMap((one) => one.path.split("node_modules/").slice(1).at(-1) ?? []));
    found.push(...output.imports.filter(isEager));
  }
  const names = bundled.flatMap((input) => packageName(input) ?? []);
  return [...new Set([...packagesOf(found), ...names])].toSorted();
}

/**
 * The files that load with the entry, itself among them, without those of import calls; or with the calls of
 * the entry itself, which connects at the first request.
 */
function loadedOutputs(
  entry: string,
  { outputs }: Pick<Metafile, "outputs">,
  which: "at-start" | "and-by-entry",
): readonly Output[] {
  const seen = new Set([entry]);
  const found: Output[] = [];
  for (const path of seen) {
    const output = outputs[path];
    if (output === undefined) continue;
    found.push(output);
    const all = which === "and-by-entry" && path === entry;
    for (const one of output.imports) if (all || isEager(one)) seen.add(one.path);
  }
  return found;
}

function sumOf(outputs: readonly Output[]): number {
  return outputs.reduce((sum, output) => sum + ownBytes(output), 0);
}

function isEager({ kind }: { readonly kind: Import["kind"] }): boolean {
  return kind !== "dynamic-import";
}
