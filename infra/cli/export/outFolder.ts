// The folder that an export is written into: under another name until all of it is there.
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rename, rm, rmdir } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { FlError } from "../../../shared/core/errors.ts";
import { whyNot } from "../../setup/faults.mjs";
import { requireFolder } from "../files.ts";

export interface OutFolder {
  /** Where the files are written to; empty to begin with. */
  readonly folder: string;
  /**
   * Moves all files to where they belong; returns their paths, in order.
   *
   * @throws FlError("unavailable") saying why they cannot be moved
   */
  finish(): Promise<readonly string[]>;
  /** Removes what was written, where it was not finished. */
  discard(): Promise<void>;
}

/**
 * A folder to write into, beside the one that is wanted.
 *
 * @param force whether a folder that exists is written into: files of the same names are replaced then, each
 *   at once, and all others stay as they are
 * @param option what names the folder, in messages
 * @throws FlError("invalid-argument") where the folder exists, or nothing can be written there
 */
export async function openOutFolder(out: string, force: boolean, option = "--out"): Promise<OutFolder> {
  const wanted = resolve(out);
  const exists = existsSync(wanted);
  if (exists && !force) {
    throw new FlError(
      "invalid-argument",
      `${option} ${out} exists already. Name another folder, or replace the files of the same names in it by --force.`,
    );
  }
  const parent = dirname(wanted);
  requireFolder(option, exists ? out : parent);
  const folder = await orRefused(`${option} ${out}`, () =>
    mkdtemp(join(exists ? wanted : parent, `.${basename(wanted)}-part-`)),
  );
  let isOpen = true;
  return {
    folder,
    finish: () =>
      orRefused(`${option} ${out}`, async () => {
        const files = await filesIn(folder);
        if (exists) await moveEach(folder, wanted, files);
        else await rename(folder, wanted);
        isOpen = false;
        return files.map((file) => join(out, file));
      }),
    discard: async () => {
      if (isOpen) await rm(folder, { recursive: true, force: true });
      isOpen = false;
    },
  };
}

/** Relative paths, in order. */
async function filesIn(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .toSorted();
}

async function moveEach(from: string, to: string, files: readonly string[]): Promise<void> {
  for (const file of files) {
    await mkdir(dirname(join(to, file)), { recursive: true });
    await rename(join(from, file), join(to, file));
  }
  const folders = (await readdir(from, { recursive: true })).toSorted().toReversed();
  for (const folder of folders) await rmdir(join(from, folder));
  await rmdir(from);
}

async function orRefused<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw new FlError("unavailable", `${what} cannot be written to: ${whyNot(cause)}.`, { cause });
  }
}
