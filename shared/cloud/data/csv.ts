// CSV and TSV (RFC 4180): a header, then one row a record. Blocks without a quotation mark are split by hand,
// several times as fast; all others are csv-parse's.
import type { TableFeatures } from "../../core/data/features.ts";
import { type RowEncoder, rowEncoder } from "../../core/data/rowEncoder.ts";
import { RowTally } from "../../core/data/tally.ts";
import type { RowFault } from "../../core/schemas/dataFacts.ts";
import { once } from "../once.ts";
import { badFile, bytesOf, type DataFile, isCompressed } from "./files.ts";
import { blockBytesFor, blocksOf, type Cut } from "./lines.ts";
import { type Piece, type RawRows, RowBuilder, type RowSource, type Rows, rowBytesOf } from "./rows.ts";
import { textOf } from "./textContent.ts";

/** Fields as latin1: a character is a byte, so that UTF-8 is decoded only where a text is read. */
type CsvRecord = readonly string[] | RowFault;

const QUOTE = 34;
const NEWLINE = 10;
const BOM = "\xef\xbb\xbf";
/** Of a table; a line of only delimiters would be millions. */
const MAX_COLUMNS = 100_000;

const csvParse = once(() => import("csv-parse/sync"));

/** @throws FlError("invalid-argument") where the columns are not those of the features file. */
export async function openCsv(
  files: readonly DataFile[],
  features: TableFeatures,
  delimiter: string,
): Promise<RowSource> {
  const { parse } = await csvParse();
  const cut = cutRecords(parse, delimiter);
  const { names, bytes, rows } = await startOf(files, cut);
  const shapes = rowEncoder(features, names);
  const blockBytes = blockBytesFor(rowBytesOf(shapes), { bytes, rows });
  return {
    inputShape: shapes.inputShape,
    targetShape: shapes.targetShape,
    samples: null,
    maxRefusedShare: features.maxRefusedShare,
    async *pieces(tally) {
      for (const file of files) yield* piecesOf(file, features, cut, blockBytes, tally);
    },
  };
}

/**
 * A file's rows as texts, a block of them at a time.
 *
 * @throws FlError("invalid-argument") where its header cannot be read; FlError("data-loss") where it is cut
 *   short
 */
export async function* csvRows(file: DataFile, delimiter: string): AsyncGenerator<RawRows> {
  const { parse } = await csvParse();
  let names: readonly string[] | undefined;
  for await (const { records } of blocksOf(textOf(file), cutRecords(parse, delimiter), ["too-long"])) {
    const hasHeader = names === undefined;
    names ??= columnNames(firstOf(records), file);
    yield { names, rows: fieldsOf(records, hasHeader, names.length) };
  }
}

function* fieldsOf(
  records: Iterable<CsvRecord>,
  hasHeader: boolean,
  fields: number,
): Generator<readonly string[] | RowFault> {
  let isHeader = hasHeader;
  for (const record of records) {
    if (isHeader) isHeader = false;
    else if (typeof record === "string") yield record;
    else if (record.length !== fields) yield "wrong-columns";
    else yield record.map(utf8);
  }
}

type CutRecords = (block: Buffer, isLast: boolean) => Cut<Iterable<CsvRecord>>;

/** The header of the first file that is not empty, and how much text its first rows take. */
async function startOf(
  files: readonly DataFile[],
  cut: CutRecords,
): Promise<{ readonly names: readonly string[]; readonly bytes: number; readonly rows: number }> {
  for (const file of files) {
    for await (const { records, begin, end } of blocksOf(textOf(file), cut, ["too-long"])) {
      const names = columnNames(firstOf(records), file);
      let rows = 0;
      for (const _ of records) rows++;
      return { names, bytes: end - begin, rows };
    }
  }
  const [any] = files;
  throw badFile(any ?? { address: "" }, "it is empty, without even a header");
}

function firstOf(records: Iterable<CsvRecord>): CsvRecord | undefined {
  for (const record of records) return record;
  return undefined;
}

function columnNames(record: CsvRecord | undefined, file: DataFile): readonly string[] {
  if (record === undefined || typeof record === "string") throw badFile(file, "its header cannot be read");
  if (record.length > MAX_COLUMNS) throw badFile(file, `it has more than ${MAX_COLUMNS} columns`);
  const [first = "", ...rest] = record;
  const plain = first.startsWith(BOM) ? first.slice(BOM.length) : first;
  return [plain, ...rest].map((name) => utf8(name).trim());
}

async function* piecesOf(
  file: DataFile,
  features: TableFeatures,
  cut: CutRecords,
  blockBytes: number,
  tally: RowTally,
): AsyncGenerator<Piece> {
  let encoder: RowEncoder | undefined;
  let names: readonly string[] = [];
  for await (const { records, begin, end } of blocksOf(textOf(file), cut, ["too-long"], blockBytes)) {
    const isFirst = encoder === undefined;
    const first = firstOf(records);
    if (encoder === undefined) {
      names = columnNames(first, file);
      encoder = rowEncoder(features, names);
    }
    const [known, fields] = [encoder, names.length];
    const rowsIn = (all: Iterable<CsvRecord>, counts: RowTally): Rows =>
      encodeRecords(all, isFirst, known, fields, counts);
    const isTooLong = first === "too-long";
    const again = async () => {
      const all = isTooLong ? [] : cut(await bytesOf(file, { begin, end }), true).records;
      return rowsIn(all, new RowTally());
    };
    yield { rows: rowsIn(records, tally), again: isCompressed(file) ? null : again };
  }
}

function encodeRecords(
  records: Iterable<CsvRecord>,
  hasHeader: boolean,
  encoder: RowEncoder,
  fields: number,
  tally: RowTally,
): Rows {
  const builder = new RowBuilder(encoder, tally);
  let isHeader = hasHeader;
  let record: readonly string[] = [];
  const read = (column: number): unknown => utf8(record[column] ?? "");
  for (const one of records) {
    if (isHeader) isHeader = false;
    else if (typeof one === "string") builder.refuse(one);
    else if (one.length !== fields) builder.refuse("wrong-columns");
    else {
      record = one;
      builder.add(read);
    }
  }
  return builder.rows();
}

function utf8(latin1: string): string {
  for (let i = 0; i < latin1.length; i++) {
    if (latin1.charCodeAt(i) > 127) return Buffer.from(latin1, "latin1").toString("utf8");
  }
  return latin1;
}

type Parse = typeof import("csv-parse/sync").parse;

function cutRecords(parse: Parse, delimiter: string): CutRecords {
  // A character of the latin1 fields is a byte of the file's.
  const by = Buffer.from(delimiter).toString("latin1");
  return (block, isLast) => {
    const end = isLast ? block.byteLength : block.lastIndexOf(NEWLINE) + 1;
    return block.includes(QUOTE)
      ? cutQuoted(parse, block.subarray(0, end), isLast, by)
      : { records: new PlainLines(block.toString("latin1", 0, end), by), usedBytes: end };
  };
}

/** Lines without a quotation mark, split when their turn comes: a block's fields are never all in memory. */
class PlainLines {
  readonly #text: string;
  readonly #by: string;

  constructor(text: string, by: string) {
    this.#text = text;
    this.#by = by;
  }

  *[Symbol.iterator](): Generator<CsvRecord> {
    const text = this.#text;
    for (let at = 0; at < text.length; ) {
      const newline = text.indexOf("\n", at);
      const next = newline === -1 ? text.length : newline + 1;
      let end = newline === -1 ? text.length : newline;
      if (text[end - 1] === "\r") end--;
      if (end > at) yield text.slice(at, end).split(this.#by, MAX_COLUMNS + 1);
      at = next;
    }
  }
}

/**
 * Whole lines, some with quotation marks. csv-parse takes all of them at once; where one is wrong, those
 * after it are taken one by one, so that a bad row costs no other.
 */
function cutQuoted(parse: Parse, lines: Buffer, isLast: boolean, by: string): Cut<readonly CsvRecord[]> {
  const records: CsvRecord[] = [];
  const { usedBytes, fault } = parsed(parse, lines, by, records);
  if (fault === null) return { records, usedBytes: lines.byteLength };
  // Its record goes on in the next block.
  if (fault === NOT_CLOSED && !isLast) return { records, usedBytes };
  let at = usedBytes;
  while (at < lines.byteLength) {
    const end = recordEnd(lines, at);
    if (end === null && !isLast) break;
    const before = records.length;
    if (end !== null && parsed(parse, lines.subarray(at, end), by, records).fault === null) at = end;
    else {
      records.length = before;
      records.push("bad-syntax");
      at = lineEnd(lines, at);
    }
  }
  return { records, usedBytes: at };
}

const NOT_CLOSED = "CSV_QUOTE_NOT_CLOSED";

/** Adds the records up to the first fault, and says where the last of them ends. */
function parsed(
  parse: Parse,
  lines: Buffer,
  by: string,
  records: CsvRecord[],
): { readonly usedBytes: number; readonly fault: string | null } {
  // By hand: where csv-parse finds the mark, it takes the fields for UTF-8 from then on.
  const begin = lines.toString("latin1", 0, BOM.length) === BOM ? BOM.length : 0;
  let usedBytes = 0;
  try {
    parse(lines.subarray(begin), {
      delimiter: Buffer.from(by, "latin1"),
      encoding: "latin1",
      record_delimiter: ["\r\n", "\n"],
      relax_column_count: true,
      skip_empty_lines: true,
      on_record: (record: readonly string[], { bytes }: { readonly bytes: number }) => {
        records.push(record);
        usedBytes = begin + bytes;
        return null;
      },
    });
    return { usedBytes, fault: null };
  } catch (error) {
    return { usedBytes, fault: error instanceof Error && "code" in error ? String(error.code) : "" };
  }
}

/** Where a record ends: at the first end of a line before which each quotation mark has its second. */
function recordEnd(lines: Buffer, begin: number): number | null {
  let isOpen = false;
  for (let at = begin; at < lines.byteLength; at++) {
    if (lines[at] === QUOTE) isOpen = !isOpen;
    else if (lines[at] === NEWLINE && !isOpen) return at + 1;
  }
  return isOpen ? null : lines.byteLength;
}

function lineEnd(lines: Buffer, begin: number): number {
  const newline = lines.indexOf(NEWLINE, begin);
  return newline === -1 ? lines.byteLength : newline + 1;
}
