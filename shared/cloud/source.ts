// Reads a data set from where its owner keeps it: a bucket (gs://) or a mounted folder (file://), in pieces.
// Plain fetch with the function's own identity: the client function loads no Google library.
import { type FileHandle, open } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { FlError } from "../core/errors.ts";
import type { IdTokenSource } from "./auth/idTokenSource.ts";

export interface SourceOptions {
  readonly tokens: IdTokenSource;
  /** The local cloud's storage; Google's when absent. */
  readonly storageEndpoint?: string | undefined;
}

/** A data set that is being read. */
export interface OpenSource {
  readonly address: string;
  /** Names this content: it changes when the file or object is replaced. */
  readonly version: string;
  readonly sizeBytes: number | null;
  /** The bytes in order, once. Throws FlError("unavailable") when they stop coming. */
  readonly chunks: AsyncIterable<Uint8Array>;
  /** Ends the reading; to be called whether or not all was read. */
  close(): Promise<void>;
}

/** A bucket and an object in it. */
export const GS = /^gs:\/\/([^/]+)\/(.+)$/;

const GOOGLE_STORAGE = "https://storage.googleapis.com";
const TIMEOUT_MS = 300_000;
const CHUNK_BYTES = 2 ** 20;

/** What `{data}` stands for in a run that names no data set. */
const DEFAULT_DATA = "default";

/**
 * The address of a data set: the template with the client's name in the place of `{clientId}` and the run's
 * `data` in that of `{data}`. A template without `{data}` is the address of the only, unnamed one; others lie
 * in a folder of its name without the ending: `clients/{clientId}.safetensors` is beside
 * `clients/{clientId}/{data}.safetensors`.
 *
 * @param names without slashes, as their schemas see to.
 */
export function sourceFor(
  template: string,
  { clientId, data }: { readonly clientId?: string | undefined; readonly data?: string | undefined },
): string {
  const place = data === undefined || template.includes("{data}") ? template : withDataName(template);
  // One pass, so that a name cannot hold a placeholder; by a function, so that it cannot hold a `$&`.
  return place.replace(/\{(clientId|data)\}/g, (placeholder, name) =>
    name === "data" ? (data ?? DEFAULT_DATA) : (clientId ?? placeholder),
  );
}

/** Where a template's named data sets lie: in a folder of their name, beside what it says. */
function withDataName(template: string): string {
  if (template.endsWith("/")) return `${template}{data}/`;
  // Before the first part of the path that has a pattern in it.
  if (template.includes("*")) return template.replace(/[^/]*\*.*$/, (pattern) => `{data}/${pattern}`);
  return template.replace(/(\.[A-Za-z0-9]+)?$/, (ending) => `/{data}${ending}`);
}

/** Bytes of a file: from `begin` (inclusive) to `end` (exclusive). */
export interface ByteRange {
  readonly begin: number;
  readonly end: number;
}

/**
 * Opens the data set at `address`, or a part of its bytes.
 *
 * @throws FlError("failed-precondition"), naming the address, when there is nothing or we may not read it,
 *   which only its owner can put right; FlError("unavailable") when the storage does not answer.
 */
export async function openSource(
  address: string,
  options: SourceOptions,
  range?: ByteRange,
): Promise<OpenSource> {
  return address.startsWith("file://") ? openFile(address, range) : openObject(address, options, range);
}

/** The version that `openSource` would read now, without its content. Throws alike. */
export async function sourceVersion(address: string, options: SourceOptions): Promise<string> {
  if (address.startsWith("file://")) {
    const file = await openFile(address);
    await file.close();
    return file.version;
  }
  const [, bucket = "", object = ""] = GS.exec(address) ?? [];
  const path = `${encodeURIComponent(bucket)}/o/${encodeURIComponent(object)}?fields=generation`;
  const { generation } = Object(await askJson(address, path, options));
  return String(generation);
}

/** What the JSON API of the bucket answers at `/storage/v1/b/` and `path`. Throws as `openSource`. */
export async function askJson(address: string, path: string, options: SourceOptions): Promise<unknown> {
  const response = await ask(address, path, options);
  try {
    return await response.json();
  } catch (cause) {
    throw stopped(address, cause);
  }
}

async function openFile(address: string, range?: ByteRange): Promise<OpenSource> {
  let file: FileHandle | undefined;
  try {
    file = await open(fileURLToPath(address));
    const { mtimeNs, ctimeNs, size } = await file.stat({ bigint: true });
    const stream = file.createReadStream({
      highWaterMark: CHUNK_BYTES,
      ...(range === undefined ? {} : { start: range.begin, end: range.end - 1 }),
    });
    const opened = file;
    return {
      address,
      version: `${mtimeNs}-${ctimeNs}-${size}`,
      sizeBytes: Number(size),
      chunks: passing(stream, (cause) => unreadableFile(address, cause)),
      close: async () => {
        stream.destroy();
        await opened.close();
      },
    };
  } catch (cause) {
    await file?.close();
    throw unreadableFile(address, cause);
  }
}

async function openObject(address: string, options: SourceOptions, range?: ByteRange): Promise<OpenSource> {
  const [, bucket = "", object = ""] = GS.exec(address) ?? [];
  const headers = range === undefined ? {} : { range: `bytes=${range.begin}-${range.end - 1}` };
  const path = `${encodeURIComponent(bucket)}/o/${encodeURIComponent(object)}?alt=media`;
  const response = await ask(address, path, options, headers);
  const { body, headers: received } = response;
  const length = received.get("content-length");
  return {
    address,
    version: received.get("x-goog-generation") ?? received.get("etag") ?? "",
    // Of a compressed object the length is another than that of what is read.
    sizeBytes: length === null || received.has("content-encoding") ? null : Number(length),
    chunks: passing(body ?? [], (cause) => stopped(address, cause)),
    close: async () => {
      if (!response.bodyUsed) await body?.cancel(); // Else its connection stays open.
    },
  };
}

/** The pieces as they come; an error in between is reported as `fault` makes it. */
async function* passing(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  fault: (cause: unknown) => FlError,
): AsyncGenerator<Uint8Array> {
  try {
    yield* chunks;
  } catch (cause) {
    throw fault(cause);
  }
}

async function ask(
  address: string,
  path: string,
  { tokens, storageEndpoint }: SourceOptions,
  more: Readonly<Record<string, string>> = {},
): Promise<Response> {
  const url = `${storageEndpoint ?? GOOGLE_STORAGE}/storage/v1/b/${path}`;
  const accessToken = await tokens.accessToken();
  let response: Response;
  try {
    response = await fetch(url, {
      headers: { ...more, authorization: `Bearer ${accessToken}` },
      redirect: "error",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch (cause) {
    throw stopped(address, cause);
  }
  if (response.ok) return response;
  const { status } = response;
  const hasNoBucket = status === 404 && (await saysNoBucket(response));
  if (!response.bodyUsed) await response.body?.cancel(); // Else its connection stays open.
  if (status === 408 || status === 429 || status >= 500) {
    throw new FlError("unavailable", `The storage of the data set at ${address} is busy (HTTP ${status}).`);
  }
  const remedy =
    status === 404
      ? hasNoBucket
        ? "there is no such bucket: make it, or check the address"
        : "there is none: put it there"
      : "check that it is there and that this function's service account may read it";
  throw new FlError(
    "failed-precondition",
    `The data set at ${address} cannot be read (HTTP ${status}): ${remedy}.`,
    { retry: status === 401 || status === 403 || hasNoBucket ? "needs-a-person" : "never" },
  );
}

/** Whether what is missing is the bucket: the status alone does not say it. */
async function saysNoBucket(response: Response): Promise<boolean> {
  try {
    return /bucket does not exist/i.test(await response.text());
  } catch {
    return false; // Its answer was cut off: what is missing is not known, and that it is missing is.
  }
}

function stopped(address: string, cause: unknown): FlError {
  return new FlError("unavailable", `The storage of the data set at ${address} cut its answer off.`, {
    cause,
  });
}

/** What became of a file or folder that cannot be read, naming its address and what to do. */
export function unreadableFile(address: string, cause: unknown): FlError {
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  const why =
    code === "ENOENT"
      ? "there is no such file: put it there, or check where the folder is mounted, and where a link leads"
      : code === "ELOOP"
        ? "its links lead in a circle: put the file there itself"
        : "check the address, the mount and the rights of the file";
  return new FlError("failed-precondition", `The data set at ${address} cannot be read: ${why}.`, { cause });
}
