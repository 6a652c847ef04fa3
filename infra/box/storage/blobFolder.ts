// Object contents on disk: written as they stream in, with their checksums; nothing holds a whole object in memory.
import { createHash } from "node:crypto";
import { createReadStream, openSync } from "node:fs";
import { type FileHandle, mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { crc32c } from "@node-rs/crc32";

/** A content at rest. */
export interface Blob {
  readonly file: string;
  readonly sizeBytes: number;
  /** CRC-32C, big-endian, base64. */
  readonly crc32c: string;
  /** Base64. */
  readonly md5: string;
}

const READ_BYTES = 1 << 18;

/** A folder of its own under `parent` (default: the system's temporary folder), removed by `close`. */
export class BlobFolder {
  readonly #folder: string;
  #count = 0;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async create(parent = tmpdir()): Promise<BlobFolder> {
    return new BlobFolder(await mkdtemp(join(parent, "storage-")));
  }

  async writer(): Promise<BlobWriter> {
    this.#count += 1;
    const file = join(this.#folder, `${this.#count}`);
    return new BlobWriter(file, await open(file, "wx"));
  }

  /** Writes a whole stream; leaves nothing behind when the stream fails. */
  async write(content: AsyncIterable<Uint8Array>): Promise<Blob> {
    const writer = await this.writer();
    try {
      for await (const chunk of content) await writer.append(chunk);
      return await writer.finish();
    } catch (error) {
      await writer.discard();
      throw error;
    }
  }

  /** Bytes `start` to `endExclusive`. The file is opened at once, so that removing the blob meanwhile does no harm. */
  read({ file }: Blob, start: number, endExclusive: number): Readable {
    if (start >= endExclusive) return Readable.from([]);
    return createReadStream("", {
      fd: openSync(file, "r"),
      start,
      end: endExclusive - 1,
      highWaterMark: READ_BYTES,
    });
  }

  async remove({ file }: Blob): Promise<void> {
    await rm(file, { force: true });
  }

  async close(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** A content being written. End it with `finish` or `discard`. */
export class BlobWriter {
  readonly #file: string;
  readonly #handle: FileHandle;
  readonly #md5 = createHash("md5");
  #crc = 0;
  #sizeBytes = 0;

  constructor(file: string, handle: FileHandle) {
    this.#file = file;
    this.#handle = handle;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  async append(chunk: Uint8Array): Promise<void> {
    this.#crc = crc32c(chunk, this.#crc);
    this.#md5.update(chunk);
    await this.#handle.writeFile(chunk);
    this.#sizeBytes += chunk.byteLength;
  }

  async finish(): Promise<Blob> {
    await this.#handle.close();
    const crc = Buffer.alloc(4);
    crc.writeUInt32BE(this.#crc);
    return {
      file: this.#file,
      sizeBytes: this.#sizeBytes,
      crc32c: crc.toString("base64"),
      md5: this.#md5.digest("base64"),
    };
  }

  async discard(): Promise<void> {
    await this.#handle.close();
    await rm(this.#file, { force: true });
  }
}
