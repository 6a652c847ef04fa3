// The chunks of one row group's columns, each page looked at before a reader decodes it: what they take
// together stays within the room.
import type { AsyncBuffer, ColumnMetaData, Compressors, SchemaTree } from "hyparquet";
import { bytesOf, type DataFile } from "./files.ts";
import { type Page, pagesIn } from "./parquetBounds.ts";
import { pageColumn } from "./parquetColumns.ts";
import { type Levels, type PageColumn, pageMemory, separateLevels } from "./parquetPages.ts";

export interface ChunkLimits {
  /** For all that is read of the row group. */
  readonly roomBytes: number;
  readonly codecs: Compressors;
  readonly tooLarge: () => Error;
}

interface Chunk {
  readonly end: number;
  readonly values: number;
  readonly isCompressed: boolean;
  readonly column: PageColumn;
}

/** A page that is looked at once it is decompressed. */
interface Awaited {
  readonly page: Page;
  readonly column: PageColumn;
  readonly levels: Levels | null;
}

/** A number outside of a list, which one of 64 bits is. */
const NUMBER_BYTES = 24;

export class ChunkReader implements AsyncBuffer {
  readonly byteLength: number;
  /** Those to decompress with: they look at what they make. */
  readonly compressors: Compressors;
  readonly #file: DataFile;
  readonly #limits: ChunkLimits;
  readonly #chunks = new Map<number, Chunk>();
  /** By the memory of a chunk and the place in it. */
  readonly #awaited = new WeakMap<ArrayBufferLike, Map<number, Awaited>>();
  #groupBytes = 0;
  #columnBytes = 0;

  /** @throws where two columns lie at the same place, or one is another than the schema says. */
  constructor(file: DataFile, columns: readonly ColumnMetaData[], schema: SchemaTree, limits: ChunkLimits) {
    this.#file = file;
    this.#limits = limits;
    this.byteLength = file.sizeBytes;
    for (const column of columns) {
      const begin = Number(column.dictionary_page_offset || column.data_page_offset);
      if (this.#chunks.has(begin)) throw new Error("two columns lie at the same place");
      this.#chunks.set(begin, {
        end: begin + Number(column.total_compressed_size),
        values: Number(column.num_values),
        isCompressed: column.codec !== "UNCOMPRESSED",
        column: pageColumn(schema, column),
      });
    }
    this.compressors = Object.fromEntries(
      Object.entries(limits.codecs).map(([codec, decompress]) => [
        codec,
        (input: Uint8Array, outputLength: number) => {
          const awaited = this.#awaited.get(input.buffer)?.get(input.byteOffset);
          if (awaited === undefined) throw new Error("a page lies where none does");
          const content = decompress(input, outputLength);
          this.#spend(content, awaited);
          return content;
        },
      ]),
    );
  }

  async slice(begin: number, end = this.byteLength): Promise<ArrayBuffer> {
    const chunk = this.#chunks.get(begin);
    if (chunk === undefined || chunk.end !== end || end < begin || end > this.byteLength)
      throw new RangeError("no column's chunk");
    const bytes = await bytesOf(this.#file, { begin, end });
    this.#columnBytes = 0;
    const pages = pagesIn(bytes, { values: chunk.values, pageBytes: this.#limits.roomBytes });
    const awaited = new Map<number, Awaited>();
    for (const page of pages) this.#lookAt(bytes, page, chunk, awaited);
    this.#awaited.set(bytes.buffer, awaited);
    return bytes.buffer;
  }

  #lookAt(chunk: Buffer, page: Page, { column, isCompressed }: Chunk, awaited: Map<number, Awaited>): void {
    const { second } = page;
    const content = chunk.subarray(page.begin, page.end);
    const levels = second === null ? null : separateLevels(content, page, second, column);
    const separate =
      second === null ? 0 : second.repetitionBytes + (column.maxDefinition > 0 ? second.definitionBytes : 0);
    const isPlain =
      !isCompressed ||
      (second !== null && (!second.isCompressed || page.uncompressedBytes === levelBytes(page)));
    if (isPlain) this.#spend(content.subarray(separate), { page, column, levels });
    else awaited.set(chunk.byteOffset + page.begin + separate, { page, column, levels });
  }

  #spend(content: Uint8Array, { page, column, levels }: Awaited): void {
    const { groupBytes, columnBytes, pageBytes } = pageMemory(content, page, column, levels);
    this.#groupBytes += groupBytes;
    this.#columnBytes += columnBytes;
    this.#checkRoom(pageBytes);
  }

  #checkRoom(pageBytes: number): void {
    const bytes = this.#groupBytes + this.#columnBytes + pageBytes;
    if (!(bytes <= this.#limits.roomBytes)) throw this.#limits.tooLarge();
  }

  /** A column's values as they are kept: whole numbers of 64 bits, where they can be, as plain ones. */
  kept(values: ArrayLike<unknown>): ArrayLike<unknown> {
    const numbers = plainNumbers(values);
    if (numbers !== null) return numbers;
    if (values instanceof BigInt64Array || values instanceof BigUint64Array) return values;
    if (typeof values[0] === "bigint") {
      this.#groupBytes += values.length * NUMBER_BYTES;
      this.#checkRoom(0);
    }
    return values;
  }
}

function levelBytes({ second }: Page): number {
  return second === null ? 0 : second.definitionBytes + second.repetitionBytes;
}

/** Null where some are no whole numbers that a float of 64 bits holds. */
function plainNumbers(values: ArrayLike<unknown>): Float64Array | null {
  const numbers = new Float64Array(typeof values[0] === "bigint" ? values.length : 0);
  if (numbers.length === 0) return null;
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    const number = typeof value === "bigint" ? Number(value) : Number.NaN;
    if (!Number.isSafeInteger(number)) return null;
    numbers[i] = number;
  }
  return numbers;
}
