// Files fetched from one of several sources, taken only when each has its checksum: half a download is never
// the data.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import type { DataFile } from "../../data/fashionMnistFiles.ts";
import type { Show } from "../progress.mjs";

/** Where the files can come from. */
export interface DataSource {
  readonly name: string;
  /** Puts the files into an empty folder. Resolves to "" when done, else to the reason why not. */
  readonly fetch: (into: string, show: Show) => Promise<string>;
}

const stamp = "verified.json";

/**
 * Puts the files into `folder`: those already there when they are whole, else from the first source that has
 * them.
 *
 * @returns where they came from
 * @throws Error that says why each source failed, and what to do by hand
 */
export async function obtainFiles(
  folder: string,
  files: readonly DataFile[],
  sources: readonly DataSource[],
  show: Show,
): Promise<string> {
  if (problemOf(folder, files) === "") {
    markVerified(folder, files);
    return folder;
  }
  const partial = `${folder}.partial`;
  const reasons: string[] = [];
  try {
    for (const source of sources) {
      rmSync(partial, { recursive: true, force: true });
      mkdirSync(partial, { recursive: true });
      show(source.name);
      const reason = (await source.fetch(partial, show)) || problemOf(partial, files);
      if (reason === "") {
        rmSync(folder, { recursive: true, force: true });
        renameSync(partial, folder);
        markVerified(folder, files);
        return source.name;
      }
      reasons.push(`  ${source.name}: ${reason}`);
    }
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
  const names = files.map((file) => file.name).join(", ");
  throw new Error(
    `The data could not be fetched:\n${reasons.join("\n")}\nPut the files (${names}) into ${folder} and run this again.`,
  );
}

/**
 * Whether the files are as they were when their checksums were right, by size and time: that takes no time.
 */
export function areVerified(folder: string, files: readonly DataFile[]): boolean {
  const names = [stamp, ...files.map((file) => file.name)];
  return (
    names.every((name) => existsSync(join(folder, name))) &&
    readFileSync(join(folder, stamp), "utf8") === signature(folder, files)
  );
}

function markVerified(folder: string, files: readonly DataFile[]): void {
  writeFileSync(join(folder, stamp), signature(folder, files));
}

function signature(folder: string, files: readonly DataFile[]): string {
  return JSON.stringify(
    files.map(({ name }) => {
      const { size, mtimeMs } = statSync(join(folder, name));
      return [name, size, mtimeMs];
    }),
  );
}

/** What is missing or wrong; "" when all files are whole. */
function problemOf(folder: string, files: readonly DataFile[]): string {
  for (const { name, sha256 } of files) {
    const path = join(folder, name);
    if (!existsSync(path)) return `${name} is missing`;
    const problem = contentProblem(path, sha256);
    if (problem !== "") return `${name} ${problem}`;
  }
  return "";
}

function contentProblem(path: string, sha256: string): string {
  try {
    const found = createHash("sha256")
      .update(gunzipSync(readFileSync(path)))
      .digest("hex");
    return found === sha256 ? "" : `has the wrong checksum (${found})`;
  } catch (error) {
    return `cannot be unpacked (${error instanceof Error ? error.message : String(error)})`;
  }
}
