// Object contents on disk: written as they stream in, with their checksums; nothing holds a whole object in
// memory but small ones of late.
import { createHash, randomUUID } from "node:crypto";
import { createReadStream, openSync } from "node:fs";
import { type FileHandle, mkdtemp, open, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { crc32c } from "@node-rs/crc32";
import { RecentContents } from "./recentContents.ts";

/** A content at rest. */
export interface Blob {
  /** Its name in the folder. */
  readonly file: string;
  readonly sizeBytes: number;
  /** CRC-32C, big-endian, base64. */
  readonly crc32c: string;
  /** Base64. */
  readonly md5: string;
}

const READ_BYTES = 1 << 18;
/** Sockets bring pieces of at most 64 KiB; this much of a content is written to disk at once. */
const WRITE_BYTES = 1 << 20;

export class BlobFolder {
  readonly #folder: string;
  readonly #isKept: boolean;
  readonly #recent = new RecentContents();

  private constructor(folder: string, isKept: boolean) {
    this.#folder = folder;
    this.#isKept = isKept;
  }

  /** A folder of its own under `parent` (default: the system's temporary folder), removed by `close`. */
  static async create(parent = tmpdir()): Promise<BlobFolder> {
    return new BlobFolder(await mkdtemp(join(parent, "storage-")), false);
  }

  /**
   * A folder that is kept. What is in it and not listed in `files` was being written when the process
   * crashed, and is removed.
   */
  static async open(folder: string, files: ReadonlySet<string>): Promise<BlobFolder> {
    const orphans = (await readdir(folder)).filter((name) => !files.has(name));
    await Promise.all(orphans.map((name) => rm(join(folder, name), { force: true })));
    return new BlobFolder(folder, true);
  }

  async #writer(): Promise<BlobWriter> {
    const file = randomUUID();
    const path = join(this.#folder, file);
    return new BlobWriter({ file, path, handle: await open(path, "wx", 0o600), isKept: this.#isKept });
  }

  /** Writes a whole stream; leaves nothing behind when the stream fails. */
  async write(content: AsyncIterable<Uint8Array>): Promise<Blob> {
    const writer = await this.#writer();
    try {
      let pieces: Uint8Array[] | null = [];
      for await (const chunk of content) {
        await writer.append(chunk);
        if (!RecentContents.takes(writer.sizeBytes)) pieces = null;
        pieces?.push(chunk);
      }
      const blob = await writer.finish();
      if (pieces !== null) this.#recent.keep(blob.file, pieces);
      return blob;
    } catch (error) {
      await writer.discard();
      throw error;
    }
  }

  /**
   * Bytes `start` to `endExclusive`. The file is opened at once, so that removing the blob meanwhile does no
   * harm.
   */
  read({ file }: Blob, start: number, endExclusive: number): Readable {
    if (start >= endExclusive) return Readable.from([]);
    const recent = this.#recent.get(file, start, endExclusive);
    if (recent !== undefined) return Readable.from(recent);
    return createReadStream("", {
      fd: openSync(join(this.#folder, file), "r"),
      start,
      end: endExclusive - 1,
      highWaterMark: READ_BYTES,
    });
  }

  async remove({ file }: Blob): Promise<void> {
    this.#recent.forget(file);
    await rm(join(this.#folder, file), { force: true });
  }

  async close(): Promise<void> {
    if (!this.#isKept) await rm(this.#folder, { recursive: true, force: true });
  }
}

interface BlobTarget {
  readonly file: string;
  readonly path: string;
  readonly handle: FileHandle;
  readonly isKept: boolean;
}

/** A content being written. End it with `finish` or `discard`. */
class BlobWriter {
  readonly #target: BlobTarget;
  readonly #md5 = createHash("md5");
  #crc = 0;
  #sizeBytes = 0;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #failure: unknown;

  constructor(target: BlobTarget) {
    this.#target = target;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  async append(chunk: Uint8Array): Promise<void> {
    this.#sizeBytes += chunk.byteLength;
    this.#waiting.push(chunk);
    this.#waitingBytes += chunk.byteLength;
    if (this.#waitingBytes >= WRITE_BYTES) await this.#flush();
  }

  async #flush(): Promise<void> {
    // What a disk refused is lost: a later piece must not make the content look complete.
    if (this.#failure !== undefined) throw this.#failure;
    const pieces = this.#waiting;
    [this.#waiting, this.#waitingBytes] = [[], 0];
    for (const piece of pieces) {
      this.#crc = crc32c(piece, this.#crc);
      this.#md5.update(piece);
    }
    try {
      const sizeBytes = pieces.reduce((sum, { byteLength }) => sum + byteLength, 0);
      const { bytesWritten } = await this.#target.handle.writev(pieces);
      if (bytesWritten !== sizeBytes) throw fullDisk(this.#target.path);
    } catch (error) {
      const isFull = error instanceof Error && "code" in error && error.code === "ENOSPC";
      this.#failure = isFull ? fullDisk(this.#target.path) : error;
      throw this.#failure;
    }
  }

  async finish(): Promise<Blob> {
    const { file, handle, isKept } = this.#target;
    await this.#flush();
    if (isKept) await handle.sync();
    await handle.close();
    const crc = Buffer.alloc(4);
    crc.writeUInt32BE(this.#crc);
    return {
      file,
      sizeBytes: this.#sizeBytes,
      crc32c: crc.toString("base64"),
      md5: this.#md5.digest("base64"),
    };
  }

  async discard(): Promise<void> {
    await this.#target.handle.close();
    await rm(this.#target.path, { force: true });
  }
}

function fullDisk(path: string): Error {
  return new Error(
    `the disk of ${dirname(path)} is full. Free some space, or name a folder on another disk (TMPDIR, or --data)`,
  );
}
