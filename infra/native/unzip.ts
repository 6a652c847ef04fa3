// Takes some files out of a zip archive of any size, one by one, without holding one in memory.
import { createReadStream, createWriteStream } from "node:fs";
import { type FileHandle, mkdir, open, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createInflateRaw } from "node:zlib";

interface Entry {
  readonly name: string;
  readonly isDeflated: boolean;
  readonly packedBytes: number;
  readonly headerAt: number;
}

// The structures and their fields: APPNOTE.TXT of PKWARE, 4.3.
const END_SIGNATURE = 0x06054b50;
const END_BYTES = 22;
const MAX_COMMENT_BYTES = 0xffff;
const ENTRY_SIGNATURE = 0x02014b50;
const ENTRY_BYTES = 46;
const LOCAL_BYTES = 30;
const DEFLATED = 8;

/**
 * Unpacks the files for which `placeOf` gives a path relative to `folder`.
 *
 * @throws Error when the archive is damaged
 */
export async function unzip(
  archive: string,
  folder: string,
  placeOf: (name: string) => string | null,
): Promise<void> {
  const file = await open(archive);
  try {
    for (const entry of await entriesOf(file, archive)) {
      const place = placeOf(entry.name);
      if (place === null || entry.name.endsWith("/")) continue;
      if (place.split("/").includes("..")) throw new Error(`${archive} holds a path that leads out of it`);
      await unpack(archive, file, entry, join(folder, place));
    }
  } finally {
    await file.close();
  }
}

async function entriesOf(file: FileHandle, archive: string): Promise<readonly Entry[]> {
  const { size } = await file.stat();
  const tailBytes = Math.min(size, END_BYTES + MAX_COMMENT_BYTES);
  const tail = await read(file, size - tailBytes, tailBytes);
  let end = tail.length - END_BYTES;
  while (end >= 0 && tail.readUInt32LE(end) !== END_SIGNATURE) end--;
  if (end < 0) throw new Error(`${archive} is not a zip archive`);
  const count = tail.readUInt16LE(end + 10);
  const directory = await read(file, tail.readUInt32LE(end + 16), tail.readUInt32LE(end + 12));
  const entries: Entry[] = [];
  for (let at = 0; entries.length < count; ) {
    if (at + ENTRY_BYTES > directory.length || directory.readUInt32LE(at) !== ENTRY_SIGNATURE) {
      throw new Error(`${archive} is damaged: its directory ends early`);
    }
    const nameBytes = directory.readUInt16LE(at + 28);
    entries.push({
      name: directory.toString("utf8", at + ENTRY_BYTES, at + ENTRY_BYTES + nameBytes),
      isDeflated: directory.readUInt16LE(at + 10) === DEFLATED,
      packedBytes: directory.readUInt32LE(at + 20),
      headerAt: directory.readUInt32LE(at + 42),
    });
    at += ENTRY_BYTES + nameBytes + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32);
  }
  return entries;
}

async function unpack(archive: string, file: FileHandle, entry: Entry, path: string): Promise<void> {
  const header = await read(file, entry.headerAt, LOCAL_BYTES);
  const start = entry.headerAt + LOCAL_BYTES + header.readUInt16LE(26) + header.readUInt16LE(28);
  await mkdir(dirname(path), { recursive: true });
  if (entry.packedBytes === 0) return await writeFile(path, "");
  const target = createWriteStream(path);
  const packed = createReadStream(archive, { start, end: start + entry.packedBytes - 1 });
  if (entry.isDeflated) await pipeline(packed, createInflateRaw(), target);
  else await pipeline(packed, target);
}

async function read(file: FileHandle, position: number, bytes: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(bytes), 0, bytes, position);
  return buffer.subarray(0, bytesRead);
}
