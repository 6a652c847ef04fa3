// Every text file that is, or would be, committed.
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { SourceFile } from "./check.ts";

const maxListBytes = 64 * 1024 * 1024;

export async function readSources(root: string): Promise<readonly SourceFile[]> {
  const paths = await listFiles(root, ["--cached", "--others", "--exclude-standard"]);
  const files = await Promise.all(paths.map((path) => readSource(root, path)));
  return files.filter((file) => file !== null);
}

/** Files in git's index that the rules of .gitignore leave out: they are generated, or of one machine. */
export function listIgnoredButTracked(root: string): Promise<readonly string[]> {
  return listFiles(root, ["--cached", "--ignored", "--exclude-standard"]);
}

async function listFiles(root: string, which: readonly string[]): Promise<readonly string[]> {
  const list = ["ls-files", "-z", ...which];
  const { stdout } = await promisify(execFile)("git", list, { cwd: root, maxBuffer: maxListBytes });
  return [...new Set(stdout.split("\0").filter((path) => path !== ""))].toSorted();
}

/** Null for a binary file, and for one that is gone: deleted, but still in git's index. */
async function readSource(root: string, path: string): Promise<SourceFile | null> {
  try {
    const text = await readFile(join(root, path), "utf8");
    return text.includes("\0") ? null : { path, text };
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw error;
  }
}
