// Native TensorFlow from the library inside the `tensorflow-cpu` Python wheel: pip has mirrors where Google's
// storage is blocked. The unpacked library and the compiled binding stay in .cache, so a later `npm ci` costs
// a copy and not a build. It is the same wheel, taken by the same hash, that a deployed function gets when it
// is built.
import { cpSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import {
  compileBinding,
  fetchHeaders,
  headersBesideNode,
  npmRegistry,
  unpackLibrary,
} from "../../native/library.ts";
import { checkPinned, WrongBytesError } from "../../native/pinnedFile.ts";
import { nodeApiHeaders, TENSORFLOW_VERSION, tensorflowWheel } from "../../native/pins.ts";
import { runCommand } from "../command.mjs";
import type { Show } from "../progress.mjs";
import { packagePath } from "./tensorsPackage.ts";

const pipTimeoutMs = 5 * 60_000;

/**
 * Resolves to "" when the library is in place and the binding is built, else to the reason why not.
 *
 * @throws WrongBytesError when the wheel or Node's headers are not the pinned ones, or pip finds the wheel
 *   to be another one
 */
export async function installFromWheel(root: string, show: Show): Promise<string> {
  if (process.platform !== "linux") return "the wheel's library is for Linux only";
  const cache = join(root, ".cache", `tensorflow-${TENSORFLOW_VERSION}-${process.arch}`);
  const failure = await unpackedLibrary(cache, show);
  if (failure !== "") return failure;
  link(cache, packagePath(root));
  return buildOrReuse(root, cache, show);
}

/** Makes `cache/deps` hold the library and its headers. */
async function unpackedLibrary(cache: string, show: Show): Promise<string> {
  const deps = join(cache, "deps");
  if (existsSync(deps)) return "";
  const missing = await missingTools(["python3", "g++"]);
  if (missing !== "") return missing;
  const wheels = join(cache, "wheel");
  rmSync(wheels, { recursive: true, force: true }); // What a set-up that was stopped has left.
  mkdirSync(wheels, { recursive: true });
  const downloaded = await download(wheels, show);
  if (downloaded !== "") return downloaded;
  const wheel = readdirSync(wheels).find((name) => name.endsWith(".whl"));
  if (wheel === undefined) return "pip downloaded no wheel";
  show("unpacking the library");
  const partial = `${deps}.partial`;
  rmSync(partial, { recursive: true, force: true });
  const path = join(wheels, wheel);
  try {
    // No hash is known of wheels for other processors: those are as safe as pip's index.
    if (process.arch === "x64") await checkPinned(tensorflowWheel, path);
    await unpackLibrary(path, partial);
  } catch (error) {
    return reasonOf(error);
  }
  renameSync(partial, deps);
  rmSync(wheels, { recursive: true, force: true });
  return "";
}

async function download(into: string, show: Show): Promise<string> {
  const machine = process.arch === "arm64" ? "aarch64" : "x86_64";
  show(`downloading the wheel of TensorFlow ${TENSORFLOW_VERSION} (about 270 MB)`);
  const pip = ["-m", "pip", "download", "--no-deps", "--no-input", "--disable-pip-version-check"];
  // Few retries: where an index does not answer at all, each one costs seconds and none helps.
  const bounds = ["--retries", "1", "--timeout", "15", "--progress-bar", "off"];
  const which = [
    "--only-binary=:all:",
    "--python-version",
    "3.11",
    "--platform",
    `manylinux_2_27_${machine}`,
  ];
  const result = await runCommand(
    "python3",
    [...pip, ...bounds, ...which, "--dest", into, `tensorflow-cpu==${TENSORFLOW_VERSION}`],
    { timeoutMs: pipTimeoutMs },
  );
  if (result.ok) return "";
  // pip compares with the hash of its index.
  if (/DO NOT MATCH THE HASHES/.test(result.output)) {
    throw new WrongBytesError(
      `pip was sent another wheel of tensorflow-cpu ${TENSORFLOW_VERSION} than its index lists`,
    );
  }
  return `pip download: ${result.output.split("\n").at(-1) ?? result.reason}`;
}

async function missingTools(tools: readonly string[]): Promise<string> {
  const found = await Promise.all(
    tools.map((tool) => runCommand(tool, ["--version"], { timeoutMs: 20_000 })),
  );
  const missing = tools.filter((_, index) => found[index]?.ok !== true);
  return missing.length === 0 ? "" : `it needs ${missing.join(", ")} to build the binding`;
}

function link(cache: string, packageRoot: string): void {
  const deps = join(packageRoot, "deps");
  rmSync(deps, { recursive: true, force: true });
  symlinkSync(join(cache, "deps"), deps);
}

async function buildOrReuse(root: string, cache: string, show: Show): Promise<string> {
  const built = join(packagePath(root), "lib");
  const kept = join(cache, "lib");
  if (existsSync(kept)) {
    cpSync(kept, built, { recursive: true });
    return "";
  }
  show("compiling the binding");
  try {
    const own = join(root, "node_modules", `node-linux-${process.arch}`, "bin", "node");
    const headers =
      headersBesideNode(own) ??
      headersBesideNode() ??
      (await fetchHeaders(nodeApiHeaders, await npmRegistry(), join(cache, "headers")));
    await compileBinding(packagePath(root), headers);
  } catch (error) {
    return reasonOf(error);
  }
  cpSync(built, kept, { recursive: true });
  return "";
}

/** @throws WrongBytesError, which is no reason to look elsewhere */
function reasonOf(error: unknown): string {
  if (error instanceof WrongBytesError) throw error;
  return error instanceof Error ? error.message : String(error);
}
