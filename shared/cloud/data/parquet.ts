// Parquet, one row group at a time, the chosen columns only, by ranged reads.
import type { AsyncBuffer, ColumnMetaData, Compressors, FileMetaData } from "hyparquet";
import type { TableFeatures } from "../../core/data/features.ts";
import { rowEncoder } from "../../core/data/rowEncoder.ts";
import { RowTally } from "../../core/data/tally.ts";
import { FlError } from "../../core/errors.ts";
import { once } from "../once.ts";
import { badFile, bytesOf, type DataFile } from "./files.ts";
import { type Piece, RowBuilder, type RowSource, type Rows } from "./rows.ts";

const MIB = 2 ** 20;
const MAX_FOOTER_BYTES = 64 * MIB;

const hyparquet = once(async () => {
  const [library, { compressors }] = await Promise.all([
    import("hyparquet"),
    import("hyparquet-compressors"),
  ]);
  return { library, compressors };
});

interface OpenParquet {
  readonly file: DataFile;
  readonly buffer: AsyncBuffer;
  readonly metadata: FileMetaData;
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
  for (const file of files) opened.push(await openOne(file));
  const [first] = opened;
  if (first === undefined) throw new RangeError("no files");
  const { inputShape, targetShape } = rowEncoder(features, first.names);
  for (const one of opened) checkGroups(one, features, roomBytes);
  return {
    inputShape,
    targetShape,
    samples: null,
    maxRefusedShare: features.maxRefusedShare,
    async *pieces(tally) {
      for (const one of opened) {
        let begin = 0;
        for (const { num_rows } of one.metadata.row_groups) {
          if (num_rows === 0n) continue;
          const range = { begin, end: begin + Number(num_rows) };
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

async function openOne(file: DataFile): Promise<OpenParquet> {
  const { library } = await hyparquet();
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
    if (footer.readUInt32LE(0) > MAX_FOOTER_BYTES) throw new Error("the footer is too long");
    const metadata = await library.parquetMetadataAsync(buffer);
    for (const { num_rows, columns } of metadata.row_groups) {
      // A group of more rows than its columns have values would be made of nothing, however many.
      const fits = columns.every(
        ({ meta_data }) => meta_data !== undefined && meta_data.num_values >= num_rows,
      );
      if (!fits || num_rows < 0n) throw new Error("its row groups contradict themselves");
    }
    const names = library.parquetSchema(metadata).children.map(({ element }) => element.name);
    return { file, buffer, metadata, names };
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

function checkGroups(one: OpenParquet, features: TableFeatures, roomBytes: number): void {
  const columns = new Set(chosen(one, features));
  for (const [i, group] of one.metadata.row_groups.entries()) {
    const bytes = group.columns.reduce(
      (sum, { meta_data }) =>
        sum + (isOf(meta_data, columns) ? Number(meta_data?.total_uncompressed_size) : 0),
      0,
    );
    if (bytes <= roomBytes) continue;
    throw new FlError(
      "too-large",
      `The columns of row group ${i} of ${one.file.address} take ${Math.ceil(bytes / MIB)} MiB, and there is room for ` +
        `${Math.floor(roomBytes / MIB)}: write smaller row groups, or give the function more memory.`,
    );
  }
}

function isOf(column: ColumnMetaData | undefined, names: ReadonlySet<string>): boolean {
  return names.has(column?.path_in_schema[0] ?? "");
}

async function readGroup(
  one: OpenParquet,
  features: TableFeatures,
  { begin, end }: { readonly begin: number; readonly end: number },
  roomBytes: number,
  tally: RowTally,
): Promise<Rows> {
  const { file, buffer, metadata, names } = one;
  const encoder = rowEncoder(features, names);
  const { library, compressors } = await hyparquet();
  const values = await reading(file, async () => {
    const scan = await library.parquetScan({
      file: buffer,
      metadata,
      columns: [...chosen(one, features)],
      compressors: bounded(compressors, roomBytes),
      useOffsetIndex: false,
    });
    const read = new Map<number, ArrayLike<unknown>>();
    for (const place of encoder.columns) {
      const column = names[place] ?? "";
      const found = await scan.readColumn({ column, rowStart: begin, rowEnd: end });
      if (found.length !== end - begin) throw new Error("a column is short");
      read.set(place, found);
    }
    return read;
  });
  const builder = new RowBuilder(encoder, tally, end - begin);
  for (let row = 0; row < end - begin; row++) builder.add((place) => values.get(place)?.[row]);
  return builder.rows();
}

/** The same, but for pages that say they are larger than the room. */
function bounded(compressors: Compressors, roomBytes: number): Compressors {
  return Object.fromEntries(
    Object.entries(compressors).map(([codec, decompress]) => [
      codec,
      (input: Uint8Array, outputLength: number) => {
        if (outputLength > roomBytes) throw new RangeError("a page is larger than the memory");
        return decompress(input, outputLength);
      },
    ]),
  );
}
