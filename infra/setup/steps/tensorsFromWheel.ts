// Native TensorFlow from the library inside the `tensorflow-cpu` Python wheel: pip has mirrors where Google's storage is blocked.
// The unpacked library and the compiled binding stay in .cache, so a later `npm ci` costs a copy and not a build.
import { cpSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { runCommand } from "../command.mjs";
import type { Show } from "../progress.mjs";
import { packagePath, rebuildPackage } from "./tensorsPackage.ts";

/** The release that was tried under tfjs-node 4.22. Any CPython wheel holds the same library; 3.11 has been built longest. */
const wheelVersion = "2.21.0";
const pipTimeoutMs = 5 * 60_000;
const unpackTimeoutMs = 2 * 60_000;
const buildTimeoutMs = 4 * 60_000;

/** What the binding's build and the library's loading need of the wheel: about 850 of 1,500 MB unpacked. */
const unpackProgram = `
import os, shutil, sys, zipfile
wheel, target = sys.argv[1:]
headers = ("tensorflow/c/", "tensorflow/core/platform/ctstring", "tsl/platform/ctstring", "xla/tsl/c/")
libraries = {
    "tensorflow/libtensorflow_cc.so.2": "libtensorflow_cc.so.2",
    "tensorflow/libtensorflow_framework.so.2": "libtensorflow_framework.so.2",
}
with zipfile.ZipFile(wheel) as z:
    for name in z.namelist():
        inside = name.removeprefix("tensorflow/include/")
        if inside != name and inside.startswith(headers) and name.endswith(".h"):
            path = os.path.join(target, "include", inside)
        elif name in libraries:
            path = os.path.join(target, "lib", libraries[name])
        else:
            continue
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with z.open(name) as source, open(path, "wb") as sink:
            shutil.copyfileobj(source, sink, 1 << 20)
`;

/** The names under which the binding's build looks for the two libraries. */
const libraryNames: readonly (readonly [name: string, target: string])[] = [
  ["libtensorflow.so.2.9.1", "libtensorflow_cc.so.2"],
  ["libtensorflow.so", "libtensorflow_cc.so.2"],
  ["libtensorflow_framework.so", "libtensorflow_framework.so.2"],
];

/** Resolves to "" when the library is in place and the binding is built, else to the reason why not. */
export async function installFromWheel(root: string, show: Show): Promise<string> {
  if (process.platform !== "linux") return "the wheel's library is for Linux only";
  const cache = join(root, ".cache", `tensorflow-${wheelVersion}-${process.arch}`);
  const failure = await unpackedLibrary(cache, show);
  if (failure !== "") return failure;
  link(cache, packagePath(root));
  return buildOrReuse(root, cache, show);
}

/** Makes `cache/deps` hold the library and its headers. */
async function unpackedLibrary(cache: string, show: Show): Promise<string> {
  const deps = join(cache, "deps");
  if (existsSync(deps)) return "";
  const missing = await missingTools(["python3", "make", "g++"]);
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
  const unpacked = await runCommand("python3", ["-c", unpackProgram, join(wheels, wheel), partial], {
    timeoutMs: unpackTimeoutMs,
  });
  if (!unpacked.ok) return `unpacking ${wheel}: ${unpacked.reason}`;
  for (const [name, target] of libraryNames) symlinkSync(target, join(partial, "lib", name));
  renameSync(partial, deps);
  rmSync(wheels, { recursive: true, force: true });
  return "";
}

async function download(into: string, show: Show): Promise<string> {
  const machine = process.arch === "arm64" ? "aarch64" : "x86_64";
  show(`downloading the wheel of TensorFlow ${wheelVersion} (about 270 MB)`);
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
    [...pip, ...bounds, ...which, "--dest", into, `tensorflow-cpu==${wheelVersion}`],
    { timeoutMs: pipTimeoutMs },
  );
  return result.ok ? "" : `pip download: ${result.output.split("\n").at(-1) ?? result.reason}`;
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

/** The binding uses Node-API, so one build serves every Node from the one it was built with on. */
async function buildOrReuse(root: string, cache: string, show: Show): Promise<string> {
  const built = join(packagePath(root), "lib");
  const kept = join(cache, "lib");
  if (existsSync(kept)) {
    cpSync(kept, built, { recursive: true });
    return "";
  }
  show("compiling the binding");
  const headers = join(root, "node_modules", `node-linux-${process.arch}`);
  const nodedir = existsSync(join(headers, "include", "node")) ? { npm_config_nodedir: headers } : {};
  const failure = await rebuildPackage(root, show, buildTimeoutMs, nodedir);
  if (failure === "") cpSync(built, kept, { recursive: true });
  return failure;
}
