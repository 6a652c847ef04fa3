// Files that a person names for results: they are written under another name, and are there as a whole or not
// at all.
import { existsSync } from "node:fs";
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { FlError } from "../../../shared/core/errors.ts";
import { requireWritableFile } from "../../cli/files.ts";
import { whyNot } from "../../setup/faults.mjs";

export interface NewFile {
  readonly path: string;
  write(text: string): Promise<void>;
}

/**
 * @param option that names it
 * @throws FlError("invalid-argument") where it exists and may not be replaced, or cannot be written
 */
export function newFile(option: string, file: string, cwd: string, force: boolean): NewFile {
  const path = requireNew(option, file, cwd, force);
  return {
    path,
    write: async (text) => {
      const drafts = await openDrafts(option, [file], cwd, true);
      try {
        await orRefused(option, file, () => writeFile(drafts.paths[0] ?? "", text));
        await drafts.finish();
      } finally {
        await drafts.discard();
      }
    },
  };
}

export interface Drafts {
  /** Where to write, in the order of the files; their endings are the files'. */
  readonly paths: readonly string[];
  /** Moves all to where they belong. */
  finish(): Promise<void>;
  /** Removes what was written, where it was not finished. */
  discard(): Promise<void>;
}

/** Several files of one folder. @throws as `newFile` */
export async function openDrafts(
  option: string,
  files: readonly string[],
  cwd: string,
  force: boolean,
): Promise<Drafts> {
  const wanted = files.map((file) => requireNew(option, file, cwd, force));
  const [first = "", [named = ""] = []] = [wanted[0], files];
  const draft = await orRefused(option, named, () =>
    mkdtemp(join(dirname(first), `.${basename(first)}-part-`)),
  );
  const paths = wanted.map((path) => join(draft, basename(path)));
  return {
    paths,
    finish: () =>
      orRefused(option, named, async () => {
        for (const [i, path] of wanted.entries()) await rename(paths[i] ?? "", path);
      }),
    discard: () => rm(draft, { recursive: true, force: true }),
  };
}

function requireNew(option: string, file: string, cwd: string, force: boolean): string {
  const path = resolve(cwd, file);
  if (existsSync(path) && !force) {
    throw new FlError(
      "invalid-argument",
      `${option} ${file} exists already. Name another file, or replace it by --force.`,
    );
  }
  requireWritableFile(option, path);
  return path;
}

async function orRefused<T>(option: string, file: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw new FlError("failed-precondition", `${option} ${file} cannot be written: ${whyNot(cause)}.`, {
      cause,
    });
  }
}
