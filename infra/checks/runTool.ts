// A check that is a program of node_modules: it passes when the program says so, else its output is the
// problem.
import { execFile } from "node:child_process";
import { join } from "node:path";
import type { Check } from "./check.ts";

/** Far beyond what any takes on a busy machine. */
const timeoutMs = 300_000;
const maxOutputBytes = 16 * 1024 * 1024;

export function toolCheck(name: string, root: string, program: string, args: readonly string[]): Check {
  return { name, run: () => outputOf(join(root, "node_modules", ".bin", program), args, root) };
}

function outputOf(path: string, args: readonly string[], cwd: string): Promise<readonly string[]> {
  const options = { cwd, timeout: timeoutMs, maxBuffer: maxOutputBytes };
  return new Promise((resolve) => {
    execFile(path, args, options, (error, stdout, stderr) => {
      if (error === null) return resolve([]);
      const lines = `${stdout}\n${stderr}`.split("\n").filter((line) => line.trim() !== "");
      resolve(error.killed === true || lines.length === 0 ? [...lines, error.message] : lines);
    });
  });
}
