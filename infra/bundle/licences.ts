// The notices of an archive: the licence texts of what is in it, and the licences of what its build installs.
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { FlError } from "../../shared/core/errors.ts";
import { nodeApiHeaders, tensorflowWheel } from "../native/pins.ts";
import { type LockedPackage, type Lockfile, nameOf } from "./manifest.ts";

/** How packages name the file of their licence. */
const LICENCE_FILE = /^(licen[cs]es?|copying|copyright)([.-].*)?(?<!\.([cm]?[jt]s|json|map))$/i;

/** Packages that name this project's own licence need no second copy of its text. */
const TEXT_IN_LICENSE = "Licensed under the Apache License, Version 2.0: its text is in LICENSE.";

/** Whose the MIT licence is in packages that are published without a file of its text: as they say elsewhere. */
const MIT_OF: Readonly<Record<string, string>> = {
  "@bomb.sh/tab": "Author: Bombshell Authors",
  "@tensorflow/tfjs-layers": "Copyright 2018 Google LLC",
  "data-uri-to-buffer": "Copyright (c) 2014 Nathan Rajlich",
  "stream-events": "Author: Stephen Sawchuk",
  stubs: "Author: Stephen Sawchuk",
};

/** Other people's code, under the MIT licence, in the published files of a package. */
const MIT_PARTS: Readonly<Record<string, string>> = {
  "@tensorflow/tfjs": "seedrandom\n\nCopyright 2019 David Bau",
};

export interface NoticesOptions {
  readonly root: string;
  /** The function's own lockfile: what its build installs. */
  readonly installed: Lockfile;
  /** The repository's, with what is part of the bundle. */
  readonly lockfile: Lockfile;
  /** The places of packages that are part of the bundle, such as `node_modules/zod`. */
  readonly bundled: readonly string[];
  readonly hasNative: boolean;
}

/**
 * @throws FlError("failed-precondition") naming each package that is in the archive without the text of its
 *   licence, or that is installed without saying which it has
 */
export async function notices(options: NoticesOptions): Promise<string> {
  const { root, installed, lockfile, bundled, hasNative } = options;
  const problems: string[] = [];
  const texts: string[] = [];
  for (const place of bundled) {
    const entry = lockfile.packages[place] ?? {};
    const text = (await licenceText(join(root, place))) ?? (await textElsewhere(nameOf(place), entry));
    if (text === null) problems.push(`${nameOf(place)} is in the bundle and has no licence text in ${place}`);
    else texts.push(section(heading(place, entry), text));
  }
  const listed = Object.entries(installed.packages).filter(([place]) => place !== "");
  for (const [place, { license }] of listed) {
    if (license === undefined) problems.push(`${nameOf(place)} is installed and names no licence`);
  }
  if (problems.length > 0) throw new FlError("failed-precondition", problems.join("\n"));
  const lines = [...new Set(listed.map(([place, entry]) => heading(place, entry)))];
  const fetched = hasNative
    ? [
        `${tensorflowWheel.name}: Apache-2.0, with its own THIRD_PARTY_NOTICES.txt; both lie beside the library`,
        `${nodeApiHeaders.name}: MIT, to compile with; nothing of it is deployed`,
      ]
    : [];
  return [
    "FedStratus is licensed under the Apache License, Version 2.0: see LICENSE.\n",
    "PART OF THIS ARCHIVE\n",
    ...texts,
    "INSTALLED WHEN IT IS BUILT, each with its licence in its own folder of node_modules\n",
    ...[...lines, ...fetched].map((line) => `${line}\n`),
  ].join("\n");
}

async function licenceText(folder: string): Promise<string | null> {
  const names = await readdir(folder).catch(() => []);
  const found = names.filter((name) => LICENCE_FILE.test(name)).toSorted();
  const texts = await Promise.all(found.map((name) => readFile(join(folder, name), "utf8")));
  const text = texts.map((one) => one.trim()).join("\n\n");
  return text === "" ? null : text;
}

async function textElsewhere(name: string, { license = "" }: LockedPackage): Promise<string | null> {
  const terms = await readFile(new URL("texts/mit.txt", import.meta.url), "utf8");
  const mit = (holder: string | undefined) =>
    holder === undefined ? null : `The MIT License\n\n${holder}\n\n${terms.trim()}`;
  const texts = license
    .split(" AND ")
    .map((part) => (part === "Apache-2.0" ? TEXT_IN_LICENSE : part === "MIT" ? mit(MIT_OF[name]) : null));
  if (texts.includes(null)) return null;
  const part = MIT_PARTS[name];
  return [...texts, ...(part === undefined ? [] : [mit(`Of its part ${part}`)])].join("\n\n");
}

function heading(place: string, { version, license }: LockedPackage): string {
  return `${nameOf(place)} ${version ?? ""}: ${license ?? "see the text"}`;
}

function section(title: string, text: string): string {
  return `${title}\n${"-".repeat(title.length)}\n\n${text.replaceAll("\r\n", "\n")}\n`;
}
