// Object contents over HTTP: GET and HEAD, whole or in part, with the checksums that the client verifies.
import type { IncomingMessage, ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import type { BlobFolder } from "./blobFolder.ts";
import type { StoredObject } from "./objectTable.ts";
import { StorageError } from "./storageError.ts";

interface Range {
  readonly start: number;
  readonly endExclusive: number;
}

/** Streams an object to the caller; ends early, without a fuss, when the caller leaves. */
export async function sendMedia(
  request: IncomingMessage,
  response: ServerResponse,
  object: StoredObject,
  blobs: BlobFolder,
): Promise<void> {
  const { blob } = object;
  if (request.headers["if-none-match"] === etagOf(object)) {
    response.writeHead(304, { etag: etagOf(object), ...checksumHeaders(object) });
    response.end();
    return;
  }
  const range = parseRange(request.headers.range, blob.sizeBytes);
  if (range === "unsatisfiable") {
    response.setHeader("content-range", `bytes */${blob.sizeBytes}`);
    throw new StorageError("badRange", "The requested range cannot be satisfied.");
  }
  const { start, endExclusive } = range ?? { start: 0, endExclusive: blob.sizeBytes };
  const partial =
    range === undefined ? {} : { "content-range": `bytes ${start}-${endExclusive - 1}/${blob.sizeBytes}` };
  response.writeHead(range === undefined ? 200 : 206, {
    ...objectHeaders(object),
    ...partial,
    "accept-ranges": "bytes",
    "content-length": endExclusive - start,
  });
  if (request.method === "HEAD") {
    response.end();
    return;
  }
  try {
    await pipeline(blobs.read(blob, start, endExclusive), response);
  } catch (error) {
    // A caller that hangs up needs no answer; anything else was cut off mid-body, which the caller sees too.
    if (!response.destroyed) throw error;
  }
}

function etagOf({ generation, metageneration }: StoredObject): string {
  return `"${generation}-${metageneration}"`;
}

/** The headers that describe an object with its content. */
function objectHeaders(object: StoredObject): Record<string, string> {
  const headers: Record<string, string> = {
    "content-type": object.contentType ?? "application/octet-stream",
    etag: etagOf(object),
    "last-modified": object.updatedAt.toUTCString(),
    ...checksumHeaders(object),
  };
  if (object.contentEncoding !== undefined) headers["content-encoding"] = object.contentEncoding;
  if (object.contentDisposition !== undefined) headers["content-disposition"] = object.contentDisposition;
  if (object.contentLanguage !== undefined) headers["content-language"] = object.contentLanguage;
  if (object.cacheControl !== undefined) headers["cache-control"] = object.cacheControl;
  for (const [key, value] of Object.entries(object.metadata ?? {}))
    headers[`x-goog-meta-${key}`] = encodeURI(value);
  return headers;
}

/** Which object this is and what it holds, as far as a writer wants to know. */
export function checksumHeaders({ blob, ...object }: StoredObject): Record<string, string> {
  const md5 = object.componentCount === undefined ? `,md5=${blob.md5}` : "";
  return {
    "x-goog-generation": `${object.generation}`,
    "x-goog-metageneration": `${object.metageneration}`,
    "x-goog-hash": `crc32c=${blob.crc32c}${md5}`,
    "x-goog-stored-content-encoding": object.contentEncoding ?? "identity",
    "x-goog-stored-content-length": `${blob.sizeBytes}`,
  };
}

/**
 * One range; like Google, anything else (several ranges, another unit, nonsense) is as if it were not there.
 */
function parseRange(header: string | undefined, sizeBytes: number): Range | "unsatisfiable" | undefined {
  const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(header ?? "") ?? [undefined, "", ""];
  if (first === "" && last === "") return undefined;
  if (first === "") {
    const tailBytes = Math.min(Number(last), sizeBytes);
    return tailBytes === 0 ? "unsatisfiable" : { start: sizeBytes - tailBytes, endExclusive: sizeBytes };
  }
  const start = Number(first);
  const endExclusive = last === "" ? sizeBytes : Math.min(Number(last) + 1, sizeBytes);
  if (last !== "" && Number(last) < start) return undefined;
  return start >= sizeBytes ? "unsatisfiable" : { start, endExclusive };
}
