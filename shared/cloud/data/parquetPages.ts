// What the pages of a Parquet file make of few bytes, found before a reader makes room for it: runs and lists
// of any length, texts that repeat the ones before them, numbers wider than their page
// (https://github.com/apache/parquet-format/blob/master/Encodings.md).
import type { Page, SecondVersion } from "./parquetBounds.ts";

export type ParquetType =
  | "BOOLEAN"
  | "INT32"
  | "INT64"
  | "INT96"
  | "FLOAT"
  | "DOUBLE"
  | "BYTE_ARRAY"
  | "FIXED_LEN_BYTE_ARRAY";

/** What a reader needs to know of a column to find its way in a page. */
export interface PageColumn {
  readonly type: ParquetType;
  /** Of one value of `FIXED_LEN_BYTE_ARRAY`. */
  readonly fixedBytes: number;
  readonly maxRepetition: number;
  readonly maxDefinition: number;
}

/** What reading a page takes. */
export interface PageMemory {
  /** As long as the row group is. */
  readonly groupBytes: number;
  /** Until its column is read. */
  readonly columnBytes: number;
  /** Until it is read itself. */
  readonly pageBytes: number;
}

const [PLAIN, PLAIN_DICTIONARY, RLE, DELTA_BINARY, DELTA_TEXTS, RLE_DICTIONARY, BYTE_STREAM_SPLIT, ALP] = [
  0, 2, 3, 5, 7, 8, 9, 10,
];

/** Bytes that V8 takes, measured: a place in a list, a number outside of one, a view, a text, a short list. */
const [PLACE, NUMBER, VIEW, TEXT, LIST] = [8, 24, 104, 32, 192];

/** A page's levels, read: how many values there are beside nulls, and how many lists are begun at the most. */
export interface Levels {
  readonly present: number;
  readonly lists: number;
}

/**
 * The levels of a page of the second version, which are not compressed.
 *
 * @param content the page's, from its start
 * @throws where they say more than their page
 */
export function separateLevels(
  content: Uint8Array,
  page: Page,
  second: SecondVersion,
  column: PageColumn,
): Levels {
  const { maxRepetition, maxDefinition } = column;
  const reader = { bytes: content, at: 0 };
  const same =
    maxRepetition === 0 ? page.values : countRuns(reader, page.values, widthOf(maxRepetition), maxRepetition);
  reader.at = second.repetitionBytes;
  if (maxDefinition > 0) countRuns(reader, page.values, widthOf(maxDefinition));
  return { present: page.values - second.nulls, lists: page.values - same };
}

/**
 * What reading a page takes.
 *
 * @param content decompressed; of a page of the second version without its levels
 * @param separate the levels of a page of the second version
 * @throws where it would make more of itself than its header says
 */
export function pageMemory(
  content: Uint8Array,
  page: Page,
  column: PageColumn,
  separate: Levels | null,
): PageMemory {
  const reader = { bytes: content, at: 0 };
  if (page.kind === "index") return { groupBytes: 0, columnBytes: 0, pageBytes: 0 };
  if (page.kind === "dictionary") {
    checkFits(reader, page.values, column);
    return valuesMemory(page.values, content.byteLength, column);
  }
  const { present, lists } = separate ?? levelsBefore(reader, page, column);
  const { groupBytes, columnBytes, pageBytes } = encodedMemory(reader, page, column, present);
  const hasNulls = present < page.values;
  const levels = column.maxDefinition + column.maxRepetition;
  return {
    groupBytes:
      groupBytes +
      (page.values - present) * PLACE +
      (hasNulls ? present * NUMBER : 0) +
      lists * column.maxDefinition * LIST,
    columnBytes: columnBytes + page.values * PLACE,
    pageBytes: pageBytes + page.values * PLACE * (levels > 0 ? 3 : 1),
  };
}

/** The levels of a page of the first version, which come before its values. */
function levelsBefore(
  reader: Reader,
  { values }: Page,
  { maxRepetition, maxDefinition }: PageColumn,
): Levels {
  const same = maxRepetition === 0 ? values : countLevels(reader, values, maxRepetition);
  const present = maxDefinition === 0 ? values : countLevels(reader, values, maxDefinition);
  return { present, lists: values - same };
}

function encodedMemory(reader: Reader, page: Page, column: PageColumn, values: number): PageMemory {
  const left = reader.bytes.byteLength - reader.at;
  switch (page.encoding) {
    case PLAIN:
      checkFits(reader, values, column);
      return valuesMemory(values, left, column);
    case PLAIN_DICTIONARY:
    case RLE_DICTIONARY:
    case RLE: {
      const isOfFlags = page.second === null ? column.type === "BOOLEAN" : page.encoding === RLE;
      if (isOfFlags) entryOf(reader, LENGTH_BYTES);
      const width = isOfFlags ? 1 : byteOf(reader);
      if (width > 0 || page.second !== null) countRuns(reader, values, width);
      // Entries of a dictionary are shared, but for whole numbers of 64 bits.
      const columnBytes = column.type === "INT64" ? values * NUMBER : 0;
      return { groupBytes: values * PLACE, columnBytes, pageBytes: 0 };
    }
    case DELTA_BINARY:
      if (column.type !== "INT32") skipDeltas(reader, values);
      return valuesMemory(values, left, column);
    case DELTA_TEXTS:
      return valuesMemory(values, sharedTextBytes(reader, values), column);
    case BYTE_STREAM_SPLIT:
      checkFits(reader, values, column);
      return valuesMemory(values, left, column);
    default:
      if (page.encoding < 0 || page.encoding > ALP)
        throw new Error("a page is encoded in a way that is not known");
      return valuesMemory(values, left, column);
  }
}

function valuesMemory(values: number, contentBytes: number, { type }: PageColumn): PageMemory {
  if (type === "BYTE_ARRAY" || type === "FIXED_LEN_BYTE_ARRAY") {
    return {
      groupBytes: values * (PLACE + TEXT) + contentBytes,
      columnBytes: 0,
      pageBytes: values * (PLACE + VIEW) + contentBytes,
    };
  }
  const columnBytes = type === "INT64" || type === "INT96" ? values * NUMBER : 0;
  return { groupBytes: values * PLACE, columnBytes, pageBytes: 0 };
}

function checkFits(reader: Reader, values: number, column: PageColumn): void {
  if (values * leastBytes(column) > reader.bytes.byteLength - reader.at)
    throw new Error("a page has more values than bytes");
}

/** Of a value as it lies in a page: of a text its length alone. */
function leastBytes({ type, fixedBytes }: PageColumn): number {
  switch (type) {
    case "BOOLEAN":
      return 1 / 8;
    case "INT64":
    case "DOUBLE":
      return 8;
    case "INT96":
      return 12;
    case "FIXED_LEN_BYTE_ARRAY":
      return fixedBytes;
    default:
      return 4;
  }
}

interface Reader {
  readonly bytes: Uint8Array;
  at: number;
}

/** Levels with their length before them; how many are the highest. */
function countLevels(reader: Reader, values: number, most: number): number {
  const end = entryOf(reader, LENGTH_BYTES) + reader.at;
  if (end > reader.bytes.byteLength) throw new Error("levels end beyond their page");
  const count = countRuns(reader, values, widthOf(most), most);
  reader.at = end;
  return count;
}

const LENGTH_BYTES = 4;

/** Bits that the highest level takes. */
function widthOf(most: number): number {
  return 32 - Math.clz32(most);
}

/**
 * Walks through runs of equal entries and of packed ones, as many as there are values, and counts those that
 * are wanted. A reader would write a run as long as it says: none may be longer than what is left.
 */
function countRuns(reader: Reader, values: number, width: number, wanted?: number): number {
  if (width > 32) throw new Error("entries are too wide");
  let [seen, count] = [0, 0];
  while (seen < values) {
    const header = shortVarint(reader);
    const length = Math.floor(header / 2);
    if (header % 2 === 0) {
      if (length > values - seen) throw new Error("a run is longer than its page");
      const entry = entryOf(reader, Math.ceil(width / 8));
      if (entry === wanted) count += length;
      seen += length;
    } else {
      if (length > values) throw new Error("a run is longer than its page");
      const { at } = reader;
      takeBytes(reader, length * width);
      const entries = Math.min(8 * length, values - seen);
      if (wanted !== undefined) count += countPacked(reader.bytes, at, width, entries, wanted);
      seen += entries;
    }
  }
  return count;
}

function entryOf(reader: Reader, bytes: number): number {
  let entry = 0;
  for (let i = 0; i < bytes; i++) entry += byteOf(reader) * 2 ** (8 * i);
  return entry;
}

/** How many of packed levels, which are of some bits, are the wanted one. */
function countPacked(bytes: Uint8Array, at: number, width: number, entries: number, wanted: number): number {
  let count = 0;
  for (let i = 0; i < entries; i++) {
    let entry = 0;
    for (let bit = 0; bit < width; bit++) {
      const place = i * width + bit;
      entry += (((bytes[at + (place >> 3)] ?? 0) >> (place & 7)) & 1) * 2 ** bit;
    }
    if (entry === wanted) count++;
  }
  return count;
}

/** Bytes of texts that are written as what they share with the one before, and the rest. */
function sharedTextBytes(reader: Reader, values: number): number {
  const shared = deltas(reader, values);
  const rest = deltas(reader, values);
  let [before, sum] = [0, 0];
  for (let i = 0; i < values; i++) {
    const [start, end] = [shared[i] ?? 0, rest[i] ?? 0];
    if (start < 0 || end < 0 || start > before) throw new Error("a text shares more than there is");
    before = start + end;
    sum += before;
  }
  return sum;
}

/** Numbers of 32 bits, written as differences in blocks of packed bits. */
function deltas(reader: Reader, values: number): Int32Array {
  const perPart = blocksOf(reader);
  const numbers = new Int32Array(values);
  let value = zigzag(shortVarint(reader));
  let at = 0;
  const put = () => {
    if (at < values) numbers[at] = value;
    at++;
  };
  put();
  while (at < values) {
    const least = zigzag(varint(reader, 5));
    const widths = takeBytes(reader, perPart.parts);
    for (const width of widths) {
      if (at >= values) break;
      const begin = reader.at;
      takeBytes(reader, (perPart.values * checkedWidth(width, 32)) / 8);
      for (let i = 0; i < perPart.values && at < values; i++) {
        value = (value + least + packed(reader.bytes, begin, i, width)) | 0;
        put();
      }
    }
  }
  return numbers;
}

/** The same of 64 bits: of their numbers only the length counts, without which reading takes for ever. */
function skipDeltas(reader: Reader, values: number): void {
  const perPart = blocksOf(reader);
  varint(reader, LONGEST);
  for (let at = 1; at < values; ) {
    varint(reader, LONGEST);
    for (const width of takeBytes(reader, perPart.parts)) {
      if (at >= values) break;
      takeBytes(reader, (perPart.values * checkedWidth(width, 64)) / 8);
      at += perPart.values;
    }
  }
}

const LONGEST = 10;
const MOST_PARTS = 1_024;

function blocksOf(reader: Reader): { readonly parts: number; readonly values: number } {
  const [block, parts] = [shortVarint(reader), shortVarint(reader)];
  shortVarint(reader);
  const values = block / parts;
  if (parts > MOST_PARTS || !Number.isInteger(values) || values === 0 || values % 8 !== 0)
    throw new Error("differences are in blocks that are none");
  return { parts, values };
}

function checkedWidth(width: number, most: number): number {
  if (width > most) throw new Error("entries are too wide");
  return width;
}

function packed(bytes: Uint8Array, begin: number, i: number, width: number): number {
  let [number, place] = [0, i * width];
  for (let bit = 0; bit < width; ) {
    const taken = Math.min(8 - (place & 7), width - bit);
    const byte = (bytes[begin + (place >> 3)] ?? 0) >> (place & 7);
    number += (byte & (2 ** taken - 1)) * 2 ** bit;
    bit += taken;
    place += taken;
  }
  return number;
}

function takeBytes(reader: Reader, length: number): Uint8Array {
  const begin = reader.at;
  if (begin + length > reader.bytes.byteLength) throw new Error("a page ends within its values");
  reader.at += length;
  return reader.bytes.subarray(begin, reader.at);
}

function byteOf(reader: Reader): number {
  const byte = reader.bytes[reader.at++];
  if (byte === undefined) throw new Error("a page ends within its values");
  return byte;
}

/** Of 31 bits, as far as readers agree on it. */
function shortVarint(reader: Reader): number {
  const value = varint(reader, 5);
  if (value >= 2 ** 31) throw new Error("a number is too large");
  return value;
}

function varint(reader: Reader, mostBytes: number): number {
  let value = 0;
  for (let i = 0; i < mostBytes; i++) {
    const byte = byteOf(reader);
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return value;
  }
  throw new Error("a number has too many bytes");
}

function zigzag(value: number): number {
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
}
