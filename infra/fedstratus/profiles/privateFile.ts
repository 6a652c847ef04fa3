// Files that are a person's alone: mode 0600 in folders of mode 0700, replaced in one step.
import { randomBytes } from "node:crypto";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { FlError } from "../../../shared/core/errors.ts";
import { whyNot } from "../../setup/faults.mjs";

/** Its text; undefined where there is no such file. @throws FlError saying why it cannot be read */
export async function readPrivate(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    if (Object(cause).code === "ENOENT") return undefined;
    throw new FlError("failed-precondition", `${path} cannot be read: ${whyNot(cause)}.`, { cause });
  }
}

/** @throws FlError saying why it cannot be written */
export async function writePrivate(path: string, text: string): Promise<void> {
  const draft = `${path}.${randomBytes(4).toString("hex")}`;
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeFile(draft, text, { mode: 0o600 });
    await rename(draft, path);
  } catch (cause) {
    await rm(draft, { force: true });
    throw new FlError("failed-precondition", `${path} cannot be written: ${whyNot(cause)}.`, { cause });
  }
}
