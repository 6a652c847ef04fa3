// Set-up step: TensorFlow. Native where it can be had, in the order of least effort; the portable backend
// otherwise.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { WrongBytesError } from "../../native/pinnedFile.ts";
import { runCommand } from "../command.mjs";
import type { Show } from "../progress.mjs";
import { showStep } from "../progress.mjs";
import { requireWritable } from "../writable.mjs";
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
  /** The verdict holds as long as this does: tfjs-node's version, Node's major version, the platform. */
  readonly madeFor: string;
}

/** A backend that works, as its probe found it. */
export interface Probe {
  readonly backend: "tfjs-node" | "wasm";
  readonly version: string;
}

/** Tries a backend. Resolves to the reason why not, where it does not work. */
export type ProbeBackend = (prefer: "native" | "portable") => Promise<Probe | string>;

/** A way to get native TensorFlow. */
export interface Way {
  readonly name: string;
  readonly install: Install;
}

/**
 * The second takes what the server sends, whatever it is: no archive does that, a checkout may where nothing
 * else works and the first was not sent wrong bytes.
 */
const ways: readonly Way[] = [
  { name: "the library of the tensorflow-cpu wheel", install: installFromWheel },
  { name: "the package's own install, whose download is not verified", install: installFromPackage },
];

/** Makes sure that TensorFlow works; resolves to words for the last line of set-up. */
export async function ensureTensors(root: string): Promise<string> {
  const known = readVerdict(root);
  if (known !== undefined) return words(known);
  requireWritable(root, "TensorFlow is not set up");
  const verdict = await showStep(
    "Setting up TensorFlow",
    async (show) => {
      const isPresent = packageVersion(root) !== "";
      const { probe, reason } = await chooseBackend(root, isPresent ? ways : [], probeBackend, show);
      return { backend: probe.backend, reason, tensorflowVersion: probe.version, madeFor: machineOf(root) };
    },
    words,
  );
  writeFileSync(verdictPath(root), `${JSON.stringify(verdict, null, 2)}\n`);
  return words(verdict);
}

/**
 * The native backend when it works already or after one of the ways, tried in their order; else the portable
 * one. Wrong bytes end the search for the native one.
 *
 * @returns the backend, and why it is that one
 * @throws Error when not even the portable backend works
 */
export async function chooseBackend(
  root: string,
  ways: readonly Way[],
  probe: ProbeBackend,
  show: Show,
): Promise<{ readonly probe: Probe; readonly reason: string }> {
  show("looking for the native library");
  const installed = ways.length === 0 ? "tfjs-node is not installed" : await probe("native");
  if (typeof installed !== "string") return { probe: installed, reason: "installed already" };
  const failures = ways.length === 0 ? [installed] : [];
  for (const { name, install } of ways) {
    show(name);
    let failure: string;
    try {
      failure = await install(root, show);
    } catch (error) {
      if (!(error instanceof WrongBytesError)) throw error;
      // The bytes may have been replaced on the way: a source that cannot check them is not tried then.
      failures.push(`${name}: ${error.message}`);
      break;
    }
    const found = failure === "" ? await probe("native") : failure;
    if (typeof found !== "string") return { probe: found, reason: name };
    failures.push(`${name}: ${found}`);
  }
  show("checking the portable backend");
  const portable = await probe("portable");
  if (typeof portable !== "string") return { probe: portable, reason: failures.join("; ") };
  throw new Error(
    `No TensorFlow backend works here. ${failures.join("; ")}; the portable backend: ${portable}`,
  );
}

/**
 * Loads a backend and differentiates with it in a process of its own: a library can also fail by killing its
 * process.
 */
async function probeBackend(prefer: "native" | "portable"): Promise<Probe | string> {
  const program = fileURLToPath(new URL("probeTensors.ts", import.meta.url));
  const result = await runCommand(process.execPath, [program, prefer], { timeoutMs: 60_000 });
  const lastLine = result.output.split("\n").at(-1) ?? "";
  return result.ok ? (JSON.parse(lastLine) as Probe) : `${result.reason}: ${lastLine}`;
}

function readVerdict(root: string): TensorsVerdict | undefined {
  const verdict = parsed(verdictPath(root));
  if (verdict === undefined) return undefined;
  const isStale =
    verdict.madeFor !== machineOf(root) || (verdict.backend === "tfjs-node" && !isBindingPresent(root));
  return isStale ? undefined : verdict;
}

/** Undefined where there is no file, or only part of one: a set-up was interrupted while it wrote. */
function parsed(path: string): TensorsVerdict | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as TensorsVerdict;
  } catch {
    return undefined; // Either way set-up finds it out anew.
  }
}

function words({ backend, reason, tensorflowVersion }: TensorsVerdict): string {
  return backend === "tfjs-node"
    ? `TensorFlow ${tensorflowVersion}, native (${reason})`
    : `TensorFlow.js ${tensorflowVersion} on WebAssembly, slower than native (${reason}; ` +
        "to try again, delete .cache/setup.json)";
}

function machineOf(root: string): string {
  const major = process.versions.node.split(".")[0];
  return `tfjs-node ${packageVersion(root) || "absent"}, Node ${major}, ${process.platform}-${process.arch}`;
}

function isBindingPresent(root: string): boolean {
  return existsSync(join(packagePath(root), "lib"));
}

function verdictPath(root: string): string {
  return join(root, ".cache", "setup.json");
}
