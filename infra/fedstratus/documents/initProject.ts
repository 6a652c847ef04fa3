// Writes a new project into a folder: all of its files or none, and over others only where that is asked for.
import { lstat, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { FlError } from "../../../shared/core/errors.ts";
import { openOutFolder } from "../../cli/export/outFolder.ts";
import { requireFolder } from "../../cli/files.ts";
import { shellWord } from "../../cli/shellWord.ts";
import { whyNot } from "../../setup/faults.mjs";
import type { Context } from "../frame/context.ts";
import type { ExitName } from "../frame/exitCodes.ts";
import { askTemplate } from "../input/askTemplate.ts";
import { pathOf } from "../input/specFile.ts";
import type { TemplateName } from "../templates/names.ts";
import { nextCommands, projectFiles } from "../templates/projectFiles.ts";

export interface InitGiven {
  readonly template: TemplateName | undefined;
  readonly force: boolean;
}

/** @param dir as the person wrote it */
export async function initProject(
  dir: string,
  given: InitGiven,
  context: Context,
): Promise<ExitName | undefined> {
  const { io, out } = context;
  const template = given.template ?? (await askTemplate(context));
  if (template === undefined) return "interrupted";
  const texts = projectFiles(template);
  const names = Object.keys(texts);
  const folder = pathOf(dir, io);
  const place: Place = { dir, folder, names };
  await (given.force ? requireFiles(place) : requireEmpty(place));
  await write(folder, texts);
  const files = names.map((name) => join(dir, name));
  const next = nextCommands(template, (name) => shellWord(join(dir, name)));
  await out.document({ template, folder: dir, files, next }, () => [
    ...files,
    "",
    "Next:",
    ...next.map((command) => `  ${command}`),
  ]);
  if (io.launch !== undefined) {
    out.say(`Or, with data in it, in a local cloud: npm run federate -- ${shellWord(dir)}`);
  }
  return undefined;
}

interface Place {
  readonly dir: string;
  readonly folder: string;
  /** Of the files that are to be written. */
  readonly names: readonly string[];
}

/** @throws FlError("already-exists") with each file that would be replaced */
async function requireEmpty({ dir, folder, names }: Place): Promise<void> {
  const there = await entriesOf(folder, dir);
  if (there.length === 0) return;
  const replaced = names.filter((name) => there.includes(name)).map((name) => join(dir, name));
  const all =
    replaced.length === 0
      ? " Nothing in it would be replaced."
      : ` These would be replaced: ${replaced.join(", ")}.`;
  throw new FlError(
    "already-exists",
    `The folder ${dir} is not empty. Name another one, or write into it by --force.${all}`,
    { problems: replaced.map((path) => ({ path, message: "would be replaced" })) },
  );
}

/** @throws FlError("failed-precondition") with each folder that has the name of a file */
async function requireFiles({ dir, folder, names }: Place): Promise<void> {
  const there = await entriesOf(folder, dir);
  const taken = names.filter((name) => there.includes(name));
  const isFolder = await Promise.all(
    taken.map(async (name) => (await lstat(join(folder, name))).isDirectory()),
  );
  const folders = taken.filter((_, i) => isFolder[i]).map((name) => join(dir, name));
  if (folders.length === 0) return;
  throw new FlError(
    "failed-precondition",
    `A file cannot be written where a folder has its name. Move these: ${folders.join(", ")}.`,
    { problems: folders.map((path) => ({ path, message: "is a folder" })) },
  );
}

/** None where there is no folder yet. @throws FlError("invalid-argument") for what cannot be read as one */
async function entriesOf(folder: string, dir: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (cause) {
    if (Object(cause).code === "ENOENT") return [];
    throw new FlError(
      "invalid-argument",
      `${dir} cannot be used: ${whyNot(cause)}. Name a folder, or one to be made.`,
      { cause },
    );
  }
}

async function write(folder: string, texts: Readonly<Record<string, string>>): Promise<void> {
  requireFolder("init", folder);
  const part = await openOutFolder(folder, true, "init");
  try {
    for (const [name, text] of Object.entries(texts)) await writeFile(join(part.folder, name), text);
    await part.finish();
  } finally {
    await part.discard();
  }
}
