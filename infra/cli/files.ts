// Files and folders that a person names: whether they can be used is checked before the work, and reported in
// a sentence.
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  rmdirSync,
  rmSync,
  statSync,
} from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { FlError } from "../../shared/core/errors.ts";
import { whyNot } from "../setup/faults.mjs";

/** The text of a file. @throws FlError("invalid-argument") saying why it cannot be read */
export async function readText(path: string): Promise<string> {
  return (await readBytes(path)).toString("utf8");
}

/** The bytes of a file. @throws FlError("invalid-argument") saying why they cannot be read */
export async function readBytes(path: string): Promise<Buffer<ArrayBuffer>> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new FlError(
      "invalid-argument",
      `${path} cannot be read: ${whyNot(error)}. Name a file that is there, and that you may read.`,
      { cause: error },
    );
  }
}

/**
 * Makes sure, before the work, that its result can be written; what a file holds stays until then.
 *
 * @param option that names it, such as `--json`; undefined: it was not given
 * @throws FlError("invalid-argument") saying why it cannot be
 */
export function requireWritableFile(option: string, path: string | undefined): void {
  if (path === undefined) return;
  try {
    if (path === "") throw new Error("it has no name");
    tryToWrite(path);
  } catch (error) {
    const why = existsSync(dirname(resolve(path))) ? error : new Error("its folder does not exist");
    throw refused(option, path, why, "Name a file in a folder that exists and can be written to");
  }
}

/**
 * Writes a result.
 *
 * @throws FlError("unavailable") saying why it cannot be written
 */
export async function writeResult(option: string, path: string, text: string): Promise<void> {
  try {
    await writeFile(path, text);
  } catch (error) {
    throw new FlError(
      "unavailable",
      `The result could not be written to ${path} (${option}): ${whyNot(error)}. All else is done.`,
      { cause: error },
    );
  }
}

/**
 * Makes the folder where it is missing, and makes sure that files can be put there.
 *
 * @param mode its rights, where it is made
 * @throws FlError("invalid-argument") saying why they cannot
 */
export function requireFolder(option: string, path: string | undefined, mode = 0o777): void {
  if (path === undefined) return;
  try {
    if (path === "") throw new Error("it has no name");
    makeFolder(resolve(path), mode);
    readdirSync(path); // This refuses a file.
    accessSync(path, constants.W_OK | constants.X_OK);
    rmdirSync(mkdtempSync(join(resolve(path), ".try-")));
  } catch (error) {
    throw refused(option, path, error, "Name a folder that can be written to, or one to be made");
  }
}

/**
 * Makes sure that the system's temporary folder can be used.
 *
 * @throws FlError("failed-precondition") saying why it cannot
 */
export function requireTemporaryFolder(): void {
  const folder = tmpdir();
  try {
    rmdirSync(mkdtempSync(join(folder, "fedstratus-")));
  } catch (error) {
    throw new FlError(
      "failed-precondition",
      `The temporary folder ${folder} cannot be used: ${whyNot(error)}. Set TMPDIR to a folder that can be written to.`,
      { cause: error },
    );
  }
}

/**
 * Leaves all as it is: what a file holds, a link whose target is still to be made, and a pipe, whose reader
 * would take opening and closing it for the end.
 */
function tryToWrite(path: string): void {
  const target = statSync(path, { throwIfNoEntry: false });
  if (target !== undefined) {
    if (target.isFile() || target.isDirectory()) closeSync(openSync(path, "a"));
    else accessSync(path, constants.W_OK);
  } else if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink()) {
    tryToWrite(resolve(realpathSync(dirname(path)), readlinkSync(path)));
  } else {
    closeSync(openSync(path, "ax"));
    rmSync(path);
  }
}

/**
 * Not mkdir's `recursive`, which never ends where a folder exists and none can be made in it, as in /proc.
 */
function makeFolder(path: string, mode: number): void {
  if (existsSync(path)) return;
  makeFolder(dirname(path), mode);
  mkdirSync(path, mode);
}

function refused(option: string, path: string, error: unknown, remedy: string): FlError {
  return new FlError("invalid-argument", `${option} ${path} cannot be used: ${whyNot(error)}. ${remedy}.`, {
    cause: error,
  });
}
