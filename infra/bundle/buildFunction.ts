// Bundles one function with esbuild: our own code in a few chunks, every npm package left where it is.
import { join, relative } from "node:path";
import { type BuildOptions, build, type Metafile } from "esbuild";
import { packageName } from "./packageName.ts";

export interface BuiltFunction {
  /** Content by path relative to the function's folder. */
  readonly files: Readonly<Record<string, Uint8Array>>;
  /** Our own code, without source maps. */
  readonly sizeBytes: number;
  readonly packages: readonly string[];
  /** Those that load with the entry. */
  readonly eagerPackages: readonly string[];
}

/** The names of chunks are hashes of their content, and nothing holds a path outside `root`: same input, same bytes. */
const settings = {
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node22",
  packages: "external", // The framework's registry and the Google clients' data files do not survive bundling.
  splitting: true, // Keeps import() lazy.
  chunkNames: "chunks/[name]-[hash]",
  sourcemap: "linked",
  charset: "utf8",
  metafile: true,
  write: false,
  logLevel: "silent",
} satisfies BuildOptions;

/** @throws what esbuild found wrong, with its places */
export async function buildFunction(root: string, name: string): Promise<BuiltFunction> {
  const outdir = `dist/functions/${name}`; // Nothing is written here: it is where the source maps' paths start from.
  const { outputFiles, metafile } = await build({
    ...settings,
    absWorkingDir: root,
    entryPoints: [`functions/${name}/index.ts`],
    outdir,
  });
  const outputs = Object.entries(metafile.outputs);
  return {
    files: Object.fromEntries(
      outputFiles.map(({ path, contents }) => [
        relative(join(root, outdir), path).replaceAll("\\", "/"),
        contents,
      ]),
    ),
    sizeBytes: outputs.reduce((sum, [path, { bytes }]) => sum + (path.endsWith(".js") ? bytes : 0), 0),
    packages: packagesOf(outputs.flatMap(([, { imports }]) => imports)),
    eagerPackages: packagesOf(loadedAtStart(`${outdir}/index.js`, metafile)),
  };
}

type Import = Metafile["outputs"][string]["imports"][number];

function packagesOf(imports: readonly Import[]): readonly string[] {
  const names = imports.map(({ external, path }) => (external === true ? packageName(path) : null));
  return [...new Set(names.filter((name) => name !== null))].toSorted();
}

/** What the entry imports, and what that imports, leaving out import(). */
function loadedAtStart(entry: string, { outputs }: Metafile): readonly Import[] {
  const found: Import[] = [];
  const seen = new Set([entry]);
  for (const path of seen) {
    const eager = (outputs[path]?.imports ?? []).filter(({ kind }) => kind !== "dynamic-import");
    found.push(...eager);
    for (const one of eager) seen.add(one.path);
  }
  return found;
}
