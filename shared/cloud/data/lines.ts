// Text files in blocks of whole records, each of which can be found again by its bytes.
import { cutShort, type DataFile } from "./files.ts";
import { rowsOfPiece } from "./rows.ts";

/** A block is about as large; a record that is longer than the other bound is left out. */
const BLOCK_BYTES = 2 ** 20;
const MAX_RECORD_BYTES = 2 ** 23;

/** How far a block's records go. */
export interface Cut<T> {
  readonly records: T;
  /** Bytes of the block that they take; the rest belongs to the next record. */
  readonly usedBytes: number;
}

export interface Block<T> {
  readonly records: T;
  /** Where the records lie in the file. */
  readonly begin: number;
  readonly end: number;
}

const NEWLINE = 10;

/** Blocks are no smaller, whatever becomes of their rows. */
const LEAST_BLOCK_BYTES = 2 ** 12;

/**
 * How large blocks may be so that one's rows fit into a piece.
 *
 * @param rowBytes of a row as float32
 * @param block of a first part of the file
 */
export function blockBytesFor(
  rowBytes: number,
  { bytes, rows }: { readonly bytes: number; readonly rows: number },
): number {
  const fitting = (rowsOfPiece(rowBytes, bytes) * bytes) / Math.max(1, rows);
  return Math.ceil(Math.min(BLOCK_BYTES, Math.max(LEAST_BLOCK_BYTES, fitting)));
}

async function* slicesOf(chunks: AsyncIterable<Uint8Array>, length: number): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks)
    for (let at = 0; at < chunk.byteLength; at += length) yield chunk.subarray(at, at + length);
}

/**
 * Cuts a file into blocks.
 *
 * @param cut takes whole records off a block's start; `isLast` where nothing follows. A block of which it
 *   takes nothing comes again with more bytes.
 * @param tooLong what stands for a record above `MAX_RECORD_BYTES`, which is passed over up to the next
 *   newline.
 * @param blockBytes about as many a block has.
 */
export async function* blocksOf<T>(
  chunks: AsyncIterable<Uint8Array>,
  cut: (block: Buffer, isLast: boolean) => Cut<T>,
  tooLong: T,
  blockBytes = BLOCK_BYTES,
): AsyncGenerator<Block<T>> {
  let held: Uint8Array[] = [];
  let [heldBytes, begin, wanted] = [0, 0, blockBytes];
  let isSkipping = false;
  for await (const chunk of slicesOf(chunks, blockBytes)) {
    let fresh = chunk;
    if (isSkipping) {
      const newline = fresh.indexOf(NEWLINE);
      begin += newline === -1 ? fresh.byteLength : newline + 1;
      if (newline === -1) continue;
      isSkipping = false;
      fresh = fresh.subarray(newline + 1);
    }
    held.push(fresh);
    heldBytes += fresh.byteLength;
    if (heldBytes < wanted) continue;
    const block = Buffer.concat(held, heldBytes);
    const { records, usedBytes } = cut(block, false);
    if (usedBytes > 0) {
      yield { records, begin, end: begin + usedBytes };
      begin += usedBytes;
    }
    let rest = block.subarray(usedBytes);
    if (rest.byteLength > MAX_RECORD_BYTES) {
      const newline = rest.indexOf(NEWLINE);
      const skipped = newline === -1 ? rest.byteLength : newline + 1;
      yield { records: tooLong, begin, end: begin + skipped };
      begin += skipped;
      isSkipping = newline === -1;
      rest = rest.subarray(skipped);
    }
    // A copy, so that a short rest does not keep its block; twice as much where a record did not fit.
    held = rest.byteLength === 0 ? [] : [Buffer.from(rest)];
    heldBytes = rest.byteLength;
    wanted = Math.max(blockBytes, 2 * heldBytes);
  }
  if (heldBytes === 0) return;
  const block = Buffer.concat(held, heldBytes);
  yield { records: cut(block, true).records, begin, end: begin + heldBytes };
}

/** The lines of a block, without their ends; what follows the last newline only where nothing follows it. */
export function cutLines(block: Buffer, isLast: boolean): Cut<readonly string[]> {
  const end = isLast ? block.byteLength : block.lastIndexOf(NEWLINE) + 1;
  const lines = block.toString("utf8", 0, end).split("\n");
  return { records: lines.map(withoutReturn).filter((line) => line !== ""), usedBytes: end };
}

function withoutReturn(line: string): string {
  return line.endsWith("\r") ? line.slice(0, -1) : line;
}

/** Takes exact numbers of bytes off pieces that come as they like. */
export class ByteQueue {
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #file: DataFile;
  #rest: Uint8Array = new Uint8Array(0);

  constructor(file: DataFile, chunks: AsyncIterable<Uint8Array>) {
    this.#file = file;
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** @throws FlError("data-loss") where fewer bytes are left. */
  async take(length: number): Promise<Uint8Array> {
    if (this.#rest.byteLength >= length) return this.#split(length);
    const taken = new Uint8Array(length);
    let at = 0;
    while (at < length) {
      if (this.#rest.byteLength === 0) {
        const next = await this.#chunks.next();
        if (next.done === true) throw cutShort(this.#file);
        this.#rest = next.value;
      }
      const part = this.#split(Math.min(length - at, this.#rest.byteLength));
      taken.set(part, at);
      at += part.byteLength;
    }
    return taken;
  }

  /** Whether nothing is left. */
  async isEmpty(): Promise<boolean> {
    while (this.#rest.byteLength === 0) {
      const next = await this.#chunks.next();
      if (next.done === true) return true;
      this.#rest = next.value;
    }
    return false;
  }

  async close(): Promise<void> {
    await this.#chunks.return?.();
  }

  #split(length: number): Uint8Array {
    const part = this.#rest.subarray(0, length);
    this.#rest = this.#rest.subarray(length);
    return part;
  }
}
