// The files of a data set: what an address names, be it a file, a folder, a pattern with `*`, or a prefix in
// a bucket; and their bytes, whole or in part.
import { createHash } from "node:crypto";
import { readdir, stat } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { createGunzip } from "node:zlib";
import { FlError } from "../../core/errors.ts";
import {
  askJson,
  type ByteRange,
  GS,
  type OpenSource,
  openSource,
  type SourceOptions,
  sourceVersion,
  unreadableFile,
} from "../source.ts";

/** One file of a data set. */
export interface DataFile {
  /** Below the folder or prefix, with forward slashes; the file's own where the address names it. */
  readonly name: string;
  readonly address: string;
  /** As it lies there. */
  readonly sizeBytes: number;
  readonly version: string;
  /** Its bytes, or a part of them. Throws FlError("unavailable") where the file has been replaced since. */
  open(range?: ByteRange): Promise<OpenSource>;
}

/** More files than anybody keeps a data set in; a list of them takes some hundred bytes each. */
const MAX_FILES = 200_000;
const PAGE = 1_000;

/**
 * The files at an address, in the order of their names. Files and folders whose names begin with a dot or an
 * underscore are not data and are left out where a folder or a pattern is read.
 *
 * @throws FlError("failed-precondition"), naming the address, when there is none or they may not be read;
 *   FlError("too-large") for too many; FlError("unavailable") when the storage does not answer.
 */
export async function listFiles(address: string, options: SourceOptions): Promise<readonly DataFile[]> {
  const files = address.startsWith("file://")
    ? await localFiles(address, options)
    : await bucketFiles(address, options);
  if (files.length > 0) return files.toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  throw new FlError(
    "failed-precondition",
    `The data set at ${address} cannot be read: there is no file of that name or pattern: put it there, or check the address.`,
  );
}

/** Names the content of all of them: another one as soon as one is replaced, added or removed. */
export function versionOf(files: readonly DataFile[]): string {
  const hash = createHash("sha256");
  for (const { name, version, sizeBytes } of files) hash.update(`${name}\0${version}\0${sizeBytes}\n`);
  return hash.digest("base64url");
}

async function localFiles(address: string, options: SourceOptions): Promise<readonly DataFile[]> {
  const path = fileURLToPath(address);
  const isPattern = path.includes("*");
  const root = isPattern ? path.slice(0, path.lastIndexOf("/", path.indexOf("*")) + 1) : path;
  try {
    const there = await stat(root);
    if (there.isFile()) return [await localFile(root, "", address, options)];
    const pattern = path.slice(root.length);
    const isNamed = (name: string) => !isPattern || fits(name, pattern);
    // A link may stand for a folder, which such an address reaches into.
    const isDeep = !isPattern || /\/|\*\*/.test(pattern);
    const entries = await readdir(root, { recursive: true, withFileTypes: true });
    const named = entries
      .filter((entry) => !entry.isDirectory())
      .map((entry) => ({ entry, each: join(entry.parentPath, entry.name) }))
      .map(({ entry, each }) => ({ entry, each, name: relative(root, each).replaceAll(sep, "/") }))
      .filter(({ entry, name }) => isData(name) && (isNamed(name) || (isDeep && entry.isSymbolicLink())));
    checkNumber(named.length, address);
    const found = named.map(({ each, name }) => listed(each, name, isNamed(name), options));
    return (await Promise.all(found)).filter((file) => file !== null);
  } catch (cause) {
    throw cause instanceof FlError ? cause : unreadableFile(address, cause);
  }
}

/**
 * A file of a folder, a link to one included; null for a link to a file that is not named.
 *
 * Links to folders are not followed, so that nothing is read twice or without end. As what they lead to would
 * be missing without a word, they are refused; so is what is no file, which may be read for ever.
 */
async function listed(
  path: string,
  name: string,
  isNamed: boolean,
  options: SourceOptions,
): Promise<DataFile | null> {
  const { href } = pathToFileURL(path);
  let found: Awaited<ReturnType<typeof stat>>;
  try {
    found = await stat(path);
  } catch (cause) {
    if (!isNamed) return null;
    throw unreadableFile(href, cause);
  }
  if (found.isDirectory()) {
    throw unreadable(
      href,
      "it is a link to a folder, and only links to files are followed: move the folder here, or mount it",
    );
  }
  if (!isNamed) return null;
  if (!found.isFile())
    throw unreadable(href, "it is no file, but a pipe, a socket or a device: take it out of the folder");
  return localFile(path, name, href, options);
}

function unreadable(address: string, why: string): FlError {
  return new FlError("failed-precondition", `The data set at ${address} cannot be read: ${why}.`);
}

async function localFile(
  path: string,
  name: string,
  address: string,
  options: SourceOptions,
): Promise<DataFile> {
  const { mtimeNs, ctimeNs, size } = await stat(path, { bigint: true });
  const file = { name: name === "" ? lastPart(path) : name, address, sizeBytes: Number(size) };
  return { ...file, ...opening(file.address, `${mtimeNs}-${ctimeNs}-${size}`, options) };
}

async function bucketFiles(address: string, options: SourceOptions): Promise<readonly DataFile[]> {
  const [, bucket = "", object = ""] = GS.exec(address) ?? [];
  if (object.includes("*")) {
    const prefix = object.slice(0, object.lastIndexOf("/", object.indexOf("*")) + 1);
    const below = await listBelow(address, bucket, prefix, options);
    return below.filter(({ name }) => fits(name, object.slice(prefix.length)));
  }
  if (object.endsWith("/")) return listBelow(address, bucket, object, options);
  try {
    const path = `${encodeURIComponent(bucket)}/o/${encodeURIComponent(object)}?fields=name,size,generation`;
    return [objectFile(Object(await askJson(address, path, options)), bucket, "", options)];
  } catch (error) {
    if (!(error instanceof FlError) || !error.message.includes("HTTP 404")) throw error;
    const inFolder = await listBelow(address, bucket, `${object}/`, options);
    if (inFolder.length === 0) throw error;
    return inFolder;
  }
}

async function listBelow(
  address: string,
  bucket: string,
  prefix: string,
  options: SourceOptions,
): Promise<readonly DataFile[]> {
  const files: DataFile[] = [];
  let pageToken: string | undefined;
  do {
    const query = new URLSearchParams({
      prefix,
      maxResults: String(PAGE),
      fields: "items(name,size,generation),nextPageToken",
      ...(pageToken === undefined ? {} : { pageToken }),
    });
    const page = Object(await askJson(address, `${encodeURIComponent(bucket)}/o?${query}`, options));
    for (const item of Array.isArray(page.items) ? page.items : []) {
      const file = objectFile(Object(item), bucket, prefix, options);
      // What stands for a folder, the one that is listed included, is no file.
      if (file.name !== "" && !file.name.endsWith("/") && isData(file.name)) files.push(file);
    }
    checkNumber(files.length, address);
    pageToken = typeof page.nextPageToken === "string" ? page.nextPageToken : undefined;
  } while (pageToken !== undefined);
  return files;
}

function objectFile(
  item: { readonly name?: unknown; readonly size?: unknown; readonly generation?: unknown },
  bucket: string,
  prefix: string,
  options: SourceOptions,
): DataFile {
  const object = String(item.name);
  const address = `gs://${bucket}/${object}`;
  const name = prefix === "" ? lastPart(object) : object.slice(prefix.length);
  const file = { name, address, sizeBytes: Number(item.size) };
  return { ...file, ...opening(address, String(item.generation), options) };
}

function opening(
  address: string,
  version: string,
  options: SourceOptions,
): Pick<DataFile, "version" | "open"> {
  return {
    version,
    open: async (range) => {
      const source = await openSource(address, options, range);
      // A bucket that does not name the version with the content is asked for it.
      const now = source.version === "" ? await sourceVersion(address, options) : source.version;
      if (now === version) return source;
      await source.close();
      throw new FlError("unavailable", `The data set at ${address} was replaced while it was read.`);
    },
  };
}

function checkNumber(files: number, address: string): void {
  if (files <= MAX_FILES) return;
  throw new FlError(
    "too-large",
    `The data set at ${address} has more than ${MAX_FILES} files: put them into fewer and larger ones.`,
  );
}

function isData(name: string): boolean {
  return name.split("/").every((part) => !/^[._]/.test(part));
}

function lastPart(path: string): string {
  return path.slice(Math.max(path.lastIndexOf("/"), path.lastIndexOf(sep)) + 1);
}

/** Whether a name below a folder fits a pattern: `*` is anything but a slash, `**` any folders. */
function fits(name: string, pattern: string): boolean {
  const expression = pattern
    .split(/(\*\*\/|\*+)/)
    .map((part) => {
      if (part === "**/") return "(?:[^/]+/)*";
      if (part.startsWith("**")) return ".*";
      return part === "*" ? "[^/]*" : part.replace(/[\\^$.|?+()[\]{}]/g, "\\$&");
    })
    .join("");
  return new RegExp(`^${expression}$`, "u").test(name);
}

const GZIP = /\.gz$/i;

/** The ending of a file's name that says its format, in lower case: "csv" for `a.csv` and `a.CSV.gz`. */
export function endingOf({ name }: Pick<DataFile, "name">): string {
  return /\.([A-Za-z0-9]+)$/.exec(name.replace(GZIP, ""))?.[1]?.toLowerCase() ?? "";
}

/** Compressed as a whole, so that no part of it can be read alone. */
export function isCompressed({ name }: Pick<DataFile, "name">): boolean {
  return GZIP.test(name);
}

/**
 * The content of a file from its start, decompressed where its name ends in `.gz`. What is not read to the
 * end is closed.
 *
 * @throws FlError("data-loss") for a damaged archive; as the source does
 */
export async function* contentOf(file: DataFile, range?: ByteRange): AsyncGenerator<Uint8Array> {
  const source = await file.open(range);
  try {
    if (isCompressed(file)) yield* gunzipped(source);
    else yield* source.chunks;
  } finally {
    await source.close();
  }
}

const GZIP_BYTE = 0x1f;
const NOT_GZIP =
  "its name ends in .gz, and it is not compressed by gzip: take the ending off, or compress it (a bucket may have decompressed it)";

async function* gunzipped(source: OpenSource): AsyncGenerator<Uint8Array> {
  const gunzip = createGunzip();
  let sourceFault: unknown;
  let isFirst = true;
  const feeding = (async () => {
    for await (const chunk of source.chunks) {
      if (gunzip.destroyed) return;
      if (isFirst && chunk[0] !== GZIP_BYTE) throw badFile(source, NOT_GZIP);
      isFirst = false;
      if (!gunzip.write(chunk))
        await new Promise((resolve) => gunzip.once("drain", resolve).once("close", resolve));
    }
    gunzip.end();
  })().catch((error: unknown) => {
    sourceFault = error;
    gunzip.destroy(new Error("its source failed"));
  });
  try {
    yield* gunzip;
  } catch (cause) {
    if (sourceFault !== undefined) throw sourceFault;
    throw new FlError(
      "data-loss",
      `The data set at ${source.address} is damaged or truncated: it cannot be decompressed. Upload it again.`,
      { cause },
    );
  } finally {
    gunzip.destroy();
    await feeding;
  }
}

/** Some bytes of a file. Throws FlError("data-loss") where it has fewer. */
export async function bytesOf(file: DataFile, range: ByteRange): Promise<Buffer<ArrayBuffer>> {
  const length = range.end - range.begin;
  const bytes = Buffer.alloc(length);
  let at = 0;
  if (length > 0) {
    for await (const chunk of contentOf(file, range)) {
      bytes.set(chunk.subarray(0, length - at), at);
      at += Math.min(chunk.byteLength, length - at);
      if (at === length) break;
    }
  }
  if (at < length) throw cutShort(file);
  return bytes;
}

export function cutShort({ address }: Pick<DataFile, "address">): FlError {
  return new FlError("data-loss", `The data set at ${address} is truncated: upload it again.`);
}

export function badFile({ address }: Pick<DataFile, "address">, what: string, cause?: unknown): FlError {
  return new FlError(
    "invalid-argument",
    `Bad data set at ${address}: ${what}.`,
    cause === undefined ? {} : { cause },
  );
}
