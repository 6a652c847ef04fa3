// Set-up step: which Node runs the project. The pinned one of node_modules, else the running one when it is
// new enough.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { runCommand } from "../command.mjs";

/** The first release that runs TypeScript without a flag. */
const oldest = [22, 18];

/**
 * @param {string} root
 * @returns {Promise<string>} the path of the Node to use
 * @throws {Error} when neither can be used, saying what to install
 */
export async function projectNode(root) {
  const pinned = join(root, "node_modules", ".bin", "node");
  const reason = await whyNot(pinned);
  if (reason === "") return pinned;
  if (isNewEnough(process.versions.node)) {
    console.error(`Using the running Node ${process.versions.node}: ${reason}.`);
    return process.execPath;
  }
  throw new Error(
    `FedStratus needs Node ${oldest.join(".")} or newer here (running: ${process.versions.node}): ${reason}. ` +
      "Install Node 24 from https://nodejs.org and run this again.",
  );
}

/** @param {string} version such as "24.21.0" */
export function isNewEnough(version) {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > oldest[0] || (major === oldest[0] && minor >= oldest[1]);
}

async function whyNot(pinned) {
  if (!existsSync(pinned)) return `there is no pinned Node for ${process.platform} ${process.arch}`;
  const result = await runCommand(pinned, ["--version"], { timeoutMs: 10_000 });
  return result.ok ? "" : `the pinned Node does not run on this machine (${result.reason})`;
}
