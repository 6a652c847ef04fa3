// Makes dist/functions/<name>: what is archived and deployed, and what the local cloud runs.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { stop } from "esbuild";
import { FlError } from "../../shared/core/errors.ts";
import { FUNCTION_NAMES, type FunctionName } from "../../shared/core/protocol/tasks.ts";
import { isReadOnly, whyReadOnly } from "../setup/writable.mjs";
import { buildFunction, buildNative } from "./buildFunction.ts";
import { bundleProblems } from "./bundleRules.ts";
import { CLIENT_IMPORTS } from "./googleClients.ts";
import { notices } from "./licences.ts";
import { lockedVersions, manifest, NATIVE_PACKAGE, NPM_SETTINGS, readLockfile } from "./manifest.ts";
import { type OwnPaths, readOwnCode, sourcesFor } from "./ownCode.ts";
import { pruneLockfile } from "./pruneLockfile.ts";
import { sbom } from "./sbom.ts";
import { writeFolder } from "./writeFolder.ts";

export interface BundleOptions {
  /** The repository; default this one. */
  readonly root?: string;
  /**
   * Where the folders go; default `dist/functions` of the repository, so that its node_modules serve them.
   */
  readonly outDir?: string;
  /** Code of the owner's own, which becomes part of the functions that work with it. */
  readonly own?: OwnPaths;
}

export interface Bundle {
  /** Absolute. Its index.mjs is the source to give to the functions framework. */
  readonly dir: string;
  /** Our own code, without source maps. */
  readonly sizeBytes: number;
  /** The npm packages that it imports beside those in it, each with its version. */
  readonly packages: Readonly<Record<string, string>>;
  /** What was written, by path relative to `dir`, with forward slashes. */
  readonly files: Readonly<Record<string, Uint8Array>>;
}

/**
 * Bundles the five functions, in a fraction of a second. Same input, same bytes: files that would not change
 * are not touched.
 *
 * @throws FlError("failed-precondition") naming every rule of bundleRules.ts that is broken; nothing is
 *   written then
 * @throws FlError("invalid-argument") for code of the owner's own that cannot be used
 * @throws FlError("failed-precondition") naming each package without a licence, or the checkout that cannot
 *   be written to
 * @throws what esbuild found wrong, with its places
 */
export async function bundleFunctions(
  options: BundleOptions = {},
): Promise<Readonly<Record<FunctionName, Bundle>>> {
  const root = options.root ?? fileURLToPath(new URL("../../", import.meta.url));
  const outDir = options.outDir ?? join(root, "dist", "functions");
  const lockfile = await readLockfile(root);
  const own = await readOwnCode(root, options.own ?? {});
  const [built, native, licence] = await Promise.all([
    forEachFunction((name) => buildFunction(root, name, sourcesFor(name, own))),
    buildNative(),
    readFile(fileURLToPath(new URL("../../LICENSE", import.meta.url))),
  ]);
  const problems = FUNCTION_NAMES.flatMap((name) => bundleProblems(name, built[name]));
  if (problems.length > 0) throw new FlError("failed-precondition", problems.join("\n"));
  return await forEachFunction(async (name) => {
    const { sizeBytes, packages, bundled, hasClients } = built[name];
    const dir = join(outDir, name);
    const versions = lockedVersions(lockfile, packages);
    const described = manifest(name, versions, hasClients ? CLIENT_IMPORTS : undefined);
    const installed = pruneLockfile(described, lockfile);
    const hasNative = NATIVE_PACKAGE in versions;
    const contents = { lockfile, installed, bundled, hasNative };
    const version = lockfile.packages[""]?.version ?? "";
    const files = {
      ...built[name].files,
      ...(hasNative ? native : {}),
      LICENSE: licence,
      "THIRD_PARTY_NOTICES.txt": Buffer.from(await notices({ root, ...contents })),
      "sbom.cdx.json": Buffer.from(sbom({ name: described.name, version, ...contents })),
      ".npmrc": Buffer.from(NPM_SETTINGS),
      "package.json": Buffer.from(`${JSON.stringify(described, null, 2)}\n`),
      "package-lock.json": Buffer.from(`${JSON.stringify(installed, null, 2)}\n`),
    };
    await writeFolder(dir, files).catch((error: unknown) => {
      throw isReadOnly(error) ? unwritable(root, error) : error;
    });
    return { dir, sizeBytes, packages: versions, files };
  });
}

/**
 * The same, for a program that bundles once: the bundler is a process of its own that otherwise keeps its
 * memory until the program ends.
 */
export async function bundleOnce(options: BundleOptions = {}): ReturnType<typeof bundleFunctions> {
  try {
    return await bundleFunctions(options);
  } finally {
    await stop();
  }
}

/** The rules that the functions of a checkout break, in words; nothing is written. */
export async function builtProblems(root: string): Promise<readonly string[]> {
  const problems = await Promise.all(
    FUNCTION_NAMES.map(async (name) => bundleProblems(name, await buildFunction(root, name))),
  );
  return problems.flat();
}

/** The error of a checkout that as a whole cannot be written to; another one as it is. */
function unwritable(root: string, error: unknown): unknown {
  const reason = whyReadOnly(root, "its functions are not bundled as they are now");
  return reason === undefined ? error : new FlError("failed-precondition", reason);
}

async function forEachFunction<T>(make: (name: FunctionName) => Promise<T>) {
  const [api, coordinator, aggregator, evaluator, client] = await Promise.all([
    make("api"),
    make("coordinator"),
    make("aggregator"),
    make("evaluator"),
    make("client"),
  ]);
  return { api, coordinator, aggregator, evaluator, client } satisfies Record<FunctionName, T>;
}
