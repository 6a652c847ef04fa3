// Every text file that is, or would be, committed.
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { SourceFile } from "./check.ts";

const maxListBytes = 64 * 1024 * 1024;

export async function readSources(root: string): Promise<readonly SourceFile[]> {
  const list = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
  const { stdout } = await promisify(execFile)("git", list, { cwd: root, maxBuffer: maxListBytes });
  const paths = [...new Set(stdout.split("\0").filter((path) => path !== ""))].toSorted();
  const files = await Promise.all(paths.map((path) => readSource(root, path)));
  return files.filter((file) => file !== null);
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
