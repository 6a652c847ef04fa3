// The bundles that the local cloud runs: those of the last time where nothing that they are made of has
// changed since, else new ones. Bundling takes seconds, and a demo is often the second of its kind.
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import * as z from "zod";
import { FUNCTION_NAMES, type FunctionName } from "../../shared/core/protocol/tasks.ts";
import { isReadOnly } from "../setup/writable.mjs";

export type BundleFolders = Readonly<Record<FunctionName, { readonly dir: string }>>;

/**
 * What bundles may be made of, relative to the repository: more than is part of them, so that nothing is
 * missed. The lockfile stands for all packages, the bundler's among them.
 */
const INPUTS = ["functions", "shared", "infra", "package.json", "package-lock.json", "LICENSE"];

const Made = z.object({
  inputs: z.string(),
  /** Relative to the repository. */
  folders: z.record(z.string(), z.string()),
  outputs: z.string(),
});

/** The bundles of this checkout. Throws what `bundleOnce` throws. */
export function keptBundles(): Promise<BundleFolders> {
  const root = fileURLToPath(new URL("../../", import.meta.url));
  return madeUnlessKept(root, async () => {
    const { bundleOnce } = await import("./bundleFunctions.ts");
    return await bundleOnce({ root });
  });
}

/**
 * The folders as they were left the last time, if they and all files that they are made of are as they were;
 * else what `make` makes. O(bytes of both), and no code is run.
 */
export async function madeUnlessKept(
  root: string,
  make: () => Promise<BundleFolders>,
): Promise<BundleFolders> {
  const file = join(root, ".cache", "bundles.json");
  const inputs = await hashOf(root, INPUTS);
  const last = await lastMade(file);
  if (last?.inputs === inputs && last.outputs === (await hashOf(root, Object.values(last.folders)))) {
    return forEachFunction((name) => ({ dir: join(root, last.folders[name] ?? "") }));
  }
  const bundles = await make();
  const folders = forEachFunction((name) => relative(root, bundles[name].dir));
  const made = { inputs, folders, outputs: await hashOf(root, Object.values(folders)) };
  try {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, JSON.stringify(made));
  } catch (error) {
    // They are made again the next time.
    if (!isReadOnly(error)) throw error;
  }
  return bundles;
}

/** What was made the last time; null where that is not known. */
async function lastMade(file: string): Promise<z.infer<typeof Made> | null> {
  const text = await readFile(file, "utf8").catch(() => "");
  try {
    const { data } = Made.safeParse(JSON.parse(text));
    const isWhole = FUNCTION_NAMES.every((name) => data?.folders[name] !== undefined);
    return isWhole ? (data ?? null) : null;
  } catch {
    return null;
  }
}

/** Of the names and contents of all files in these places; a place that is not there has none. */
async function hashOf(root: string, places: readonly string[]): Promise<string> {
  const files = (await Promise.all(places.map((place) => filesIn(join(root, place))))).flat();
  const hash = createHash("sha256");
  for (const file of files.toSorted()) {
    const content = await readFile(file);
    hash.update(`${relative(root, file)}\0${content.byteLength}\0`).update(content);
  }
  return hash.digest("hex");
}

async function filesIn(place: string): Promise<readonly string[]> {
  try {
    const entries = await readdir(place, { recursive: true, withFileTypes: true });
    return entries.flatMap((entry) => (entry.isFile() ? [join(entry.parentPath, entry.name)] : []));
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOTDIR") return [place];
    if (code === "ENOENT") return [];
    throw error;
  }
}

function forEachFunction<T>(of: (name: FunctionName) => T): Readonly<Record<FunctionName, T>> {
  return {
    api: of("api"),
    coordinator: of("coordinator"),
    aggregator: of("aggregator"),
    evaluator: of("evaluator"),
    client: of("client"),
  };
}
