// Bounds of Parquet files: what footers and pages say of themselves is checked before a reader makes room for
// it. Both are written in Thrift's compact protocol
// (https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md).

/** Deeper than Parquet's own structures, which have some five levels. */
const MAX_DEPTH = 16;
const MAX_VARINT_BYTES = 10;

const [STOP, TRUE, FALSE, BYTE, DOUBLE, BINARY, LIST, STRUCT] = [0, 1, 2, 3, 7, 8, 9, 12];
const INTEGERS: ReadonlySet<number> = new Set([4, 5, 6]);

/** A struct's whole numbers, flags (as 1 and 0) and structs, by the numbers of their fields. */
type Fields = ReadonlyMap<number, number | Fields>;

/**
 * Throws where a footer's lists or texts are longer than the footer itself, or too deep: a reader would make
 * room for them first.
 */
export function checkFooter(footer: Uint8Array): void {
  new Walk(footer).struct(0);
}

/** What a chunk of a column may have. */
export interface ChunkBounds {
  /** As the footer says. */
  readonly values: number;
  /** For one page, decompressed. */
  readonly pageBytes: number;
}

/** A page by its header; its content follows. */
export interface Page {
  readonly kind: "values" | "dictionary" | "index";
  /** Where its content begins in the chunk. */
  readonly begin: number;
  readonly end: number;
  /** Decompressed, with its levels. */
  readonly uncompressedBytes: number;
  /** Nulls included. */
  readonly values: number;
  readonly encoding: number;
  /** Of the second version of pages, which lay their levels, not compressed, before all else. */
  readonly second: SecondVersion | null;
}

export interface SecondVersion {
  readonly nulls: number;
  readonly repetitionBytes: number;
  readonly definitionBytes: number;
  readonly isCompressed: boolean;
}

/**
 * The pages of a column's chunk.
 *
 * @throws where they have more values than its footer says, or one is too large or ends beyond it.
 */
export function pagesIn(chunk: Uint8Array, { values, pageBytes }: ChunkBounds): readonly Page[] {
  const walk = new Walk(chunk);
  const pages: Page[] = [];
  let left = values;
  while (walk.at < chunk.byteLength) {
    const header = walk.struct(0);
    const [uncompressed, compressed] = [numberIn(header, 2), numberIn(header, 3)];
    if (compressed < 0 || walk.at + compressed > chunk.byteLength)
      throw new Error("a page ends beyond its chunk");
    if (uncompressed < 0 || uncompressed > pageBytes) throw new Error("a page is larger than the memory");
    const page = pageOf(header, walk.at, walk.at + compressed, uncompressed);
    if (page.values < 0) throw new Error("a page has fewer than no values");
    if (page.kind === "values") left -= page.values;
    if (left < 0) throw new Error("pages have more values than the footer says");
    pages.push(page);
    walk.at += compressed;
  }
  return pages;
}

/** The field of a header with the type of its page; the types, with the field that describes such a page. */
const TYPE = 1;
const [DATA_PAGE, INDEX_PAGE, DICTIONARY_PAGE, DATA_PAGE_2] = [0, 1, 2, 3];
const [DATA_FIELD, DICTIONARY_FIELD, DATA_2_FIELD] = [5, 7, 8];

function pageOf(header: Fields, begin: number, end: number, uncompressedBytes: number): Page {
  const at = { begin, end, uncompressedBytes, second: null };
  switch (numberIn(header, TYPE)) {
    case DATA_PAGE: {
      const data = structIn(header, DATA_FIELD);
      return { ...at, kind: "values", values: numberIn(data, 1), encoding: numberIn(data, 2) };
    }
    case INDEX_PAGE:
      return { ...at, kind: "index", values: 0, encoding: 0 };
    case DICTIONARY_PAGE: {
      const values = numberIn(structIn(header, DICTIONARY_FIELD), 1);
      return { ...at, kind: "dictionary", values, encoding: 0 };
    }
    case DATA_PAGE_2: {
      const data = structIn(header, DATA_2_FIELD);
      const [values, nulls] = [numberIn(data, 1), numberIn(data, 2)];
      const [definitionBytes, repetitionBytes] = [numberIn(data, 5), numberIn(data, 6)];
      if (nulls < 0 || nulls > values) throw new Error("a page has more nulls than values");
      const most = Math.min(end - begin, uncompressedBytes);
      if (definitionBytes < 0 || repetitionBytes < 0 || definitionBytes + repetitionBytes > most)
        throw new Error("levels end beyond their page");
      const second = { nulls, definitionBytes, repetitionBytes, isCompressed: data.get(7) !== 0 };
      return { ...at, kind: "values", values, encoding: numberIn(data, 4), second };
    }
    default:
      throw new Error("a page is of a type that is not known");
  }
}

function structIn(fields: Fields, field: number): Fields {
  const value = fields.get(field);
  if (typeof value === "object") return value;
  throw new Error("a page's header lacks what it describes");
}

function numberIn(fields: Fields, field: number): number {
  const value = fields.get(field);
  if (typeof value === "number") return value;
  throw new Error("a page's header lacks a number");
}

/** Reads structs, and keeps their numbers. */
class Walk {
  at = 0;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  struct(depth: number): Fields {
    if (depth > MAX_DEPTH) throw new Error("structures are too deep");
    const fields = new Map<number, number | Fields>();
    let field = 0;
    for (;;) {
      const byte = this.#byte();
      const type = byte & 0x0f;
      if (type === STOP) return fields;
      field = byte >> 4 === 0 ? this.#integer() : field + (byte >> 4);
      const value = this.#element(type, depth + 1);
      if (value !== undefined) fields.set(field, value);
    }
  }

  #element(type: number, depth: number): number | Fields | undefined {
    if (INTEGERS.has(type)) return this.#integer();
    if (type === STRUCT) return this.struct(depth);
    switch (type) {
      case TRUE:
        return 1;
      case FALSE:
        return 0;
      case BYTE:
        this.#skip(1);
        return undefined;
      case DOUBLE:
        this.#skip(8);
        return undefined;
      case BINARY:
        this.#skip(this.#varint());
        return undefined;
      case LIST:
        this.#list(depth);
        return undefined;
      default:
        throw new Error("a field has a type that Parquet does not use");
    }
  }

  #list(depth: number): void {
    if (depth > MAX_DEPTH) throw new Error("lists are too deep");
    const byte = this.#byte();
    const size = byte >> 4 === 15 ? this.#varint() : byte >> 4;
    const type = byte & 0x0f;
    // Each element takes a byte at the least.
    if (size > this.#bytes.byteLength - this.at) throw new Error("a list is longer than its bytes");
    const isFlag = type === TRUE || type === FALSE;
    for (let i = 0; i < size; i++) this.#element(isFlag ? BYTE : type, depth + 1);
  }

  #skip(length: number): void {
    if (length > this.#bytes.byteLength - this.at) throw new Error("a text is longer than its bytes");
    this.at += length;
  }

  #byte(): number {
    const byte = this.#bytes[this.at++];
    if (byte === undefined) throw new Error("it ends within a structure");
    return byte;
  }

  #varint(): number {
    let [value, scale] = [0, 1];
    for (let i = 0; i < MAX_VARINT_BYTES; i++) {
      const byte = this.#byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
    }
    throw new Error("a number has too many bytes");
  }

  /** A signed number, in zigzag. */
  #integer(): number {
    const value = this.#varint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }
}
