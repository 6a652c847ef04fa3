// Fashion-MNIST from Debian's package, downloaded and unpacked without root and without installing anything.
import { mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fashionMnistFiles } from "../../data/fashionMnistFiles.ts";
import { runCommand } from "../command.mjs";
import type { Show } from "../progress.mjs";

const packageName = "dataset-fashion-mnist";
const folderInPackage = "usr/share/datasets/fashion-mnist";
const timeoutMs = 3 * 60_000;
const impatience = ["-o", "Acquire::Retries=1", "-o", "Acquire::http::Timeout=15"];

/** Resolves to "" when the files are in the folder, else to the reason why not. */
export async function fetchFromDebian(into: string, show: Show): Promise<string> {
  const work = join(into, "debian");
  mkdirSync(work);
  try {
    const downloaded = await download(work, show);
    if (downloaded !== "") return downloaded;
    const archive = readdirSync(work).find((name) => name.endsWith(".deb"));
    if (archive === undefined) return "apt-get downloaded no package";
    show("unpacking");
    const unpacked = await runCommand("dpkg-deb", ["-x", archive, "unpacked"], { cwd: work, timeoutMs });
    if (!unpacked.ok) return unpacked.reason;
    for (const { name } of fashionMnistFiles) {
      renameSync(join(work, "unpacked", folderInPackage, name), join(into, name));
    }
    return "";
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** With the machine's package lists; where it has none yet, with lists of our own, which needs no root. */
async function download(work: string, show: Show): Promise<string> {
  const options = { cwd: work, timeoutMs };
  const first = await runCommand("apt-get", [...impatience, "download", packageName], options);
  if (first.ok) return "";
  if (first.reason.includes("ENOENT")) return "there is no apt here";
  const own = ownLists(work);
  show("updating package lists of its own");
  // Its result does not matter: a source that does not answer fails the update, and the package may be in
  // another one.
  await runCommand("apt-get", [...impatience, ...own, "update"], options);
  show(`downloading ${packageName}`);
  const second = await runCommand("apt-get", [...impatience, ...own, "download", packageName], options);
  return second.ok ? "" : (second.output.split("\n").at(-1) ?? second.reason);
}

function ownLists(work: string): string[] {
  mkdirSync(join(work, "lists", "partial"), { recursive: true });
  mkdirSync(join(work, "cache", "archives", "partial"), { recursive: true });
  const settings = {
    "Dir::State::lists": join(work, "lists"),
    "Dir::Cache": join(work, "cache"),
    "APT::Sandbox::User": "",
    "Debug::NoLocking": "1",
  };
  return Object.entries(settings).flatMap(([key, value]) => ["-o", `${key}=${value}`]);
}
