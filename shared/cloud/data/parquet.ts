// Parquet, one row group at a time, the chosen columns only, by ranged reads.
import type { AsyncBuffer, ColumnMetaData, FileMetaData, SchemaTree } from "hyparquet";
import type { TableFeatures } from "../../core/data/features.ts";
import { rowEncoder } from "../../core/data/rowEncoder.ts";
import { RowTally } from "../../core/data/tally.ts";
import { FlError } from "../../core/errors.ts";
import { elementCount } from "../../core/updates/safetensors.ts";
import { once } from "../once.ts";
import { badFile, bytesOf, type DataFile } from "./files.ts";
import { checkFooter } from "./parquetBounds.ts";
import { ChunkReader } from "./parquetChunks.ts";
import { codecs } from "./parquetCodecs.ts";
import { checkSchema, whyUnreadable } from "./parquetColumns.ts";
import { type Piece, type RawRows, RowBuilder, type RowSource, type Rows } from "./rows.ts";

const MIB = 2 ** 20;
/** Of a footer, which takes many times as much memory once it is read: so much of the room, within bounds. */
const [LEAST_FOOTER, LARGEST_FOOTER, FOOTER_SHARE] = [MIB, 64 * MIB, 1 / 64];
/** What any function has for reading a row group. */
const LEAST_GROUP = MIB;
/** Of one value as it is read. */
const VALUE_BYTES = 8;

const hyparquet = once(() => import("hyparquet"));

interface OpenParquet {
  readonly file: DataFile;
  readonly metadata: FileMetaData;
  readonly schema: SchemaTree;
  readonly names: readonly string[];
}

/**
 * @param roomBytes for the columns of one row group, decompressed.
 * @throws FlError("invalid-argument") where a file is no Parquet file or its columns are not those of the
 *   features file; FlError("too-large") for a row group that does not fit.
 */
export async function openParquet(
  files: readonly DataFile[],
  features: TableFeatures,
  roomBytes: number,
): Promise<RowSource> {
  const opened: OpenParquet[] = [];
  for (const file of files) opened.push(await openOne(file, roomBytes));
  const [first] = opened;
  if (first === undefined) throw new RangeError("no files");
  const { inputShape, targetShape } = rowEncoder(features, first.names);
  for (const one of opened) {
    checkColumns(one, features);
    checkGroups(one, features, roomBytes);
  }
  return {
    inputShape,
    targetShape,
    samples: null,
    maxRefusedShare: features.maxRefusedShare,
    async *pieces(tally) {
      for (const one of opened) {
        let begin = 0;
        for (const [group, { num_rows }] of one.metadata.row_groups.entries()) {
          if (num_rows === 0n) continue;
          const range = { group, begin, end: begin + Number(num_rows) };
          begin = range.end;
          const piece: Piece = {
            rows: await readGroup(one, features, range, roomBytes, tally),
            again: () => readGroup(one, features, range, roomBytes, new RowTally()),
          };
          yield piece;
        }
      }
    },
  };
}

async function openOne(file: DataFile, roomBytes: number): Promise<OpenParquet> {
  const { parquetMetadataAsync, parquetSchema } = await hyparquet();
  const buffer: AsyncBuffer = {
    byteLength: file.sizeBytes,
    slice: async (begin, end = file.sizeBytes) => {
      if (begin < 0 || end < begin || end > file.sizeBytes) throw new RangeError("outside of the file");
      return (await bytesOf(file, { begin, end })).buffer;
    },
  };
  return reading(file, async () => {
    const footer = Buffer.from(await buffer.slice(file.sizeBytes - 8));
    if (footer.toString("latin1", 4) !== "PAR1") throw new Error("no Parquet file");
    const footerBytes = footer.readUInt32LE(0);
    if (footerBytes > Math.min(LARGEST_FOOTER, Math.max(LEAST_FOOTER, roomBytes * FOOTER_SHARE))) {
      throw new FlError(
        "too-large",
        `The footer of ${file.address} has ${footerBytes} bytes, too many for this function's memory: write fewer row groups, or give the function more memory.`,
        {
          reason: "data-too-large",
          told: "The footer of a Parquet file is too large for the function's memory.",
        },
      );
    }
    checkFooter(await bytesOf(file, { begin: file.sizeBytes - 8 - footerBytes, end: file.sizeBytes - 8 }));
    const metadata = await parquetMetadataAsync(buffer, {
      initialFetchSize: Math.min(file.sizeBytes, footerBytes + 8),
      geoparquet: false,
    });
    checkSchema(metadata);
    for (const { num_rows, columns } of metadata.row_groups) {
      // A group of more rows than its columns have values would be made of nothing, however many.
      const fits = columns.every(
        ({ meta_data: column }) =>
          column !== undefined &&
          column.num_values >= num_rows &&
          column.total_compressed_size >= 0n &&
          column.total_uncompressed_size >= 0n,
      );
      if (!fits || num_rows < 0n) throw new Error("its row groups contradict themselves");
    }
    const schema = parquetSchema(metadata);
    return { file, metadata, schema, names: schema.children.map(({ element }) => element.name) };
  });
}

/** Runs what reads a file's bytes. Its messages may quote the file, ours do not. */
async function reading<T>(file: DataFile, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof FlError) throw error;
    throw badFile(file, "it is no Parquet file that can be read, or is damaged", error);
  }
}

function chosen({ names }: OpenParquet, features: TableFeatures): readonly string[] {
  return rowEncoder(features, names).columns.map((place) => names[place] ?? "");
}

function checkColumns(one: OpenParquet, features: TableFeatures): void {
  const columns = new Set(chosen(one, features));
  for (const child of one.schema.children) {
    const { name } = child.element;
    const why = columns.has(name) ? whyUnreadable(child) : null;
    if (why !== null) throw badFile(one.file, `the column ${JSON.stringify(name)} cannot be read, ${why}`);
  }
}

function checkGroups(one: OpenParquet, features: TableFeatures, roomBytes: number): void {
  const columns = new Set(chosen(one, features));
  const { inputShape, targetShape } = rowEncoder(features, one.names);
  const rowBytes = (elementCount(inputShape) + elementCount(targetShape)) * Float32Array.BYTES_PER_ELEMENT;
  for (const [i, group] of one.metadata.row_groups.entries()) {
    const of = group.columns.flatMap(({ meta_data }) =>
      meta_data !== undefined && isOf(meta_data, columns) ? [meta_data] : [],
    );
    const sumOf = (bytesOfColumn: (column: ColumnMetaData) => number) =>
      of.reduce((sum, column) => sum + bytesOfColumn(column), 0);
    const bytes = Math.max(
      sumOf(({ total_uncompressed_size }) => Number(total_uncompressed_size)),
      sumOf(({ total_compressed_size }) => Number(total_compressed_size)),
      sumOf(({ num_values }) => Number(num_values) * VALUE_BYTES),
      Number(group.num_rows) * rowBytes,
    );
    if (bytes > roomBytes) throw groupTooLarge(one, i, roomBytes, `take ${Math.ceil(bytes / MIB)} MiB`);
  }
}

function groupTooLarge({ file }: OpenParquet, group: number, roomBytes: number, take: string): FlError {
  return new FlError(
    "too-large",
    `The columns of row group ${group} of ${file.address} ${take}, and there is room for ` +
      `${Math.floor(roomBytes / MIB)} MiB: write smaller row groups, or give the function more memory.`,
    {
      reason: "data-too-large",
      told: "A row group of a Parquet file is too large for the function's memory.",
    },
  );
}

function isOf(column: ColumnMetaData | undefined, names: ReadonlySet<string>): boolean {
  return names.has(column?.path_in_schema[0] ?? "");
}

interface Range {
  readonly group: number;
  readonly begin: number;
  readonly end: number;
}

async function readGroup(
  one: OpenParquet,
  features: TableFeatures,
  { group, begin, end }: Range,
  roomBytes: number,
  tally: RowTally,
): Promise<Rows> {
  const encoder = rowEncoder(features, one.names);
  const values = await readColumns(one, chosen(one, features), { group, begin, end }, roomBytes);
  const columns = encoder.columns.map((place) => [place, values.get(one.names[place] ?? "")] as const);
  const byPlace = new Map(columns);
  const builder = new RowBuilder(encoder, tally, end - begin);
  for (let row = 0; row < end - begin; row++) builder.add((place) => byPlace.get(place)?.[row]);
  return builder.rows();
}

/** The values of some columns in one row group, by the columns' names. */
async function readColumns(
  one: OpenParquet,
  wanted: readonly string[],
  { group, begin, end }: Range,
  roomBytes: number,
): Promise<ReadonlyMap<string, ArrayLike<unknown>>> {
  const { file, metadata, schema } = one;
  const { parquetScan } = await hyparquet();
  return reading(file, async () => {
    const columns = new Set(wanted);
    const of = (metadata.row_groups[group]?.columns ?? []).flatMap(({ meta_data }) =>
      meta_data !== undefined && isOf(meta_data, columns) ? [meta_data] : [],
    );
    const reader = new ChunkReader(file, of, schema, {
      roomBytes: Math.max(LEAST_GROUP, roomBytes),
      codecs: await codecs(),
      tooLarge: () => groupTooLarge(one, group, roomBytes, "take more than the file says"),
    });
    const scan = await parquetScan({
      file: reader,
      metadata,
      columns: [...columns],
      compressors: reader.compressors,
      useOffsetIndex: false,
    });
    const read = new Map<string, ArrayLike<unknown>>();
    for (const column of columns) {
      const found = await scan.readColumn({ column, rowStart: begin, rowEnd: end });
      if (found.length !== end - begin) throw new Error("a column is short");
      read.set(column, reader.kept(found));
    }
    return read;
  });
}

/** What a column of a Parquet file holds, as far as rows can hold it. */
export type ParquetType = "whole" | "number" | "text" | "flag" | "list";

export interface ParquetTable {
  readonly columns: readonly { readonly name: string; readonly type: ParquetType }[];
  /** Columns that no row can hold, each with the reason; they are not read. */
  readonly unreadable: readonly { readonly name: string; readonly why: string }[];
  rows(): AsyncGenerator<RawRows>;
}

/**
 * A file's rows, a row group of them at a time.
 *
 * @param roomBytes for the columns of one row group, decompressed
 * @throws FlError("invalid-argument") where it is no Parquet file, or no column can be read;
 *   FlError("too-large") for a row group that does not fit
 */
export async function parquetTable(file: DataFile, roomBytes: number): Promise<ParquetTable> {
  const one = await openOne(file, roomBytes);
  const all = one.schema.children.map((child) => ({ child, why: whyUnreadable(child) }));
  const columns = all
    .filter(({ why }) => why === null)
    .map(({ child }) => ({ name: child.element.name, type: typeOf(child) }));
  const names = columns.map(({ name }) => name);
  if (names.length === 0) throw badFile(file, "none of its columns can be read");
  if (new Set(names).size < names.length) throw badFile(file, "two of its columns have the same name");
  return {
    columns,
    unreadable: all.flatMap(({ child, why }) => (why === null ? [] : [{ name: child.element.name, why }])),
    async *rows() {
      let begin = 0;
      for (const [group, { num_rows }] of one.metadata.row_groups.entries()) {
        if (num_rows === 0n) continue;
        const range = { group, begin, end: begin + Number(num_rows) };
        begin = range.end;
        const values = await readColumns(one, names, range, roomBytes);
        const ordered = names.map((name) => values.get(name) ?? []);
        yield { names, rows: rowsOf(ordered, range.end - range.begin) };
      }
    },
  };
}

function* rowsOf(columns: readonly ArrayLike<unknown>[], count: number): Generator<readonly unknown[]> {
  for (let row = 0; row < count; row++) yield columns.map((values) => values[row] ?? undefined);
}

function typeOf({ element, children }: SchemaTree): ParquetType {
  if (children.length > 0 || element.repetition_type === "REPEATED") return "list";
  if (element.type === "BOOLEAN") return "flag";
  if (element.converted_type === "DECIMAL" || element.logical_type?.type === "DECIMAL") return "number";
  if (element.logical_type?.type === "FLOAT16") return "number";
  if (element.type === "INT32" || element.type === "INT64") return "whole";
  return element.type === "FLOAT" || element.type === "DOUBLE" ? "number" : "text";
}
