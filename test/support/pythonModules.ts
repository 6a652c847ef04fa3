// Python for the tests that hold what we write to its real readers, where there is one.
import { execFileSync } from "node:child_process";

export interface Python {
  /** The program; null where there is none with all of the modules. */
  readonly path: string | null;
  /** Why there is none, for a suite's title; empty where there is one. */
  readonly reason: string;
}

/** FEDSTRATUS_PYTHON names one with more modules than the system's. */
const CANDIDATES = [process.env["FEDSTRATUS_PYTHON"], "python3"];

/** A Python 3 that has these modules; finding out takes no longer than a start of Python. */
export function pythonWith(...modules: readonly string[]): Python {
  const found = CANDIDATES.filter((name) => name !== undefined).find((name) => hasModules(name, modules));
  if (found !== undefined) return { path: found, reason: "" };
  return {
    path: null,
    reason: ` (skipped: there is no Python 3 with ${modules.join(", ")} here; FEDSTRATUS_PYTHON names one)`,
  };
}

function hasModules(python: string, modules: readonly string[]): boolean {
  const script = [
    "import importlib.util, sys",
    "sys.exit(sys.version_info < (3, 10) or any(importlib.util.find_spec(n) is None for n in sys.argv[1:]))",
  ].join("\n");
  try {
    execFileSync(python, ["-c", script, ...modules], { stdio: "ignore", timeout: 30_000 });
    return true;
  } catch {
    return false;
  }
}
