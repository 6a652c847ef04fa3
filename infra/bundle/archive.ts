// Archives of bundles, as Cloud Functions takes them: named after what is in them, the same bytes for the
// same files.
import { createHash } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { type Zippable, zipSync } from "fflate";
import { FUNCTION_NAMES, type FunctionName } from "../../shared/core/protocol/tasks.ts";
import type { Bundle } from "./bundleFunctions.ts";
import { PROVENANCE_FILE, provenance, type Source, SUMS_FILE, sums } from "./provenance.ts";
import { writeFolder } from "./writeFolder.ts";

export interface Archive {
  /** `<function>-<hash>.zip`, within the folder of archives. */
  readonly file: string;
  readonly sizeBytes: number;
}

/** What Terraform reads: the archive of each function. */
const INDEX_FILE = "archives.json";
const HASH_LENGTH = 16;

/**
 * The earliest moment a zip can hold. It is written in local time, so it is made in local time: the bytes are
 * the same in every time zone.
 */
const EARLIEST = new Date(1980, 0, 1);
const REGULAR_FILE_MODE = 0o100644;
const UNIX = 3;

/**
 * A zip of `files` (content by path, forward slashes). Same files, same bytes, whatever their order, the date
 * or the zone.
 */
export function zipOf(files: Readonly<Record<string, Uint8Array>>): Uint8Array {
  const options = { level: 9, mtime: EARLIEST, os: UNIX, attrs: REGULAR_FILE_MODE << 16 } as const;
  const entries: Zippable = {};
  for (const path of Object.keys(files).toSorted())
    entries[path] = [files[path] ?? new Uint8Array(), options];
  return zipSync(entries);
}

/**
 * Makes `folder` hold the archive of every bundle, the index of them, where they come from, the sums of all,
 * and nothing else.
 */
export async function writeArchives(
  bundles: Readonly<Record<FunctionName, Bundle>>,
  folder: string,
  source: Source,
): Promise<ReadonlyMap<FunctionName, Archive>> {
  const archives = new Map<FunctionName, Archive>();
  const contents: Record<string, Uint8Array> = {};
  for (const name of FUNCTION_NAMES) {
    const bytes = zipOf(bundles[name].files);
    const hash = createHash("sha256").update(bytes).digest("hex").slice(0, HASH_LENGTH);
    const file = `${name}-${hash}.zip`;
    contents[file] = bytes;
    archives.set(name, { file, sizeBytes: bytes.byteLength });
  }
  const index = Object.fromEntries([...archives].map(([name, { file }]) => [name, file]));
  contents[PROVENANCE_FILE] = provenance(contents, source);
  contents[INDEX_FILE] = Buffer.from(`${JSON.stringify(index, null, 2)}\n`);
  contents[SUMS_FILE] = sums(contents);
  await mkdir(folder, { recursive: true });
  await writeFolder(folder, contents);
  return archives;
}
