// Set-up step: the Fashion-MNIST images (Xiao, Rasul, Vollgraf 2017), checked against known checksums and kept in .cache.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { dataFolder, fashionMnistFiles } from "../../data/fashionMnistFiles.ts";
import type { Show } from "../progress.mjs";
import { showStep } from "../progress.mjs";
import { fetchFromDebian } from "./dataFromDebian.ts";
import { fetchFromWeb } from "./dataFromWeb.ts";

/** Puts the files into a folder. Resolves to "" when done, else to the reason why not. */
export type FetchData = (into: string, show: Show) => Promise<string>;

const sources: readonly { readonly name: string; readonly fetch: FetchData }[] = [
  { name: "the Debian package dataset-fashion-mnist", fetch: fetchFromDebian },
  { name: "the data set's own address", fetch: fetchFromWeb },
];

/** Makes sure that the data set is there and whole; resolves to words for the last line of set-up. */
export async function ensureData(root: string): Promise<string> {
  const folder = dataFolder(root);
  if (!isVerified(folder)) {
    await showStep(
      "Fetching Fashion-MNIST (31 MB)",
      (show) => obtain(folder, show),
      (source) => `from ${source}`,
    );
  }
  return "Fashion-MNIST, checksums verified";
}

async function obtain(folder: string, show: Show): Promise<string> {
  if (problemsOf(folder) === "") {
    markVerified(folder);
    return folder;
  }
  const reasons: string[] = [];
  const partial = `${folder}.partial`;
  for (const source of sources) {
    rmSync(partial, { recursive: true, force: true });
    mkdirSync(partial, { recursive: true });
    show(source.name);
    const failure = (await source.fetch(partial, show)) || problemsOf(partial);
    if (failure === "") {
      rmSync(folder, { recursive: true, force: true });
      renameSync(partial, folder);
      markVerified(folder);
      return source.name;
    }
    reasons.push(`  ${source.name}: ${failure}`);
  }
  rmSync(partial, { recursive: true, force: true });
  const names = fashionMnistFiles.map((file) => file.name).join(", ");
  throw new Error(
    `Fashion-MNIST could not be fetched:\n${reasons.join("\n")}\nPut its four files (${names}) into ${folder} and run this again.`,
  );
}

/** What is missing or wrong, "" when all files are whole. The checksums are of the unpacked content: repacking changes the rest. */
function problemsOf(folder: string): string {
  for (const { name, sha256 } of fashionMnistFiles) {
    const path = join(folder, name);
    if (!existsSync(path)) return `${name} is missing`;
    const found = contentSha256(path);
    if (found !== sha256) return `${name} has the wrong checksum (${found})`;
  }
  return "";
}

function contentSha256(path: string): string {
  try {
    return createHash("sha256")
      .update(gunzipSync(readFileSync(path)))
      .digest("hex");
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Sizes and times of the files as they were when their checksums were right: checking those takes no time. */
function signature(folder: string): string {
  return JSON.stringify(
    fashionMnistFiles.map(({ name }) => {
      const { size, mtimeMs } = statSync(join(folder, name));
      return [name, size, mtimeMs];
    }),
  );
}

function isVerified(folder: string): boolean {
  const names = ["verified.json", ...fashionMnistFiles.map((file) => file.name)];
  return (
    names.every((name) => existsSync(join(folder, name))) &&
    readFileSync(join(folder, "verified.json"), "utf8") === signature(folder)
  );
}

function markVerified(folder: string): void {
  writeFileSync(join(folder, "verified.json"), signature(folder));
}
