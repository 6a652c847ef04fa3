// Starts a script of the repository that this program is run in, with the terminal of this one.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { interruption } from "../../cli/interruption.ts";
import type { Io } from "./io.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));

/** Undefined where this is the package, which has no scripts beside it. */
export function launcher(): Io["launch"] {
  return existsSync(join(root, "infra", "setup", "launch.mjs")) ? launch : undefined;
}

/** @returns its exit code, as shells count */
async function launch(script: string, options: readonly string[]): Promise<number> {
  const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  // As npm does, but in the folder where the person is, and with its paths as they are from there.
  const [, ...words] = String(scripts[script])
    .split(" ")
    .map((word, i, all) => (all[i - 1] === "node" && word.startsWith("infra/") ? join(root, word) : word));
  const child = spawn(process.execPath, [...words, ...options], { stdio: "inherit" });
  // It ends what it started; a signal of the terminal's has reached it as well.
  const stop = interruption();
  stop.signal.addEventListener("abort", () => {
    if (stop.exitCode() !== 130) child.kill("SIGTERM");
  });
  try {
    const [code] = await once(child, "exit");
    return typeof code === "number" ? code : stop.exitCode() || 1;
  } finally {
    stop.dispose();
  }
}
