// The port to object storage on Cloud Storage, through the official client.

import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { File, FileMetadata } from "@google-cloud/storage";
import { FlError } from "../../core/errors.ts";
import type {
  ObjectContent,
  ObjectInfo,
  ObjectReading,
  ObjectStore,
  SignedUrl,
} from "../../core/ports/objectStore.ts";
import { once } from "../once.ts";
import { step } from "../steps.ts";
import { withRetries } from "../withRetries.ts";
import { chunksOf, collect, openStream } from "./openStream.ts";
import { type BucketOptions, RETRY_SECONDS, storageBucket } from "./storageBucket.ts";
import { signingFault, storageFault } from "./storageFault.ts";

export interface ConnectObjectsOptions extends BucketOptions {
  /** Another IAM than Google's, ending in `/serviceAccounts/`. */
  readonly signBlobEndpoint?: string;
}

const MAX_LIST = 1000;
const MAX_EXPIRES_SECONDS = 7 * 24 * 3600;

/**
 * The objects of one bucket. Nothing is loaded or asked before the first call.
 *
 * The identity is that of the process (its metadata server). Links are signed by IAM on behalf of the service
 * account, so there is no private key anywhere; the account needs the right to sign for itself.
 */
export function connectObjects(options: ConnectObjectsOptions): ObjectStore {
  const connected = once(() => storageBucket(options));
  const fileOf = async (name: string) => (await connected()).bucket.file(checkedName(name));
  const where = (name: string) => `"${name}" in bucket "${options.bucket}"`;

  /** Runs one call on an object; whatever it throws becomes an FlError. */
  async function on<T>(verb: string, name: string, call: (file: File) => Promise<T>): Promise<T> {
    try {
      return await call(await fileOf(name));
    } catch (cause) {
      throw storageFault(`${verb} ${where(name)}`, cause);
    }
  }

  /** Opens a stream, again while the storage cannot give it. @param range both ends inclusive. */
  async function openRead(
    name: string,
    {
      generation,
      ...range
    }: { readonly generation?: string; readonly start?: number; readonly end?: number } = {},
  ): Promise<ObjectReading> {
    const { stream, ...info } = await withRetries(async () => {
      try {
        const of = generation === undefined ? {} : { generation };
        return await openStream((await connected()).streams.file(checkedName(name), of), range);
      } catch (cause) {
        throw storageFault(`read ${where(name)}`, cause);
      }
    }, RETRY_SECONDS * 1000);
    return { ...info, stream: mapped(chunksOf(stream), `read ${where(name)}`) };
  }

  // Signatures know whole seconds, so that two links to read one object that are made within a second are the
  // same: a cohort that claims together shares them, and IAM is asked once.
  let [linksMadeAt, links] = [0, new Map<string, Promise<SignedUrl>>()];
  async function readLink(name: string, expiresInSeconds: number): Promise<SignedUrl> {
    const accessibleAt = wholeSecond();
    if (accessibleAt !== linksMadeAt) [linksMadeAt, links] = [accessibleAt, new Map()];
    const [key, ofThisSecond] = [`${expiresInSeconds} ${name}`, links];
    const known = ofThisSecond.get(key);
    if (known !== undefined) return await known;
    const made = sign(name, "read", accessibleAt, expiresInSeconds, {});
    ofThisSecond.set(key, made);
    made.catch(() => ofThisSecond.delete(key)); // This caller gets the error; the next one tries again.
    return await made;
  }

  async function sign(
    name: string,
    action: "read" | "write",
    accessibleAt: number,
    expiresInSeconds: number,
    headers: Readonly<Record<string, string>>,
  ): Promise<SignedUrl> {
    checkWhole("expiresInSeconds", expiresInSeconds, 1, MAX_EXPIRES_SECONDS);
    const file = await fileOf(name);
    try {
      const [url] = await file.getSignedUrl({
        version: "v4",
        action,
        accessibleAt,
        expires: accessibleAt + expiresInSeconds * 1000,
        extensionHeaders: { ...headers },
        ...(options.signBlobEndpoint === undefined ? {} : { signingEndpoint: options.signBlobEndpoint }),
      });
      return { url, headers };
    } catch (cause) {
      throw signingFault(`sign a link to ${action} ${where(name)}`, cause);
    }
  }

  return {
    openRead: (name, generation) => openRead(name, generation === undefined ? {} : { generation }),

    async read(name) {
      const { stream, sizeBytes } = await openRead(name);
      const { bytes, complete } = await collect(stream, sizeBytes);
      if (!complete)
        throw new FlError("data-loss", `${where(name)} does not have the expected size.`, { retry: "soon" });
      return bytes;
    },

    async readRange(name, start, endExclusive, generation) {
      checkWhole("start", start, 0);
      checkWhole("endExclusive", endExclusive, start);
      if (start === endExclusive) return new Uint8Array(0);
      const { stream } = await openRead(name, {
        start,
        end: endExclusive - 1,
        ...(generation === undefined ? {} : { generation }),
      });
      const { bytes, complete } = await collect(stream, endExclusive - start);
      if (complete) return bytes;
      throw new FlError("invalid-argument", `${where(name)} has no bytes ${start} to ${endExclusive}.`);
    },

    async write(name, content, { ifGeneration, contentType, metadata, step: named } = {}) {
      return await step(named, () =>
        on("write", name, async (file) => {
          const settings = {
            // One request. The resumable protocol takes two, and asks a custom endpoint without credentials.
            resumable: false,
            metadata: {
              contentType: contentType ?? "application/octet-stream",
              ...(metadata === undefined ? {} : { metadata: { ...metadata } }),
            },
            ...(ifGeneration === undefined ? {} : { preconditionOpts: { ifGenerationMatch: ifGeneration } }),
          };
          // When a stream fails, the client leaves its request open, without an end, until the server gives
          // it up.
          if (content instanceof Uint8Array) await file.save(content, settings);
          else if (isParts(content)) await file.save(() => Readable.from(content), settings);
          else await pipeline(content, file.createWriteStream(settings));
          return objectInfo(file.metadata);
        }),
      );
    },

    async stat(name) {
      try {
        return await on("look up", name, async (file) => objectInfo((await file.getMetadata())[0]));
      } catch (error) {
        if (error instanceof FlError && error.code === "not-found") return null;
        throw error;
      }
    },

    async remove(name, { step: named } = {}) {
      await step(named, () => on("remove", name, (file) => file.delete({ ignoreNotFound: true })));
    },

    async list(prefix, { pageToken, limit = MAX_LIST } = {}) {
      checkWhole("limit", limit, 1, MAX_LIST);
      try {
        const [files, next] = await (await connected()).bucket.getFiles({
          prefix,
          maxResults: limit,
          autoPaginate: false,
          ...(pageToken === undefined ? {} : { pageToken }),
        });
        const nextPageToken = pageTokenOf(next);
        return {
          objects: files.map(({ metadata }) => objectInfo(metadata)),
          ...(nextPageToken === undefined ? {} : { nextPageToken }),
        };
      } catch (cause) {
        throw storageFault(`list "${prefix}" in bucket "${options.bucket}"`, cause);
      }
    },

    async signedReadUrl(name, { expiresInSeconds }) {
      return await readLink(name, expiresInSeconds);
    },

    async signedWriteUrl(name, { expiresInSeconds, maxBytes, contentType, ifGeneration }) {
      checkWhole("maxBytes", maxBytes, 0);
      return await sign(name, "write", wholeSecond(), expiresInSeconds, {
        "content-type": contentType,
        "x-goog-content-length-range": `0,${maxBytes}`,
        "x-goog-if-generation-match": `${ifGeneration}`,
      });
    },
  };
}

/** Both ends of a link come from one reading of the clock, or it could live a second less. */
function wholeSecond(): number {
  return Math.floor(Date.now() / 1000) * 1000;
}

/** Parts can be given again, so the client retries them as it does bytes. */
function isParts(content: ObjectContent): content is readonly Uint8Array[] {
  return Array.isArray(content);
}

async function* mapped(stream: AsyncIterable<Uint8Array>, action: string): AsyncGenerator<Uint8Array> {
  try {
    yield* stream;
  } catch (cause) {
    throw storageFault(action, cause);
  }
}

function objectInfo(metadata: FileMetadata): ObjectInfo {
  return {
    name: metadata.name ?? "",
    generation: `${metadata.generation}`,
    sizeBytes: Number(metadata.size),
    crc32c: metadata.crc32c ?? "",
    contentType: metadata.contentType ?? "application/octet-stream",
    metadata: Object.fromEntries(
      Object.entries(metadata.metadata ?? {}).map(([key, value]) => [key, String(value)]),
    ),
  };
}

function pageTokenOf(next: unknown): string | undefined {
  if (typeof next !== "object" || next === null || !("pageToken" in next)) return undefined;
  return typeof next.pageToken === "string" ? next.pageToken : undefined;
}

/** Cloud Storage's rules. "." and ".." would be taken for a path on the way. */
function checkedName(name: string): string {
  const sizeBytes = Buffer.byteLength(name);
  if (sizeBytes < 1 || sizeBytes > 1024 || /[\r\n]/.test(name) || name === "." || name === "..")
    throw new FlError(
      "invalid-argument",
      'An object\'s name is 1 to 1024 bytes of UTF-8, without line breaks, and not "." or "..".',
    );
  return name;
}

function checkWhole(what: string, value: number, least: number, most = Number.MAX_SAFE_INTEGER): void {
  if (!Number.isSafeInteger(value) || value < least || value > most)
    throw new FlError("invalid-argument", `${what} must be a whole number from ${least} to ${most}.`);
}
