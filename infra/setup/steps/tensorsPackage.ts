// The npm package of native TensorFlow: where it is, and running its install script.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { runCommand } from "../command.mjs";
import type { Show } from "../progress.mjs";

/**
 * A way to get native TensorFlow. Resolves to "" when it did what it could, else to the reason why not.
 *
 * @throws WrongBytesError when it was sent other bytes than it asked for
 */
export type Install = (root: string, show: Show) => Promise<string>;

/** Where the package is installed. */
export function packagePath(root: string): string {
  return join(root, "node_modules", "@tensorflow", "tfjs-node");
}

/** The package's version, or "" where it is not installed. */
export function packageVersion(root: string): string {
  const path = join(packagePath(root), "package.json");
  return existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as { version: string }).version : "";
}

/** Runs the package's install script, which compiles the binding where no ready one can be downloaded. */
export async function rebuildPackage(root: string, show: Show, timeoutMs: number): Promise<string> {
  const result = await runCommand(
    "npm",
    [
      "rebuild",
      "@tensorflow/tfjs-node",
      "--ignore-scripts=false",
      "--foreground-scripts",
      "--loglevel=error",
    ],
    { cwd: root, timeoutMs, onLine: (line) => show(line.slice(0, 60)) },
  );
  return result.ok ? "" : `${result.reason}: ${result.output.split("\n").at(-1) ?? ""}`;
}
