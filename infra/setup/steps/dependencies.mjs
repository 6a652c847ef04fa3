// Set-up step: the packages of package-lock.json in node_modules.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runCommand } from "../command.mjs";
import { showStep } from "../progress.mjs";
import { requireWritable } from "../writable.mjs";

const timeoutMs = 10 * 60_000;

/**
 * Installs with `npm ci` unless node_modules already is what the lockfile says.
 *
 * @param {string} root
 * @throws {Error} with the end of npm's output when it fails
 */
export async function ensureDependencies(root) {
  const wanted = lockedPackages(join(root, "package-lock.json"));
  if (wanted === undefined) throw new Error(`No package-lock.json in ${root}: this is not a whole clone.`);
  if (isInstalled(wanted, installedPackages(root))) return;
  requireWritable(root, "its packages are not those of the lockfile");
  await showStep("Installing packages from the lockfile", () => install(root));
}

async function install(root) {
  // Engine warnings of packages that want a newer Node are expected here: the project runs on its own, newer
  // Node.
  const result = await runCommand("npm", ["ci", "--loglevel=error", "--no-progress"], {
    cwd: root,
    timeoutMs,
  });
  if (result.ok) return;
  const log = join(root, ".cache", "npm-ci.log");
  writeFileSync(log, `${result.output}\n`);
  throw new Error(
    `npm ci failed: ${result.reason}. The end of its output (more of it: ${log}):\n${lastLines(result.output)}`,
  );
}

/**
 * Whether the installed packages are those of the lockfile: same places, same versions. An optional package
 * may be absent (npm leaves out what is for another platform); one too many means that the lockfile changed.
 *
 * @param {Readonly<Record<string, { version?: string, optional?: boolean }>>} wanted
 * @param {Readonly<Record<string, { version?: string }>> | undefined} installed
 */
export function isInstalled(wanted, installed) {
  if (installed === undefined) return false;
  const everyWanted = Object.entries(wanted).every(([path, entry]) => {
    const found = installed[path];
    return found === undefined ? entry.optional === true : found.version === entry.version;
  });
  return everyWanted && Object.keys(installed).every((path) => path in wanted);
}

/** npm writes this file at the end of an install, so an interrupted one has none. */
function installedPackages(root) {
  return lockedPackages(join(root, "node_modules", ".package-lock.json"));
}

function lockedPackages(path) {
  try {
    const { "": _root, ...packages } = JSON.parse(readFileSync(path, "utf8")).packages ?? {};
    return packages;
  } catch (error) {
    if (error.code === "ENOENT") return undefined;
    throw new Error(`${path} cannot be read: ${error.message}`);
  }
}

function lastLines(text) {
  return text.split("\n").slice(-30).join("\n");
}
