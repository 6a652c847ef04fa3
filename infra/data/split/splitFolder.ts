// The folder of a split: under another name until all of it is there, and replaced as a whole.
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { FlError } from "../../../shared/core/errors.ts";
import { requireFolder } from "../../cli/files.ts";
import { whyNot } from "../../setup/faults.mjs";

/** What came of it, beside the clients' files. */
const MANIFEST = "split.json";
/** Where the clients' files are. */
export const CLIENTS = "clients";

export interface SplitFolder {
  /** For the clients' files; it is there and empty. */
  readonly clients: string;
  /** Adds the manifest, and puts all of it where it belongs. */
  finish(manifest: object): Promise<void>;
  /** Removes what was written, where it was not finished. */
  discard(): Promise<void>;
}

/**
 * @param out as the person wrote it, for messages
 * @param path of it
 * @param force whether a split that is there is replaced: all of it, so that no client of it is left over
 * @throws FlError("invalid-argument") where something is there that may not be replaced, or nothing can be
 *   written
 */
export async function openSplitFolder(out: string, path: string, force: boolean): Promise<SplitFolder> {
  const wanted = resolve(path);
  const isThere = existsSync(wanted) && (await entriesOf(wanted, out)).length > 0;
  if (isThere) await requireReplaceable(wanted, out, force);
  requireFolder("--out", dirname(wanted));
  const draft = await orRefused(out, () => mkdtemp(join(dirname(wanted), `.${basename(wanted)}-part-`)));
  let isOpen = true;
  const clients = join(draft, CLIENTS);
  await orRefused(out, () => mkdir(clients));
  return {
    clients,
    finish: (manifest) =>
      orRefused(out, async () => {
        await writeFile(join(draft, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`);
        if (existsSync(wanted)) {
          const old = await mkdtemp(join(dirname(wanted), `.${basename(wanted)}-old-`));
          await rename(wanted, join(old, "split"));
          await rename(draft, wanted);
          await rm(old, { recursive: true, force: true });
        } else await rename(draft, wanted);
        isOpen = false;
      }),
    discard: async () => {
      if (isOpen) await rm(draft, { recursive: true, force: true });
      isOpen = false;
    },
  };
}

async function entriesOf(folder: string, out: string): Promise<readonly string[]> {
  return readdir(folder).catch((cause: unknown) => {
    throw new FlError("invalid-argument", `--out ${out} cannot be used: ${whyNot(cause)}. Name a folder.`, {
      cause,
    });
  });
}

/** Only what a split has written is replaced: anything else may be somebody's work. */
async function requireReplaceable(folder: string, out: string, force: boolean): Promise<void> {
  if (!force) {
    throw new FlError(
      "invalid-argument",
      `--out ${out} exists already. Name another folder, or replace the split in it by --force.`,
    );
  }
  const manifest = await readFile(join(folder, MANIFEST), "utf8")
    .then(JSON.parse)
    .catch(() => null);
  const others = (await readdir(folder)).filter((name) => name !== MANIFEST && name !== CLIENTS);
  if (Object(manifest).splitVersion !== undefined && others.length === 0) return;
  const why =
    others.length === 0 ? `it has no ${MANIFEST}` : `it holds ${others.slice(0, 5).join(", ")}, too`;
  throw new FlError(
    "invalid-argument",
    `--out ${out} is not replaced, because it is no split alone: ${why}. Name another folder, or remove this one.`,
  );
}

async function orRefused<T>(out: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof FlError) throw cause;
    throw new FlError("failed-precondition", `--out ${out} cannot be written to: ${whyNot(cause)}.`, {
      cause,
    });
  }
}
