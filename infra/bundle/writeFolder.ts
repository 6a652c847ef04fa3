// Makes a folder hold exactly the given files, so that a process that runs from it never reads half a file.
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

/**
 * Writes what differs, each file by a rename, then removes what is left over. A second call with the same
 * files touches nothing.
 *
 * @param files content by path relative to `folder`, with forward slashes
 */
export async function writeFolder(
  folder: string,
  files: Readonly<Record<string, Uint8Array>>,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  const changed: (readonly [path: string, content: Uint8Array])[] = [];
  for (const [path, content] of Object.entries(files)) {
    if (!(await holds(join(folder, path), content))) changed.push([path, content]);
  }
  if (changed.length > 0) await replace(folder, changed);
  const wanted = new Set(Object.keys(files).map((path) => join(folder, path)));
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (!entry.isDirectory() && !wanted.has(path)) await rm(path, { force: true });
  }
}

async function replace(
  folder: string,
  files: readonly (readonly [path: string, content: Uint8Array])[],
): Promise<void> {
  const staging = await mkdtemp(`${folder}.`);
  try {
    for (const [path, content] of files) {
      const target = join(folder, path);
      const staged = join(staging, path.replaceAll("/", "+"));
      await writeFile(staged, content);
      await mkdir(dirname(target), { recursive: true });
      await rename(staged, target);
    }
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

async function holds(path: string, content: Uint8Array): Promise<boolean> {
  try {
    return (await readFile(path)).equals(content);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return false;
    throw error;
  }
}
