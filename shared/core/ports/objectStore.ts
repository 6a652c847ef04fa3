// The port to object storage: what the functions may ask of a bucket, and what they are promised. Everything
// about one object is atomic: a write is there whole or not at all, and the last one to finish wins unless a
// generation is named.
import type { Step } from "../steps.ts";

/** What is known about a stored object without reading it. */
export interface ObjectInfo {
  readonly name: string;
  /** Which write this is. Opaque: compare for equality only. */
  readonly generation: string;
  readonly sizeBytes: number;
  /** CRC-32C of the content, big-endian, in base64. */
  readonly crc32c: string;
  readonly contentType: string;
  /** The writer's own key-value pairs. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** What to write: bytes in one piece, in parts that follow each other, or as they come. */
export type ObjectContent = Uint8Array | readonly Uint8Array[] | AsyncIterable<Uint8Array>;

/** An object being read. */
export interface ObjectReading {
  /**
   * The content, once, in order. To be iterated: unread, it holds a connection. It may be left early
   * (`break`). Ends with FlError("data-loss") when what arrived is not what was stored.
   */
  readonly stream: AsyncIterable<Uint8Array>;
  readonly sizeBytes: number;
  readonly generation: string;
}

interface WriteOptions {
  /**
   * Write only over this generation; 0 means only when there is no object of that name. Without it, the write
   * replaces whatever is there.
   */
  readonly ifGeneration?: number | string;
  /** Default `application/octet-stream`. */
  readonly contentType?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  /** The step of the protocol that this write is. */
  readonly step?: Step;
}

interface RemoveOptions {
  /** The step of the protocol that this removal is. */
  readonly step?: Step;
}

interface ListOptions {
  /** Where to go on: `nextPageToken` of the page before. */
  readonly pageToken?: string;
  /** At most so many objects in the page, 1 to 1000 inclusive. Default 1000. */
  readonly limit?: number;
}

interface ObjectPage {
  /** In the order of their names, compared as UTF-8 bytes. */
  readonly objects: readonly ObjectInfo[];
  /** Absent on the last page. */
  readonly nextPageToken?: string;
}

/**
 * A link by which its holder, without any identity, may make one kind of request on one object for a while.
 */
export interface SignedUrl {
  readonly url: string;
  /** Headers that are part of the signature: the holder must send every one of them, unchanged. */
  readonly headers: Readonly<Record<string, string>>;
}

/** 1 second to 7 days, inclusive: the limits of a V4 signature. */
interface SignedReadOptions {
  readonly expiresInSeconds: number;
}

interface SignedWriteOptions extends SignedReadOptions {
  /** The largest body accepted, inclusive; one byte more is refused and stores nothing. */
  readonly maxBytes: number;
  readonly contentType: string;
  /** A signed write only ever creates: the second upload to the same name is refused. */
  readonly ifGeneration: 0;
}

/**
 * One bucket. Names are UTF-8, 1 to 1024 bytes.
 *
 * Every method throws FlError: `not-found` (no such object), `failed-precondition` (the generation is another
 * one), `invalid-argument`, `data-loss` (damaged on the way; a retry may succeed), `unavailable` (network,
 * throttling or an outage, after some retries; a retry may succeed), `internal` (this process may not, or
 * there is no such bucket: a fault of the deployment and no caller's, `needs-a-person`).
 */
export interface ObjectStore {
  /**
   * Opens an object for streaming; memory stays constant whatever its size.
   *
   * @param generation of the write to read; whatever is there now where absent. Another one is `not-found`.
   */
  openRead(name: string, generation?: string): Promise<ObjectReading>;

  /** Reads a whole object into memory, its checksum verified. */
  read(name: string): Promise<Uint8Array>;

  /**
   * Reads bytes `start` (inclusive) to `endExclusive`. The range must lie within the object; an empty one
   * gives no bytes and makes no request. A part carries no checksum, so its bytes are not verified against
   * one.
   *
   * @param generation of the write to read; whatever is there now where absent. Another one is `not-found`.
   */
  readRange(name: string, start: number, endExclusive: number, generation?: string): Promise<Uint8Array>;

  /**
   * Writes an object, its checksum verified by both sides. Bytes, in one piece or in parts, are retried on a
   * passing failure; a stream, which can be read only once, is not. A write whose answer was lost and which
   * is then retried with `ifGeneration` meets its own result as `failed-precondition`: compare
   * `stat(name).crc32c` when that matters.
   */
  write(name: string, content: ObjectContent, options?: WriteOptions): Promise<ObjectInfo>;

  /** What is known about an object, or null when there is none. */
  stat(name: string): Promise<ObjectInfo | null>;

  /** Removes an object. Removing one that is not there is no error. */
  remove(name: string, options?: RemoveOptions): Promise<void>;

  /** One page of the objects whose names begin with `prefix` ("" for all). */
  list(prefix: string, options?: ListOptions): Promise<ObjectPage>;

  /** A link to GET one object. It is signed whether or not the object exists. */
  signedReadUrl(name: string, options: SignedReadOptions): Promise<SignedUrl>;

  /** A link to PUT one object that does not exist yet. */
  signedWriteUrl(name: string, options: SignedWriteOptions): Promise<SignedUrl>;
}

/**
 * An object store as the functions have it: everything that they write or remove is a step of the protocol.
 */
export type ProtocolObjects = Omit<ObjectStore, "write" | "remove"> & {
  write(
    name: string,
    content: ObjectContent,
    options: WriteOptions & { readonly step: Step },
  ): Promise<ObjectInfo>;
  remove(name: string, options: { readonly step: Step }): Promise<void>;
};
