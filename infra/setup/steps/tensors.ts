// Set-up step: TensorFlow. Native where it can be had, in the order of least effort; the portable backend otherwise.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runCommand } from "../command.mjs";
import type { Show } from "../progress.mjs";
import { showStep } from "../progress.mjs";
import { installFromPackage } from "./tensorsFromPackage.ts";
import { installFromWheel } from "./tensorsFromWheel.ts";
import { type Install, packagePath, packageVersion } from "./tensorsPackage.ts";

/** What set-up found out, kept in `.cache/setup.json`. */
export interface TensorsVerdict {
  readonly backend: "tfjs-node" | "wasm";
  /** Why this backend, in words. */
  readonly reason: string;
  /** Of the native library; for the portable backend, of TensorFlow.js. */
  readonly tensorflowVersion: string;
  /** The verdict holds as long as this does: tfjs-node version, Node's major version, platform. */
  readonly madeFor: string;
}

/** What the probe prints: see probeTensors.ts. */
interface Probe {
  readonly backend: "tfjs-node" | "wasm";
  readonly version: string;
}

const ways: readonly { readonly name: string; readonly install: Install }[] = [
  { name: "installed already", install: async () => "" },
  { name: "the package's own install", install: installFromPackage },
  { name: "the library of the tensorflow-cpu wheel", install: installFromWheel },
];

/** Makes sure that TensorFlow works; resolves to words for the last line of set-up. */
export async function ensureTensors(root: string): Promise<string> {
  const known = readVerdict(root);
  return words(known ?? (await showStep("Setting up TensorFlow", (show) => decide(root, show), words)));
}

async function decide(root: string, show: Show): Promise<TensorsVerdict> {
  const reasons: string[] = [];
  for (const way of packageVersion(root) === "" ? [] : ways) {
    show(`trying ${way.name}`);
    const failure = await way.install(root, show);
    const probe = failure === "" ? await probeBackend("native") : failure;
    if (typeof probe !== "string") return keep(root, probe, way.name);
    if (way.name !== "installed already") reasons.push(`${way.name}: ${probe}`);
  }
  show("checking the portable backend");
  const probe = await probeBackend("portable");
  if (typeof probe === "string") throw new Error(`No TensorFlow backend works here. Portable: ${probe}`);
  return keep(root, probe, reasons.length > 0 ? reasons.join("; ") : "tfjs-node is not installed");
}

/** Loads a backend and trains a step with it in a process of its own: a library can also fail by killing its process. */
async function probeBackend(prefer: "native" | "portable"): Promise<Probe | string> {
  const program = fileURLToPath(new URL("probeTensors.ts", import.meta.url));
  const result = await runCommand(process.execPath, [program, prefer], { timeoutMs: 60_000 });
  const lastLine = result.output.split("\n").at(-1) ?? "";
  return result.ok ? (JSON.parse(lastLine) as Probe) : `${result.reason}: ${lastLine}`;
}

function keep(root: string, probe: Probe, reason: string): TensorsVerdict {
  const verdict: TensorsVerdict = {
    backend: probe.backend,
    reason,
    tensorflowVersion: probe.version,
    madeFor: currentMachine(root),
  };
  writeFileSync(verdictPath(root), `${JSON.stringify(verdict, null, 2)}\n`);
  return verdict;
}

function readVerdict(root: string): TensorsVerdict | undefined {
  if (!existsSync(verdictPath(root))) return undefined;
  const verdict = JSON.parse(readFileSync(verdictPath(root), "utf8")) as TensorsVerdict;
  const isStale =
    verdict.madeFor !== currentMachine(root) || (verdict.backend === "tfjs-node" && !isBindingPresent(root));
  return isStale ? undefined : verdict;
}

function words({ backend, reason, tensorflowVersion }: TensorsVerdict): string {
  return backend === "tfjs-node"
    ? `TensorFlow ${tensorflowVersion}, native (${reason})`
    : `TensorFlow.js ${tensorflowVersion} on WebAssembly, slower than native (${reason}; ` +
        "to try again, delete .cache/setup.json)";
}

function currentMachine(root: string): string {
  const major = process.versions.node.split(".")[0];
  return `tfjs-node ${packageVersion(root) || "absent"}, Node ${major}, ${process.platform}-${process.arch}`;
}

function isBindingPresent(root: string): boolean {
  return existsSync(join(packagePath(root), "lib"));
}

function verdictPath(root: string): string {
  return join(root, ".cache", "setup.json");
}
