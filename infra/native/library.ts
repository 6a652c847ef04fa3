// TensorFlow's library out of its wheel, and the binding of tfjs-node compiled against it.
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { runCommand } from "../setup/command.mjs";
import { fetchPinned } from "./pinnedFile.ts";
import type { PinnedFile } from "./pins.ts";
import { unzip } from "./unzip.ts";

const COMPILE_TIMEOUT_MS = 10 * 60_000;
const UNTAR_TIMEOUT_MS = 60_000;
const NPM_TIMEOUT_MS = 60_000;

const libraries: Readonly<Record<string, string>> = {
  "tensorflow/libtensorflow_cc.so.2": "lib/libtensorflow_cc.so.2",
  "tensorflow/libtensorflow_framework.so.2": "lib/libtensorflow_framework.so.2",
  "tensorflow/include/LICENSE": "LICENSE",
  "tensorflow/THIRD_PARTY_NOTICES.txt": "THIRD_PARTY_NOTICES.txt",
};
const headers = ["tensorflow/c/", "tensorflow/core/platform/ctstring", "tsl/platform/ctstring", "xla/tsl/c/"];

/**
 * Unpacks what the binding's build and the library's loading need of the wheel into `deps`: about 850 of
 * 1,500 MB.
 */
export async function unpackLibrary(wheel: string, deps: string): Promise<void> {
  await unzip(wheel, deps, (name) => {
    const inside = name.startsWith("tensorflow/include/") ? name.slice("tensorflow/include/".length) : "";
    const isHeader = inside.endsWith(".h") && headers.some((start) => inside.startsWith(start));
    return isHeader ? `include/${inside}` : (libraries[name] ?? null);
  });
}

/**
 * Compiles the binding of the installed tfjs-node, whose sources npm has checked, against the library in its
 * `deps`. It uses Node-API, so that one build serves every Node from the one it was built with on.
 *
 * @param nodeHeaders the folder of node_api.h
 * @throws Error with the compiler's last line
 */
export async function compileBinding(tfjsNode: string, nodeHeaders: string): Promise<void> {
  const version = await nodeApiVersion(tfjsNode);
  const folder = join(tfjsNode, "lib", `napi-v${version}`);
  const binding = join(tfjsNode, "binding");
  const deps = join(tfjsNode, "deps");
  await mkdir(folder, { recursive: true });
  const result = await runCommand(
    "g++",
    [
      ...["-shared", "-fPIC", "-O2", "-std=c++17", "-fno-exceptions", `-DNAPI_VERSION=${version}`],
      ...[`-I${nodeHeaders}`, `-I${tfjsNode}`, `-I${join(deps, "include")}`],
      ...[join(binding, "tfjs_backend.cc"), join(binding, "tfjs_binding.cc")],
      ...[`-L${join(deps, "lib")}`, "-l:libtensorflow_cc.so.2", "-l:libtensorflow_framework.so.2"],
      ...["-Wl,-rpath,$ORIGIN/../../deps/lib", "-o", join(folder, "tfjs_binding.node")],
    ],
    { timeoutMs: COMPILE_TIMEOUT_MS },
  );
  if (!result.ok) throw new Error(`${result.reason}: ${result.output.split("\n").at(-1) ?? ""}`);
}

/**
 * The newest Node-API that both the package and the running Node know: where the package looks for its
 * binding.
 */
async function nodeApiVersion(tfjsNode: string): Promise<number> {
  const { binary } = JSON.parse(await readFile(join(tfjsNode, "package.json"), "utf8")) as {
    readonly binary: { readonly napi_versions: readonly number[] };
  };
  return Math.max(...binary.napi_versions.filter((one) => one <= Number(process.versions["napi"])));
}

/** Those beside the running Node, in its own distribution; undefined where it came without them. */
export function headersBesideNode(node = process.execPath): string | undefined {
  const folder = join(dirname(node), "..", "include", "node");
  return existsSync(join(folder, "node_api.h")) ? folder : undefined;
}

/** The npm registry in use, as npm's own settings name it. */
export async function npmRegistry(): Promise<string> {
  const { ok, reason, output } = await runCommand("npm", ["config", "get", "registry"], {
    timeoutMs: NPM_TIMEOUT_MS,
  });
  if (!ok) throw new Error(`npm does not say which registry it uses: ${reason}`);
  return output.trim().split("\n").at(-1) ?? "";
}

/** Downloads Node's headers from an npm registry into `folder`. @returns the folder of node_api.h */
export async function fetchHeaders(file: PinnedFile, registry: string, folder: string): Promise<string> {
  const archive = join(folder, file.name);
  await mkdir(folder, { recursive: true });
  await fetchPinned(
    file,
    new URL(file.url, registry.endsWith("/") ? registry : `${registry}/`).href,
    archive,
  );
  const untarred = await runCommand("tar", ["-xzf", archive, "-C", folder], { timeoutMs: UNTAR_TIMEOUT_MS });
  if (!untarred.ok) throw new Error(`${file.name} cannot be unpacked: ${untarred.reason}`);
  return join(folder, "package", "include");
}

/** Does the work with a folder beside `place`, which is on the same disk, and removes it. */
export async function withScratch<T>(place: string, work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(`${place}-`);
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
